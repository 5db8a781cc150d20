"""The ranker: boosted trees learned from curated links, kept as plain arrays.

Fitting is scikit-learn's; a fitted ranker is two arrays and two numbers, so
it is saved without pickle, checked before it is used, and scored by numpy
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from recommender.errors import ModelCorrupt, NothingToLearn
from recommender.ranking_loss import LambdaRank

TREES = 100
LEARNING_RATE = 0.06
LEAVES = 15
MIN_PAIRS = 40
L2 = 5.0
FEATURE_SHARE = 0.4
"""Chosen by a few dozen runs, not a search; docs/evaluation.md has what was compared, and on which folds."""

MIN_STORIES = 20
"""Fewer linked stories than this teach nothing that holds."""

HELD_OUT = 5
"""Every fifth linked story is held out of a first fit, to learn how sure a score is."""

STEP = 16_384
"""Pairs scored together: their columns fit the cache."""

NODE = np.dtype([("feature", "<i4"), ("threshold", "<f4"), ("left", "<i4"), ("right", "<i4"),
                 ("missing_left", "?"), ("leaf", "?"), ("value", "<f8")])  # fmt: skip
"""A node: rows with ``feature`` ≤ ``threshold`` go ``left``; children are counted from their tree's root."""


class Scorer(Protocol):
    """What ranks: higher is more related, in 0–1."""

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score pairs described by ``features.features`` (p, features) → (p,)."""
        ...


@dataclass(frozen=True, slots=True)
class DecayedSimilarity:
    """The order before anything is learned: words and title letters in common, fading with time apart.

    ``columns`` are the features whose mean is the score.
    """

    columns: tuple[int, ...]

    @classmethod
    def of(cls, feature_names: list[str]) -> Self:
        """Pick its columns by name."""
        return cls(tuple(feature_names.index(name) for name in ("words×30d", "trigrams×14d")))

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean of the similarities, (p,)."""
        mean: NDArray[np.float32] = np.mean(matrix[:, list(self.columns)], axis=1, dtype=np.float32)
        return mean


@dataclass(frozen=True, slots=True)
class Ranker:
    """Trees and the sigmoid that makes 0–1 of their sum.

    ``nodes`` are those of all trees, ``roots`` (trees + 1,) where each begins.
    A pair's score is 1 / (1 + exp(−(slope · sum + offset))) (Platt 1999).
    """

    nodes: NDArray[np.void]
    roots: NDArray[np.int64]
    slope: float
    offset: float
    width: int

    @classmethod
    def fit(
        cls,
        matrix: NDArray[np.float32],
        story: NDArray[np.int64],
        linked: NDArray[np.bool_],
        directions: list[int],
        seed: int = 0,
    ) -> Self:
        """Learn from pairs (p, features).

        ``story`` (p,) is ascending, ``linked`` (p,) whether an editor linked them,
        ``directions`` (features,) as in ``features.directions``.  Raises
        ``NothingToLearn`` where fewer than ``MIN_STORIES`` stories have among
        their candidates both one that is linked and one that is not.
        """
        useful = np.intersect1d(story[linked], story[~linked])
        if len(useful) < MIN_STORIES:
            raise NothingToLearn(
                f"{len(useful)} stories have candidates with a curated link and others without; "
                f"a ranker needs {MIN_STORIES}. Import more stories with `related` links."
            )
        keep = np.isin(story, useful)
        matrix, story, linked = matrix[keep], story[keep], linked[keep]
        held = np.isin(story, useful[HELD_OUT - 1 :: HELD_OUT])
        rehearsal = cls._boost(matrix[~held], story[~held], linked[~held], directions, seed)
        platt = LogisticRegression(C=1e6).fit(rehearsal.raw(matrix[held])[:, None], linked[held])
        final = cls._boost(matrix, story, linked, directions, seed)
        # A slope below 0 would turn the order round; it cannot come of a ranker that learned anything.
        slope = max(float(platt.coef_[0, 0]), 1e-6)
        return cls(final.nodes, final.roots, slope, float(platt.intercept_[0]), matrix.shape[1])

    @classmethod
    def _boost(
        cls,
        matrix: NDArray[np.float32],
        story: NDArray[np.int64],
        linked: NDArray[np.bool_],
        directions: list[int],
        seed: int,
    ) -> Self:
        target = linked.astype(np.float64)
        booster = HistGradientBoostingRegressor(
            loss=LambdaRank(story, target),
            max_iter=TREES,
            learning_rate=LEARNING_RATE,
            max_leaf_nodes=LEAVES,
            min_samples_leaf=MIN_PAIRS,
            l2_regularization=L2,
            max_features=FEATURE_SHARE,
            monotonic_cst=directions,
            early_stopping=False,
            random_state=seed,
        )
        # scikit-learn cannot bin a column that is never told; a constant one is never split on.
        untold = np.isnan(matrix).all(axis=0)
        # Its threads wait for each other by spinning: where a core is busy with something else, two take
        # up to twenty times as long as one; where none is, they save a fifth.  The trees are the same.
        with threadpool_limits(1, user_api="openmp"):
            booster.fit(np.where(untold, np.float32(0), matrix), target)
        trees = [_plain(iteration[0].nodes) for iteration in booster._predictors]  # noqa: SLF001
        roots = np.cumsum([0, *map(len, trees)])
        return cls(np.concatenate(trees), roots, 1.0, 0.0, matrix.shape[1])

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score pairs (p, features) → (p,), the chance that an editor would link them."""
        chance: NDArray[np.float32] = expit(self.slope * self.raw(matrix) + self.offset).astype(np.float32)
        return chance

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum of the trees' values, (p,).

        Every inner node strikes the leaves of the side not taken from a bit
        mask; the lowest bit left is the leaf reached (QuickScorer, Lucchese
        et al. 2015), which vectorises over pairs where descending does not.
        """
        total = np.zeros(len(matrix))
        trees = [_Tree.of(self.nodes[a:b]) for a, b in zip(self.roots, self.roots[1:], strict=False)]
        for start in range(0, len(matrix), STEP):
            block = np.asfortranarray(matrix[start : start + STEP])
            for tree in trees:
                total[start : start + STEP] += tree.values(block)
        return total

    def check(self) -> None:
        """Raise ``ModelCorrupt`` unless these are trees over ``width`` features: then scoring is safe."""
        starts, ends = self.roots[:-1], self.roots[1:]
        sizes = ends - starts
        whole = len(self.roots) > 1 and self.roots[0] == 0 and self.roots[-1] == len(self.nodes)
        if not whole or (sizes < 1).any() or (sizes > 2 * LEAVES - 1).any():
            raise ModelCorrupt("roots.npy: trees do not cover nodes.npy")
        own = np.arange(len(self.nodes)) - np.repeat(starts, sizes)
        inner = self.nodes[~self.nodes["leaf"]]
        place, size = own[~self.nodes["leaf"]], np.repeat(sizes, sizes)[~self.nodes["leaf"]]
        for side in ("left", "right"):
            # Children come after their parent: no cycle can be written.
            if (inner[side] <= place).any() or (inner[side] >= size).any():
                raise ModelCorrupt(f"nodes.npy: a {side} child is outside its tree")
        # One parent each, or a few nodes could stand for more leaves than a mask has bits.
        first = np.repeat(starts, sizes)[~self.nodes["leaf"]]
        parents = np.bincount(
            np.concatenate([first + inner["left"], first + inner["right"]]), minlength=len(own)
        )
        if (parents != (own > 0)).any():
            raise ModelCorrupt("nodes.npy: a node has no parent, or two")
        if (inner["feature"] < 0).any() or (inner["feature"] >= self.width).any():
            raise ModelCorrupt(f"nodes.npy: a feature is outside 0…{self.width - 1}")
        if np.isnan(inner["threshold"]).any() or not np.isfinite(self.nodes["value"]).all():
            raise ModelCorrupt("nodes.npy: a threshold or a value is not a number")
        if not 0 < self.slope < np.inf or not np.isfinite(self.offset):
            raise ModelCorrupt("manifest.json: the ranker's slope or offset is out of range")


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree made ready for bit masks: its inner nodes' tests and masks, its leaves' values in order."""

    tests: list[tuple[int, np.float32, bool, NDArray[np.uint16]]]
    leaves: NDArray[np.float64]

    @classmethod
    def of(cls, nodes: NDArray[np.void]) -> Self:
        tests: list[tuple[int, np.float32, bool, NDArray[np.uint16]]] = []
        leaves: list[float] = []

        def visit(at: int) -> int:
            """Return the bits of the leaves below a node, numbering them."""
            node = nodes[at]
            if node["leaf"]:
                leaves.append(float(node["value"]))
                return 1 << (len(leaves) - 1)
            left = visit(int(node["left"]))
            right = visit(int(node["right"]))
            masks = np.array([0xFFFF, 0xFFFF & ~left], np.uint16)
            tests.append((int(node["feature"]), node["threshold"], bool(node["missing_left"]), masks))
            return left | right

        visit(0)
        return cls(tests, np.array(leaves))

    def values(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        alive = np.full(len(block), 0xFFFF, np.uint16)
        for feature, threshold, missing_left, masks in self.tests:
            column = block[:, feature]
            right = column > threshold if missing_left else ~(column <= threshold)
            alive &= masks[right.view(np.uint8)]
        lowest = alive & (~alive + np.uint16(1))
        reached: NDArray[np.intc] = np.frexp(lowest.astype(np.float32))[1] - 1
        return self.leaves[reached]


def _plain(nodes: NDArray[Any]) -> NDArray[np.void]:
    """Copy scikit-learn's nodes to ``NODE``.

    Features are float32, so a threshold rounded down to float32 decides the
    same way as the float64 one it was.
    """
    plain = np.zeros(len(nodes), NODE)
    threshold = nodes["num_threshold"].astype(np.float32)
    too_high = threshold.astype(np.float64) > nodes["num_threshold"]
    plain["threshold"] = np.where(too_high, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    plain["feature"] = nodes["feature_idx"]
    plain["left"], plain["right"] = nodes["left"], nodes["right"]
    plain["missing_left"] = nodes["missing_go_to_left"]
    plain["leaf"], plain["value"] = nodes["is_leaf"], nodes["value"]
    return plain
