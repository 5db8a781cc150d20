"""Weigh features for many newsrooms at once: ensemble selection (Caruana et al. 2004).

From a mean that needs no learning, features are added to a sum one by one,
each time the one that leaves the newsroom helped least, against that mean,
helped most, the same one again if it is; how often one was added is its
weight.  A dozen numbers learned this way carry over to a newsroom never seen.
Trees, which learn a newsroom's habits, do not, and neither do weights that
start from nothing (docs/evaluation.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

K = 10
"""Places of a list that count."""

START, ROUNDS = 12, 8
"""How often the first mean counts, and features added to it."""

BAGS, SHARE = 8, 0.5
"""Times that is done, with their weights averaged, and share of the features each may draw from."""


@dataclass(frozen=True, slots=True)
class Newsroom:
    """A newsroom's stories with their candidates.

    ``matrix`` (p, features) describes the pairs, ``starts`` (s,) is where each
    story's begin, ``linked`` (p,) which an editor linked, ``ideal`` (s,) the
    DCG that perfect lists would have.
    """

    matrix: NDArray[np.float32]
    starts: NDArray[np.int64]
    linked: NDArray[np.bool_]
    ideal: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        matrix: NDArray[np.float32],
        story: NDArray[np.int64],
        linked: NDArray[np.bool_],
        links: NDArray[np.int64],
    ) -> Self:
        """Take pairs (p, features) by ``story`` (p,), ascending; a story has as many ``links`` (s,)."""
        starts = np.flatnonzero(np.r_[True, story[1:] != story[:-1]])
        best = np.r_[0, np.cumsum(_discount(K))]
        return cls(matrix, starts, linked, best[np.minimum(links, K)])

    def ndcg(self, scores: NDArray[np.floating]) -> float:
        """Measure an order of all lists, given by scores (p,): mean nDCG@``K``."""
        story = np.repeat(np.arange(len(self.starts)), np.diff(np.r_[self.starts, len(scores)]))
        order = np.lexsort((-scores, story))
        place = np.arange(len(scores)) - self.starts[story]
        gain = np.r_[_discount(K), 0][np.minimum(place, K)] * self.linked[order]
        return float((np.add.reduceat(gain, self.starts) / self.ideal).mean())


def select(newsrooms: Sequence[Newsroom], start: int, seed: int = 0) -> NDArray[np.float64]:
    """Weigh the features of some newsrooms, (features,) of sum 1; ``start`` is the one to start from."""
    random = np.random.default_rng(seed)
    wide = newsrooms[0].matrix.shape[1]
    drawn = [random.choice(wide, max(1, round(SHARE * wide)), replace=False) for _ in range(BAGS)]
    weights: NDArray[np.float64] = np.mean([_bag(newsrooms, start, np.sort(some)) for some in drawn], axis=0)
    return weights


def _bag(newsrooms: Sequence[Newsroom], start: int, features: NDArray[np.int64]) -> NDArray[np.float64]:
    weights = np.zeros(newsrooms[0].matrix.shape[1])
    weights[start] = START
    sums = [room.matrix[:, start] * np.float32(START) for room in newsrooms]
    before = [room.ndcg(total) for room, total in zip(newsrooms, sums, strict=True)]
    for _ in range(ROUNDS):
        gained = [
            min(
                room.ndcg(total + room.matrix[:, feature]) - ndcg
                for room, total, ndcg in zip(newsrooms, sums, before, strict=True)
            )
            for feature in features
        ]
        best = features[int(np.argmax(gained))]
        weights[best] += 1
        for room, total in zip(newsrooms, sums, strict=True):
            total += room.matrix[:, best]
    return np.asarray(weights / weights.sum())


def _discount(k: int) -> NDArray[np.float64]:
    discount: NDArray[np.float64] = 1 / np.log2(np.arange(k) + 2)
    return discount
