"""The database behind a store: which one, how it is opened, and the three ways to talk to it.

All that differs between SQLite and PostgreSQL is here, in ``locking`` and in ``searching``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeAlias, TypeVar, cast

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    PoolProxiedConnection,
    Select,
    create_engine,
    event,
    exc,
    text,
)
from sqlalchemy.dialects import sqlite

from recommender.errors import MissingExtra, StoreUnavailable
from recommender.store.addresses import parse, schema, sqlite_path
from recommender.store.watching import Watch

T = TypeVar("T")

_READERS: dict[str, Any] = {"pool_size": 16, "max_overflow": 48, "pool_use_lifo": True}
"""More connections than a web server has threads (40): none waits for one.  16 stay open, last used first."""

_WRITER: dict[str, Any] = {"pool_size": 2, "max_overflow": 30}
"""Writers have connections of their own: readers that are many must not keep them out."""

_CACHE: Final = 4_000
"""KiB of pages that each connection to SQLite keeps.  The system keeps the file too: more is no faster."""

_SILENT: Final = (
    exc.OperationalError,
    exc.InterfaceError,
    sqlite3.OperationalError,
    sqlite3.InterfaceError,
)
"""Errors of a database that does not answer, as SQLAlchemy and SQLite's driver name them."""

_ERRORS: Final = (exc.TimeoutError, exc.DBAPIError, sqlite3.Error)

_SPARE: Final = 4
"""Connections that are not given back to the pool between two reads: one thread reads nearly all rows."""

_Reader: TypeAlias = tuple[PoolProxiedConnection, sqlite3.Connection]

_SNAPSHOT: Final = text("SELECT pg_current_snapshot()::text")

PARAMETERS = 5_000
"""Values bound in one statement at most: well below SQLite's 32,766 and PostgreSQL's 65,535."""


def chunks(items: Sequence[T], size: int = PARAMETERS) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of ``size`` items, the last one shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Prepared:
    """A query that every answer runs, with its text for SQLite made once.

    ``names`` are its parameters, in order.  From a statement to rows
    SQLAlchemy takes four times as long as SQLite itself does for a few rows
    of an index.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        self.text = str(compiled)
        self.names: Sequence[str] = compiled.positiontup or ()


class Database:
    """One SQLite file or one PostgreSQL database (in one schema of it).

    ``path`` is the SQLite file, ``None`` on PostgreSQL; ``name`` is for
    messages: its URL without the password, and on PostgreSQL the schema.

    Raises SettingsError for a URL no store can have, MissingExtra if the
    driver is not installed.  Connects when first used.
    """

    def __init__(self, url: str, *, patience: float) -> None:
        parsed = parse(url)
        self.path = sqlite_path(parsed) if parsed.drivername == "sqlite" else None
        if self.path is not None:
            parsed = parsed.set(database=str(self.path))
            # A file that is moved away stays away: nobody makes an empty one in its place.
            opened = parsed.set(database=self.path.as_uri(), query={"mode": "rw", "uri": "true"})
        self._password = parsed.password
        # A PostgreSQL URL may carry a password in its query too.
        self.name = parsed.set(query={}).render_as_string(hide_password=True)
        if (inside := schema(parsed)) is not None:
            self.name += f" (schema {inside})"
        self._answering: Engine
        self._snapshot: Engine
        self._writing: Engine
        self._spare: list[_Reader] = []
        self._watching: Watch | None = None
        self._starts_watching = Lock()
        if self.path is not None:
            readers, writer = _sqlite(opened, patience, _READERS), _sqlite(opened, patience, _WRITER)
            self._answering = readers
            self._snapshot = readers.execution_options(sqlite_begin="DEFERRED")
            # A deferred transaction that turns into a write fails if it has to wait; this one waits.
            self._writing = writer.execution_options(sqlite_begin="IMMEDIATE")
        else:
            # An answer that takes longer than a lock is waited for is none; long work takes its time.
            readers = _postgres(parsed, patience, patience, _READERS)
            self._answering = readers.execution_options(isolation_level="AUTOCOMMIT")
            self._snapshot = _postgres(parsed, patience, None, _WRITER).execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writing = _postgres(parsed, patience, None, _WRITER)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._spare:
            self._spare.pop()[0].close()
        for engine in (self._answering, self._snapshot, self._writing):
            engine.dispose()
        if self._watching is not None:
            self._watching.close()
        self._watching = None

    @contextmanager
    def answering(self) -> Iterator[Connection]:
        """Connect for single statements, each its own snapshot, with no transaction around them."""
        with self.translated(), self._answering.connect() as connection:
            yield connection

    def rows(self, query: Prepared, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run one query with values in the order of its names, its own snapshot; give all rows.

        On SQLite a truth is 0 or 1.
        """
        if self.path is None:
            with self.answering() as connection:
                return connection.execute(query.statement, dict(zip(query.names, values, strict=True))).all()
        try:
            reader = self._reader()
            try:
                return reader[1].execute(query.text, values).fetchall()
            finally:
                if len(self._spare) < _SPARE:
                    self._spare.append(reader)
                else:
                    reader[0].close()
        except _ERRORS as error:  # not ``translated``: it takes longer than a row
            self._raise_unavailable(error)
            raise

    def _reader(self) -> _Reader:
        """Take a connection that was used for rows before: the pool takes as long as a row."""
        try:
            return self._spare.pop()
        except IndexError:
            pooled = self._answering.raw_connection()
            return pooled, cast("sqlite3.Connection", pooled.driver_connection)

    def state(self) -> Hashable:
        """Tell one state of the database from another; see ``Store.state``."""
        if self.path is None:
            with self.answering() as connection:
                # Which transactions have ended: all that a reader sees hangs on it, and on nothing else.
                snapshot: str = connection.execute(_SNAPSHOT).scalar_one()
                return snapshot
        try:
            return (self._watching or self._watch(self.path)).state()
        except _ERRORS as error:
            self._raise_unavailable(error)
            raise

    def _watch(self, path: Path) -> Watch:
        """Give what watches the file; it is the same as long as the database is open."""
        with self._starts_watching:
            if self._watching is None:
                self._watching = Watch(path)
            return self._watching

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Connect for several reads that see one state of the store."""
        with self.translated(), self._snapshot.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Connect for transactions that write, begun and ended by the caller."""
        with self.translated(), self._writing.connect() as connection:
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn a database that does not answer into StoreUnavailable; a wrong statement stays what it is."""
        try:
            yield
        except _ERRORS as error:
            self._raise_unavailable(error)
            raise

    def _raise_unavailable(self, error: exc.TimeoutError | exc.DBAPIError | sqlite3.Error) -> None:
        if isinstance(error, exc.TimeoutError):
            raise StoreUnavailable(f"{self.name}: every connection is in use") from error
        # A damaged SQLite file is the base class itself; its other kinds are mistakes of ours.
        if isinstance(error, _SILENT) or type(error) in (exc.DatabaseError, sqlite3.DatabaseError):
            raise StoreUnavailable(f"{self.name}: {self._shown(error)}") from error

    def _shown(self, error: exc.DBAPIError | sqlite3.Error) -> str:
        text = " ".join(str(error.orig if isinstance(error, exc.DBAPIError) else error).split())
        return text.replace(self._password, "***") if self._password else text


def _sqlite(url: URL, patience: float, pool: Mapping[str, Any]) -> Engine:
    engine = create_engine(url, connect_args={"timeout": patience}, **pool)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # Python's driver begins nothing by itself; _begin does
        _use_log(connection, patience)  # readers and the writer do not wait for each other
        # A commit is on the disk when it returns: an accepted story, or an editor's order, outlives a power
        # cut.  NORMAL would lose the last of them, and commits here are few and large.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")  # for each connection
        connection.execute("PRAGMA journal_size_limit = 67108864")  # give a large import's log back

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin")
        if mode is not None:
            connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _use_log(connection: sqlite3.Connection, patience: float) -> None:
    """Turn on the write-ahead log: of several that do so first SQLite refuses all but one, and none waits."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _postgres(url: URL, patience: float, statement: float | None, pool: Mapping[str, Any]) -> Engine:
    try:
        # Loaded here: the driver may not be there, and a store on SQLite needs none.
        from recommender.store import postgres

        return postgres.engine(url, patience, statement, pool)
    except ImportError as error:
        raise MissingExtra(
            "a store on PostgreSQL needs psycopg: pip install 'recommender[postgres]'"
        ) from error
