"""Opening, upgrading and locking: what can go wrong with a database, and what is said then."""

from __future__ import annotations

import os
import re
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from stories import document, key, packed, save, story

from recommender.errors import MissingExtra, SettingsError, StoreLocked, StoreOutdated, StoreUnavailable
from recommender.neighbours import Neighbour, in_order
from recommender.store import Store, schema
from recommender.store.database import Database, _use_log
from recommender.store.locking import Holders


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite"


# Opening


def test_opening_makes_folders_tables_and_no_noise(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "a folder" / "store.sqlite"
    with Store.open(f"sqlite:///{path}") as store:
        assert store.status().stories == 0
    assert path.exists()
    assert capfd.readouterr() == ("", "")


def test_what_was_saved_is_there_when_opened_again(store_url: str) -> None:
    with Store.open(store_url) as store:
        save(store, document(story("a")))
    with Store.open(store_url, create=False) as store:
        assert store.find(key("a")) is not None


def test_a_store_is_made_once_however_many_open_it(store_url: str) -> None:
    together = threading.Barrier(6)

    def open_and_count() -> int:
        together.wait()
        with Store.open(store_url) as store:
            return store.status().stories

    with ThreadPoolExecutor(6) as pool:
        assert [each.result() for each in [pool.submit(open_and_count) for _ in range(6)]] == [0] * 6


def test_sqlite_is_set_up_to_lose_nothing(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store, store._database.answering() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert values == ["wal", 2, 1, 5000]


def busy() -> sqlite3.OperationalError:
    """What SQLite says at once to who turns on the log while another connection does."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def test_turning_on_the_log_is_tried_again() -> None:
    connection = Mock()
    connection.execute.side_effect = [busy(), busy(), None]
    _use_log(connection, 5.0)
    assert connection.execute.call_count == 3


def test_turning_on_the_log_is_given_up_after_a_while() -> None:
    connection = Mock()
    connection.execute.side_effect = busy()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        _use_log(connection, 0.05)


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "sqlite:///x?mode=ro", "sqlite://x/y",
     "mysql://user:secret@host/db", "postgresql+psycopg2://user:secret@host/db", "store.sqlite", "",
     "postgresql://u:secret@h:port/db"],
)  # fmt: skip
def test_a_url_no_store_can_have_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"expected|needs a file|three slashes") as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


def test_without_create_nothing_is_made(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"store\.sqlite: there is no such file"):
        Store.open(sqlite_url, create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("once upon a time " * 100)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        Store.open(sqlite_url)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot make its folder"):
        Store.open(f"sqlite:///{tmp_path}/file/store.sqlite")
    with pytest.raises(StoreUnavailable, match="unable to open"):
        Store.open(f"sqlite:///{tmp_path}")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(f"postgresql+psycopg://user:secret@/db?host={tmp_path}&password=secret")
    assert "user:***@/db" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"recommender\[postgres\]"):
        Store.open("postgresql+psycopg://host/db")


# Migrations


def test_migrations_make_the_tables_of_the_schema(store_url: str) -> None:
    with Store.open(store_url) as store, store._database.snapshot() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_server_default": True, "include_name": _in_both}
        )
        assert compare_metadata(context, schema.metadata) == []


def _in_both(name: str | None, kind: str, _: object) -> bool:
    """Leave out the index of words, and the tables in which FTS5 keeps it: no schema has both kinds."""
    return kind != "table" or name is None or not name.startswith("searched")


def test_the_revision_is_the_last_of_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", "recommender.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


def set_revision(url: str, statement: str) -> None:
    with Store.open(url) as store, store._writer.transaction("test") as connection:
        connection.execute(text(statement))


def test_a_newer_store_is_refused(store_url: str) -> None:
    set_revision(store_url, "UPDATE alembic_version SET version_num = '9999'")
    name = Database(store_url, patience=1).name
    for create in (True, False):
        with pytest.raises(StoreOutdated, match=rf"^{re.escape(name)}: .*9999"):
            Store.open(store_url, create=create)


def test_an_older_store_is_upgraded_only_by_who_may(store_url: str) -> None:
    with Store.open(store_url) as store:
        downgrade(store, "0001")
    with pytest.raises(StoreOutdated, match="older than this program"):
        Store.open(store_url, create=False)
    with Store.open(store_url) as store:
        assert store.status().stories == 0


def test_a_store_without_tables_is_one_that_nothing_was_imported_into(store_url: str) -> None:
    with Store.open(store_url) as store, store._writer.transaction("test") as connection:
        schema.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE searched"))
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(StoreOutdated, match="there is nothing imported under that name; import something"):
        Store.open(store_url, create=False)
    with Store.open(store_url) as store:
        assert store.status().stories == 0


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u:secret@h/news", "postgresql+psycopg://u:***@h/news"),
        (
            "postgresql://u:secret@h/news?password=secret&options=-csearch_path%3Dold%20-c%20search_path%3Dsite_mic",
            "postgresql+psycopg://u:***@h/news (schema site_mic)",
        ),
        ("sqlite:////srv/news.mic.sqlite", "sqlite:////srv/news.mic.sqlite"),
    ],
)
def test_the_name_of_a_store_says_where_it_is(url: str, name: str) -> None:
    database = Database(url, patience=1)
    assert database.name == name
    database.close()


def downgrade(store: Store, revision: str) -> None:
    """Make the tables an older program's again."""
    config = Config()
    config.set_main_option("script_location", "recommender.store:migrations")
    with store._writer.transaction("test") as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_lists_of_an_older_program_are_served_on(store_url: str) -> None:
    """Until revision 0002 a neighbour had 14 bytes: no number of its group of copies."""
    with Store.open(store_url) as store:
        save(store, *(document(story(name)) for name in "abc"))
        a, b, c = store.corpus().ids.tolist()
        store.publish("m0", [(a, packed((c, 0.5)))])
        store.publish("m1", [(a, packed((b, 0.75), (c, 0.5))), (b, b""), (c, packed((a, 0.25)))])
        downgrade(store, "0001")
        with store._database.snapshot() as connection:
            query = text("SELECT packed FROM neighbours WHERE generation = 2 AND article_id = :article")
            told = bytes(connection.execute(query, {"article": a}).scalar_one())
        assert told == struct.pack("<qfhqfh", b, 0.75, 0, c, 0.5, 0)
    with pytest.raises(StoreOutdated, match="an import upgrades them"):
        Store.open(store_url, create=False)
    with Store.open(store_url) as store, store.exported() as (_, lists):
        assert dict(lists) == {a: packed((b, 0.75), (c, 0.5)), b: b"", c: packed((a, 0.25))}
        assert in_order(packed((b, 0.75))) == [Neighbour(b, 0.75, 0, 0)]


def test_a_generation_of_an_older_program_has_no_reasons(store_url: str) -> None:
    """Until revision 0003 nobody noted why a neighbour was in a list."""
    with Store.open(store_url) as store:
        save(store, *(document(story(name)) for name in "ab"))
        a, b = store.corpus().ids.tolist()
        number = store.publish("m1", [(a, packed((b, 0.75)), b"why")], parts="{}", vocabulary=b"words")
        downgrade(store, "0002")
    with Store.open(store_url) as store:
        found = store.find(key("a"), reasons=True)
        assert found is not None
        assert (found.generation, found.packed) == (number, packed((b, 0.75)))
        assert (found.reasons, found.parts, store.vocabulary(number)) == (None, None, None)
        store.publish("m2", [(a, packed((b, 0.5)), b"why")], parts="{}")
        again = store.find(key("a"), reasons=True)
        assert again is not None
        assert again.reasons == b"why"


def test_a_failed_upgrade_changes_nothing(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from recommender.store import migrations

    upgrade = migrations.upgrade

    def fail(connection: Any) -> None:
        upgrade(connection)
        raise RuntimeError("power")

    monkeypatch.setattr(migrations, "upgrade", fail)
    with pytest.raises(RuntimeError, match="power"):
        Store.open(store_url)
    with pytest.raises(StoreOutdated):
        Store.open(store_url, create=False)


# One writer


def test_a_second_writer_is_told_who_writes(store_url: str) -> None:
    with Store.open(store_url) as first, Store.open(store_url) as second:
        with first.writing("recompute"):
            with (
                pytest.raises(StoreLocked, match=r"process \d+ \(recompute, since 20.*Z\)"),
                second.writing("import"),
            ):
                raise AssertionError("two at once")
            assert second.status().stories == 0  # readers do not care
        with second.writing("import"):
            save(second, document(story("a")))
        assert first.status().stories == 1


def test_a_story_can_be_saved_while_long_work_is_done(store_url: str) -> None:
    with Store.open(store_url) as first, Store.open(store_url) as second, ThreadPoolExecutor(1) as other:
        with first.writing("recompute"):
            save(second, document(story("a")))
            save(first, document(story("b")))
            other.submit(save, first, document(story("c"))).result()
            first.publish("m1", [])
        assert first.status().stories == 3


def test_transactions_take_turns(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(store_url) as first, Store.open(store_url) as second, ThreadPoolExecutor(1) as other:
        inside, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with first._writer.transaction("import"):
                inside.set()
                leave.wait()

        holding = other.submit(hold)
        inside.wait()
        monkeypatch.setattr("recommender.store.locking.TURN", 0.05)
        with pytest.raises(StoreLocked):
            save(second, document(story("a")))
        monkeypatch.setattr("recommender.store.locking.TURN", 20.0)
        threading.Timer(0.1, leave.set).start()
        save(second, document(story("a")))
        holding.result()
        assert first.status().stories == 1


def test_a_second_thread_is_a_second_writer(store_url: str) -> None:
    with Store.open(store_url) as store, ThreadPoolExecutor(1) as other:

        def work(name: str) -> int:
            with store.writing("recompute"):
                return save(store, document(story(name))).new

        with store.writing("import"), store.writing("again"):
            save(store, document(story("a")))
            with pytest.raises(StoreLocked, match=r"this process \(import\)"):
                other.submit(work, "b").result()
        assert other.submit(work, "b").result() == 1


def test_a_writer_may_wait_for_its_turn(store_url: str) -> None:
    with Store.open(store_url) as first, Store.open(store_url) as second, ThreadPoolExecutor(1) as other:
        started = threading.Event()

        def wait() -> int:
            started.set()
            with second.writing("import", wait=20):
                return second.status().stories

        with first.writing("recompute"):
            waiting = other.submit(wait)
            started.wait()
            save(first, document(story("a")))
        assert waiting.result() == 1


def test_one_leads(store_url: str) -> None:
    with Store.open(store_url) as first, Store.open(store_url) as second:
        with first.leading("live"):
            with pytest.raises(StoreLocked, match=r"process \d+ \(live, since"), second.leading("live"):
                raise AssertionError("two lead")
            with second.writing("import"):
                save(second, document(story("a")))
        with second.leading("live"):
            assert first.status().stories == 1


HOLD = """
import os, sys
from recommender.store import Store
store = Store.open(sys.argv[1])
with store.writing("import"):
    if os.fork() == 0:  # a worker that outlives its parent
        os.read(0, 1)
        os._exit(0)
    print("holding", flush=True)
    os.read(0, 1)
"""


@pytest.fixture
def holder(store_url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes, and a worker it forked meanwhile; both end when their input does."""
    command = [sys.executable, "-c", HOLD, store_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process


def test_a_dead_holders_lock_is_free(store_url: str, holder: subprocess.Popen[str]) -> None:
    with Store.open(store_url) as store:
        with pytest.raises(StoreLocked, match=f"process {holder.pid} "), store.writing("import"):
            raise AssertionError("two at once")
        holder.kill()
        holder.wait()
        with store.writing("import", wait=5):
            save(store, document(story("a")))


# A database that does not answer


def test_a_lock_that_cannot_be_opened(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(sqlite_url) as store:
        for name in ("lock", "turn"):
            (tmp_path / f"store.sqlite.{name}").unlink()
            (tmp_path / f"store.sqlite.{name}").mkdir()
        with pytest.raises(StoreUnavailable, match=r"cannot open the lock .*store\.sqlite\.turn"):
            save(store, document(story("a")))
        with (
            pytest.raises(StoreUnavailable, match=r"cannot open the lock .*store\.sqlite\.lock"),
            store.writing("import"),
        ):
            raise AssertionError("without a lock")


def test_readers_that_are_too_many(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}
    monkeypatch.setattr("recommender.store.database._READERS", few)
    with Store.open(sqlite_url) as store, store._database.answering():
        with pytest.raises(StoreUnavailable, match="every connection is in use"):
            store.find(key("a"))
        assert save(store, document(story("a"))).new == 1  # the writer has its own


def test_a_locked_file_is_waited_for_and_then_named(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(sqlite_url, patience=0.05) as store:
        foreign = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"store\.sqlite: database is locked"):
            save(store, document(story("a")))
        assert store.find(key("a")) is None
        foreign.execute("ROLLBACK")
        foreign.close()
        assert save(store, document(story("a"))).new == 1


@pytest.fixture
def cut(postgres_url: str) -> Iterator[Any]:
    """Cut all connections to the server but the one that does it."""
    import psycopg

    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield lambda: connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_a_restarted_server_costs_no_answer(store_url: str, cut: Any) -> None:
    with Store.open(store_url) as store:
        save(store, document(story("a")))
        cut()
        assert store.find(key("a")) is not None
        cut()
        assert save(store, document(story("a"))).unchanged == 1


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_a_lock_lost_with_its_connection_is_free(store_url: str, cut: Any) -> None:
    with Store.open(store_url) as store:
        with store.writing("import"):
            cut()
        assert save(store, document(story("a"))).new == 1


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_a_server_that_dies_under_a_publish(store_url: str, cut: Any) -> None:
    with Store.open(store_url) as store:
        save(store, document(story("a")))
        article = store.corpus().ids[0].item()
        old = store.publish("old", [(article, packed((article, 1)))])

        def rows() -> Iterator[tuple[int, bytes]]:
            yield article, packed((article, 2))
            cut()

        with store.writing("recompute"):
            with pytest.raises(StoreUnavailable, match=r"terminat|closed"):
                store.publish("new", rows())
            with pytest.raises(StoreUnavailable, match="begin again"):  # the lock went with the connection
                store.publish("new", [])
        found = store.find(key("a"))
        assert found is not None
        assert (found.generation, found.packed) == (old, packed((article, 1)))
        assert store.publish("new", []) > old


def test_who_holds_the_locks_is_told_without_them(store: Store, store_url: str, tmp_path: Path) -> None:
    assert store.holders() == Holders(None, None)
    with Store.open(store_url) as other, other.writing("import"), other.leading("live"):
        writing, leading = store.holders()
        assert writing is not None
        assert leading is not None
        assert writing.startswith(f"process {os.getpid()} (import, since ")
        assert leading.startswith(f"process {os.getpid()} (live, since ")
    assert store.holders() == Holders(None, None)


def test_the_dead_hold_nothing(tmp_path: Path) -> None:
    """A process that is killed leaves its name in the file that it had locked."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        (tmp_path / "store.sqlite.lock").write_text(
            f"process {ended.pid} (import, since 2026-01-01T00:00:00Z)"
        )
        assert store.holders() == Holders(None, None)
