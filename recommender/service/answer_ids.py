"""The id of an answer: all that it showed, as a text that a page sends back with what readers did.

::

    12-3021-p159,c336,m57,f4411
    │  │    └─ its items in their order: by its first letter where each came from, and its story
    │  └────── the story asked for
    └───────── the generation

So nothing has to be kept of an answer.  The numbers are the store's own, in
decimal: in base 36 they would be a third shorter, and take twice as long to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from recommender.errors import InvalidAnswerId
from recommender.events import SOURCES

MOST: Final = 50
"""Items of an answer at most."""

_LETTERS: Final = "".join(source[0] for source in SOURCES)
# Below 10^18, so that any database can hold it.
_NUMBER: Final = "[1-9][0-9]{0,17}"
_ITEM: Final = f"[{_LETTERS}]{_NUMBER}"
_ID: Final = re.compile(f"({_NUMBER})-({_NUMBER})-((?:{_ITEM}(?:,{_ITEM}){{0,{MOST - 1}}})?)")


class AnswerId(NamedTuple):
    """What an answer showed: stories by id, of each item a place in ``SOURCES`` and its story."""

    generation: int
    story: int
    items: tuple[tuple[int, int], ...]


def write(generation: int, story: int, items: Iterable[str]) -> str:
    """Write the id of an answer; of its items is given what stands in it, such as ``m57``."""
    return f"{generation}-{story}-{','.join(items)}"


def read(text: str) -> AnswerId:
    """Read what ``write`` wrote, and nothing else: one answer has one id.

    Anybody can make up one: what it names need not be in the store.  Raises
    InvalidAnswerId.
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise InvalidAnswerId("answer has to be the id of an answer, as GET /related gives it")
    generation, story, items = match.groups()
    return AnswerId(
        int(generation),
        int(story),
        tuple((_LETTERS.index(item[0]), int(item[1:])) for item in items.split(",") if item),
    )
