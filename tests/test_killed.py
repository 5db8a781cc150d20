"""Processes killed in the middle of a verb, and two that want to write: real ones, on both databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from corpora import newsroom
from sqlalchemy import select
from test_cli import run_in
from test_durable import model

from recommender import models
from recommender.store import Store, schema

DYING = Path(__file__).with_name("dying.py")
EVENTS = 30

Die = Callable[[str, int | str], str]


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
    command = [sys.executable, str(DYING), store_url, str(tmp_path / "models"), str(tmp_path / "stories")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def ask(verb: str, step: int | str) -> str:
            print(verb, step, file=stdin, flush=True)
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


def test_a_kill_at_any_step_leaves_what_was_served_and_the_verb_can_be_run_again(
    store_url: str, die: Die, tmp_path: Path
) -> None:
    write_stories(tmp_path / "stories", 0, 60)
    for verb in ("import", "recompute"):
        assert die(verb, "here") == "done"
    for _ in range(2):
        old = model(tmp_path / "models")
    models.activate(tmp_path / "models", old)
    with Store.open(store_url) as store:
        for verb, first, every in VERBS:
            if verb == "import":
                write_stories(tmp_path / "stories", 50, 120)
            before, step, kills = served(store), first, 0
            while (end := die(verb, step)) == "killed":
                step, kills = step + every, kills + 1
                now = served(store)
                if verb in ("import", "train", "activate", "default"):
                    assert now == before
                elif now[0] == before[0]:
                    assert now[1] == before[1]
                active = models.active(tmp_path / "models")
                assert active is None or models.load(tmp_path / "models", active)
                with store.writing("check", wait=10):  # nobody dead holds the lock
                    pass
            assert end == "done"
            assert kills > 1
        assert store.status().stories == 120
        assert len(served(store)[1]) == 120
        with store._database.snapshot() as connection:
            lists = set(connection.scalars(select(schema.neighbours.c.generation).distinct()))
        assert len(lists) <= 2, "what killed recomputes wrote is gone"
    assert not list(tmp_path.rglob("*.partial"))


VERBS = [
    ("import", 0, 13),
    ("recompute", 1, 13),
    ("train", 4, 11),
    ("refresh", 2, 17),
    ("activate", 1, 3),
    ("default", 1, 3),
]
"""A verb, the first step before which it is killed, and how many there are to the next."""


# Two who write


def test_a_recompute_is_told_of_the_import_that_works_until_that_is_killed(
    store_url: str, tmp_path: Path
) -> None:
    write_stories(tmp_path / "stories", 0, 3)
    assert run_in(tmp_path, "--store", store_url, "import", "stories").returncode == 0
    pipe = tmp_path / "slow.json"
    os.mkfifo(pipe)  # whoever reads it waits for who writes it
    command = [sys.executable, "-m", "recommender", "--store", store_url, "import", str(pipe)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as importing:
        end = threading.Timer(60, importing.kill)  # or the pipe is waited for in vain
        end.start()
        with pipe.open("wb"):
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
        end.cancel()
    with Store.open(store_url) as store, store.writing("check", wait=10):  # PostgreSQL has noticed
        pass
    assert run_in(tmp_path, "--store", store_url, "import", "stories").returncode == 0
    done = run_in(tmp_path, "--store", store_url, "recompute", "--engine", "local")
    assert done.returncode == 0, done.stderr
