"""What a list is worth, query by query, and how sure a mean over queries is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 2_000
METRICS = ("ndcg", "recall", "mrr", "map", "p@1")


@dataclass(frozen=True, slots=True)
class Scores:
    """A system's metrics, query by query: each (q,) in 0–1."""

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    mrr: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    p_at_1: NDArray[np.float64]

    @classmethod
    def of(cls, ranked: NDArray[np.int64], relevant: Sequence[NDArray[np.int64]], k: int = 10) -> Self:
        """Measure lists (q, any) of rows, −1 where a list has ended; ``relevant`` has at least one row each.

        nDCG@k with binary gain, log2 discount and the ideal over min(k,
        relevant) (Järvelin and Kekäläinen 2002); recall@k over min(k,
        relevant); MRR@k; MAP@k, the sum of precision at each hit over min(k,
        relevant); P@1.  A query without a hit scores 0.
        """
        hits = np.zeros((len(relevant), k))
        for row, listed, right in zip(hits, ranked[:, :k], relevant, strict=True):
            row[: len(listed)] = np.isin(listed, right)
        most = np.array([min(k, len(right)) for right in relevant])
        places = np.arange(1, k + 1)
        discount = 1 / np.log2(places + 1)
        return cls(
            ndcg=hits @ discount / np.cumsum(discount)[most - 1],
            recall=hits.sum(axis=1) / most,
            mrr=(hits / places).max(axis=1),
            average_precision=(hits * np.cumsum(hits, axis=1) / places).sum(axis=1) / most,
            p_at_1=hits[:, 0],
        )

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Each metric's values (q,), under the names of ``METRICS``."""
        values = (self.ndcg, self.recall, self.mrr, self.average_precision, self.p_at_1)
        return dict(zip(METRICS, values, strict=True))

    def means(self) -> dict[str, float]:
        """Mean of each metric over queries, under the names of ``METRICS``."""
        return {name: float(column.mean()) for name, column in self.columns().items()}


def interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over queries (q,); give differences for a paired one.

    Percentile method, ``RESAMPLES`` resamples.
    """
    if len(values) < 2:
        return (float(values.mean()), float(values.mean()))
    result = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
    )
    low, high = result.confidence_interval
    return float(low), float(high)
