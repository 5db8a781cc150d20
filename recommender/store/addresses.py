"""The URL of a store: which databases there are, the file of one, the schema of another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sqlalchemy import URL, exc, make_url

from recommender.errors import SettingsError

_SEARCH_PATH: Final = re.compile(r"-c\s*search_path=(\w+)")


def parse(text: str) -> URL:
    """Read the URL of a store; raises SettingsError for one that no store can have."""
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):
        # The text is not repeated: what cannot be parsed may hold a password anywhere.
        raise SettingsError(
            "the store is not a database URL: expected sqlite:///path or postgresql+psycopg://…"
        ) from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return url.set(drivername="sqlite")
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise SettingsError(
        f"a store on {url.drivername!r} is not supported: expected sqlite:///path or postgresql+psycopg://…"
    )


def sqlite_path(url: URL) -> Path:
    """Find the file of a store on SQLite; raises as ``parse``."""
    if url.query or url.host:
        raise SettingsError(
            "an SQLite store is written sqlite:///path, with three slashes and nothing after it"
        )
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise SettingsError(
            "an SQLite store needs a file, sqlite:///path: workers and readers would not share one in memory"
        )
    # Resolved, so that every name of the file leads to the same lock beside it.
    return Path(url.database).expanduser().resolve()


def options(url: URL) -> str:
    """Give what a URL has a PostgreSQL session begin with, as its command line would."""
    given = url.query.get("options", "")
    return given if isinstance(given, str) else " ".join(given)


def schema(url: URL) -> str | None:
    """Name the schema that the URL of a store on PostgreSQL leads to; ``None`` where it names none."""
    # Of several search paths the last one counts.
    found = _SEARCH_PATH.findall(options(url))
    return found[-1] if found else None
