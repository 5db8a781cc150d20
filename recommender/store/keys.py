"""API keys: who may write over HTTP, and what.

A key is shown once, when it is made; the store has its digest alone, so a copy
of the store opens nothing.  A key is 32 random bytes, which nobody guesses: a
fast digest is enough, where a password would need a slow one.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, insert, select, update

from recommender.errors import UsageError
from recommender.store.database import Database, Prepared
from recommender.store.locking import Writer
from recommender.store.schema import keys

SCOPES: Final = ("read", "publish", "curate", "events", "admin")
"""What a key may be made for; ``admin`` implies all others."""

MARK: Final = "rec_"
"""What every key begins with, so that those who look for leaked secrets know one."""

SHOWN: Final = len(MARK) + 6
"""Characters of a key that are kept for people to recognise it by."""

LONGEST: Final = 200
"""Characters of a name at most."""


class Key(NamedTuple):
    """A key without its secret; times are in seconds since 1970 (UTC)."""

    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: int
    revoked_at: int | None

    def may(self, scope: str) -> bool:
        """Tell whether the key was made for this."""
        return scope in self.scopes or "admin" in self.scopes


_COLUMNS = (keys.c.id, keys.c.name, keys.c.prefix, keys.c.scopes, keys.c.created_at, keys.c.revoked_at)
_FIND = Prepared(
    select(*_COLUMNS, keys.c.digest).where(
        keys.c.digest == bindparam("digest_of_key"), keys.c.revoked_at.is_(None)
    )
)


class Keys:
    """The keys of one store; methods raise StoreUnavailable when it does not answer."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    def add(self, name: str, scopes: Iterable[str]) -> tuple[Key, str]:
        """Make a key for these scopes; returns it, and its secret, which cannot be had again.

        Names need not differ: of a key that is replaced, the old one may be
        good for some days yet.  Raises UsageError for an empty name and for
        scopes that there are not.
        """
        wanted = frozenset(scopes)
        if unknown := wanted - set(SCOPES):
            raise UsageError(f"no scope {min(unknown)!r}; there are: {', '.join(SCOPES)}")
        if not wanted:
            raise UsageError(f"a key without a scope opens nothing; there are: {', '.join(SCOPES)}")
        if not name.strip() or len(name) > LONGEST or not name.isprintable():
            raise UsageError(f"a key's name is for people: 1 to {LONGEST} characters that can be printed")
        secret = MARK + secrets.token_urlsafe(32)
        kept = tuple(scope for scope in SCOPES if scope in wanted)
        values = {
            "name": name.strip(),
            "prefix": secret[:SHOWN],
            "digest": _digest(secret),
            "scopes": " ".join(kept),
            "created_at": int(time.time()),
        }
        with self._writer.transaction("keys") as connection:
            row = connection.execute(insert(keys).values(values).returning(*_COLUMNS)).one()
        return _key(row), secret

    def all(self) -> list[Key]:
        """Read all keys, revoked ones too, in the order they were made."""
        with self._database.answering() as connection:
            return [_key(row) for row in connection.execute(select(*_COLUMNS).order_by(keys.c.id))]

    def revoke(self, number: int) -> Key:
        """End a key, from the next request on; one that is revoked stays as it is.

        Raises UsageError if there is none with this id.
        """
        chosen = keys.c.id == number
        with self._writer.transaction("keys") as connection:
            connection.execute(
                update(keys).where(chosen, keys.c.revoked_at.is_(None)).values(revoked_at=int(time.time()))
            )
            row = connection.execute(select(*_COLUMNS).where(chosen)).one_or_none()
        if row is None:
            raise UsageError(f"no key {number}; `recommender keys list` shows those there are")
        return _key(row)

    def find(self, secret: str) -> Key | None:
        """Find the key that this is the secret of; ``None`` for one that is revoked or never was.

        One read along an index, by digest: how long it takes says nothing of a
        secret, for nobody can choose what a digest begins with.
        """
        digest = _digest(secret)
        rows = self._database.rows(_FIND, (digest,))
        if not rows or not hmac.compare_digest(str(rows[0][-1]), digest):
            return None
        return _key(rows[0][:-1])


def _digest(secret: str) -> str:
    return blake2b(secret.encode(errors="surrogatepass"), digest_size=32).hexdigest()


def _key(row: Any) -> Key:
    number, name, prefix, scopes, created_at, revoked_at = row
    return Key(number, name, prefix, tuple(scopes.split()), created_at, revoked_at)
