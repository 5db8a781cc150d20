"""From scored candidates to lists: who is kept, in which order, which of them are copies of one another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.compiled import compiled
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.neighbours import OWN


class Listed(NamedTuple):
    """The lists of stories (s,): ``pairs`` (q,) are places among the scored pairs, list after list.

    Story i's are ``pairs[starts[i]:starts[i + 1]]``, best score first, equal
    scores by candidate.  ``place`` (q,) is each one's in its list, from 0;
    ``group`` (q,) as ``corpus.Neighbour`` has it.
    """

    starts: NDArray[np.int64]
    pairs: NDArray[np.int64]
    place: NDArray[np.int64]
    group: NDArray[np.int16]

    def packed(
        self,
        ids: NDArray[np.int64],
        candidate: NDArray[np.int64],
        scores: NDArray[np.float32],
        curated: NDArray[np.int64],
    ) -> NDArray[np.void]:
        """Pack the lists, (q,), as the store has them; ``ids`` (n,) are all stories', the rest as given."""
        kept = self.pairs
        packed = np.zeros(len(kept), NEIGHBOUR_DTYPE)
        packed["article"] = ids[candidate[kept]]
        packed["score"] = scores[kept]
        packed["curated"] = curated[kept]
        packed["group"] = self.group
        return packed


@compiled
def listed(
    stories: NDArray[np.int64],
    story: NDArray[np.int64],
    candidate: NDArray[np.int64],
    scores: NDArray[np.float32],
    curated: NDArray[np.int64],
    groups: NDArray[np.int64],
    k: int,
) -> Listed:
    """List some stories (s,), ascending: every curated candidate, then the best, ``k`` in all.

    ``story``, ``candidate``, ``scores`` and ``curated`` (p,), 0 for no link,
    are the scored pairs in order; ``groups`` (n,) all stories' groups of copies.
    """
    starts = np.zeros(len(stories) + 1, np.int64)
    pairs = np.empty(min(len(story), k * len(stories)), np.int64)
    place, group = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.int16)
    bits = scores.view(np.int32)
    begin = size = 0
    for row in range(len(stories)):
        end = begin
        while end < len(story) and story[end] == stories[row]:
            end += 1
        # Keys: the editor's place, or the last of all, then the score, whose bits are in its order.
        keys = np.empty(end - begin, np.int64)
        for at in range(begin, end):
            keys[at - begin] = np.int64(0x7FFFFFFF - bits[at]) << 20
        for at in range(begin, end):
            keys[at - begin] += at - begin
            if curated[at] > 0:
                keys[at - begin] = -(np.int64(1) << 40) + (curated[at] << 20) + at - begin
        kept = np.sort(keys)[:k]
        for at in range(len(kept)):
            number = kept[at] & 0xFFFFF
            kept[at] = (np.int64(0x7FFFFFFF - bits[begin + number]) << 20) + number
        kept.sort()
        for at in range(len(kept)):
            pairs[size + at] = begin + (kept[at] & 0xFFFFF)
            place[size + at] = at
        _number(groups[candidate[pairs[size : size + len(kept)]]], groups[stories[row]], group[size:])
        size += len(kept)
        starts[row + 1] = size
        begin = end
    return Listed(starts, pairs[:size].copy(), place[:size].copy(), group[:size].copy())


@compiled
def _number(groups: NDArray[np.int64], own: int, numbers: NDArray[np.int16]) -> None:
    """Write numbers for the groups (k,) of one list: from 1 on for several members, 0 for one alone."""
    ordered = np.sort(groups)
    for at in range(len(groups)):
        first = np.searchsorted(ordered, groups[at])
        several = first + 1 < len(ordered) and ordered[first + 1] == groups[at]
        numbers[at] = OWN if groups[at] == own else first + 1 if several else 0
