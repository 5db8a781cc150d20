"""All that a store holds, table by table, in values that JSON has: out of one database, into any other.

The index of words is not among it, for it follows from the stories; nor are
lists that are served no more.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    delete,
    exc,
    exists,
    func,
    insert,
    select,
    text,
    update,
)

from recommender.errors import BackupCorrupt, StoreNotEmpty
from recommender.store import searching
from recommender.store.publishing import ACTIVE
from recommender.store.schema import keys, metadata, neighbours

Row = Sequence[Any]

TABLES: Final[Mapping[str, Table]] = {str(table.name): table for table in metadata.sorted_tables}
"""By name, each after those that it refers to."""

COLUMNS: Final = {name: [str(column.name) for column in table.columns] for name, table in TABLES.items()}
"""What the values of a table's rows are, in order."""

_ROWS: Final = 1_000
"""Rows in memory at once: 2 MB of lists."""

_REFUSED: Final = (exc.IntegrityError, exc.DataError, exc.ProgrammingError)
"""Of what a database raises, what is about values."""

_BYTES: Final = {
    name: [at for at, column in enumerate(table.columns) if isinstance(column.type, LargeBinary)]
    for name, table in TABLES.items()
}


_REVOKED: Final = select(keys.c.digest, keys.c.revoked_at).where(keys.c.revoked_at.is_not(None))
_REVOKE: Final = update(keys).where(keys.c.digest == bindparam("digest_of_key"), keys.c.revoked_at.is_(None))


def rows(connection: Connection, name: str) -> Generator[Row]:
    """Read a table's rows in the order of its key; bytes are in base64."""
    table = TABLES[name]
    query = select(table).order_by(*table.primary_key)
    if table is neighbours:
        served = connection.execute(ACTIVE).one_or_none()
        query = query.where(table.c.generation == (0 if served is None else served.lists))
    with connection.execution_options(yield_per=_ROWS).execute(query) as found:
        for row in found:
            values = list(row)
            for at in _BYTES[name]:
                values[at] = None if values[at] is None else b64encode(values[at]).decode()
            yield values


def load(connection: Connection, told: Callable[[str], Generator[Row]], *, replace: bool) -> None:
    """Fill all tables with rows as ``rows`` gave them; see ``Store.loading``.

    A key that is revoked in what is replaced stays so.
    """
    ended: Sequence[Any] = ()
    if replace:
        ended = connection.execute(_REVOKED).all()
        for table in reversed(list(TABLES.values())):
            connection.execute(delete(table))
    else:
        require_empty(connection)
    for name, table in TABLES.items():
        with _rows_of(name), closing(told(name)) as remaining:
            while chunk := [_values(name, row) for row in islice(remaining, _ROWS)]:
                connection.execute(insert(table), chunk)
        if connection.dialect.name == "postgresql":
            _count_on(connection, table)
    for digest, moment in ended:
        connection.execute(_REVOKE.values(revoked_at=moment), {"digest_of_key": digest})
    with _rows_of("articles"):
        searching.fill(connection)


@contextmanager
def _rows_of(name: str) -> Generator[None]:
    """Turn what is raised for values that no store has into BackupCorrupt; a database that fails is none."""
    try:
        yield
    except (ValueError, TypeError, LookupError, OverflowError, exc.StatementError) as error:
        if isinstance(error, exc.DBAPIError) and not isinstance(error, _REFUSED):
            raise
        raise BackupCorrupt(
            f"{name}: has rows that the store cannot have, and nothing was restored"
        ) from error


def require_empty(connection: Connection) -> None:
    """Raise StoreNotEmpty if there is a row in any table."""
    for name, table in TABLES.items():
        if connection.scalar(select(exists(select(table)))):
            raise StoreNotEmpty(
                f"the store has {name} already, and nothing was restored; name an empty one with --store, "
                "or replace all that it has: --force"
            )


def _values(name: str, row: Row) -> dict[str, Any]:
    values = list(row)
    for at in _BYTES[name]:
        values[at] = None if values[at] is None else b64decode(values[at], validate=True)
    return dict(zip(COLUMNS[name], values, strict=True))


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number the next rows behind these; SQLite does by itself."""
    if "id" in table.c and isinstance(table.c.id.type, Integer):
        last = connection.scalar(select(func.max(table.c.id)))
        if last is not None:
            sequence = text("SELECT setval(pg_get_serial_sequence(:named, 'id'), :last)")
            connection.execute(sequence, {"named": table.name, "last": last})
