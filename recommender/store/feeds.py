"""The feeds that the operator named, and when each is to be asked next."""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import delete, insert, select, update

from recommender.errors import UsageError
from recommender.store.database import Database
from recommender.store.locking import Writer
from recommender.store.schema import feeds

LEASE: Final = 600
"""Seconds after which a feed that somebody took, and died with, is due again."""

SHORTEST: Final = 60
"""Seconds between two polls of one feed at least: a publisher counts who asks more often as an attack."""

LONGEST: Final = 30 * 86_400
_URL: Final = 2_048
_NAME: Final = 200


class Feed(NamedTuple):
    """A feed; see ``schema.feeds``.  Times are in seconds since 1970 (UTC), ``every`` is seconds too."""

    id: int
    url: str
    name: str
    every: int
    created_at: int
    next_at: int | None
    polled_at: int | None
    outcome: str | None
    failures: int
    etag: str | None
    modified: str | None

    @property
    def host(self) -> str:
        """Whose server is asked."""
        return urlsplit(self.url).netloc


class Feeds:
    """The feeds of one store; methods raise StoreUnavailable when it does not answer, and StoreLocked."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    def add(self, url: str, name: str = "", every: int = 900) -> Feed:
        """Name a feed to be polled, from now on; the same address again renames it, and it is due at once.

        A feed that was gone is polled again.  Raises UsageError for what is no
        address of a feed, and for times between polls that cannot be.
        """
        url = _checked(url)
        name = name.strip() or urlsplit(url).netloc
        if len(name) > _NAME or not name.isprintable():
            raise UsageError(f"a feed's name is for people: at most {_NAME} characters that can be printed")
        if not SHORTEST <= every <= LONGEST:
            raise UsageError(f"a feed is polled every 1 to {LONGEST // 60:,} minutes")
        now = int(time.time())
        values = {"name": name, "every": every, "next_at": now, "failures": 0}
        with self._writer.transaction("feeds") as connection:
            known = connection.execute(update(feeds).where(feeds.c.url == url).values(values)).rowcount
            if not known:
                connection.execute(insert(feeds).values(values | {"url": url, "created_at": now}))
            return Feed(*connection.execute(select(feeds).where(feeds.c.url == url)).one())

    def all(self) -> list[Feed]:
        """Read all feeds, in the order they were named."""
        with self._database.answering() as connection:
            return [Feed(*row) for row in connection.execute(select(feeds).order_by(feeds.c.id))]

    def remove(self, which: str) -> Feed:
        """Poll a feed no more, given by its address or its id; its stories stay.

        Raises UsageError if there is none.
        """
        chosen = feeds.c.id == int(which) if which.isdecimal() and len(which) < 19 else feeds.c.url == which
        with self._writer.transaction("feeds") as connection:
            row = connection.execute(select(feeds).where(chosen)).one_or_none()
            if row is None:
                raise UsageError(f"no feed {which!r}; `recommender feeds list` shows those there are")
            connection.execute(delete(feeds).where(chosen))
        return Feed(*row)

    def take(self, now: int) -> list[Feed]:
        """Take the feeds that are due, for whoever polls them: nobody else gets them while a lease lasts."""
        with self._writer.transaction("feeds") as connection:
            rows = connection.execute(
                select(feeds).where(feeds.c.next_at <= now).order_by(feeds.c.next_at)
            ).all()
            due = [Feed(*row) for row in rows]
            if due:
                taken = feeds.c.id.in_([feed.id for feed in due])
                connection.execute(update(feeds).where(taken).values(next_at=now + LEASE))
        return due

    def note(self, feed: Feed, **values: Any) -> None:
        """Note what became of a poll: columns of the table by name."""
        with self._writer.transaction("feeds") as connection:
            connection.execute(update(feeds).where(feeds.c.id == feed.id).values(values))


def _checked(url: str) -> str:
    wanted = "a feed's address is http:// or https://, with a host and without a user"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        _ = parts.port  # raises where it is none
    except ValueError as error:
        raise UsageError(f"{wanted}: {error}") from None
    if not valid or len(url) > _URL or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"{wanted}, in ASCII, at most {_URL:,} characters")
    return urlunsplit(parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/", fragment=""))
