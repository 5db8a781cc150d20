"""The ranker: a weighted sum of features and boosted trees learned from curated links, kept as plain arrays.

Fitting is scikit-learn's; a fitted ranker is three arrays and two numbers, so
it is saved without pickle, checked before it is used, and scored by numpy
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from recommender.errors import ModelCorrupt, NothingToLearn
from recommender.ranking_loss import LambdaRank
from recommender.trees import LEAVES, NODE, Trees

TREES = 100
LEARNING_RATE = 0.06
MIN_PAIRS = 150
L2 = 5.0
FEATURE_SHARE = 0.4
"""Chosen by a few dozen runs, not a search; docs/evaluation.md has what was compared, and on which folds."""

MIN_STORIES = 20
"""Fewer linked stories than this teach nothing that holds."""


@dataclass(frozen=True)
class Ranker:
    """A weighted sum of features, trees on top of it, and the sigmoid that makes 0–1 of both.

    ``weights`` (features,) are those of the sum: of the default ranker, which
    needs no links and has no trees.  ``nodes`` are those of all trees,
    ``roots`` (trees + 1,) where each begins.  A pair's score is
    1 / (1 + exp(−(slope · raw + offset))) (Platt 1999).
    """

    weights: NDArray[np.float64]
    nodes: NDArray[np.void]
    roots: NDArray[np.int64]
    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def linear(cls, weights: NDArray[np.float64], slope: float = 1.0, offset: float = 0.0) -> Self:
        """Make one without trees."""
        return cls(weights, np.zeros(0, NODE), np.zeros(1, np.int64), slope, offset)

    @classmethod
    def fit(
        cls,
        matrix: NDArray[np.float32],
        story: NDArray[np.int64],
        linked: NDArray[np.bool_],
        directions: Sequence[int],
        weights: NDArray[np.float64],
        seed: int = 0,
    ) -> Self:
        """Learn trees from pairs (p, features), to which the sum of ``weights`` is then added.

        ``story`` (p,) is ascending, ``linked`` (p,) whether an editor linked them,
        ``directions`` (features,) as in ``features.Feature``.  Scores are not
        calibrated.  Raises ``NothingToLearn`` where fewer than ``MIN_STORIES``
        stories have among their candidates both one that is linked and one
        that is not.
        """
        useful = np.intersect1d(story[linked], story[~linked])
        if len(useful) < MIN_STORIES:
            raise NothingToLearn(
                f"{len(useful)} stories have candidates with a curated link and others without; "
                f"a ranker needs {MIN_STORIES}. Import more stories with `related` links."
            )
        keep = np.isin(story, useful)
        nodes, roots = _boost(matrix[keep], story[keep], linked[keep], directions, seed)
        return cls(weights, nodes, roots)

    def calibrated(self, matrix: NDArray[np.float32], linked: NDArray[np.bool_], by: int) -> Self:
        """Learn how sure a score is from pairs (p, features) that the trees have not seen.

        Platt's sigmoid, moved by the column ``by``, which is to be the same for
        all pairs of a story: so their order stays as it is.  Where all or none
        are linked there is nothing to learn.
        """
        if linked.all() or not linked.any():
            return self
        told = np.column_stack([self.raw(matrix), np.nan_to_num(matrix[:, by])])
        platt = LogisticRegression(C=1e6).fit(told, linked)
        # A slope below 0 would turn the order round; it cannot come of a ranker that learned anything.
        slope = max(float(platt.coef_[0, 0]), 1e-6)
        weights = self.weights.copy()
        weights[by] += platt.coef_[0, 1] / slope
        return replace(self, weights=weights, slope=slope, offset=float(platt.intercept_[0]))

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score pairs (p, features) → (p,), the chance that an editor would link them."""
        chance: NDArray[np.float32] = expit(self.slope * self.raw(matrix) + self.offset).astype(np.float32)
        return chance

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Add the weighted sum, to which a missing value adds nothing, and the trees' values, (p,)."""
        weighed = np.flatnonzero(self.weights)
        total: NDArray[np.float64] = _told(matrix[:, weighed]) @ self.weights[weighed]
        self._trees.add(matrix, total)
        return total

    def parts(self, matrix: NDArray[np.float32], groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """Tell what each group of features adds to the scores of pairs (p, features), as log-odds.

        ``groups`` (features,) numbers the group of each column from 0.  Gives
        (p, groups + 1), whose last column is what every pair has; the rows' sums
        are ln(score / (1 − score)).  What a tree says is shared out along the
        way to the leaf: a split has what its side is worth more than both
        together (Saabas, "Interpreting random forests", 2014).
        """
        wide = int(groups.max()) + 1
        parts = np.zeros((len(matrix), wide + 1))
        for column in np.flatnonzero(self.weights):
            parts[:, groups[column]] += _told(matrix[:, column]) * self.weights[column]
        self._trees.add_shares(matrix, groups, parts)
        parts *= self.slope
        parts[:, -1] += self.offset
        return parts

    @cached_property
    def _trees(self) -> Trees:
        # Made once: it takes longer than to rank a story.
        return Trees.of(self.nodes, self.roots)

    def __getstate__(self) -> dict[str, Any]:
        """Give what another process needs; it makes the rest."""
        return {name: value for name, value in vars(self).items() if name != "_trees"}

    def check(self) -> None:
        """Raise ``ModelCorrupt`` unless weights and trees are of the same features: then scoring is safe."""
        starts, ends = self.roots[:-1], self.roots[1:]
        sizes = ends - starts
        whole = len(self.roots) > 0 and self.roots[0] == 0 and self.roots[-1] == len(self.nodes)
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
        if (inner["feature"] < 0).any() or (inner["feature"] >= len(self.weights)).any():
            raise ModelCorrupt(f"nodes.npy: a feature is outside 0…{len(self.weights) - 1}")
        if not np.isfinite(self.weights).all():
            raise ModelCorrupt("weights.npy: a weight is not a number")
        if np.isnan(inner["threshold"]).any() or not np.isfinite(self.nodes["value"]).all():
            raise ModelCorrupt("nodes.npy: a threshold or a value is not a number")
        if not 0 < self.slope < np.inf or not np.isfinite(self.offset):
            raise ModelCorrupt("manifest.json: the ranker's slope or offset is out of range")


def _told(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(matrix), np.float32(0), matrix)


def _boost(
    matrix: NDArray[np.float32],
    story: NDArray[np.int64],
    linked: NDArray[np.bool_],
    directions: Sequence[int],
    seed: int,
) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Fit trees; their nodes, and where each tree begins, (trees + 1,)."""
    target = linked.astype(np.float64)
    booster = HistGradientBoostingRegressor(
        loss=LambdaRank(story, target),
        max_iter=TREES,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=MIN_PAIRS,
        l2_regularization=L2,
        max_features=FEATURE_SHARE,
        monotonic_cst=list(directions),
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
    return np.concatenate(trees), np.cumsum([0, *map(len, trees)])


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
    # An inner node is worth what its pairs get on average; children come after their parent.
    for at in np.flatnonzero(~plain["leaf"])[::-1]:
        sides = [plain["left"][at], plain["right"][at]]
        plain["value"][at] = np.average(plain["value"][sides], weights=nodes["count"][sides])
    return plain
