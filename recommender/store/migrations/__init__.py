"""Bringing a database's schema up to this program's, with Alembic and without its command line."""

from __future__ import annotations

from sqlalchemy import Connection, Text, column, inspect, select, table

from recommender.errors import StoreOutdated
from recommender.store.schema import REVISION

_VERSION = select(column("version_num", Text)).select_from(table("alembic_version"))


def revision(connection: Connection) -> str | None:
    """Name the revision the database is at, or ``None`` if nothing was ever migrated there."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(_VERSION)
    return version


def needed(connection: Connection, name: str) -> bool:
    """Tell whether the database, of a ``name`` for messages, is older than this program.

    Raises StoreOutdated if it is newer, which no migration mends.
    """
    version = revision(connection)
    if version is not None and version > REVISION:
        raise StoreOutdated(
            f"{name}: its tables are of revision {version}, this program knows {REVISION} at most: "
            "they were written by a newer version of recommender; install that one"
        )
    return version != REVISION


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the transaction the connection is in: all of it or none.

    What another process did meanwhile is not done again.
    """
    # Alembic takes longer to import than an up-to-date store takes to open.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "recommender.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
