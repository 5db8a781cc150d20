"""A story's neighbours: how they are packed, and in which order they are shown.

In Python alone: who answers needs no numpy, which takes a process 11 MB and more to start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import takewhile
from math import inf
from struct import Struct, error
from typing import Final, Literal, NamedTuple

from recommender.errors import StoreCorrupt


class Neighbour(NamedTuple):
    """A ranked related story, by the store's id.

    ``score`` is the model's, in 0–1, higher is better.  ``curated`` is the
    1-based place among the story's curated links, its own in the editor's
    order and then those of stories that link to it; 0 for no link.  ``group``
    tells copies: equal numbers above 0 are copies of one another, ``OWN`` are
    copies of the story whose list it is, 0 has no copy in the list.
    """

    article: int
    score: float
    curated: int = 0
    group: int = 0


_neighbour: Final = partial(tuple.__new__, Neighbour)
"""``Neighbour._make`` for what has the right length, without a call in Python for each."""

OWN: Final = -1
"""``Neighbour.group`` of a copy of the story itself."""

Curated = Literal["first", "mixed", "off"]
"""Curated links are shown first in the editor's order, or among the others by score, or count for nothing."""


DIGITS = 4
"""Decimals of a score, as it is shown and compared."""

_SCALE: Final = 10.0**DIGITS
_RECORD: Final = Struct("<qfhh")
"""``corpus.NEIGHBOUR_DTYPE``: of a few records this makes neighbours in less time than numpy begins in."""
_CURATED: Final = 12
_GROUP: Final = 14


def unpacked(packed: bytes, curated: Curated = "first") -> Iterator[Neighbour]:
    """Unpack a list of ``NEIGHBOUR_DTYPE``, scores rounded, in the order in which it is shown.

    With ``off`` the links count for nothing: ``curated`` is 0 for all.  One by
    one, for most answers show but the first few.  Raises StoreCorrupt where
    it is no such list, or a score no number.
    """
    try:
        records: Iterable[tuple[int, float, int, int]] = _RECORD.iter_unpack(packed)
        if curated == "first" and (_has(packed, _CURATED) or _has(packed, _CURATED + 1)):
            # Stable: what no editor placed stays in the order of the recompute, best first.
            records = sorted(records, key=lambda one: one[2] or inf)
        for article, score, place, group in records:
            # As exact as round(score, DIGITS): a float64 has room for a float32 times 10,000.
            rounded = round(score * _SCALE) / _SCALE
            yield _neighbour((article, rounded, place if curated != "off" else 0, group))
    except (error, ValueError, OverflowError) as wrong:
        raise StoreCorrupt(
            f"a list of neighbours, {len(packed)} bytes, is not what was written: {wrong}; "
            "run `recommender recompute`"
        ) from wrong


def in_order(packed: bytes, curated: Curated = "first") -> list[Neighbour]:
    """Unpack all of a list; see ``unpacked``."""
    return list(unpacked(packed, curated))


def copies(packed: bytes, curated: Curated = "first") -> list[Neighbour]:
    """Unpack those of a list that are copies, of one another or of the story; most lists have none."""
    if not (_has(packed, _GROUP) or _has(packed, _GROUP + 1)):
        return []
    return [one for one in unpacked(packed, curated) if one.group]


def curated(packed: bytes) -> list[Neighbour]:
    """Unpack those of a list that editors linked, in their order; most lists have none."""
    if not (_has(packed, _CURATED) or _has(packed, _CURATED + 1)):
        return []
    return list(takewhile(lambda one: one.curated, unpacked(packed)))


def _has(packed: bytes, place: int) -> bool:
    """Tell whether that byte of any record is not 0."""
    return bool(packed[place :: _RECORD.size].strip(b"\0"))
