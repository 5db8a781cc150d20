"""What editors linked, as lists and the reasons for them need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.corpus import Corpus
from recommender.reasons import BESIDE, LINKED, LINKED_BACK, NOBODY

MOST_PLACES = np.iinfo(np.int16).max - 1
"""Places in an editor's list that can be told apart."""


@dataclass(frozen=True, slots=True)
class CuratedLinks:
    """Links in both directions, sorted by story: ``place`` is 1 for the first in the story's own list.

    A story's own links come first, in the editor's order, then stories whose
    editors linked to it.  ``sides``: which of the two links to the other, as
    ``reasons.Reason`` has it.
    """

    pairs: Pairs
    place: NDArray[np.int64]
    sides: NDArray[np.uint8]

    @classmethod
    def of(cls, corpus: Corpus) -> Self:
        """Read the links of a corpus both ways."""
        both = np.concatenate([corpus.links, corpus.links[:, ::-1]])
        _, first = np.unique(both, axis=0, return_index=True)
        both = both[np.sort(first)]
        both = both[np.argsort(both[:, 0], kind="stable")]
        starts = np.searchsorted(both[:, 0], both[:, 0])
        place = np.arange(len(both)) - starts + 1
        order = np.lexsort((both[:, 1], both[:, 0]))
        pairs = Pairs(both[order, 0], both[order, 1])
        given = _keys(Pairs(corpus.links[:, 0], corpus.links[:, 1]), len(corpus))
        sides = LINKED * np.isin(_keys(pairs, len(corpus)), given)
        sides += LINKED_BACK * np.isin(_keys(Pairs(pairs.candidate, pairs.story), len(corpus)), given)
        # Places beyond int16 are cut away with the rest of so long a list.
        return cls(pairs, np.minimum(place[order], MOST_PLACES), sides.astype(np.uint8))

    def among(self, stories: NDArray[np.int64]) -> Pairs:
        """Give the pairs of some stories."""
        rows = np.isin(self.pairs.story, stories)
        return Pairs(self.pairs.story[rows], self.pairs.candidate[rows])

    def of_pairs(self, pairs: Pairs, stories: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Place of each pair (p,) in the curated list, 0 for none, and its sides."""
        at, there = _found(_keys(self.pairs, stories), _keys(pairs, stories))
        place, sides = np.zeros(len(at), np.int64), np.zeros(len(at), np.uint8)
        place[there], sides[there] = self.place[at[there]], self.sides[at[there]]
        return place, sides

    def beside(self, pairs: Pairs, places: NDArray[np.int64], stories: int) -> NDArray[np.uint8]:
        """Of each pair of lists (p,): which stories of its list are linked to the candidate, (p, BESIDE).

        ``places`` (p,) are those of the candidates in their lists, and what
        stories are told by; ``NOBODY`` where there are no more.  Stories that
        are linked to both come first, then the best placed.
        """
        starts, ends = (np.searchsorted(self.pairs.story, pairs.candidate + more) for more in (0, 1))
        owner = np.repeat(np.arange(len(pairs)), ends - starts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(ends - starts) - (ends - starts), ends - starts)
        linked = Pairs(pairs.story[owner], self.pairs.candidate[starts[owner] + within])
        keys = _keys(pairs, stories)
        order = np.argsort(keys)
        at, there = _found(keys[order], _keys(linked, stories))
        owner, place = owner[there], places[order[at[there]]]
        both = self.of_pairs(Pairs(linked.story[there], linked.candidate[there]), stories)[0] > 0
        best = np.lexsort((place, ~both, owner))
        owner, place = owner[best], place[best]
        turn = np.arange(len(owner)) - np.searchsorted(owner, owner)
        told = np.full((len(pairs), BESIDE), NOBODY, np.uint8)
        first = turn < BESIDE
        told[owner[first], turn[first]] = np.minimum(place[first], NOBODY)
        return told


def _keys(pairs: Pairs, stories: int) -> NDArray[np.int64]:
    return pairs.story * stories + pairs.candidate


def _found(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find where among ``keys``, ascending, each one wanted (p,) is, and whether it is there at all."""
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    there = keys[at] == wanted if len(keys) else np.zeros(len(wanted), np.bool_)
    return at, there
