"""The engine of a Dask cluster: the same answer as at home, whoever dies on the way.

The cluster is a scheduler and two workers, processes that talk over TCP.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("distributed", reason="no distributed: pip install '.[dask]'")

import dask
from clusters import Machines, compiled_kinds, kinds, machines, slowly
from corpora import newsroom
from test_cli import run_in
from test_engine import (  # noqa: F401  (the contract, here with this file's ``engine``)
    test_no_blocks_have_no_results,
    test_results_come_in_the_order_of_the_blocks,
    test_what_a_block_raises_arrives,
)

from recommender import engine as engines
from recommender import index, search
from recommender.cli.context import Context
from recommender.corpus import Corpus
from recommender.engine import Engine, local, opened
from recommender.engine import dask as engine_dask
from recommender.engine.dask import Cluster, cluster
from recommender.engine.parcel import Parcel
from recommender.errors import EngineLost, EngineUnavailable, MissingExtra, UsageError
from recommender.pipeline import packing, ranking
from recommender.pipeline.importing import import_paths
from recommender.pipeline.progress import Progress
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.pipeline.training import train
from recommender.postings import Times, postings
from recommender.store import Store
from recommender.urls import canonical

SEEDS = Path(__file__).parents[1] / "seeds"

PATIENCE = 90.0
"""Seconds that a worker which is being started may take on a busy machine."""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A cluster of two workers for all tests that leave it one."""
    with machines(tmp_path_factory.mktemp("cluster"), workers=2) as started:
        yield started


@pytest.fixture(scope="module")
def connected(there: Machines) -> Iterator[Cluster]:
    with cluster(there.address, PATIENCE) as found:
        found.client.wait_for_workers(2, PATIENCE)
        yield found


@pytest.fixture
def engine(there: Machines, connected: Cluster) -> Cluster:
    """The cluster with two workers, whoever was killed before."""
    while len(there.workers) < 2:
        there.start_worker()
    connected.client.wait_for_workers(2, PATIENCE)
    return connected


# The same answer


def files(corpus: Corpus, folder: Path) -> Path:
    """Write a corpus as the documents of a publisher."""
    first = datetime(2024, 1, 1, tzinfo=UTC)
    related: dict[int, list[dict[str, str]]] = {}
    for source, target in corpus.links.tolist():
        entry = {"webUrl": corpus.urls[target], "title": corpus.titles[target]}
        related.setdefault(source, []).append(entry)
    stories = [
        {
            "title": corpus.titles[row],
            "excerpt": corpus.excerpts[row],
            "webUrl": url,
            "publishedDateTime": (first + timedelta(days=corpus.published[row])).isoformat(),
            "related": related.get(row, []),
        }
        for row, url in enumerate(corpus.urls)
    ]
    path = folder / "stories.jsonl"
    path.write_text("\n".join(map(json.dumps, stories)))
    return path


def published(store: Store) -> list[object]:
    """Read all that a recompute wrote."""
    generation = store.generation()
    assert generation is not None
    found = [store.find(canonical(url), reasons=True) for url in store.corpus().urls]
    lists = [(one.packed, one.reasons, one.parts) for one in found if one]
    return [generation.model, store.vocabulary(generation.id), *lists]


@pytest.fixture(params=["newsroom", "seeds"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that is recomputed in more blocks than are under way at once."""
    monkeypatch.setattr(index, "STORIES", 32)
    monkeypatch.setattr(ranking, "STORIES", 16)
    monkeypatch.setattr(packing, "STORIES", 16)
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened_store:
        seeds = request.param == "seeds"
        import_paths(opened_store, [SEEDS if seeds else files(newsroom(), tmp_path)])
        yield opened_store


def interrupted(act: Callable[[], object], after: int = 3) -> Progress:
    """Do something when so many blocks of lists have come."""

    def progress(items: Iterable[object], total: int, label: str) -> Iterator[object]:
        assert label != "ranking stories" or total > 10
        for number, item in enumerate(items):
            if (number, label) == (after, "ranking stories"):
                act()
            yield item

    return progress  # type: ignore[return-value]


def test_lists_and_reasons_are_the_same(store: Store, engine: Cluster, tmp_path: Path) -> None:
    recompute(store, tmp_path / "models", engine=local)
    here = published(store)
    assert len(here) > 170
    recompute(store, tmp_path / "models", engine=engine)
    assert published(store) == here


@pytest.mark.parametrize("store", ["newsroom"], indirect=True)
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    store: Store, engine: Cluster, there: Machines, tmp_path: Path
) -> None:
    recompute(store, tmp_path / "models", engine=local)
    here = published(store)
    killed = interrupted(there.kill_worker)
    assert recompute(store, tmp_path / "models", engine=engine, progress=killed).generation == 2
    assert len(there.workers) == 1
    assert published(store) == here


@pytest.mark.parametrize("store", ["seeds"], indirect=True)
def test_lists_brought_up_to_date_are_the_same(store: Store, engine: Cluster, tmp_path: Path) -> None:
    recompute(store, tmp_path / "models", engine=local)
    story = {"title": "A ban on facial recognition", "webUrl": "https://news.example/new"}
    (tmp_path / "new.json").write_text(json.dumps({**story, "publishedDateTime": "2020-06-12T08:00:00Z"}))
    import_paths(store, [tmp_path / "new.json"])
    done = refresh(store, tmp_path / "models", engine=engine)
    assert 0 < done.ranked < done.stories
    there = published(store)
    recompute(store, tmp_path / "models", engine=local)
    assert there == published(store)


@pytest.mark.parametrize("store", ["newsroom"], indirect=True)
def test_what_is_learned_and_measured_is_the_same(store: Store, engine: Cluster, tmp_path: Path) -> None:
    # In folders of their own: a model is compared with the one that is active.
    one, other = (
        train(store, tmp_path / name, engine=each).model
        for name, each in (("here", local), ("there", engine))
    )
    assert one.manifest["files"] == other.manifest["files"]
    assert one.manifest["ranker"] == other.manifest["ranker"]
    assert one.manifest["report"] == other.manifest["report"]
    assert other.manifest["report"]["learned"]


# Who dies


def test_blocks_of_a_worker_that_is_killed_are_done_by_others(engine: Cluster, there: Machines) -> None:
    results = engine(slowly, 0.05, range(24))
    squares, workers = zip(*[next(results) for _ in range(6)], strict=True)
    # Who was at work a moment ago: how a scheduler shares blocks out is its own affair.
    there.kill_worker(workers[-1])
    rest, others = zip(*results, strict=True)
    assert [*squares, *rest] == [number * number for number in range(24)]
    assert workers[-1] not in others, "what was done and not fetched went with it, and was done again"


def test_what_only_the_dead_had_is_sent_again(engine: Cluster, there: Machines) -> None:
    results = engine(slowly, 0.05, range(24))
    squares = [next(results)[0] for _ in range(3)]
    for _ in range(2):
        there.kill_worker()
    there.start_worker()
    assert squares + [square for square, _ in results] == [number * number for number in range(24)]


def test_without_workers_a_run_ends_when_patience_does(tmp_path: Path) -> None:
    with machines(tmp_path, workers=0) as alone:
        with cluster(alone.address, PATIENCE) as engine:
            engine.patience = 0.5
            with pytest.raises(EngineUnavailable, match="no worker"):
                list(engine(slowly, 0.05, range(24)))
        alone.start_worker()
        with cluster(alone.address, PATIENCE) as engine:
            assert engine.threads() == 1
            results = engine(slowly, 0.05, range(24))
            assert next(results)[0] == 0
            engine.patience = 0.5
            alone.kill_worker()
            began = time.monotonic()
            with pytest.raises(EngineLost, match=r"there is no worker, and none came within 0\.5 s"):
                list(results)
            assert time.monotonic() - began < 10


@pytest.mark.parametrize("store", ["newsroom"], indirect=True)
def test_without_its_scheduler_a_recompute_fails_and_readers_keep_what_they_had(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recompute(store, tmp_path / "models", k=20)
    before = store.generation(), published(store)
    command = ["--store", store.name, "recompute", "--engine", "dask", "--scheduler"]
    with machines(tmp_path, workers=1) as dying:
        with cluster(dying.address, PATIENCE) as begun:
            assert begun.threads() == 1, "the command waits for a worker only so long"
        # What a recompute shows of its progress.
        kill = interrupted(dying.kill_scheduler)
        monkeypatch.setattr(Context, "progress", lambda _, *arguments: kill(*arguments))
        with dask.config.set({"distributed.comm.timeouts.connect": "10 s"}):
            ended = run_in(tmp_path, *command, dying.address)
            assert (ended.returncode, ended.stdout) == (1, "")
            assert ended.stderr.startswith(f"engine-lost: {dying.address}: the scheduler is gone")
            assert ended.stderr.count("\n") == 1
            assert (store.generation(), published(store)) == before
            # Nor was the store left locked.
            assert recompute(store, tmp_path / "models", k=20).generation == 3  # 2 was given up
    with dask.config.set({"distributed.comm.timeouts.connect": "0.2 s"}):
        ended = run_in(tmp_path, *command, dying.address)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"engine-unavailable: no Dask scheduler answers at {dying.address}")


# Who is asked


def test_machines_of_another_version_are_refused(
    engine: Cluster, there: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_dask, "__version__", "9.0")
    with pytest.raises(EngineUnavailable, match=r"a worker's recommender is .*, not 9\.0; install"):
        list(engine(slowly, 0.0, [1]))
    with (
        pytest.raises(EngineUnavailable, match=rf"^{there.address}: its recommender is \d.*; install"),
        cluster(there.address, PATIENCE),
    ):
        pass


def test_without_a_scheduler_workers_start_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_dask, "cores", lambda: 1)
    with opened("dask") as engine:
        found = list(engine(slowly, 0.0, range(3)))
    assert [square for square, _ in found] == [0, 1, 4]
    assert os.getpid() not in {process for _, process in found}


@pytest.mark.parametrize(
    "address", ["10.0.0.5:8786", "inproc://x", "http://host:1", "tcp://host", "tls://host:1"]
)
def test_an_address_that_cannot_be_is_wrong_use(address: str) -> None:
    with pytest.raises(UsageError, match="--scheduler"), opened("dask", address):
        pass


@pytest.mark.parametrize("verb", ["train", "recompute", "evaluate"])
def test_a_scheduler_is_for_dask(verb: str, tmp_path: Path) -> None:
    ended = run_in(tmp_path, verb, "--engine", "local", "--scheduler", "tcp://10.0.0.5:8786")
    assert ended.returncode == 2
    assert "--scheduler tcp://10.0.0.5:8786: is of --engine dask, and the engine is local" in ended.stderr


def test_without_dask_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        engines, "find_spec", lambda name: None if name == "distributed" else util.find_spec(name)
    )
    with pytest.raises(MissingExtra, match=r"pip install 'recommender\[dask\]'"), opened("dask"):
        pass


def test_dask_is_loaded_by_those_who_ask_for_it() -> None:
    script = (
        "import sys, recommender.cli, recommender.pipeline.recomputing\n"
        "from recommender import engine\n"
        "with engine.opened('processes'): pass\n"
        "print(sorted({'dask', 'distributed'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("[]\n", "")


# What travels


def test_arrays_arrive_as_they_were_and_where_numbers_belong(engine: Engine) -> None:
    """Dask puts the first buffer of a message behind its head, and makes of some buffers read-only bytes."""
    arrays = [np.arange(size, dtype=kind) for size in (3, 100_001) for kind in ("i1", "i4", "f8")]
    arrays += [np.zeros(0), np.asfortranarray(np.ones((3, 4)))]
    odd = np.frombuffer(b"\0" + np.arange(9).tobytes(), np.int64, offset=1)
    assert (odd.flags.writeable, odd.flags.aligned) == (False, False)
    for given, writable in (tuple(arrays), True), (tuple(map(_fixed, arrays)), False):
        (found, block), *_ = engine(kinds, given, [odd])
        assert found == [(writable, True)] * len(arrays) + [(False, True)]
        assert (block.tolist(), block.flags.aligned) == (list(range(9)), True)


def _fixed(array: np.ndarray) -> np.ndarray:
    array = array.copy("K")
    array.flags.writeable = False
    return array


def test_functions_are_compiled_for_one_kind_of_arrays(engine: Engine) -> None:
    corpus = newsroom()
    _, made = index.prepare(corpus)
    times = Times.of(made.columns.published)
    lists = postings(made.vectors, times)
    shared = (made.vectors, made.columns.published, lists, times, search.SEARCH)
    rows = np.arange(len(corpus))
    assert set(engine(compiled_kinds, shared, [rows[start::7] for start in range(7)])) == {1}


def test_a_parcel_is_handed_on_unread_and_opened_once() -> None:
    parcel = Parcel.of({"some": np.arange(1_000), "name": "n"})
    copy = pickle.loads(pickle.dumps(parcel))
    assert copy.open()["some"].tolist() == list(range(1_000))
    assert copy.open() is copy.open()
    again = pickle.loads(pickle.dumps(copy))
    assert again.open()["name"] == "n"
    assert sys.getsizeof(parcel) > 8_000
