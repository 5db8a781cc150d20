"""A database that dies, freezes, is cut off or is locked: what is said, how soon, and what is there after."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from made_up import NOBODY, until
from proxying import Network, network
from servers import PostgreSQL, postgresql
from starlette.testclient import TestClient
from stories import content, document, key, packed, save, story
from test_cli import run_in
from test_newsroom_day import serving, wait

from benchmarks.mixed_load import document as newsroom_document
from recommender.api import create_app
from recommender.api.lately import LOOKS, SLOW
from recommender.api.problems import RETRY_AFTER
from recommender.cli.context import Context
from recommender.corpus import Corpus
from recommender.errors import StoreUnavailable
from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.settings import Settings
from recommender.store import Store, importing

SEEDS = Path(__file__).parents[1] / "seeds"

PATIENCE = 1.0
"""Seconds that stores here wait: what is bounded by five of them in the service is by one."""

BOUND = 4 * PATIENCE + 2
"""Seconds within which everybody is told: to notice the loss, and to fail to connect anew, in vain."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with postgresql() as started:
        yield started


@pytest.fixture
def url(server: PostgreSQL) -> str:
    """URL of a store that is not there yet, on a server that can be ended."""
    import psycopg

    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{server.url}&options=-csearch_path%3D{schema}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url, patience=PATIENCE) as opened:
        save(opened, document(story("a")))
        yield opened


@contextmanager
def soon(match: str | None = None) -> Iterator[None]:
    """Assert that it is said in time that the store does not answer."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=match):
        yield
    assert time.monotonic() - began < BOUND


def asked(store: Store) -> list[Callable[[], object]]:
    """All ways to talk to a database: for an answer, for the state, from a snapshot, to write."""
    return [
        lambda: store.find(key("a")),
        store.state,
        store.status,
        lambda: save(store, document(story("b"))),
    ]


@pytest.mark.parametrize("way", range(4))
def test_a_frozen_server_holds_nobody(server: PostgreSQL, store: Store, way: int) -> None:
    ask = asked(store)[way]
    ask()
    server.freeze()
    try:
        with soon():
            ask()
    finally:
        server.thaw()
    ask()
    assert store.status().stories == 1 + (way == 3)


@pytest.mark.parametrize("way", [0, 3])
@pytest.mark.parametrize("lost", [Network.cut, Network.stall])
def test_a_network_that_is_lost_holds_nobody(
    server: PostgreSQL, url: str, way: int, lost: Callable[[Network], None]
) -> None:
    with network(f"{server.folder}/.s.PGSQL.5432") as between:
        address = url.replace(f"host={server.folder}", f"host=127.0.0.1&port={between.port}")
        with Store.open(address, patience=PATIENCE) as store:
            ask = asked(store)[way]
            ask()
            lost(between)
            with soon():
                ask()
            between.flow()
            ask()


def test_long_work_notices_a_server_that_froze_under_it(
    server: PostgreSQL, store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given twelve times the patience, for its statements may take long; then it is undone."""
    with monkeypatch.context() as patch, Store.open(url, patience=0.1) as hasty:
        before(patch, server.freeze)
        try:
            with soon(r"the server said nothing for 1\.2 s"):
                save(hasty, document(story("b")))
        finally:
            server.thaw()
    assert content(store)["articles"].keys() == {key("a")}
    assert save(store, document(story("b"))).new == 1


def before(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something in the middle of the transaction that saves a batch."""
    links = importing._save_links

    def acted(*arguments: Any) -> Any:
        act()
        return links(*arguments)

    patch.setattr(importing, "_save_links", acted)


def test_a_server_that_dies_under_a_batch_keeps_nothing_of_it(
    server: PostgreSQL, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        before(patch, server.die)
        with soon():
            save(store, document(story("b"), story("c")))
    with soon():
        store.find(key("a"))
    server.start()
    assert content(store)["articles"].keys() == {key("a")}
    assert save(store, document(story("b"), story("c"))).new == 2


def test_an_import_whose_server_dies_is_done_by_the_next(
    server: PostgreSQL, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(batches: Iterable[object], _total: int, _label: str) -> Iterator[object]:
        for number, batch in enumerate(batches):
            if number == 1:
                server.die()
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(Context, "progress", lambda _, *arguments: dying(*arguments))
        failed = run_in(tmp_path, "--store", url, "import", str(SEEDS))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("store-unavailable: postgresql+psycopg://tests@/postgres")
    assert failed.stderr.count("\n") == 1
    server.start()
    with Store.open(url) as store, Store.open(f"sqlite:///{tmp_path}/whole.sqlite") as whole:
        assert store.status().stories > 0, "the batches before are there"
        import_paths(whole, [SEEDS])
        assert content(store) != content(whole)
        assert import_paths(store, [SEEDS]).unchanged > 0
        assert content(store) == content(whole)
        assert import_paths(store, [SEEDS]).saved.new == 0


def test_who_is_kept_waiting_by_a_lock_is_told(store: Store, url: str) -> None:
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE articles")
        for ask in (asked(store)[0], asked(store)[3]):
            with soon("lock timeout|statement timeout"):
                ask()
        other.rollback()
    assert content(store)["origins"].keys() == {"a"}
    assert save(store, document(story("b"))).new == 1


def test_an_answer_that_takes_too_long_is_given_up(store: Store, url: str) -> None:
    import psycopg

    # What reads an article waits an hour for it.
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute("ALTER TABLE articles RENAME TO quick")
        other.execute("CREATE VIEW articles AS SELECT quick.* FROM quick, pg_sleep(3600)")
        with soon("statement timeout"):
            store.find(key("a"))
        other.execute("DROP VIEW articles")
        other.execute("ALTER TABLE quick RENAME TO articles")
    assert store.find(key("a")) is not None


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read(1)
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another process hold a transaction on an SQLite file that keeps all other writers out."""
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        yield
        other.kill()


def test_a_file_that_another_process_locks_is_read_and_not_written(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(address) as store:
        save(store, document(story("a")))
        _, secret = store.keys.add("cms", ["publish"])
        posted = [{"title": f"Story {n}", "webUrl": f"https://news.example/{n}"} for n in range(3)]
        with TestClient(create_app(Settings(store=address))) as client:

            def post() -> Any:
                return client.post("/articles", json=posted, headers={"X-API-Key": secret})

            with locked(tmp_path / "store.sqlite"):
                began = time.monotonic()
                refused = post()
                assert time.monotonic() - began < 15
                assert refused.status_code == 503
                assert refused.json()["type"] == "urn:recommender:error:store-unavailable"
                assert int(refused.headers["retry-after"]) == RETRY_AFTER
                assert client.get("/related", params={"url": key("a")}).status_code == 200
                assert client.get("/health/live").status_code == 200
            assert store.status().stories == 1
            assert post().json()["new"] == 3


# Under a service


@pytest.fixture
def client(store: Store, url: str) -> Iterator[TestClient]:
    """A service with the patience it has, on a store with lists of two stories."""
    save(store, document(story("b")))
    a, b = store.corpus().ids.tolist()
    store.publish("m1", [(a, packed((b, 0.5))), (b, packed((a, 0.5)))])
    with TestClient(create_app(Settings(store=url)), raise_server_exceptions=False) as asking:
        yield asking


def eventually(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("lose", "bring_back"),
    [(PostgreSQL.die, PostgreSQL.start), (PostgreSQL.freeze, PostgreSQL.thaw)],
    ids=["dies", "freezes"],
)
def test_answers_go_on_while_the_database_is_away(
    server: PostgreSQL,
    store: Store,
    client: TestClient,
    lose: Callable[[PostgreSQL], None],
    bring_back: Callable[[PostgreSQL], None],
) -> None:
    _, secret = store.keys.add("cms", ["publish"])
    new = {"title": "New", "webUrl": key("new")}

    def related(name: str = "a", **headers: str) -> Any:
        return client.get("/related", params={"url": key(name)}, headers=headers)

    def known_to_be_away() -> bool:
        return bool(client.app.state.opening.away)  # type: ignore[attr-defined]

    fresh = related()
    assert "cache-status" not in fresh.headers
    lose(server)
    try:
        time.sleep(LOOKS)
        began = time.monotonic()
        stale = related()
        assert time.monotonic() - began < SLOW + 1
        assert (stale.status_code, stale.content) == (200, fresh.content)
        assert stale.headers["cache-status"] == "recommender; hit; detail=store-unavailable"
        assert stale.headers["etag"] == fresh.headers["etag"]
        assert 0 <= int(stale.headers["age"]) < 60
        assert related(**{"If-None-Match": fresh.headers["etag"]}).status_code == 304
        eventually(known_to_be_away, 20)
        began = time.monotonic()
        for refused in (
            related("b"),
            client.get("/search", params={"q": "title"}),
            client.post("/articles", json=new, headers={"X-API-Key": secret}),
            client.get("/health/ready"),
        ):
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) == RETRY_AFTER
        assert time.monotonic() - began < 2, "nobody waits for what is known to be away"
        assert client.get("/health/live").status_code == 200
        assert 'recommender_cache_stale_total{pid="' in client.get("/metrics").text
    finally:
        bring_back(server)
    eventually(lambda: not known_to_be_away(), 20)
    assert client.get("/health/ready").status_code == 200
    assert related("b").status_code == 200
    assert client.post("/articles", json=new, headers={"X-API-Key": secret}).json()["new"] == 1
    time.sleep(LOOKS)
    assert "cache-status" not in related().headers


def test_readers_of_two_workers_notice_nothing_of_a_database_that_was_away(
    server: PostgreSQL, url: str, tmp_path: Path, made: ModuleType, news: Corpus
) -> None:
    with Store.open(url) as store:
        made.save(store, until(news, 100))
        _, key = store.keys.add("cms", ["admin"])
        recompute(store, NOBODY)
    stale, failures, stop = 0, [], threading.Event()
    with serving(url, NOBODY, key) as room:

        def read(path: str) -> bool:
            """Ask for what everybody asks for; tell if the answer is stale."""
            with urlopen(room.address + path, timeout=10) as response:
                return bool(response.headers["Cache-Status"])

        def keep_reading() -> None:
            nonlocal stale
            while not stop.is_set():
                try:
                    stale += read(paths[0])
                except OSError as error:  # a status of 400 and more is one
                    failures.append(error)
                stop.wait(0.02)

        paths = [f"/related?url={quote(address, safe='')}" for address in news.urls[:2]]
        hits = {}

        def kept_by_both() -> bool:
            read(paths[0])
            with urlopen(f"{room.address}/metrics", timeout=10) as response:
                told = re.findall(r'cache_hits_total\{pid="(\d+)"\} (\S+)', response.read().decode())
            hits.update({process: float(times) for process, times in told})
            return sum(times > 0 for times in hits.values()) == 2

        wait(kept_by_both)
        readers = [threading.Thread(target=keep_reading) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            server.die()
            eventually(lambda: stale > 20, 20)
            assert room.ask("GET", "/health/ready")[0] == 503
            server.start()
            wait(lambda: room.ask("GET", "/health/ready")[0] == 200)
            wait(lambda: not read(paths[0]))
            # Who keeps lists up to date is back, too.
            assert room.ask("POST", "/articles", newsroom_document(news, 100))[0] == 200
            asked = f"/related?url={quote(news.urls[100], safe='')}&fill=false"
            wait(lambda: bool(room.ask("GET", asked)[1]["items"]))
        finally:
            stop.set()
            for reader in readers:
                reader.join()
    assert failures == []
