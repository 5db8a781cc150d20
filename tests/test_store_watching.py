"""What anybody commits to an SQLite file is another state of it at once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.store import watching
from recommender.store.watching import Watch


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=0)


def create(path: Path, mode: str = "WAL") -> sqlite3.Connection:
    connection = connect(path)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE told (words TEXT)")
    return connection


def write(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO told VALUES ('and so on')")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    connection = create(path)
    yield connection
    connection.close()


@pytest.fixture(params=["header", "pragma"])
def watch(
    path: Path, other: sqlite3.Connection, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watch]:
    """A watch of each kind: of those that have the WAL-index's header, and those that cannot get it."""
    if request.param == "pragma":
        monkeypatch.setattr(watching, "_DESCRIPTORS", Path("/nowhere"))
    watch = Watch(path)
    assert (watch._index is None) == (request.param == "pragma")
    yield watch
    watch.close()


def test_reading_changes_nothing(watch: Watch, other: sqlite3.Connection) -> None:
    before = watch.state()
    assert other.execute("SELECT * FROM told").fetchall() == []
    assert watch.state() == before


def test_what_is_not_committed_is_not_seen(watch: Watch, other: sqlite3.Connection) -> None:
    before = watch.state()
    for end, changed in (("ROLLBACK", False), ("COMMIT", True)):
        other.execute("BEGIN IMMEDIATE")
        write(other)
        assert watch.state() == before
        other.execute(end)
        assert (watch.state() != before) == changed


WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for _ in sys.stdin:
    connection.execute("INSERT INTO told VALUES ('and so on')")
    print("done", flush=True)
"""


def test_another_process_is_seen_at_once(watch: Watch, path: Path) -> None:
    seen = {watch.state()}
    command = [sys.executable, "-c", WRITE, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(100):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            assert watch.state() not in seen
            seen.add(watch.state())
        process.stdin.close()


def test_a_log_that_begins_anew_is_another_state(watch: Watch, other: sqlite3.Connection) -> None:
    seen = set()
    for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE") * 3:
        write(other)
        assert watch.state() not in seen
        seen.add(watch.state())
        assert other.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0] == 0


def test_the_file_stays_as_it_is_watched(watch: Watch, path: Path, other: sqlite3.Connection) -> None:
    """Nobody takes it out of WAL mode, nor removes the WAL-index: what is watched is what counts."""
    shared = Path(f"{path}-shm").stat().st_ino
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("PRAGMA journal_mode = DELETE")
    other.close()
    before = watch.state()
    again = connect(path)
    write(again)
    assert watch.state() != before
    again.close()
    assert Path(f"{path}-shm").stat().st_ino == shared


LEAVE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
print(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0])
"""


def test_a_watch_that_ends_takes_no_lock_with_it(path: Path, other: sqlite3.Connection) -> None:
    watch = Watch(path)
    assert watch.state() == watch.state()
    other.execute("BEGIN")
    other.execute("SELECT * FROM told").fetchall()
    watch.close()
    done = subprocess.run([sys.executable, "-c", LEAVE, path], check=False, capture_output=True, text=True)
    assert "database is locked" in done.stderr
    other.execute("COMMIT")


def test_a_writer_that_died_between_the_copies_leaves_another_state(
    path: Path, other: sqlite3.Connection
) -> None:
    watch = Watch(path)
    before = watch.state()
    shared = os.open(f"{path}-shm", os.O_RDWR)  # not closed: see _opened
    copy = os.pread(shared, 48, 48)
    os.pwrite(shared, copy[:8] + b"\xff" + copy[9:], 48)
    dead = watch.state()
    write(other)  # who finds it puts it right
    assert len({before, dead, watch.state()}) == 3
    watch.close()


def test_without_a_log_sqlite_is_asked(path: Path) -> None:
    other = create(path, "DELETE")
    watch = Watch(path)
    assert watch._index is None
    before = watch.state()
    write(other)
    assert watch.state() != before
    watch.close()
    other.close()


def test_a_header_of_another_layout_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_VERSION", b"????")
    other = create(path)
    watch = Watch(path)
    assert watch._index is None
    watch.close()
    other.close()


def test_what_is_no_database_is_not_watched(path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Watch(path)
    path.write_text("once upon a time " * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        Watch(path)


ACTS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "write": write,
    "read": lambda one: one.execute("SELECT count(*) FROM told").fetchall(),
    "empty": lambda one: one.execute("DELETE FROM told"),
    "begin": lambda one: one.execute("BEGIN IMMEDIATE"),
    "commit": lambda one: one.execute("COMMIT"),
    "roll back": lambda one: one.execute("ROLLBACK"),
    "checkpoint": lambda one: one.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall(),
    "restart": lambda one: one.execute("PRAGMA wal_checkpoint(RESTART)").fetchall(),
    "truncate": lambda one: one.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(),
    "vacuum": lambda one: one.execute("VACUUM"),
    "alter": lambda one: one.execute("CREATE INDEX IF NOT EXISTS ix ON told (words)"),
    "drop": lambda one: one.execute("DROP INDEX IF EXISTS ix"),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 1)), max_size=30))
def test_whatever_sqlite_notices_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("watched") / "store.sqlite"
    connections = [create(path), connect(path), connect(path)]
    asked = connections[2]
    watch = Watch(path)
    states = {}
    for act, which in acts:
        with suppress(sqlite3.OperationalError):  # locked, or no transaction to end
            ACTS[act](connections[which])
        version = asked.execute("PRAGMA data_version").fetchone()[0]
        states.setdefault(watch.state(), version)
        assert states[watch.state()] == version
    watch.close()
    for connection in connections:
        connection.close()
