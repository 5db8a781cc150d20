"""What fills a list that would be short: stories near in time, those of the same topic first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from recommender.service.selection import Filters, Shown, topics
from recommender.store import Card

NEAREST: Final = 100
"""Stories looked at on each side of a story's time."""

NEAREST_NARROW: Final = 500
"""The same where filters let few of them pass: about 9 ms for an answer."""


def fill(
    near: Iterable[tuple[int, Card]],
    asked: Shown,
    moment: int,
    filters: Filters,
    left_out: Collection[int],
    shown: Iterable[Shown],
) -> Iterator[tuple[int, Shown]]:
    """Yield those that pass, by id and card: first who shares a topic with ``asked``, then who has its type.

    Among equals the nearest to ``moment`` (seconds since 1970, UTC) comes
    first, of two at one distance the newer.  Never those ``left_out``, by id,
    nor one with the title of another: of ``asked``, of those ``shown``, or of
    one before.  Texts are not compared here, and a title is what tells most
    copies.
    """
    same, kind = topics(asked), asked["type"]
    cards = {article: card for article, card in near if article not in left_out}
    passing = []
    for article, found in filters.passing(cards).items():
        if (published_at := cards[article].published_at) is not None:
            unlike = (same.isdisjoint(topics(found)), found["type"] != kind)
            passing.append((*unlike, abs(published_at - moment), -published_at, article, found))
    titles = {_title(card) for card in (asked, *shown)}
    for *_, article, found in sorted(passing, key=lambda one: one[:-1]):
        title = _title(found)
        if title not in titles:
            titles.add(title)
            yield article, found


def _title(card: Shown) -> str:
    return " ".join(card["title"].casefold().split())
