"""What editors linked, as lists and the reasons for them need it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.compiled import compiled
from recommender.reasons import BESIDE, LINKED, LINKED_BACK, NOBODY

MOST_PLACES = np.iinfo(np.int16).max - 1
"""Places in an editor's list that can be told apart."""


@dataclass(frozen=True, slots=True)
class CuratedLinks:
    """Links of ``n`` stories in both directions, in compressed rows.

    Story i is linked with ``others[starts[i]:starts[i + 1]]``, ascending;
    ``place`` is 1 for the first in the story's own list.  A story's own links
    come first, in the editor's order, then stories whose editors linked to it.
    ``sides``: which of the two links to the other, as ``reasons.Reason`` has it.
    """

    starts: NDArray[np.int64]
    others: NDArray[np.int64]
    place: NDArray[np.int64]
    sides: NDArray[np.uint8]

    @classmethod
    def of(cls, links: NDArray[np.int64], stories: int) -> Self:
        """Read links (m, 2) between so many stories both ways."""
        n = stories
        both = np.concatenate([links, links[:, ::-1]])
        _, first = np.unique(both, axis=0, return_index=True)
        both = both[np.sort(first)]
        both = both[np.argsort(both[:, 0], kind="stable")]
        place = np.arange(len(both)) - np.searchsorted(both[:, 0], both[:, 0]) + 1
        order = np.lexsort((both[:, 1], both[:, 0]))
        story, other = both[order].T
        keys, back = story * n + other, other * n + story
        given = links[:, 0] * n + links[:, 1]
        sides = LINKED * np.isin(keys, given) + LINKED_BACK * np.isin(back, given)
        # Places beyond int16 are cut away with the rest of so long a list.
        places = np.minimum(place[order], MOST_PLACES)
        return cls(np.searchsorted(story, np.arange(n + 1)), other.copy(), places, sides.astype(np.uint8))

    def followed_by(self, stories: int, links: NDArray[np.int64]) -> Self:
        """Put so many stories behind these, and the links (m, 2) that come with them.

        Each of those leads from a new story, or to one.  They come after the
        links that stories had.
        """
        starts = np.r_[self.starts, np.full(stories, self.starts[-1])]
        if not len(links):
            return replace(self, starts=starts)
        n = len(starts) - 1
        new = type(self).of(links, n)
        counts = np.diff(new.starts)
        story = np.repeat(np.arange(n), counts)
        had = np.diff(starts)
        keys = np.repeat(np.arange(n), had) * n + self.others
        at = np.searchsorted(keys, story * n + new.others)
        place = np.minimum(new.place + had[story], MOST_PLACES)
        return type(self)(
            starts + new.starts,
            np.insert(self.others, at, new.others),
            np.insert(self.place, at, place),
            np.insert(self.sides, at, new.sides),
        )

    def among(self, stories: NDArray[np.int64]) -> Pairs:
        """Give the pairs of some stories (s,)."""
        counts = self.starts[stories + 1] - self.starts[stories]
        rows = np.repeat(self.starts[stories] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return Pairs(np.repeat(stories, counts), self.others[rows])

    def of_pairs(self, pairs: Pairs) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Place of each pair (p,) in the curated list, 0 for none, and its sides."""
        return _of_pairs(pairs.story, pairs.candidate, self.starts, self.others, self.place, self.sides)

    def beside(self, pairs: Pairs, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Of each pair of lists (p,): which stories of its list are linked to the candidate, (p, BESIDE).

        A list's pairs stand together; ``places`` (p,) are those of the
        candidates in their lists, and what stories are told by; ``NOBODY``
        where there are no more.  Stories that are linked to both come first,
        then the best placed.
        """
        return _beside(pairs.story, pairs.candidate, places, self.starts, self.others)


@compiled
def _of_pairs(
    story: NDArray[np.int64],
    candidate: NDArray[np.int64],
    starts: NDArray[np.int64],
    others: NDArray[np.int64],
    place: NDArray[np.int64],
    sides: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    places, linked = np.zeros(len(story), np.int64), np.zeros(len(story), np.uint8)
    for row in range(len(story)):
        begin, end = starts[story[row]], starts[story[row] + 1]
        at = begin + np.searchsorted(others[begin:end], candidate[row])
        if at < end and others[at] == candidate[row]:
            places[row], linked[row] = place[at], sides[at]
    return places, linked


@compiled
def _beside(
    story: NDArray[np.int64],
    candidate: NDArray[np.int64],
    places: NDArray[np.int64],
    starts: NDArray[np.int64],
    others: NDArray[np.int64],
) -> NDArray[np.uint8]:
    told = np.full((len(story), BESIDE), NOBODY, np.uint8)
    # Of one list at a time: who is in it, from 1 on, and who is linked to its story.
    listed, linked = np.zeros(len(starts), np.int32), np.zeros(len(starts), np.uint8)
    begin = 0
    while begin < len(story):
        own = story[begin]
        end = begin
        while end < len(story) and story[end] == own:
            listed[candidate[end]] = places[end] + 1
            end += 1
        for at in range(starts[own], starts[own + 1]):
            linked[others[at]] = 1
        for row in range(begin, end):
            first, last = starts[candidate[row]], starts[candidate[row] + 1]
            found = np.empty(last - first, np.int64)
            size = 0
            for at in range(first, last):
                if listed[others[at]] > 0:
                    found[size] = ((1 - linked[others[at]]) << 32) + listed[others[at]] - 1
                    size += 1
            best = np.sort(found[:size])
            for turn in range(min(size, BESIDE)):
                told[row, turn] = min(best[turn] & 0xFFFFFFFF, NOBODY)
        for at in range(starts[own], starts[own + 1]):
            linked[others[at]] = 0
        for row in range(begin, end):
            listed[candidate[row]] = 0
        begin = end
    return told
