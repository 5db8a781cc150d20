"""LambdaRank as a loss of scikit-learn's histogram gradient boosting.

A pair classifier asks "is this linked?" of every pair by itself; what is
served is an order within one story's candidates.  LambdaRank asks for that
order: a pair of candidates, one linked and one not, pulls apart with the
nDCG that swapping them would change.  See Burges, "From RankNet to LambdaRank
to LambdaMART" (2010); the normalisation by the score's gap and by the sum of a
story's lambdas is the one LightGBM uses.

scikit-learn accepts a loss object here (``HistGradientBoostingRegressor(loss=…)``)
but keeps the class private; ``tests/test_ranker.py`` holds this use of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn._loss.loss import HalfSquaredError

DEPTH = 20
"""Places from the top whose order matters; pairs below it pull nothing."""

BATCH = 64
"""Stories looked at together; bounds memory to BATCH × DEPTH × candidates."""


class LambdaRank(HalfSquaredError):  # type: ignore[misc]  # noqa: N818  (scikit-learn has no types)
    """Gradients that raise nDCG@``DEPTH`` of stories' candidate lists.

    ``story`` (p,) ascending says whose candidate each row is, ``linked`` (p,)
    is 1 for a link and 0 otherwise; the rows must be those the booster fits.
    """

    def __init__(self, story: NDArray[np.int64], linked: NDArray[np.float64]) -> None:
        super().__init__()
        self.constant_hessian = False
        new = np.r_[True, story[1:] != story[:-1]]
        starts = np.flatnonzero(new)
        self._row = np.cumsum(new) - 1
        self._place = np.arange(len(story)) - starts[self._row]
        shape = (len(starts), int(self._place.max()) + 1)
        self._linked = np.zeros(shape, np.float32)
        self._linked[self._row, self._place] = linked
        self._discount = 1 / np.log2(np.arange(shape[1], dtype=np.float32) + 2)
        best = np.minimum(self._linked.sum(axis=1), DEPTH).astype(int)
        ideal = np.r_[0, np.cumsum(self._discount)][np.minimum(best, shape[1])]
        self._per_ideal = np.divide(1, ideal, out=np.zeros(len(ideal)), where=ideal > 0).astype(np.float32)

    # scikit-learn gives some arguments by name that nothing here needs.
    # ruff: noqa: ARG002

    def fit_intercept_only(self, y_true: object, sample_weight: object = None) -> NDArray[np.float64]:
        """Start every score at 0: only differences matter."""
        return np.zeros(1)

    def init_gradient_and_hessian(
        self, n_samples: int, dtype: type = np.float64, order: str = "F"
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Make room for a gradient and a hessian a row."""
        return np.empty(n_samples, dtype), np.empty(n_samples, dtype)

    def gradient_hessian(
        self,
        y_true: object,
        raw_prediction: NDArray[np.floating],
        sample_weight: object = None,
        gradient_out: NDArray[np.floating] | None = None,
        hessian_out: NDArray[np.floating] | None = None,
        n_threads: int = 1,
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Write the lambdas and their slopes for the scores as they are, (p,) each."""
        assert gradient_out is not None  # noqa: S101  (the booster always gives both)
        assert hessian_out is not None  # noqa: S101
        scores = np.full(self._linked.shape, -np.inf, np.float32)
        scores[self._row, self._place] = raw_prediction.ravel()
        gradient = np.zeros_like(scores)
        hessian = np.zeros_like(scores)
        for start in range(0, len(scores), BATCH):
            block = slice(start, start + BATCH)
            order = np.argsort(-scores[block], axis=1, kind="stable")
            pull, slope = self._lambdas(
                np.take_along_axis(scores[block], order, axis=1),
                np.take_along_axis(self._linked[block], order, axis=1),
                self._per_ideal[block],
            )
            np.put_along_axis(gradient[block], order, pull, axis=1)
            np.put_along_axis(hessian[block], order, slope, axis=1)
        gradient_out[:] = gradient[self._row, self._place]
        hessian_out[:] = np.maximum(hessian[self._row, self._place], 1e-7)
        return gradient_out, hessian_out

    def _lambdas(
        self, score: NDArray[np.float32], linked: NDArray[np.float32], per_ideal: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lambdas of stories (b,) whose candidates (m,) are in order of score, padded with −inf."""
        top = min(DEPTH, score.shape[1])
        there = np.isfinite(score)
        score = np.where(there, score, 0)
        # Upper candidate (b, top, 1) against lower one (b, 1, m), each pair once.
        sign = linked[:, :top, None] - linked[:, None, :]
        sign *= there[:, :top, None] & there[:, None, :]
        sign *= np.arange(score.shape[1])[None, :] > np.arange(top)[:, None]
        gap = score[:, :top, None] - score[:, None, :]
        gain = np.abs(self._discount[:top, None] - self._discount[None, :]) * per_ideal[:, None, None]
        gain = gain / (np.float32(0.01) + np.abs(gap))
        wrong = 1 / (1 + np.exp(np.clip(sign * gap, -30, 30)))
        pull = sign * wrong * gain
        slope = np.abs(sign) * wrong * (1 - wrong) * gain
        down, steep = pull.sum(axis=1), slope.sum(axis=1)
        down[:, :top] -= pull.sum(axis=2)
        steep[:, :top] += slope.sum(axis=2)
        total = 2 * np.abs(pull).sum(axis=(1, 2))
        norm = np.divide(np.log2(1 + total), total, out=np.ones_like(total), where=total > 0)[:, None]
        return down * norm, steep * norm
