"""Stories that look unlinked: what the served lists are sure of and no editor linked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from recommender.neighbours import OWN, Neighbour, curated, unpacked
from recommender.store import Orders, Store

SURE = 0.5
"""A trained score is the chance that an editor would link the two: from here on, likelier than not."""


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A story, by the store's id, how many ``links`` it has, and the ``sure`` ones it has not, best first."""

    story: int
    links: int
    sure: tuple[Neighbour, ...]


def unlinked(store: Store, least: float = SURE, limit: int | None = None) -> list[Unlinked]:
    """Find stories whose lists hold what is scored ``least`` or more and linked by nobody, the surest first.

    Two stories are told of once, at the one that is the surer of the other.
    Copies are left out: those of the story itself, and those of what is
    linked already; and pairs about which an editor's order is in force, either
    way.  Stories are ``limit`` at most.  Before the first recompute there are
    none.
    """
    links: dict[int, int] = {}
    found: dict[tuple[int, int], tuple[int, Neighbour]] = {}
    with store.audited() as read:
        urls, ordered = read.urls(), _ordered(read.orders())
        for story, packed in read.lists():
            if story not in urls:
                continue
            linked = curated(packed)
            links[story] = len(linked)
            told = {one.group for one in linked} - {0} | {OWN}
            for one in takewhile(lambda one: one.score >= least, unpacked(packed, "mixed")):
                if one.curated or one.group in told or one.article not in urls:
                    continue
                couple = _couple(story, one.article)
                if couple in ordered:
                    continue
                if couple not in found or found[couple][1].score < one.score:
                    found[couple] = story, one
    grouped: defaultdict[int, list[Neighbour]] = defaultdict(list)
    for story, one in found.values():
        grouped[story].append(one)
    stories = [
        Unlinked(story, links[story], tuple(sorted(sure, key=_order))) for story, sure in grouped.items()
    ]
    stories.sort(key=lambda one: (-one.sure[0].score, one.story))
    return stories[:limit]


def _ordered(orders: Mapping[int, Orders]) -> set[tuple[int, int]]:
    """Pair what editors pinned or blocked: they have looked at it."""
    return {
        _couple(story, other)
        for story, order in orders.items()
        for other in (*(pinned for pinned, _ in order.pins), *order.blocks)
    }


def _couple(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def _order(one: Neighbour) -> tuple[float, int]:
    return -one.score, one.article
