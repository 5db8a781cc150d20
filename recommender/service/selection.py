"""Which stories an answer may show: pure functions of what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, floor, inf
from typing import Any, Final, NamedTuple, Self, TypeAlias

import orjson

from recommender.service.options import Options
from recommender.store import Card


class Shown(Mapping[str, Any]):
    """A JSON object, such as a card (``articles.card``), by its ``text``: read when a field is asked for.

    Most answers carry the text as it is and ask for nothing.
    """

    __slots__ = ("_fields", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._fields: dict[str, Any] | None = None

    def _read(self) -> dict[str, Any]:
        if self._fields is None:
            self._fields = orjson.loads(self.text)
        return self._fields

    def __getitem__(self, name: str) -> Any:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


Read: TypeAlias = Callable[[Sequence[int]], Mapping[int, Card]]
"""Reads cards by id: ``Store.cards``."""


class Window(NamedTuple):
    """When a story may have been published: seconds since 1970 (UTC), both ends included."""

    earliest: float
    latest: float

    @classmethod
    def of(cls, options: Options, published_at: int | None) -> Self:
        """Make the window that options leave around a story published at that time, or at an unknown one.

        Nothing is before or after a story without a date: its window is empty.
        """
        earliest = -inf if options.since is None else options.since.timestamp()
        latest = inf if options.until is None else options.until.timestamp()
        if options.direction == "followup":
            earliest = max(earliest, inf if published_at is None else published_at + 1)
        elif options.direction == "background":
            latest = min(latest, -inf if published_at is None else published_at - 1)
        return cls(earliest, latest)

    def seconds(self, now: float) -> tuple[int | None, int] | None:
        """Give the first whole second inside, ``None`` for any, and the last until now; ``None`` if empty."""
        latest = min(self.latest, now)
        if self.earliest > latest or latest == -inf:
            return None
        return None if self.earliest == -inf else ceil(self.earliest), floor(latest)


class Filters(NamedTuple):
    """What a story must be to be shown: what the options ask for, published by ``now`` and not removed."""

    options: Options
    window: Window
    now: float

    def passing(self, cards: Mapping[int, Card]) -> dict[int, Shown]:
        """Return what is shown of those stories that pass, by id, in their order."""
        options, (earliest, latest), now = self
        # Nothing is before or after a story without a date: it passes only if nothing is outside.
        undated = earliest == -inf and latest == inf
        latest = min(latest, now)
        inside = {
            article: Shown(text)
            for article, (text, published_at, removed) in cards.items()
            if not removed and (undated if published_at is None else earliest <= published_at <= latest)
        }
        if not options.narrow:
            return inside
        return {article: shown for article, shown in inside.items() if matches(shown, options)}


def matches(card: Shown, options: Options) -> bool:
    """Tell whether a card passes the filters on provider, topic and type."""
    provider = {card["provider"]["name"].casefold(), card["provider"]["domain"].casefold()}
    if options.provider and provider.isdisjoint(options.provider):
        return False
    if not provider.isdisjoint(options.exclude_provider):
        return False
    if options.topic and topics(card).isdisjoint(options.topic):
        return False
    return not options.type or card["type"].casefold() in options.type


def topics(card: Shown) -> set[str]:
    """Return a story's topics, in the case they are compared in."""
    return {topic.casefold() for topic in card["topics"]}
