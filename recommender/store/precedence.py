"""Of all that documents say, which version of a story counts, and whose an address is.

Nothing here reads or writes the store: what it has is handed in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Row

from recommender.entries import POSTED, AliasKind, Entry, Rank, Version, rank

_log = logging.getLogger(__name__)


class Telling(NamedTuple):
    """A version of a story and the origin that tells it."""

    version: Version
    origin: str

    def beats(self, other: Telling) -> bool:
        """Tell whether this version counts rather than another of the same batch."""
        ours, theirs = _rank(self.version.rank, self.origin), _rank(other.version.rank, other.origin)
        # Of two origins that say the same, the first in the alphabet: files mostly come in that order.
        return ours > theirs or (ours == theirs and self.origin < other.origin)


def _rank(told: Rank, origin: str) -> tuple[bool, Rank]:
    """Order versions by who tells them first: what was posted of a story itself outranks files and feeds.

    Whoever posts, or takes back, says so of this one story, now; a file that is
    read again, or a feed that dates its entries anew, only repeats itself.
    """
    return told[0] and origin.startswith(POSTED), told


def best_versions(entries: Iterable[Entry]) -> dict[str, Telling]:
    """Find the version of every story, by key, that counts among those of a batch."""
    best: dict[str, Telling] = {}
    for entry in entries:
        for version in entry.versions:
            telling = Telling(version, entry.origin)
            rival = best.setdefault(version.key, telling)
            if rival is telling:
                continue
            best[version.key] = winner = telling if telling.beats(rival) else rival
            if version.own and rival.version.own and version.digest != rival.version.digest:
                dispute(version.key, winner.origin, (rival if winner is telling else telling).origin)
    return best


def dispute(key: str, counts: str, other: str) -> None:
    """Log that two documents tell a story differently; one that replaces itself disputes nothing."""
    if counts != other:
        _log.info("%s is told differently by %r and by %r: the first counts", key, counts, other)


def wins(telling: Telling, row: Row[Any], holder: Entry | None) -> bool:
    """Tell whether the best of a batch replaces what is stored.

    ``holder`` is what the origin of the stored version says in this batch: if
    it tells the story anew, its old version is withdrawn, whatever its rank.
    """
    version = telling.version
    same = (row.digest, row.own, row.origin) == (version.digest, version.own, telling.origin)
    if same:
        return False
    if holder is not None and any(retold.key == version.key for retold in holder.versions):
        return True
    ours = _rank(version.rank, telling.origin)
    stored = _rank(rank(row.own, row.published_at, row.removed, row.digest), row.origin)
    return ours > stored or (ours == stored and telling.origin < row.origin)


def least_claims(entries: Iterable[Entry]) -> dict[str, tuple[int, str]]:
    """Find the least claim to every key of a batch: kind, and the claiming story's key."""
    claims: dict[str, tuple[int, str]] = {}
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        for version in entry.versions:
            # Most stories of an archive are embedded many times over in the same words.
            if (version.key, version.digest) in seen:
                continue
            seen.add((version.key, version.digest))
            for key, kind in ((version.key, AliasKind.OWN), *version.aliases):
                claim = (kind, version.key)
                if key not in claims or claim < claims[key]:
                    claims[key] = claim
    return claims
