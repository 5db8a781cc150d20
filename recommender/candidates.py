"""The stories worth ranking for a story: exact top-k similarity, block by block.

Every function here is a pure function of a block of rows, so that blocks can
run anywhere, in any order, with the same answer.  Memory is bounded by the
block, not by the archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.compiled import compiled

SLAB = 8_000_000
"""Similarities looked at together: rows of a block × stories, about 50 bytes each at the peak."""

FADED = 80.0
"""Decays apart after which nothing fades any more: float32 ends at exp(−87), and a story with it."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Stories and their candidates, ordered by story, then by candidate.

    ``story`` and ``candidate`` (p,) int64 are rows of the corpus; no pair
    holds a story twice, and no pair comes twice.
    """

    story: NDArray[np.int64]
    candidate: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.story)

    @classmethod
    def of(cls, stories: NDArray[np.int64], lists: Sequence[NDArray[np.int32]], *more: Pairs) -> Self:
        """Pair stories (s,), ascending, with all that is in their ``lists``, (s, any), −1 for nobody.

        And with those of ``more`` pairs; in order, each once, none with itself.
        """
        story = np.concatenate([stories[:0], *(pairs.story for pairs in more)])
        candidate = np.concatenate([stories[:0], *(pairs.candidate for pairs in more)])
        order = np.argsort(story, kind="stable")
        starts = np.searchsorted(story[order], stories), np.searchsorted(story[order], stories + 1)
        return cls(*_united(stories, np.concatenate(lists, axis=1), *starts, candidate[order]))

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Keep some of the pairs, (p,)."""
        return type(self)(self.story[kept], self.candidate[kept])

    def runs(self) -> Iterator[tuple[int, slice]]:
        """Every story with the slice of its pairs."""
        starts = np.flatnonzero(np.r_[True, self.story[1:] != self.story[:-1]][: len(self)])
        for start, end in zip(starts, np.r_[starts, len(self)][1:], strict=True):
            yield int(self.story[start]), slice(int(start), int(end))


@compiled
def _united(
    stories: NDArray[np.int64],
    lists: NDArray[np.int32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    more: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    most = lists.size + len(more)
    story, candidate = np.empty(most, np.int64), np.empty(most, np.int64)
    size = 0
    for row in range(len(stories)):
        found = np.concatenate((lists[row].astype(np.int64), more[starts[row] : ends[row]]))
        found.sort()
        last = np.int64(-1)
        for other in found:
            if other > last and other != stories[row]:
                story[size], candidate[size] = stories[row], other
                size += 1
            last = other
    return story[:size].copy(), candidate[:size].copy()


def decayed(days: NDArray[np.float64], decay: float) -> NDArray[np.float32]:
    """exp(−|days| / decay), with ``decay`` in days; 1/e where a date is missing, as if one decay apart.

    Always 1 for a ``decay`` of ``inf``; never less than exp(−``FADED``).
    """
    apart = np.nan_to_num(np.abs(days) / decay, nan=1.0 if np.isfinite(decay) else 0.0)
    return np.exp(-np.minimum(apart, FADED)).astype(np.float32)


@compiled
def fading(days: float, decay: float) -> np.float32:
    """``decayed`` of one number."""
    if np.isnan(days):
        return np.float32(np.exp(-1.0)) if decay < np.inf else np.float32(1)
    return np.float32(np.exp(-min(abs(days) / decay, FADED)))


def blocks(rows: int, columns: int, slab: int = SLAB) -> list[slice]:
    """Cut ``rows`` so that a block × ``columns`` has at most ``slab`` entries (and at least one row)."""
    step = max(1, slab // max(columns, 1))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def top_k(
    stories: NDArray[np.int64],
    view: sp.csr_matrix,
    published: NDArray[np.float64],
    decay: float,
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the exact ``k`` best candidates of some stories.

    ``stories`` (b,) are rows of ``view`` (n, terms) and ``published`` (n,) in
    days; ``decay`` in days, ``inf`` for none.  Returns rows (b, k) int64 and
    scores (b, k) float32, best first, equal scores by row; −1 and 0 where
    there are fewer than ``k`` stories of positive similarity.  A story is
    never its own candidate.
    """
    n = view.shape[0]
    found = np.full((len(stories), k), -1, np.int64)
    scores = np.zeros((len(stories), k), np.float32)
    columns = view.T.tocsr()
    for block in blocks(len(stories), n):
        rows = stories[block]
        similar = (view[rows] @ columns).toarray()
        if np.isfinite(decay):
            similar *= decayed(published[rows][:, None] - published[None, :], decay)
        similar[np.arange(len(rows)), rows] = 0
        best, score = _best(similar, min(k, n))
        found[block, : best.shape[1]] = np.where(score > 0, best, -1)
        scores[block, : best.shape[1]] = score
    return found, scores


def _best(similar: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pick the ``k`` greatest of each row in order, ties by column, the cut included.

    ``argpartition`` alone keeps any of the equal scores at the cut; here the
    lowest columns are kept, so that the answer does not depend on the block.
    """
    rows, n = similar.shape
    if k >= n:
        order = np.argsort(-similar, axis=1, kind="stable")[:, :k]
        return order, np.take_along_axis(similar, order, axis=1)
    cut = np.partition(similar, n - k, axis=1)[:, n - k, None]
    above = similar > cut
    level = similar == cut
    spare = k - above.sum(axis=1, keepdims=True)
    keep = above | (level & (np.cumsum(level, axis=1, dtype=np.int32) <= spare))
    columns = np.nonzero(keep)[1].reshape(rows, k)
    score = np.take_along_axis(similar, columns, axis=1)
    order = np.argsort(-score, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(score, order, axis=1)
