"""Models at a URL: read with the same checks as from a disk, and never written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fsspec", reason="no fsspec: pip install '.[remote]'")

import fsspec
from test_cli import run_in

from recommender import default, models, remote
from recommender.errors import MissingExtra, ModelCorrupt, ModelNotFound, ModelsReadOnly, UsageError
from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.search import SEARCH
from recommender.settings import load
from recommender.store import Store

Put = Callable[[str, bytes], None]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of two models, the second one active."""
    root = tmp_path / "models"
    for word in ("aaaaaa", "bbbbbb"):
        made = models.write(root, default.ranker(), SEARCH, {"fingerprint": word}, {})
    models.activate(root, made.id)
    return root


@pytest.fixture(params=["memory", "file"])
def there(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[tuple[str, Put]]:
    """The same folder at a URL, and what writes to a file of it."""
    memory = fsspec.filesystem("memory")
    if request.param == "file":
        yield f"file://{home}", lambda name, body: (home / name).write_bytes(body)
    else:
        url = f"memory://{tmp_path.name}/models"
        memory.put(str(home), url, recursive=True)
        yield url, lambda name, body: memory.pipe_file(f"{url}/{name}", body)
    memory.rm("/", recursive=True)


def test_models_are_read_as_from_a_folder(home: Path, there: tuple[str, Put]) -> None:
    url, _ = there
    name = models.active(home)
    assert name is not None
    for root in (url, f"{url}/"):
        assert models.active(root) == name
        assert models.listed(root) == models.listed(home)
        found, here = models.load(root, name), models.load(home, name)
        assert (found.search, found.manifest) == (here.search, here.manifest)
        assert np.array_equal(found.ranker.weights, here.ranker.weights)
    assert models.active(f"{url}/nowhere") is None
    assert models.listed(f"{url}/nowhere") == []


def test_what_is_not_as_it_was_written_is_refused(
    home: Path, there: tuple[str, Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, put = there
    name = models.active(home) or ""
    body = (home / name / "weights.npy").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(models, "MAX_BYTES", 100)
        with pytest.raises(ModelCorrupt, match=r"manifest\.json: larger than 100 bytes"):
            models.load(url, name)
    put(f"{name}/weights.npy", body[:-1] + b"\0\0")
    with pytest.raises(ModelCorrupt, match=rf"^{url}/{name}/weights\.npy: not what the manifest says"):
        models.load(url, name)
    put(f"{name}/manifest.json", b"{}")
    with pytest.raises(ModelCorrupt, match=r"manifest\.json: not a manifest"):
        models.load(url, name)
    assert [each["id"] for each in models.listed(url)] == sorted({*map(str, _names(home))} - {name})


def _names(home: Path) -> list[str]:
    return [folder.name for folder in home.iterdir() if folder.is_dir()]


@pytest.mark.parametrize("name", ["..", "../models", "a/b", "absent"])
def test_other_names_are_not_found(there: tuple[str, Put], name: str) -> None:
    with pytest.raises(ModelNotFound, match="no model"):
        models.load(there[0], name)


def test_nothing_is_written_to_a_url(home: Path, there: tuple[str, Put]) -> None:
    url, _ = there
    before = models.active(url), models.listed(url)
    name = before[1][0]["id"]
    for write in (
        lambda: models.activate(url, name),
        lambda: models.activate(url, default.NAME),
        lambda: models.rollback(url),
        lambda: models.write(url, default.ranker(), SEARCH, {"fingerprint": "c"}, {}),
    ):
        with pytest.raises(ModelsReadOnly, match="models at a URL are read only; train into a folder"):
            write()
    assert (models.active(url), models.listed(url)) == before


def test_a_recompute_ranks_with_a_model_at_a_url(home: Path, there: tuple[str, Put], tmp_path: Path) -> None:
    url, _ = there
    for name in "ab":
        story = {"title": f"A story {name}", "webUrl": f"https://news.example/{name}"}
        (tmp_path / f"{name}.json").write_text(json.dumps(story))
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        import_paths(store, [tmp_path / "a.json", tmp_path / "b.json"])
        assert recompute(store, url).model == models.active(home)


def test_the_command_line_takes_a_url(home: Path, tmp_path: Path) -> None:
    url, name = f"file://{home}", models.active(home)
    told = run_in(tmp_path, "--models", url, "models", "list", "--json")
    assert [each["id"] for each in json.loads(told.stdout) if each["active"]] == [name]
    assert run_in(tmp_path, "--models", url, "models", "verify").returncode == 0
    refused = run_in(tmp_path, "--models", url, "models", "activate", "default")
    assert (refused.returncode, refused.stderr[:17]) == (1, "models-read-only:")
    run_in(tmp_path, "import", str(home.parent))
    refused = run_in(tmp_path, "--models", url, "train")
    assert refused.stderr.startswith("models-read-only:")


def test_a_url_stays_one_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(models="s3://bucket/models")
    assert found.models == "s3://bucket/models"
    for variable, value in found.environment().items():
        monkeypatch.setenv(variable, value)
    assert load() == found
    assert load(models="some/models").models == Path("some/models")


def test_what_cannot_be_read_from_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"^carrier-pigeon://x: "):
        models.active("carrier-pigeon://u:p@x")
    monkeypatch.setattr(remote, "find_spec", lambda name: None if name == "fsspec" else util.find_spec(name))
    with pytest.raises(MissingExtra, match=r"^s3://bucket needs fsspec.*'recommender\[remote\]'"):
        models.active("s3://bucket")
