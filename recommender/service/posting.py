"""Stories as they come in, one or a few hundred at a time: posted, and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, Final, Literal, NamedTuple

from recommender import sources
from recommender.entries import Entry, encode, posted
from recommender.errors import InvalidStory, UnknownStory
from recommender.sources.story import MAX_RELATED
from recommender.store import Outcome, Store
from recommender.urls import canonical

WARNED: Final = 20
"""Warnings told of one story at most."""

_TOLD_LATER: Final = "the list tells this story again further down, and that counts"

_ECHOED: Final = 80
"""Characters of an address that are repeated where it cannot be one."""


class Posted(NamedTuple):
    """What became of one story of a list.

    ``url`` is its own address, as its publisher writes it; of what is no
    story, the address that it gives, if any.  ``warnings`` say what of it was
    not understood and left out.
    """

    url: str | None
    status: Literal["new", "changed", "unchanged", "rejected"]
    reason: str | None = None
    warnings: tuple[str, ...] = ()


class _Read(NamedTuple):
    url: str
    entry: Entry
    warnings: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.entry.versions[0].key


def post(store: Store, stories: Sequence[Any], zone: tzinfo = UTC) -> list[Posted]:
    """Save stories, each a mapping of plain values under the seed document's names, in one transaction.

    What is no story is rejected and stops none of the others.  A story that
    was posted before is replaced, links and all; if a list tells one twice,
    the last counts.  What is posted outranks what files and feeds tell of the
    same story.  ``zone`` is that of times that do not say theirs.

    Returns what became of each, in order.  Raises StoreLocked if another
    transaction does not end.
    """
    read = [_read(values, zone) for values in stories]
    last = {one.key: place for place, one in enumerate(read) if isinstance(one, _Read)}
    entries = [
        one.entry for place, one in enumerate(read) if isinstance(one, _Read) and last[one.key] == place
    ]
    outcomes = store.post(entries) if entries else {}
    return list(_told(read, last, outcomes))


def related(stories: Sequence[Any]) -> int:
    """Count the curated links of stories as they come in, as far as ``post`` reads them."""
    lists = (story.get("related") for story in stories if isinstance(story, Mapping))
    return sum(min(len(entries), MAX_RELATED) for entries in lists if isinstance(entries, list))


def remove(store: Store, url: str) -> None:
    """Take back the story at ``url``, any form of its address, until it is posted again.

    Raises InvalidURL, UnknownStory if no story has the address or it is
    removed, and StoreLocked if another transaction does not end.
    """
    if not store.remove(canonical(url)):
        raise UnknownStory.of(url)


def _read(values: Any, zone: tzinfo) -> _Read | Posted:
    if not isinstance(values, Mapping):
        return Posted(None, "rejected", "not a JSON object")
    try:
        document = sources.document(values, "", zone)
        entry = encode(replace(document, origin=posted(document.article.key)), "")
    except InvalidStory as error:
        return Posted(_address(values), "rejected", error.reason)
    return _Read(document.article.url, entry, document.warnings[:WARNED])


def _told(
    read: Sequence[_Read | Posted], last: Mapping[str, int], outcomes: Mapping[str, Outcome]
) -> Iterator[Posted]:
    for place, one in enumerate(read):
        if isinstance(one, Posted):
            yield one
        elif last[one.key] == place:
            yield Posted(one.url, outcomes[one.key], None, one.warnings)
        else:
            yield Posted(one.url, "unchanged", _TOLD_LATER, one.warnings)


def _address(values: Mapping[Any, Any]) -> str | None:
    given = values.get("webUrl") or values.get("originalUrl")
    return _shortened(given) if isinstance(given, str) else None


def _shortened(url: str) -> str:
    return url if len(url) <= _ECHOED else f"{url[: _ECHOED - 1]}…"
