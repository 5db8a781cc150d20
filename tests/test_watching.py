"""Watching folders: what changes is imported once, and what passes is waited for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stories import content
from test_pipeline import write

from recommender.errors import UsageError
from recommender.pipeline.watching import Watcher
from recommender.store import Saved, Store


class Watched:
    """A folder, a watcher of it, and what the watcher said."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.watcher = Watcher(store, [folder], self.said.append)

    def look(self) -> Saved | None:
        report = self.watcher.look()
        return None if report is None else report.saved


@pytest.fixture
def watched(store: Store, tmp_path: Path) -> Watched:
    folder = tmp_path / "stories"
    folder.mkdir()
    return Watched(store, folder)


def test_what_changes_is_imported_once(watched: Watched, store: Store) -> None:
    write(watched.folder, "one", "First", "two")
    assert watched.look() == Saved(new=2, links_added=1)
    assert watched.look() is None
    two = write(watched.folder, "two", "Second")
    assert watched.look() == Saved(changed=1)
    write(watched.folder, "two", "Second, corrected")
    assert watched.look() == Saved(changed=1)
    two.unlink()
    (watched.folder / "one.md").unlink()
    assert watched.look() == Saved(links_removed=1)
    assert watched.look() is None
    assert len(content(store)["articles"]) == 2
    assert watched.said == []


def test_nothing_is_looked_up_while_nothing_changes(watched: Watched, store: Store) -> None:
    write(watched.folder, "one", "First")
    watched.look()
    store.close()
    for method in ("fingerprints", "save"):
        setattr(store, method, None)
    assert watched.look() is None


def test_a_bad_file_is_told_once_and_stops_nothing(watched: Watched) -> None:
    bad = watched.folder / "bad.md"
    bad.write_text("---\ntitle: [\n---\n")
    first = watched.watcher.look()
    assert first is not None
    assert [one.path for one in first.rejections] == [bad.as_posix()]
    write(watched.folder, "one", "First")
    second = watched.watcher.look()
    assert second is not None
    assert (second.saved.new, second.rejections) == (1, [])
    bad.write_text("---\ntitle: [[\n---\n")
    third = watched.watcher.look()
    assert third is not None
    assert len(third.rejections) == 1


def test_a_folder_that_is_away_is_waited_for_and_forgets_nothing(
    watched: Watched, store: Store, tmp_path: Path
) -> None:
    write(watched.folder, "one", "First", "two")
    watched.look()
    shutil.move(watched.folder, tmp_path / "away")
    assert [watched.look() for _ in range(3)] == [None] * 3
    (said,) = watched.said
    assert "does not exist" in said
    assert len(content(store)["links"]) == 1
    shutil.move(tmp_path / "away", watched.folder)
    write(watched.folder, "three", "Third")
    assert watched.look() == Saved(new=1)
    shutil.rmtree(watched.folder)
    watched.look()
    assert len(watched.said) == 2, "said again when it happens again"


def test_a_store_that_is_being_written_is_waited_for(watched: Watched, store: Store) -> None:
    write(watched.folder, "one", "First")
    with ThreadPoolExecutor(1) as other, store.writing("recompute"):
        assert [other.submit(watched.look).result() for _ in range(3)] == [None] * 3
    (said,) = watched.said
    assert "written" in said
    assert watched.look() == Saved(new=1)


def test_a_path_that_never_was_is_wrong_use(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        Watcher(store, [tmp_path / "nowhere"], print)


def test_the_command_prints_a_line_a_batch_and_ends_well(tmp_path: Path) -> None:
    folder = tmp_path / "stories"
    folder.mkdir()
    write(folder, "one", "First")
    command = [
        sys.executable,
        "-m",
        "recommender",
        "import",
        str(folder),
        "--watch",
        "--every",
        "0.1",
        "--json",
    ]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RECOMMENDER_")}
    with subprocess.Popen(
        command, cwd=tmp_path, env=plain, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["saved"]["new"] == 1
        (folder / "bad.md").write_text("---\ntitle: [\n---\n")
        assert len(json.loads(watching.stdout.readline())["rejections"]) == 1
        began = time.monotonic()
        write(folder, "two", "Second")
        assert json.loads(watching.stdout.readline())["saved"]["new"] == 1
        assert time.monotonic() - began < 5
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
