"""Boosted trees as bit masks: which leaf a pair reaches, without descending.

Every inner node strikes the leaves of the side not taken from a bit mask; the
lowest bit left is the leaf reached (QuickScorer, Lucchese et al. 2015).  That
takes pairs side by side where descending takes one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.compiled import compiled

LEAVES = 15
"""Leaves of a tree, at most: a mask has 32 bits."""

NODE = np.dtype([("feature", "<i4"), ("threshold", "<f4"), ("left", "<i4"), ("right", "<i4"),
                 ("missing_left", "?"), ("leaf", "?"), ("value", "<f8")])  # fmt: skip
"""A node: rows with ``feature`` ≤ ``threshold`` go ``left``; children are counted from their tree's root.
``value`` is what a leaf adds, and in an inner node the mean of what the pairs there were given."""

_STEP = 1_024
"""Pairs looked at together: their columns fit a core's second cache."""


class _Tests(NamedTuple):
    """The inner nodes of all trees: ``starts`` (trees + 1,) where each tree's begin.

    A pair goes right where its ``feature`` is above ``threshold``, or missing
    and not ``missing_left``; then only the leaves in ``kept`` are left.
    """

    starts: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    kept: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees made ready to be asked.

    ``values`` (trees, LEAVES) is what each leaf adds.  ``ways`` has, leaf by
    leaf, the features split on from the root to it, and what each step is
    worth; ``starts`` (trees,) is the worth of the roots.
    """

    tests: _Tests
    values: NDArray[np.float64]
    ways: list[list[list[tuple[int, float]]]]
    starts: NDArray[np.float64]

    @classmethod
    def of(cls, nodes: NDArray[np.void], roots: NDArray[np.int64]) -> Self:
        """Read trees of ``NODE`` records that ``Ranker.check`` has passed."""
        tests: list[tuple[int, np.float32, bool, int]] = []
        starts, values, ways = [0], np.zeros((len(roots) - 1, LEAVES)), []
        for tree, (begin, end) in enumerate(pairwise(roots)):
            found, leaves, way = _taken_apart(nodes[begin:end])
            tests += found
            starts.append(len(tests))
            values[tree, : len(leaves)] = leaves
            ways.append(way)
        feature, threshold, missing_left, kept = zip(*tests, strict=True) if tests else ((),) * 4
        return cls(
            _Tests(
                np.array(starts, np.int64),
                np.array(feature, np.int64),
                np.array(threshold, np.float32),
                np.array(missing_left, np.bool_),
                np.array(kept, np.uint32),
            ),
            values,
            ways,
            np.array([nodes[root]["value"] for root in roots[:-1]], np.float64),
        )

    def add(self, matrix: NDArray[np.float32], total: NDArray[np.float64]) -> None:
        """Add to ``total`` (p,) what all trees say of pairs (p, features)."""
        _add(np.asfortranarray(matrix), self.tests, self.values[:, :, None], total[:, None])

    def add_shares(
        self, matrix: NDArray[np.float32], groups: NDArray[np.int64], parts: NDArray[np.float64]
    ) -> None:
        """Add to ``parts`` (p, groups + 1) what the ways to leaves are worth to each group, last the root.

        ``groups`` (features,) numbers the group of each column.
        """
        shares = np.zeros((*self.values.shape, parts.shape[1]))
        shares[:, :, -1] = self.starts[:, None]
        for tree, leaves in enumerate(self.ways):
            for leaf, way in enumerate(leaves):
                for feature, worth in way:
                    shares[tree, leaf, groups[feature]] += worth
        _add(np.asfortranarray(matrix), self.tests, shares, parts)


def _taken_apart(
    nodes: NDArray[np.void],
) -> tuple[list[tuple[int, np.float32, bool, int]], list[float], list[list[tuple[int, float]]]]:
    """Give a tree's tests, its leaves' values, and the ways to them."""
    tests: list[tuple[int, np.float32, bool, int]] = []
    values: list[float] = []
    ways: list[list[tuple[int, float]]] = []

    def visit(at: int, way: Sequence[tuple[int, float]]) -> int:
        """Return the bits of the leaves below a node, numbering them from the left."""
        node = nodes[at]
        if node["leaf"]:
            values.append(float(node["value"]))
            ways.append(list(way))
            return 1 << (len(values) - 1)
        feature = int(node["feature"])
        sides = [
            visit(int(node[side]), [*way, (feature, float(nodes[node[side]]["value"] - node["value"]))])
            for side in ("left", "right")
        ]
        tests.append((feature, node["threshold"], bool(node["missing_left"]), 0xFFFFFFFF & ~sides[0]))
        return sides[0] | sides[1]

    visit(0, [])
    return tests, values, ways


_LOWEST = np.zeros(32, np.int64)
"""The place of a number's only bit, by the last five bits of its product with a de Bruijn sequence."""
_LOWEST[[(0x077CB531 << bit & 0xFFFFFFFF) >> 27 for bit in range(32)]] = np.arange(32)


@compiled
def _add(
    matrix: NDArray[np.float32], tests: _Tests, worth: NDArray[np.float64], total: NDArray[np.float64]
) -> None:
    """Add to ``total`` (p, w) the ``worth`` (trees, LEAVES, w) of the leaves that pairs reach."""
    alive = np.empty(_STEP, np.uint32)
    everything = np.uint32(0xFFFFFFFF)
    for start in range(0, len(matrix), _STEP):
        size = min(_STEP, len(matrix) - start)
        for tree in range(len(tests.starts) - 1):
            alive[:] = everything
            for test in range(tests.starts[tree], tests.starts[tree + 1]):
                column = matrix[start : start + size, tests.feature[test]]
                threshold, kept = tests.threshold[test], tests.kept[test]
                # A missing value is neither above nor below anything.
                if tests.missing_left[test]:
                    for row in range(size):
                        alive[row] &= kept if column[row] > threshold else everything
                else:
                    for row in range(size):
                        alive[row] &= everything if column[row] <= threshold else kept
            for row in range(size):
                lowest = alive[row] & (~alive[row] + np.uint32(1))
                leaf = _LOWEST[np.uint32(lowest * np.uint32(0x077CB531)) >> np.uint32(27)]
                for part in range(total.shape[1]):
                    total[start + row, part] += worth[tree, leaf, part]
