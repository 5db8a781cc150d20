"""Stores of several newsrooms side by side: files in one folder, or schemas in one database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.schema import CreateSchema

from recommender.errors import SettingsError
from recommender.store.addresses import options, parse, schema, sqlite_path
from recommender.store.database import Database

_NAME: Final = "[a-z][a-z0-9_]*"
"""What a site is called: a file, a schema and a path of a URL may have such a name."""

_LONGEST: Final = 63
"""Characters of a schema's name; PostgreSQL would cut off the rest, and take two sites for one."""


def url(store: str, site: str) -> str:
    """Give the URL of a site's store, beside the ``store`` of that URL.

    Raises SettingsError for a URL that no store can have, and for a name that is too long.
    """
    found = parse(store)
    if found.drivername == "sqlite":
        path = sqlite_path(found)
        found = found.set(database=str(path.with_name(f"{path.stem}.{site}{_ending(path)}")))
    else:
        own = f"{_prefix(found)}{site}"
        if len(own) > _LONGEST:
            raise SettingsError(
                f"site {site!r}: its schema would be called {own}, and {_LONGEST} characters are most"
            )
        # Of several search paths the last one counts.
        given = f"{options(found)} -csearch_path={own}".lstrip()
        found = found.update_query_dict({"options": given})
    return found.render_as_string(hide_password=False)


def names(store: str, *, patience: float = 5.0) -> list[str]:
    """List the sites that have a store beside that of a URL, in order; raises as ``Store.open``."""
    database = Database(store, patience=patience)
    if (path := database.path) is not None:
        beside = re.compile(rf"{re.escape(path.stem)}\.({_NAME}){re.escape(_ending(path))}")
        matches = (beside.fullmatch(one.name) for one in path.parent.glob(f"*{_ending(path)}"))
        return sorted(match[1] for match in matches if match)
    try:
        with database.snapshot() as connection:
            there, prefix = inspect(connection), _prefix(parse(store))
            schemas = [name for name in there.get_schema_names() if re.fullmatch(prefix + _NAME, name)]
            made = [name for name in schemas if there.has_table("alembic_version", schema=name)]
            return sorted(name.removeprefix(prefix) for name in made)
    finally:
        database.close()


def make_room(connection: Connection) -> None:
    """Make the schema of a site's store if it is not there; nothing for a file, or another's schema."""
    if connection.dialect.name != "postgresql":
        return
    named = str(connection.scalar(text("SELECT current_setting('search_path')")))
    if re.fullmatch(rf"(\w+_)?site_{_NAME}", named):
        connection.execute(CreateSchema(named, if_not_exists=True))


def _ending(path: Path) -> str:
    """Give what the files of sites end with: a file without an ending has locks of such names beside it."""
    return path.suffix or ".sqlite"


def _prefix(store: URL) -> str:
    """Give what the schemas of a store's sites begin with: two stores in one database have their own."""
    named = schema(store)
    return "site_" if named is None else f"{named}_site_"
