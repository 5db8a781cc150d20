"""A disk that is full: a named message and an exit code, nothing half-written, and all as before."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from corpora import newsroom
from test_cli import Result, run_in
from test_durable import model

from recommender.models import activate
from recommender.store import Store
from recommender.urls import canonical

SIZE = 48_000_000
"""Bytes of the disk: room for all that is done while there is some."""

ROOM = 4_096
"""Bytes that are left when it is full."""

URL = "https://news.example/0"


class Disk(NamedTuple):
    """A folder, and what makes its disk full for a ``with`` block."""

    folder: Path
    full: Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A small disk of its own; where nobody may mount one, files that may not grow."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        yield Disk(folder, _limited)
        return
    try:
        yield Disk(folder, partial(_filled, folder))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            file.truncate(file.tell() - ROOM)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def _limited() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def lines(stories: range) -> str:
    corpus, told = newsroom(30), []
    for row in stories:
        links = corpus.links[corpus.links[:, 0] == row, 1].tolist()
        told.append(
            {
                "title": corpus.titles[row],
                "excerpt": corpus.excerpts[row],
                "webUrl": corpus.urls[row],
                "publishedDateTime": f"2024-01-01T00:00:{row % 60:02}Z",
                "related": [{"title": corpus.titles[one], "webUrl": corpus.urls[one]} for one in links],
            }
        )
    return "".join(f"{json.dumps(one)}\n" for one in told)


@pytest.fixture(scope="module")
def room(disk: Disk) -> Callable[..., Result]:
    """A newsroom on that disk: imported, with a model, recomputed, exported."""
    run = partial(run_in, disk.folder, "-q")
    (disk.folder / "stories.jsonl").write_text(lines(range(100)))
    (disk.folder / "more.jsonl").write_text(lines(range(100, 120)))
    activate(disk.folder / "models", model(disk.folder / "models"))
    for verb in ("import", "recompute", "export", "parquet", "static"):
        result = run(*VERBS[verb][0])
        assert result.returncode == 0, result.stderr
    return run


VERBS: dict[str, tuple[list[str], str]] = {
    "import": (["import", "stories.jsonl"], "store-unavailable"),
    "train": (["train", "--engine", "local"], "model-error"),
    "recompute": (["recompute", "--engine", "local"], "store-unavailable"),
    "export": (["export", "-o", "x.jsonl"], "usage-error"),
    "parquet": (["export", "-o", "x.parquet"], "usage-error"),
    "static": (["export", "--static", "public"], "usage-error"),
}


def state(run: Callable[..., Result], folder: Path) -> dict[str, Any]:
    """Tell what is served and which files there are, but for the store's own and the locks'."""
    answer = run("related", URL, "--json")
    assert answer.returncode == 0, answer.stderr
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("recommender.")
    }
    return {"answer": answer.stdout, "models": run("models", "list", "--json").stdout, **files}


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_is_named_and_changes_nothing(disk: Disk, room: Callable[..., Result], verb: str) -> None:
    arguments, name = VERBS[verb]
    if verb == "import":
        arguments = ["import", "more.jsonl"]
    if verb in ("export", "parquet", "static"):  # what was written is not written again
        assert room("recompute", "--engine", "local").returncode == 0
    if verb == "static":
        arguments = [*arguments, "--limit", "20"]
    before = state(room, disk.folder)
    # A server has the store open; who opens it first needs 32 KB beside it.
    with Store.open(f"sqlite:///{disk.folder}/recommender.sqlite") as store, disk.full():
        result = room(*arguments)
        found = store.find(canonical(URL))
    assert found is not None
    assert found.packed
    assert result.returncode in (1, 2), result.stdout
    assert result.stderr.startswith(f"{name}: "), result.stderr
    assert any(says in result.stderr for says in ("full", "No space left", "disk I/O", "File too large"))
    assert state(room, disk.folder) == before
    assert not list(disk.folder.rglob("*.partial"))
    again = room(*arguments)
    assert again.returncode == 0, again.stderr
