"""Model folders: what is written is what is read, and nothing else ever is."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from corpora import corpus_of, learned, newsroom
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import default, models, pointing
from recommender.corpus import Corpus
from recommender.errors import ModelCorrupt, ModelError, ModelIncompatible, ModelNotFound, NoEarlierModel
from recommender.features import NAMES as FEATURES
from recommender.models import Model, activate, active, fingerprint, listed, load, rollback, write
from recommender.pointing import before, history
from recommender.ranker import Ranker
from recommender.search import SEARCH, Search

FILES = ["manifest.json", "weights.npy", "nodes.npy", "roots.npy"]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Write a model of a small newsroom once."""
    root = tmp_path_factory.mktemp("original")
    room = learned(newsroom(30), taught=120)
    data = {"fingerprint": fingerprint(room.corpus), "stories": 120}
    return write(root, room.ranker, SEARCH, data, {"interval": (0.1, 0.2)})


@pytest.fixture(scope="module")
def written(original: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that model, not to be changed (or only for a moment)."""
    return next(tmp_path_factory.getbasetemp().glob(f"original*/{original.id}"))


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(written, tmp_path / "models" / written.name))


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest and sign it again, as only a program that writes models could."""
    path = folder / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    del manifest["sha256"]
    change(manifest)
    manifest["sha256"] = hashlib.sha256(orjson.dumps(manifest)).hexdigest()
    path.write_bytes(orjson.dumps(manifest))


def plant(folder: Path, file: str, body: bytes) -> None:
    """Replace a file and state it in the manifest."""
    (folder / file).write_bytes(body)
    stated = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    rewrite(folder, lambda manifest: manifest["files"].update({file: stated}))


def npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        *({part: value} for part in ("data", "report", "files") for value in (None, [], "x")),
        {"files": {"../../../etc/passwd": {"bytes": 1, "sha256": ""}}},
    ],
)
def test_a_manifest_that_says_nothing_is_refused_and_not_listed(folder: Path, change: dict[str, Any]) -> None:
    """Even under a right checksum: who lists, or backs up, looks no further than the manifest."""
    rewrite(folder, lambda manifest: manifest.update(change))
    with pytest.raises(ModelCorrupt, match=r"manifest\.json"):
        load(folder.parent, folder.name)
    assert listed(folder.parent) == []


def test_a_model_is_listed_by_the_name_by_which_it_is_found(folder: Path) -> None:
    folder.rename(folder.with_name("best"))
    (found,) = listed(folder.parent)
    assert load(folder.parent, found["id"]).id == "best"


# Round trip


def test_a_model_read_is_the_model_written(original: Model, written: Path) -> None:
    again = load(written.parent, original.id)
    assert (again.id, again.search, again.manifest) == (original.id, original.search, original.manifest)
    matrix = np.random.default_rng(0).random((500, len(FEATURES))).astype(np.float32)
    matrix[:, ::3] = np.nan
    assert again.ranker.score(matrix).tobytes() == original.ranker.score(matrix).tobytes()
    assert again.ranker.weights.tobytes() == original.ranker.weights.tobytes()
    assert again.ranker.weights.any()
    assert len(again.ranker.nodes) > 0
    assert again.ranker.score(matrix).std() > 0


def test_a_ranker_without_trees_is_read_as_well(original: Model, tmp_path: Path) -> None:
    bare = replace(original, ranker=Ranker.linear(original.ranker.weights, 2.0, -1.0))
    back = load(tmp_path, again(bare, tmp_path).id).ranker
    assert (len(back.nodes), back.roots.tolist()) == (0, [0])
    assert (back.slope, back.offset) == (2.0, -1.0)


@pytest.mark.parametrize("search", [SEARCH, Search(decay=0.1, near=1, far=2, before=3, entries=10**7)])
def test_what_found_candidates_is_read_as_it_was_written(
    original: Model, tmp_path: Path, search: Search
) -> None:
    made = write(tmp_path, original.ranker, search, {"fingerprint": "abcdef0"}, {})
    assert made.search == load(tmp_path, made.id).search == search


def test_the_folder_holds_what_the_manifest_says(original: Model, written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == sorted(FILES)
    manifest = original.manifest
    assert manifest["id"] == written.name
    assert (manifest["format"], manifest["features"]) == (3, list(FEATURES))
    assert manifest["report"] == {"interval": [0.1, 0.2]}
    assert manifest["data"]["stories"] == 120
    for file, stated in manifest["files"].items():
        body = (written / file).read_bytes()
        assert stated == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, titles=["x", *c.titles[1:]]),
        lambda c: replace(c, excerpts=["x", *c.excerpts[1:]]),
        lambda c: replace(c, urls=["x", *c.urls[1:]]),
        lambda c: replace(c, providers=["x", *c.providers[1:]]),
        lambda c: replace(c, topics=[("x",), *c.topics[1:]]),
        lambda c: replace(c, published=c.published + 1),
        lambda c: replace(c, quality=c.quality * 0),
        lambda c: replace(c, links=c.links[:-1]),
        lambda c: replace(c, links=c.links[:, ::-1]),
        lambda c: replace(c, blocks=c.links),
        lambda c: replace(c, links=c.links[:1], blocks=c.links[1:]),
    ],
)
def test_other_data_have_another_fingerprint(change: Callable[[Corpus], Corpus]) -> None:
    corpus = corpus_of(["a", "b", "c"], quality=[1, 2, 3], links=[(0, 1), (1, 2)])
    assert fingerprint(change(corpus)) != fingerprint(corpus)
    assert fingerprint(replace(corpus, links=corpus.links.copy())) == fingerprint(corpus)


# Harm


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_changed_byte_is_seen(written: Path, file: str, where: float, bits: int) -> None:
    path = written / file
    body = path.read_bytes()
    broken = bytearray(body)
    broken[int(where * len(body))] ^= bits
    try:
        path.write_bytes(broken)
        if file == "manifest.json" and _says_the_same(bytes(broken), body):
            return
        with pytest.raises(ModelCorrupt, match=file):
            load(written.parent, written.name)
    finally:
        path.write_bytes(body)


def _says_the_same(broken: bytes, body: bytes) -> bool:
    """Tell whether only one white space became another."""
    try:
        return bool(orjson.loads(broken) == orjson.loads(body))
    except orjson.JSONDecodeError:
        return False


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_seen(written: Path, file: str, where: float) -> None:
    path = written / file
    body = path.read_bytes()
    try:
        path.write_bytes(body[: int(where * len(body))])
        with pytest.raises(ModelCorrupt, match=file):
            load(written.parent, written.name)
    finally:
        path.write_bytes(body)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ModelCorrupt, match=file):
        load(folder.parent, folder.name)


@pytest.mark.parametrize("file", FILES)
def test_a_folder_in_place_of_a_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    (folder / file).mkdir()
    with pytest.raises(ModelCorrupt, match=file):
        load(folder.parent, folder.name)


def test_a_file_too_large_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MAX_BYTES", 100)
    with pytest.raises(ModelCorrupt, match=r"manifest\.json: larger than 100 bytes"):
        load(folder.parent, folder.name)


@pytest.mark.parametrize("body", [b"[]", b"null", b"{}", b'{"format": "1"}', b"\xff", b"[" * 10_000])
def test_what_is_no_manifest_is_refused(folder: Path, body: bytes) -> None:
    (folder / "manifest.json").write_bytes(body)
    with pytest.raises(ModelCorrupt, match=r"manifest\.json"):
        load(folder.parent, folder.name)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("search"),
        lambda m: m.update(search=None),
        lambda m: m.update(search=[14.0, 100, 60, 50, 1_024]),
        lambda m: m["search"].update(view="words"),
        lambda m: m["search"].update(decay="slow"),
        lambda m: m["search"].update(decay=0),
        lambda m: m["search"].update(decay=-14.0),
        lambda m: m["search"].update(decay=None),
        lambda m: m["search"].update(decay=True),
        *(
            lambda m, name=name, value=value: m["search"].update({name: value})
            for name in ("near", "far", "before", "entries")
            for value in (0, -1, 1.5, 50.0, "50", None, True, [], 2**31, 2**63)
        ),
        lambda m: m["ranker"].update(slope="steep"),
        lambda m: m["ranker"].update(slope=-1),
        lambda m: m["files"].pop("roots.npy"),
        lambda m: m.update(files=[]),
        lambda m: m.update(ranker=None),
    ],
)
def test_a_manifest_that_lacks_something_is_refused(folder: Path, change: Callable[[Any], object]) -> None:
    rewrite(folder, change)
    with pytest.raises(ModelCorrupt, match=r"manifest\.json: "):
        load(folder.parent, folder.name)


def test_trees_of_another_number_of_features_are_refused(folder: Path) -> None:
    nodes = np.load(folder / "nodes.npy").copy()
    nodes["feature"] += len(FEATURES)
    plant(folder, "nodes.npy", npy(nodes))
    with pytest.raises(ModelCorrupt, match=r"nodes\.npy: a feature is outside"):
        load(folder.parent, folder.name)


@pytest.mark.parametrize("change", [lambda weights: weights[:-1], lambda weights: np.r_[weights, 1.0]])
def test_weights_of_another_number_of_features_are_refused(
    folder: Path, change: Callable[[Any], Any]
) -> None:
    weights = np.load(folder / "weights.npy")
    plant(folder, "weights.npy", npy(change(weights)))
    with pytest.raises(ModelCorrupt, match=rf"weights\.npy: .* of {len(FEATURES)} features"):
        load(folder.parent, folder.name)


def test_a_weight_that_is_no_number_is_refused(folder: Path) -> None:
    plant(folder, "weights.npy", npy(np.load(folder / "weights.npy") * np.nan))
    with pytest.raises(ModelCorrupt, match=r"weights\.npy: a weight is not a number"):
        load(folder.parent, folder.name)


# Nothing runs


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "kind", ["object array", "pickle", "zip", "huge", "two dimensions", "float64", "later npy"]
)
def test_what_is_no_plain_array_is_refused_unread(folder: Path, tmp_path: Path, kind: str) -> None:
    sprung = tmp_path / "sprung"
    trap = Trap(sprung)
    buffer = io.BytesIO()
    if kind == "zip":
        np.savez(buffer, np.array([trap], object))
    bodies = {
        "object array": npy(np.array([trap], object)),
        "pickle": pickle.dumps(trap),
        "zip": buffer.getvalue(),
        "huge": npy(np.zeros(8, np.int64)).replace(b"(8,), }" + b" " * 12, b"(8000000000000,), }"),
        "two dimensions": npy(np.zeros((2, 2), np.int64)),
        "float64": npy(np.zeros(3, np.float64)),
        "later npy": npy(np.zeros(3, np.int64)).replace(b"\x93NUMPY\x01", b"\x93NUMPY\x02"),
    }
    plant(folder, "roots.npy", bodies[kind])
    with pytest.raises(ModelCorrupt, match=r"roots\.npy: (expected one dimension|not an array)"):
        load(folder.parent, folder.name)
    assert not sprung.exists()
    # The trap does work.
    np.load(io.BytesIO(bodies["object array"]), allow_pickle=True)
    assert sprung.exists()


# What this program cannot use


def test_a_newer_format_is_incompatible(folder: Path) -> None:
    rewrite(folder, lambda manifest: manifest.update(format=4))
    with pytest.raises(ModelIncompatible, match="format 4, this program reads up to 3"):
        load(folder.parent, folder.name)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["features"].append("something new"),
        lambda m: m["features"].reverse(),
        lambda m: m["features"].clear(),
        lambda m: m.update(features=None),
    ],
)
def test_other_features_are_incompatible(folder: Path, change: Callable[[Any], object]) -> None:
    rewrite(folder, change)
    with pytest.raises(ModelIncompatible, match="other features"):
        load(folder.parent, folder.name)


# Names

NAMES = [
    "",
    ".",
    "..",
    "../x",
    "/etc",
    "a/b",
    "a\\b",
    "UPPER",
    "%2e%2e%2fx",
    "a%2fb",
    "a\n",
    "a\0",
    "-a",
    "a" * 65,
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("call", [load, activate])
def test_a_name_no_model_can_have_is_not_looked_for(
    folder: Path, name: str, call: Callable[[Path, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(*_: object, **__: object) -> None:
        raise AssertionError("looked at the disk")

    for method in ("stat", "is_dir", "is_file", "open", "read_bytes"):
        monkeypatch.setattr(Path, method, touched)
    with pytest.raises(ModelNotFound, match="no model"):
        call(folder.parent, name)


@pytest.mark.parametrize("name", ["x", "active", "20261122-101502-1f3a9c"])
def test_a_model_that_is_not_there_is_not_found(folder: Path, name: str) -> None:
    (folder.parent / "active").write_text("x")
    with pytest.raises(ModelNotFound, match=name):
        load(folder.parent, name)
    with pytest.raises(ModelNotFound):
        load(folder.parent / "nowhere", name)


# Writing


def again(original: Model, root: Path) -> Model:
    return write(root, original.ranker, original.search, {"fingerprint": "abcdef0"}, {})


def test_two_models_of_one_second_have_two_names(original: Model, tmp_path: Path) -> None:
    made = [again(original, tmp_path / "models").id for _ in range(3)]
    assert len(set(made)) == 3
    assert [each["id"] for each in listed(tmp_path / "models")] == made
    for name in made:
        load(tmp_path / "models", name)


@pytest.mark.parametrize("after", range(len(FILES) + 1))
def test_a_model_is_written_whole_or_not_at_all(
    original: Model, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = os.fsync, iter(range(100))

    def full(descriptor: int) -> None:
        if next(count) == after:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="cannot be written: No space left on device"):
        again(original, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(
    original: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        again(original, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_left_by_a_crash_is_no_model(original: Model, folder: Path) -> None:
    root = folder.parent
    left = Path(shutil.copytree(folder, root / f".{folder.name}-{os.getpid()}.partial"))
    assert [each["id"] for each in listed(root)] == [folder.name]
    with pytest.raises(ModelNotFound):
        load(root, left.name)
    with pytest.raises(ModelNotFound):
        activate(root, left.name)
    again(original, root)
    assert len(listed(root)) == 2


def test_models_are_listed_oldest_first_without_those_that_cannot_be_read(folder: Path) -> None:
    root = folder.parent
    for name in ("20990101-000000-aaaaaa", "20200101-000000-bbbbbb"):
        shutil.copytree(folder, root / name)
        rewrite(root / name, lambda manifest, name=name: manifest.update(id=name))
    (root / "cut-short").mkdir()
    (root / "cut-short" / "manifest.json").write_bytes(b"{")
    shutil.copytree(folder, root / "newer")
    rewrite(root / "newer", lambda manifest: manifest.update(format=7))
    (root / "empty").mkdir()
    (root / "file").write_text("x")
    expected = ["20200101-000000-bbbbbb", folder.name, "20990101-000000-aaaaaa"]
    assert [each["id"] for each in listed(root)] == expected
    assert listed(root / "nowhere") == []


# The active one


def test_the_pointer_follows_activate(original: Model, folder: Path) -> None:
    root = folder.parent
    assert active(root) is None
    activate(root, folder.name)
    assert active(root) == folder.name
    other = again(original, root).id
    assert active(root) == folder.name
    activate(root, other)
    assert active(root) == other
    assert sorted(path.name for path in root.iterdir()) == sorted(["active", "history", folder.name, other])


@pytest.mark.parametrize("file", FILES)
def test_a_model_that_is_corrupt_does_not_become_active(original: Model, folder: Path, file: str) -> None:
    root = folder.parent
    good = again(original, root).id
    activate(root, good)
    (folder / file).write_bytes((folder / file).read_bytes()[:-1])
    with pytest.raises(ModelCorrupt, match=file):
        activate(root, folder.name)
    assert active(root) == good


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_pointer_that_cannot_be_written_stays_as_it_was(
    original: Model, folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder.parent
    activate(root, folder.name)
    other = again(original, root).id

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
        with pytest.raises(ModelError, match=r"\w+: cannot be written: Permission denied"):
            activate(root, other)
    assert active(root) == folder.name
    assert sorted(path.name for path in root.iterdir()) == sorted(["active", "history", folder.name, other])
    assert before(root) == default.NAME


def test_a_pointer_that_cannot_be_read_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "active").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelCorrupt, match="active: cannot be read"):
        active(tmp_path)
    (tmp_path / "active").write_bytes(b"\n")
    assert active(tmp_path) is None
    (tmp_path / "active").unlink()
    (tmp_path / "active").mkdir()
    with pytest.raises(ModelCorrupt, match="active: cannot be read"):
        active(tmp_path)


# Back to the one before


@pytest.fixture
def three(original: Model, folder: Path) -> tuple[Path, list[str]]:
    """Three models, activated one after the other."""
    root = folder.parent
    names = [folder.name, again(original, root).id, again(original, root).id]
    for name in names:
        activate(root, name)
    return root, names


def test_rolling_back_activates_what_was_active_before_and_twice_returns(
    three: tuple[Path, list[str]],
) -> None:
    root, (_, second, third) = three
    for name in (second, third, second):
        assert before(root) == name
        assert rollback(root) == name
        assert active(root) == name


def test_the_default_ranker_counts_as_what_was_before(original: Model, folder: Path) -> None:
    root = folder.parent
    activate(root, folder.name)
    assert rollback(root) == default.NAME
    assert active(root) is None
    assert rollback(root) == folder.name
    assert active(root) == folder.name
    activate(root, default.NAME)
    assert (active(root), before(root)) == (None, folder.name)


def test_activating_what_is_active_forgets_nothing(three: tuple[Path, list[str]]) -> None:
    root, (_, second, third) = three
    activate(root, third)
    assert rollback(root) == second


def test_nothing_to_roll_back_to(original: Model, folder: Path) -> None:
    root = folder.parent
    with pytest.raises(NoEarlierModel, match="nothing was active before default"):
        rollback(root)
    (root / "active").write_text(folder.name)  # by hand, or by an older program
    with pytest.raises(NoEarlierModel, match=f"nothing was active before {folder.name}"):
        rollback(root)
    other = again(original, root).id
    activate(root, other)
    assert rollback(root) == folder.name


def test_nothing_changes_if_what_was_before_cannot_be_used(three: tuple[Path, list[str]]) -> None:
    root, (_, second, third) = three
    noted = history(root)
    (root / second / "roots.npy").unlink()
    with pytest.raises(ModelCorrupt, match=second):
        rollback(root)
    shutil.rmtree(root / second)
    with pytest.raises(ModelNotFound, match=second):
        rollback(root)
    assert (active(root), history(root)) == (third, noted)


@pytest.mark.parametrize("call", ["activate", "rollback"])
def test_power_that_goes_between_history_and_pointer_costs_nothing(
    three: tuple[Path, list[str]], call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, (first, second, third) = three
    real = Path.replace

    def cut(path: Path, target: Path) -> Path:
        if target.name == "active":
            raise OSError(5, "Input/output error")
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut)
        with pytest.raises(ModelError):
            activate(root, first) if call == "activate" else rollback(root)
    assert history(root)[-1] == (first if call == "activate" else second)
    assert active(root) == third
    assert rollback(root) == second
    assert rollback(root) == third


def test_what_cannot_be_read_is_mended_by_activating(folder: Path) -> None:
    root = folder.parent
    for file in ("active", "history"):
        (root / file).write_bytes(b"\xff\xfe")
    activate(root, folder.name)
    assert (active(root), history(root)) == (folder.name, [folder.name])


def test_the_history_is_short(three: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    root, (_, second, third) = three
    monkeypatch.setattr(pointing, "KEPT", 4)
    for _ in range(5):
        rollback(root)
    assert history(root) == [third, second, third, second]


def test_who_tells_what_is_active_needs_no_numpy() -> None:
    told = "import recommender.pointing, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
