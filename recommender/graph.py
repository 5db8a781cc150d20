"""What editors linked to the stories around a story: links as evidence, not only as labels.

A story's own links never count for it, neither here nor in what is made of
this, so that training, evaluation and serving see the same: the story as it
is before an editor has touched it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.compiled import compiled

AROUND = 20
"""Stories that stand around a story: the nearest of those before it."""

CANDIDATES = 30
"""Candidates that links give a story, at most.  In the archive they raise the nDCG@10 an order could have
at best, on ``azure`` from .953 to .965, on ``coronavirus`` from .977 to .990."""

COLUMNS = 4
"""What is told of a pair: ``linked near``, ``links near``, ``link share``, ``link path``."""


@dataclass(frozen=True, slots=True)
class LinkGraph:
    """Links of ``n`` stories seen from the stories around some of them, (s,) from row ``first`` on.

    Make one with ``LinkGraph.of``.  With A the links, both ways (``both``), and
    W (s, n) how near the stories around each one are (as a share of the
    nearest; all stories' rows of sum 1 are ``around``, (n, n)): ``near`` is
    W·A, ``share`` the same with the linked stories around weighing 1
    together, ``linked`` (s,) the share of them that has links at all.

    Row q must not tell whether q has links, or the ranker would learn to ask
    it.  So a story around q whose only link is with q counts as not linked,
    and ``near`` and ``share`` do not lead from q to q: nothing leads back.
    """

    first: int
    near: sp.csr_matrix
    share: sp.csr_matrix
    linked: NDArray[np.float32]
    around: sp.csr_matrix
    both: sp.csr_matrix

    @classmethod
    def of(cls, found: NDArray[np.int32], scores: NDArray[np.float32], links: NDArray[np.int64]) -> Self:
        """Look at ``links`` (m, 2) from all stories; ``found`` (n, k) are those around each, best first."""
        n = len(found)
        return cls._seen(0, _nearness(found, scores, n), _both_ways(links, n), sp.csr_matrix((0, n)))

    def following(
        self, found: NDArray[np.int32], scores: NDArray[np.float32], links: NDArray[np.int64]
    ) -> Self:
        """Look from the stories (b,) that follow these in the rows; ``links`` (m, 2) come with them."""
        before = self.both.shape[0]
        n = before + len(found)
        # Rows of nobody's links: all of a matrix but its last array stays where it is.
        starts = np.r_[self.both.indptr, np.full(len(found), self.both.indptr[-1], self.both.indptr.dtype)]
        both = sp.csr_matrix((self.both.data, self.both.indices, starts), shape=(n, n))
        if len(links):
            both = both.maximum(_both_ways(links, n))
        return self._seen(before, _nearness(found, scores, n), both, _widened(self.around, n))

    def joined(self, following: Self) -> Self:
        """Look from these stories and from those that follow them."""
        both = following.both
        near, share = (
            sp.csr_matrix(sp.vstack([_widened(one, both.shape[1]), other], "csr", np.float32))
            for one, other in ((self.near, following.near), (self.share, following.share))
        )
        linked = np.concatenate([self.linked, following.linked])
        return type(self)(self.first, near, share, linked, following.around, both)

    @classmethod
    def _seen(cls, first: int, weight: sp.csr_matrix, both: sp.csr_matrix, around: sp.csr_matrix) -> Self:
        own = both[first : first + weight.shape[0]]
        degree = np.diff(both.indptr)
        others = _scaled(weight, (degree > 0)[weight.indices])
        others -= weight.multiply(_scaled(own, (degree == 1)[own.indices]))
        rows = _of_sum_one(weight)
        return cls(
            first,
            _elsewhere(weight @ both, first),
            _elsewhere(_of_sum_one(others) @ both, first),
            np.asarray(rows.multiply(others > 0).sum(axis=1), np.float32).ravel(),
            sp.csr_matrix(sp.vstack([around, rows], "csr", np.float32)) if first else rows,
            both,
        )

    def candidates(self, stories: NDArray[np.int64]) -> NDArray[np.int32]:
        """List what the stories around some (b,) are linked to most: rows (b, CANDIDATES), −1 for none."""
        near = self.near[stories - self.first]
        row = np.repeat(np.arange(len(stories)), np.diff(near.indptr))
        order = np.lexsort((near.indices, -near.data, row))
        place = np.arange(len(row)) - near.indptr[row]
        kept = place < CANDIDATES
        found = np.full((len(stories), CANDIDATES), -1, np.int32)
        found[row[kept], place[kept]] = near.indices[order[kept]]
        return found

    def columns(self, story: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float32]:
        """Describe pairs (p,), those of a story together: a matrix (p, COLUMNS).

        The last column leads from a story around the first one over a link to a
        story around the second.
        """
        near, share, around = (
            # As they are: a copy for every block would cost what the archive has, not what the block has.
            (matrix.indptr, matrix.indices.astype(np.int32, copy=False), matrix.data)
            for matrix in (self.near, self.share, self.around)
        )
        return _columns(story - self.first, other, near, share, around, self.linked)


def _widened(matrix: sp.csr_matrix, columns: int) -> sp.csr_matrix:
    """Give a matrix more columns, of zeros; nothing is copied."""
    return sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], columns))


def _both_ways(links: NDArray[np.int64], n: int) -> sp.csr_matrix:
    target = sp.csr_matrix((np.ones(len(links), np.float32), (links[:, 0], links[:, 1])), shape=(n, n))
    return target.maximum(target.T).minimum(1).tocsr()


_Rows = tuple[NDArray[np.integer], NDArray[np.int32], NDArray[np.float32]]
"""A matrix in compressed rows: where they begin, their columns, their values."""


@compiled
def _columns(
    story: NDArray[np.int64],
    other: NDArray[np.int64],
    near: _Rows,
    share: _Rows,
    around: _Rows,
    linked: NDArray[np.float32],
) -> NDArray[np.float32]:
    told = np.zeros((len(story), COLUMNS), np.float32)
    # One story's rows of ``near`` and ``share``, laid out to be looked up.
    n = len(around[0]) - 1
    near_to, share_of = np.zeros(n, np.float32), np.zeros(n, np.float32)
    start = 0
    while start < len(story):
        own = story[start]
        end = start
        while end < len(story) and story[end] == own:
            end += 1
        for at in range(near[0][own], near[0][own + 1]):
            near_to[near[1][at]] = near[2][at]
        for at in range(share[0][own], share[0][own + 1]):
            share_of[share[1][at]] = share[2][at]
        for row in range(start, end):
            told[row, 0] = linked[own]
            told[row, 1] = near_to[other[row]]
            told[row, 2] = share_of[other[row]]
            if share[0][own] < share[0][own + 1]:
                for at in range(around[0][other[row]], around[0][other[row] + 1]):
                    told[row, 3] += share_of[around[1][at]] * around[2][at]
        for at in range(near[0][own], near[0][own + 1]):
            near_to[near[1][at]] = 0
        for at in range(share[0][own], share[0][own + 1]):
            share_of[share[1][at]] = 0
        start = end
    return told


def _nearness(found: NDArray[np.int32], scores: NDArray[np.float32], n: int) -> sp.csr_matrix:
    k = min(AROUND, found.shape[1])
    found, scores = found[:, :k], scores[:, :k]
    share = scores / np.maximum(scores[:, :1], np.finfo(np.float32).tiny)
    there = found >= 0
    starts = np.r_[0, np.cumsum(there.sum(axis=1))]
    nearness = sp.csr_matrix((share[there], found[there], starts), shape=(len(found), n))
    nearness.sort_indices()
    return nearness


def _elsewhere(matrix: sp.csr_matrix, first: int) -> sp.csr_matrix:
    """Leave out what leads from row ``first`` + i back to itself: its place, not only its value."""
    own = first + np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    rest = _scaled(matrix, matrix.indices != own)
    rest.eliminate_zeros()
    rest.sort_indices()
    return rest


def _of_sum_one(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale rows to a sum of 1; rows of zeros stay."""
    # In float64: all that is left of a row may be a story so far away that its weight is hardly a number.
    total = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    scale = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    return _scaled(matrix, np.repeat(scale, np.diff(matrix.indptr)))


def _scaled(matrix: sp.csr_matrix, by: NDArray[Any]) -> sp.csr_matrix:
    """Multiply what a matrix holds, number by number."""
    data = (matrix.data * by).astype(np.float32)
    return sp.csr_matrix((data, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)
