"""What editors linked to the stories around a story: links as evidence, not only as labels.

A story's own links never count for it, neither here nor in what is made of
this, so that training, evaluation and serving see the same: the story as it
is before an editor has touched it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.candidates import Lists, Pairs, dots

AROUND = 20
"""Stories that stand around a story: its best by the first generator."""

CANDIDATES = 30
"""Candidates that links give a story, at most.  In the archive they raise the nDCG@10 an order could have
at best, on ``azure`` from .953 to .965, on ``coronavirus`` from .977 to .990."""

STEP = 200_000
"""Entries of a sparse matrix looked up together; bounds memory."""


@dataclass(frozen=True, slots=True)
class LinkGraph:
    """Links of ``n`` stories seen from the stories around each.  Make one with ``LinkGraph.of``.

    With A the links, both ways, and W (n, n) how near the stories around each
    one are (as a share of the nearest, their rows of sum 1 in R): ``near`` is
    W·A, ``share`` the same with the linked stories around weighing 1
    together, ``around`` is R, ``linked`` the share of R that has links at all.

    Row q must not tell whether q has links, or the ranker would learn to ask
    it.  So a story around q whose only link is with q counts as not linked,
    and ``near`` and ``share`` have no diagonal: nothing leads back to q.
    """

    near: sp.csr_matrix
    share: sp.csr_matrix
    around: sp.csr_matrix
    linked: NDArray[np.float32]

    @classmethod
    def of(cls, around: Lists, links: NDArray[np.int64]) -> Self:
        """Look at ``links`` (m, 2) from all stories; ``around`` are their own best."""
        n = len(around.found)
        target = sp.csr_matrix((np.ones(len(links), np.float32), (links[:, 0], links[:, 1])), shape=(n, n))
        both = target.maximum(target.T).minimum(1).tocsr()
        degree = np.diff(both.indptr)
        weight = _nearness(around)
        others = weight @ sp.diags((degree > 0).astype(np.float32))
        others -= weight.multiply(both @ sp.diags((degree == 1).astype(np.float32)))
        rows = _of_sum_one(weight)
        linked = np.asarray(rows.multiply(others > 0).sum(axis=1), np.float32).ravel()
        return cls(_elsewhere(weight @ both), _elsewhere(_of_sum_one(others) @ both), rows, linked)

    def pairs(self, stories: NDArray[np.int64]) -> Pairs:
        """Pair stories (s,) with the ``CANDIDATES`` that the stories around them are linked to most."""
        near = self.near[stories]
        row = np.repeat(np.arange(len(stories)), np.diff(near.indptr))
        order = np.lexsort((near.indices, -near.data, row))
        kept = order[np.arange(len(row)) - near.indptr[row] < CANDIDATES]
        return Pairs.of(stories[row[kept]], near.indices[kept].astype(np.int64))

    def columns(self, story: NDArray[np.int64], other: NDArray[np.int64]) -> Iterator[NDArray[np.floating]]:
        """Describe pairs (p,): ``linked near``, ``links near``, ``link share``, ``link path``, each (p,).

        The last leads from a story around the first one over a link to a story
        around the second.
        """
        yield self.linked[story]
        yield _entries(self.near, story, other)
        yield _entries(self.share, story, other)
        yield dots(self.share, story, self.around, other)


def _nearness(around: Lists) -> sp.csr_matrix:
    k = min(AROUND, around.found.shape[1])
    found, scores = around.found[:, :k], around.scores[:, :k]
    share = scores / np.maximum(scores[:, :1], np.finfo(np.float32).tiny)
    there = found >= 0
    starts = np.r_[0, np.cumsum(there.sum(axis=1))]
    n = len(found)
    nearness = sp.csr_matrix((share[there], found[there], starts), shape=(n, n))
    nearness.sort_indices()
    return nearness


def _elsewhere(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Leave out the diagonal: its places, not only its values."""
    rest = sp.csr_matrix(matrix - sp.diags(matrix.diagonal()), dtype=np.float32)
    rest.eliminate_zeros()
    rest.sort_indices()
    return rest


def _of_sum_one(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale rows to a sum of 1; rows of zeros stay."""
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return sp.csr_matrix(
        sp.diags(1 / np.maximum(total, np.finfo(np.float32).tiny)) @ matrix, dtype=np.float32
    )


def _entries(
    matrix: sp.csr_matrix, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Look up ``matrix[rows[i], columns[i]]``, (p,)."""
    parts = [
        np.asarray(matrix[rows[start : start + STEP], columns[start : start + STEP]], np.float32).ravel()
        for start in range(0, len(rows), STEP)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
