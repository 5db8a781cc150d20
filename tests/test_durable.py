"""Files that are whole or not there: a disk that fails, and power that goes, at every step in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from stories import document, packed, save, story

from recommender import durable, models, static
from recommender.durable import Disk
from recommender.errors import ModelError, UsageError
from recommender.features import NAMES
from recommender.models import active, listed, load, rollback, write
from recommender.pipeline import exporting, parquet
from recommender.pointing import history
from recommender.ranker import Ranker
from recommender.search import SEARCH
from recommender.store import Store

NEVER: Final = -1


class PowerCut(BaseException):
    """The end of a process, for which nobody waits."""


class Recorded(Disk):
    """Writes down what is done, and ends at a step: with an error once, or for good."""

    def __init__(self, ends: int = NEVER, error: OSError | None = None) -> None:
        self.ends = ends
        self.error = error
        self.done: list[tuple[str, Path, Path | None]] = []
        self.dead = False

    def step(self, name: str, path: Path, target: Path | None = None) -> None:
        if self.dead or len(self.done) == self.ends:
            if self.error is not None:
                self.ends = NEVER
                raise self.error
            self.die()
        self.done.append((name, path, target))

    def die(self) -> None:
        self.dead = True
        raise PowerCut

    def make(self, folder: Path) -> None:
        self.step("make", folder)
        super().make(folder)

    def write(self, path: Path, body: bytes) -> None:
        self.step("write", path)
        super().write(path, body)

    def sync(self, path: Path) -> None:
        self.step("sync", path)
        super().sync(path)

    def sync_all(self) -> None:
        self.step("sync all", Path())
        super().sync_all()

    def place(self, folder: Path, name: Path) -> None:
        self.step("rename", folder, name)
        super().place(folder, name)

    def replace(self, path: Path, target: Path) -> None:
        self.step("rename", path, target)
        super().replace(path, target)

    def remove(self, path: Path) -> None:
        self.step("remove", path)
        super().remove(path)


class Powered(Recorded):
    """A disk that has a file's bytes once it was told to sync; when power goes, the rest is half there.

    Renames in a folder that was not synced since are ``lost``, or else are not.
    """

    def __init__(self, ends: int, *, lost: bool) -> None:
        super().__init__(ends)
        self.lost = lost
        self.pending: dict[Path, bytes] = {}
        self.renamed: list[tuple[Path, Path, bytes | None]] = []

    def die(self) -> None:
        if not self.dead and self.lost:
            for path, target, before in reversed(self.renamed):
                target.rename(path)
                if before is not None:
                    target.write_bytes(before)
        super().die()

    def write(self, path: Path, body: bytes) -> None:
        super().write(path, body[: len(body) // 2])
        self.pending[path] = body

    def sync(self, path: Path) -> None:
        super().sync(path)
        if path in self.pending:
            path.write_bytes(self.pending.pop(path))
        self.renamed = [one for one in self.renamed if one[1].parent != path]

    def sync_all(self) -> None:
        super().sync_all()
        for path, body in self.pending.items():
            path.write_bytes(body)
        self.pending.clear()
        self.renamed.clear()

    def place(self, folder: Path, name: Path) -> None:
        super().place(folder, name)
        self._moved(folder, name, None)

    def replace(self, path: Path, target: Path) -> None:
        before = target.read_bytes() if target.exists() else None
        super().replace(path, target)
        self._moved(path, target, before)

    def _moved(self, path: Path, target: Path, before: bytes | None) -> None:
        self.renamed.append((path, target, before))
        for old in [old for old in self.pending if old == path or path in old.parents]:
            self.pending[target / old.relative_to(path)] = self.pending.pop(old)


def model(root: Path, fingerprint: str = "abcdef0") -> str:
    """Write a model that is trained in no time."""
    ranker = Ranker.linear(np.arange(len(NAMES)) / 10, 1.0, 0.0)
    return write(root, ranker, SEARCH, {"fingerprint": fingerprint}, {}).id


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two models, of which the second is active."""
    root = tmp_path / "deep" / "models"
    for _ in range(2):
        models.activate(root, model(root))
    return root


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    """A store of two stories, each in the other's list."""
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        save(store, *(document(story(name)) for name in "ab"))
        publish(store, 0.5)
        yield store


def publish(store: Store, score: float) -> None:
    store.publish("m1", [(1, packed((2, score))), (2, packed((1, score)))])


def count(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> Recorded:
    """Do it once, on a disk that writes down what is done."""
    disk = Recorded()
    with monkeypatch.context() as patch:
        patch.setattr(durable, "disk", disk)
        call()
    return disk


def train(root: Path) -> None:
    models.activate(root, model(root))


DEEDS: Final[dict[str, Callable[[Path], object]]] = {
    "train": train,
    "activate": lambda root: models.activate(root, listed(root)[0]["id"]),
    "roll back": rollback,
    "activate default": lambda root: models.activate(root, "default"),
    "the first model": lambda root: train(root.parent / "other" / "models"),
}


def remains(folder: Path) -> list[Path]:
    return list(folder.rglob("*.partial"))


# Models


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("lost", [True, False])
def test_power_that_goes_at_any_step_leaves_the_old_model_or_the_new_one(
    root: Path, deed: str, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    do, ends, before = DEEDS[deed], 0, active(root)
    while True:
        disk = Powered(ends, lost=lost)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "disk", disk)
            try:
                do(root)
            except PowerCut:
                ends += 1
            else:
                break
        for name in (one["id"] for one in listed(root)):
            load(root, name)  # whole, whatever its name tells
        now = active(root)
        assert now is None or load(root, now)
        assert {*history(root)} <= {"default", *(one["id"] for one in listed(root))}
        if now != before:  # it was done; once more, from the beginning
            models.activate(root, before or "default")
    assert ends > 3
    do(root)
    assert not remains(root.parent), "what was left beside is gone"


@pytest.mark.parametrize("deed", DEEDS)
def test_a_disk_that_fails_at_any_step_is_named_and_leaves_nothing_beside(
    root: Path, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    do, before = DEEDS[deed], active(root)
    for ends in range(len(count(monkeypatch, lambda: do(root)).done)):
        models.activate(root, before or "default")
        with monkeypatch.context() as patch:
            patch.setattr(durable, "disk", Recorded(ends, OSError(28, "No space left on device")))
            try:
                do(root)
            except ModelError as error:
                assert str(root.parent) in str(error)  # noqa: PT017
                assert "No space left on device" in str(error)  # noqa: PT017
        assert not remains(root.parent)
        for name in (one["id"] for one in listed(root)):
            load(root, name)


def whole_when_named(done: list[tuple[str, Path, Path | None]]) -> None:
    """Hold that nothing takes its name before it is synced, and that its name is synced before the next."""
    dirty, names = set[Path](), set[Path]()
    for step, path, target in done:
        if step in ("write", "make"):
            dirty |= {path, path.parent}
        elif step == "sync":
            dirty.discard(path)
            names.discard(path)
        elif step == "sync all":
            dirty.clear()
            names.clear()
        elif step == "rename":
            assert not {one for one in dirty if one == path or path in one.parents}, f"{path} is not synced"
            assert target is not None
            if len(target.stem) != static.DIGITS:  # stories of an export take their names in any order
                above = {target.parent, *target.parent.parents}
                assert not {one for one in names if above & {one, *one.parents}}, f"{names} are not synced"
            names.add(target.parent)
        elif step == "remove":
            names.add(path.parent)
    assert not names, f"{names} are never synced"


@pytest.mark.parametrize("deed", DEEDS)
def test_a_model_is_on_the_disk_before_it_has_its_name(
    root: Path, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = count(monkeypatch, lambda: DEEDS[deed](root)).done
    assert [step for step, *_ in done].count("rename") == (3 if "model" in deed or deed == "train" else 2) - (
        "default" in deed
    )
    whole_when_named(done)


def test_the_order_that_is_held_can_be_broken() -> None:
    file, target, parent = Path("a/.x.partial"), Path("a/x"), Path("a")
    right: list[tuple[str, Path, Path | None]] = [
        ("write", file, None),
        ("sync", file, None),
        ("rename", file, target),
        ("sync", parent, None),
    ]
    whole_when_named(right)
    for wrong in (right[:1] + right[2:], right[:3], [right[0], right[2], right[1], right[3]]):
        with pytest.raises(AssertionError):
            whole_when_named(wrong)


def test_a_living_writers_file_is_not_removed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Meanwhile(Disk):
        def place(self, folder: Path, name: Path) -> None:
            monkeypatch.undo()
            model(root, "0123456")  # another training, which finds this one's folder
            super().place(folder, name)

    left = root / ".20260101-000000-abcdef-1.partial"
    left.mkdir()
    monkeypatch.setattr(durable, "disk", Meanwhile())
    made = model(root)
    assert load(root, made).id == made
    assert len(listed(root)) == 4
    assert not left.exists()


# Exports

EXPORTS: Final[dict[str, Callable[[Store, Path], object]]] = {
    "jsonl": lambda store, folder: exporting.export(store, folder / "x.jsonl"),
    "parquet": lambda store, folder: parquet.export(store, folder / "x.parquet"),
    "static": lambda store, folder: static.export(store, folder / "public", clock=lambda: 2e9),
}


def contents(folder: Path) -> dict[str, bytes]:
    """Read what is named; ``urls.jsonl`` may name nothing that is not there."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".partial" not in str(path)
    }
    for line in found.get("public/urls.jsonl", b"").splitlines():
        assert f"public/{json.loads(line)['file']}" in found
    return found


@pytest.mark.parametrize("kind", EXPORTS)
@pytest.mark.parametrize("lost", [True, False])
def test_power_that_goes_at_any_step_of_an_export_leaves_whole_files(
    filled: Store, tmp_path: Path, kind: str, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, export, ends = tmp_path / "out", EXPORTS[kind], 0
    folder.mkdir()
    export(filled, folder)
    old = contents(folder)
    publish(filled, 0.75)
    export(filled, folder)
    new = contents(folder)
    assert all(new[name] != old[name] for name in new if name != "public/urls.jsonl")
    while True:
        publish(filled, 0.5 + 0.25 * (ends % 2))
        disk = Powered(ends, lost=lost)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "disk", disk)
            try:
                export(filled, folder)
            except PowerCut:
                ends += 1
            else:
                break
        for name, body in contents(folder).items():
            if name.endswith(".parquet"):
                assert body[-4:] == b"PAR1"
            else:
                assert all(map(json.loads, body.splitlines() if name.endswith("l") else [body]))
    assert ends >= 3
    assert not remains(folder)


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_is_on_the_disk_before_it_has_its_name(
    filled: Store, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = count(monkeypatch, lambda: EXPORTS[kind](filled, tmp_path)).done
    whole_when_named(done)
    assert [target.name for _, _, target in done if target][-1] == {"static": "index.json"}.get(
        kind, f"x.{kind}"
    )


def test_two_exports_do_not_write_one_file(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "x.jsonl"
    with durable.written(target) as partial:
        partial.write_text("half")
        with pytest.raises(UsageError, match=r"x\.jsonl: another export is writing it; wait for it to end"):
            exporting.export(filled, target)
        assert partial.read_text() == "half"
        partial.write_text("whole")
    assert target.read_text() == "whole"
    assert exporting.export(filled, target) == 2


def test_a_file_that_has_just_been_given_its_name_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, flock = tmp_path / "x", durable.fcntl.flock

    def late(descriptor: int, how: int) -> None:
        monkeypatch.undo()
        (tmp_path / ".x.partial").rename(target)  # as the other one does, just before it lets go
        target.write_text("theirs")
        flock(descriptor, how)

    monkeypatch.setattr(durable.fcntl, "flock", late)
    with durable.written(target) as partial:
        assert target.read_text() == "theirs"
        partial.write_text("ours")
    assert target.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_export_left_is_written_over(filled: Store, tmp_path: Path) -> None:
    (tmp_path / ".x.jsonl.partial").write_text("half of it, and longer than all of the other one" * 100)
    assert exporting.export(filled, tmp_path / "x.jsonl") == 2
    assert [json.loads(line)["url"] for line in (tmp_path / "x.jsonl").read_text().splitlines()] == [
        f"https://www.news.example/{name}" for name in "ab"
    ]
    assert not remains(tmp_path)


def test_two_of_one_number_do_not_meet(tmp_path: Path) -> None:
    """In containers that share a folder every process is the first."""
    with durable.staged(tmp_path, {"a": b"first", "m": {"x": b"1"}}) as place:
        with durable.staged(tmp_path, {"a": b"second"}) as other:
            other()
        assert (tmp_path / "a").read_bytes() == b"second"
        place()
    assert (tmp_path / "a").read_bytes() == b"first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "m"]
