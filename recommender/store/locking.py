"""One writer at a time, whoever it is: a thread, a process, a machine.

There are three locks.  Long work, such as an import or a recompute, holds one
from its beginning to its end: an import that met a recompute half-way would be
a puzzle.  Each transaction holds another, so that stories can be posted while
long work is done.  The third is for who leads: of all the processes that could
keep lists up to date, one does.  (SQLite alone would let writers take turns, but
versions 3.7.0 to 3.51.2, which most systems still carry, can damage a
write-ahead log that two connections write at the same moment.)  Locks belong to
the kernel or to the server, so they go with their holder however that ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, exc, text

from recommender.articles import iso
from recommender.errors import StoreLocked, StoreUnavailable
from recommender.store.database import Database

TURN = 15.0
"""Seconds after which it is no use to wait for the end of another's transaction."""

_POLL = 0.02
"""Seconds between two looks at a lock that is waited for."""

_held: set[int] = set()
"""Descriptors that locks of this process hang on: a lock file, or the socket to a server."""


def _let_go() -> None:
    # A forked worker has its parent's descriptors, and with them would keep the lock if the parent were
    # killed.  They are not closed but led nowhere, for their owners may yet write to them or close them.
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in _held:
        os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def _not_inherited(descriptor: int) -> Iterator[None]:
    _held.add(descriptor)
    try:
        yield
    finally:
        _held.discard(descriptor)


class Holders(NamedTuple):
    """Who does long work, and who keeps lists up to date, as a lock says it; ``None`` for nobody."""

    writing: str | None
    leading: str | None


class Writer:
    """The right to write, and the connections to write with.

    Long work is reentrant within a thread; another thread of the process is
    another writer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = threading.RLock()
        self._worker: int | None = None
        self._connection: Connection | None = None
        self._purpose = ""

    @contextmanager
    def hold(self, purpose: str, wait: float = 0.0) -> Iterator[None]:
        """Be the one who does long work; see ``Store.writing``."""
        deadline = time.monotonic() + wait
        if not self._thread.acquire(timeout=wait):
            raise StoreLocked(f"{self._database.name} is being written by this process ({self._purpose})")
        try:
            if self._connection is not None:
                yield
                return
            with self._database.writing() as connection, self._working(connection, purpose, deadline):
                self._connection, self._purpose = connection, purpose
                self._worker = threading.get_ident()
                try:
                    yield
                finally:
                    self._connection = self._worker = None
        finally:
            self._thread.release()

    @contextmanager
    def lead(self, purpose: str) -> Iterator[None]:
        """Be the one who leads; see ``Store.leading``."""
        with self._database.writing() as connection:
            name, path = self._database.name, self._database.path
            now = time.monotonic()
            lock = (
                _advisory_lock(connection, name, purpose, now, _LEADING)
                if path is None
                else _file_lock(path.with_name(f"{path.name}.lead"), name, purpose, now)
            )
            with lock:
                yield

    @contextmanager
    def transaction(self, purpose: str) -> Iterator[Connection]:
        """Write in one transaction: committed at the end of the block, or nothing of it is.

        Others may do long work meanwhile; for their transactions it waits.
        """
        if self._worker == threading.get_ident() and self._connection is not None:
            if self._connection.invalidated:  # it would reconnect, but the lock was the lost session's
                raise StoreUnavailable(f"{self._database.name}: the connection was lost, begin again")
            with self._turn(self._connection, purpose):
                yield self._connection
        else:
            with self._database.writing() as connection, self._turn(connection, purpose):
                yield connection

    def _working(self, connection: Connection, purpose: str, deadline: float) -> AbstractContextManager[None]:
        name, path = self._database.name, self._database.path
        if path is None:
            return _advisory_lock(connection, name, purpose, deadline)
        return _file_lock(path.with_name(f"{path.name}.lock"), name, purpose, deadline)

    @contextmanager
    def _turn(self, connection: Connection, purpose: str) -> Iterator[None]:
        name, path = self._database.name, self._database.path
        deadline = time.monotonic() + TURN
        if path is not None:
            lock = _file_lock(path.with_name(f"{path.name}.turn"), name, purpose, deadline)
            with lock, self._database.translated(), connection.begin():
                yield
            return
        with self._database.translated(), connection.begin():
            while not connection.scalar(_TRY_TURN):
                if time.monotonic() >= deadline:
                    raise StoreLocked(f"{name}: another transaction takes longer than {TURN:g} s")
                time.sleep(_POLL)
            yield


@contextmanager
def _file_lock(path: Path, name: str, purpose: str, deadline: float) -> Iterator[None]:
    """Lock the file beside an SQLite database; it says who holds it, and is left empty and in place.

    (Deleting it would let two writers hold two files of one name.)
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreUnavailable(f"{name}: cannot open the lock {path}: {error.strerror}") from error
    try:
        with _not_inherited(descriptor):
            while not _try_flock(descriptor):
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 1000, 0).decode(errors="replace")
                    raise StoreLocked(f"{name} is being written by {holder or 'another process'}")
                time.sleep(_POLL)
            os.ftruncate(descriptor, 0)
            with suppress(OSError):  # on a full disk the lock has no name, and is none the weaker
                os.pwrite(descriptor, _signature(purpose).encode(), 0)
            try:
                yield
            finally:
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holders(database: Database) -> Holders:
    """Tell who holds the locks of long work and of who leads, without touching them."""
    if (path := database.path) is not None:
        return Holders(*(_holder_of(path.with_name(f"{path.name}.{end}")) for end in ("lock", "lead")))
    with database.answering() as connection:
        return Holders(*(connection.scalar(_HOLDER, {"lock": lock}) for lock in (_WORKING, _LEADING)))


def _holder_of(path: Path) -> str | None:
    """Read who holds a lock: a killed process leaves its name in the file, and is none."""
    with suppress(OSError):
        signed = path.read_text(errors="replace")
        if (found := _SIGNED.match(signed)) and _lives(int(found[1])):
            return signed
    return None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# Locks of their own for each schema of a database: 1919247215 is "reco" in ASCII.
_WORKING, _TURN, _LEADING = range(1919247215, 1919247218)
_SCHEMA = "hashtext(coalesce(current_schema(), ''))"
_TRY_TURN = text(f"SELECT pg_try_advisory_xact_lock({_TURN}, {_SCHEMA})")
_TRY = text(f"SELECT pg_try_advisory_lock(:lock, {_SCHEMA})")
_UNLOCK = text(f"SELECT pg_advisory_unlock(:lock, {_SCHEMA}), set_config('application_name', '', false)")
_SIGN = text("SELECT set_config('application_name', :holder, false)")
_HOLDER = text(
    "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) "  # noqa: S608  (nobody's words)
    "WHERE locktype = 'advisory' AND granted AND classid = :lock "
    f"AND objid = {_SCHEMA}::bit(32)::bigint::oid"
)


@contextmanager
def _advisory_lock(
    connection: Connection, name: str, purpose: str, deadline: float, lock: int = _WORKING
) -> Iterator[None]:
    """Lock a PostgreSQL schema for the connection that will write: if it is lost, so is the lock."""
    try:
        with connection.begin():
            while not connection.scalar(_TRY, {"lock": lock}):
                if time.monotonic() >= deadline:
                    holder = connection.scalar(_HOLDER, {"lock": lock})
                    raise StoreLocked(f"{name} is being written by {holder or 'another process'}")
                time.sleep(_POLL)
            connection.execute(_SIGN, {"holder": _signature(purpose)})
    except exc.DBAPIError:
        connection.invalidate()  # no rollback frees the lock, if there is one: it is the session's
        raise
    driver: Any = connection.connection.dbapi_connection
    with _not_inherited(driver.fileno()):
        try:
            yield
        finally:
            if not connection.invalidated:
                _unlock(connection, lock)


def _unlock(connection: Connection, lock: int) -> None:
    try:
        with connection.begin():
            connection.execute(_UNLOCK, {"lock": lock})
    except exc.DBAPIError:
        connection.invalidate()  # the session is lost or in doubt: the lock ends with it


_SIGNED = re.compile(r"process (\d+) ")


def _signature(purpose: str) -> str:
    return f"process {os.getpid()} ({purpose}, since {iso(datetime.now(UTC).replace(microsecond=0))})"
