"""Which of a story's neighbours an answer may show, and in what order: pure functions of what was read."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple, Self

from recommender.corpus import Neighbour, in_order
from recommender.service.options import Options


def ranked(packed: bytes, options: Options) -> list[Neighbour]:
    """Unpack neighbours in the order of ``options.curated``, without the model's under ``min_score``."""
    listed = in_order(packed, options.curated)
    return [one for one in listed if one.curated or one.score >= options.min_score]


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

    def admits(self, published_at: int | None) -> bool:
        """Tell whether a story of that time is inside; one without a date only if nothing is outside."""
        if published_at is None:
            return self == (-inf, inf)
        return self.earliest <= published_at <= self.latest


def matches(card: dict[str, Any], options: Options) -> bool:
    """Tell whether a card (``articles.card``) passes the filters on provider, topic and type."""
    provider = {card["provider"]["name"].casefold(), card["provider"]["domain"].casefold()}
    if options.provider and provider.isdisjoint(options.provider):
        return False
    if not provider.isdisjoint(options.exclude_provider):
        return False
    if options.topic and {topic.casefold() for topic in card["topics"]}.isdisjoint(options.topic):
        return False
    return not options.type or card["type"].casefold() in options.type
