"""Processes killed in the middle of a verb, and two that want to write: real ones, on both databases."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from corpora import newsroom
from sqlalchemy import select
from test_cli import run_in
from test_durable import model

from recommender import models
from recommender.pipeline.backup import back_up
from recommender.store import Store, schema

DYING = Path(__file__).with_name("dying.py")
EVENTS = 30

Die = Callable[..., str]


def write_stories(folder: Path, start: int, end: int) -> None:
    """Write files of stories, one each, with links to those before them."""
    corpus = newsroom(EVENTS)
    folder.mkdir(exist_ok=True)
    for row in range(start, end):
        linked = [one for one in corpus.links[corpus.links[:, 0] == row, 1].tolist() if one < row]
        told = {
            "title": corpus.titles[row],
            "excerpt": corpus.excerpts[row],
            "webUrl": corpus.urls[row],
            "publishedDateTime": f"2024-01-{1 + row // 10:02}T{row % 10:02}:00:00Z",
            "related": [{"title": corpus.titles[one], "webUrl": corpus.urls[one]} for one in linked],
        }
        (folder / f"{row:04}.json").write_text(json.dumps(told))


@pytest.fixture
def die(store_url: str, tmp_path: Path) -> Iterator[Die]:
    """What kills verbs in the middle, in a folder with ``models`` and ``stories``."""
    folders = [str(tmp_path / name) for name in ("models", "stories", "news.zip")]
    command = [sys.executable, str(DYING), store_url, *folders]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def ask(*words: str) -> str:
            print(*words, file=stdin, flush=True)
            return stdout.readline().strip()

        yield ask
        stdin.close()


def served(store: Store) -> tuple[int, dict[int, bytes]]:
    generation = store.generation()
    assert generation is not None
    with store.exported() as (_, lists):
        told = dict(lists)
    assert len(told) == generation.stories
    return generation.id, told


Served = tuple[int, dict[int, bytes]]


def stays(verb: str, before: Served, now: Served, backup: Served) -> bool:
    """Tell whether what is served is what a verb may leave when it is killed."""
    if verb in ("recompute", "refresh"):
        return now[0] != before[0] or now[1] == before[1]
    return now == before or (verb == "restore" and now == backup)


def test_a_kill_at_any_step_leaves_what_was_served_and_the_verb_can_be_run_again(
    store_url: str, die: Die, tmp_path: Path
) -> None:
    root, kills = tmp_path / "models", dict.fromkeys(VERBS, 0)
    write_stories(tmp_path / "stories", 0, 60)
    for verb in ("import", "recompute"):
        assert die(verb, "here") == "done"
    for _ in range(2):
        old = model(root)
    models.activate(root, old)
    with Store.open(store_url) as store:
        back_up(store, root, tmp_path / "news.zip")
        backup = served(store)
        write_stories(tmp_path / "stories", 50, 120)
        for verb in VERBS:
            if verb == "train":
                assert die(verb, "here") == "done"
            before = served(store)
            while (end := die(verb)).startswith("killed: "):
                kills[verb] += 1
                assert stays(verb, before, served(store), backup), end
                active = models.active(root)
                assert active is None or models.load(root, active), end
                with store.writing("check", wait=10):  # nobody dead holds the lock
                    pass
            assert end == "done"
            if verb == "refresh":
                assert store.status().stories == len(served(store)[1]) == 120
                with store._database.snapshot() as connection:
                    lists = set(connection.scalars(select(schema.neighbours.c.generation).distinct()))
                assert len(lists) <= 2, "what killed recomputes wrote is gone"
        assert (served(store), store.status().stories, models.active(root)) == (backup, 60, old)
    assert min(kills.values()) > 5
    assert not list(tmp_path.rglob("*.partial"))


VERBS = ("import", "recompute", "train", "refresh", "activate", "default", "restore")


# Two who write


def opened_by_both(pipe: Path, reading: subprocess.Popen[bytes]) -> io.FileIO:
    """Open a pipe to write to it, once the other has it open; fail if that ends without."""
    while True:
        try:
            return io.FileIO(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "w")
        except OSError as error:  # nobody reads it yet
            if error.errno != errno.ENXIO:
                raise
        assert reading.poll() is None
        time.sleep(0.05)


def test_a_recompute_is_told_of_the_import_that_works_until_that_is_killed(
    store_url: str, tmp_path: Path
) -> None:
    write_stories(tmp_path / "stories", 0, 3)
    assert run_in(tmp_path, "--store", store_url, "import", "stories").returncode == 0
    pipe = tmp_path / "slow.json"
    os.mkfifo(pipe)  # whoever reads it waits for who writes it
    command = [sys.executable, "-m", "recommender", "--store", store_url, "import", str(pipe)]
    with (
        subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as importing,
        opened_by_both(pipe, importing),
    ):
        for verb in (
            ["recompute", "--engine", "local"],
            ["import", "stories"],
            ["recompute", "--since-last"],
        ):
            refused = run_in(tmp_path, "--store", store_url, *verb)
            assert refused.returncode == 1
            told = " ".join(refused.stderr.split())
            assert told.startswith("store-locked: ")
            assert f"is being written by process {importing.pid} (import, since 20" in told
        assert importing.poll() is None
        importing.kill()
        importing.wait()
    with Store.open(store_url) as store, store.writing("check", wait=10):  # PostgreSQL has noticed
        pass
    assert run_in(tmp_path, "--store", store_url, "import", "stories").returncode == 0
    done = run_in(tmp_path, "--store", store_url, "recompute", "--engine", "local")
    assert done.returncode == 0, done.stderr
