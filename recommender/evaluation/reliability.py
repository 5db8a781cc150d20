"""Whether a score means what it says: of pairs scored about 0.7, seven in ten should be linked.

An order can be right where its scores are not.  Thresholds (``min_score``),
diversity and the audit go by the scores, so they are measured by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
"""Bins of equal width between 0 and 1."""

_Z = 1.959964
"""Standard deviations that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs scored from ``least`` to below ``most``, in the last bin to 1: how many, of how many queries.

    ``score`` is their mean, ``linked`` the share that editors linked, with a
    95 % ``interval``.
    """

    least: float
    most: float
    pairs: int
    queries: int
    score: float
    linked: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reliability:
    """All pairs together, and bin by bin; a bin without pairs is left out.

    ``error`` is the expected calibration error: how far ``score`` is from
    ``linked`` in a pair's bin, on average over pairs.  Chance alone lifts it
    above 0, the more the fewer pairs.  Everything is 0 where there is no pair.
    """

    pairs: int
    score: float
    linked: float
    error: float
    bins: list[Bin]


def reliability(
    query: NDArray[np.int64], scores: NDArray[np.floating], linked: NDArray[np.bool_], bins: int = BINS
) -> Reliability:
    """Compare scores (p,) in 0–1 with what editors did, ``linked`` (p,).

    ``query`` (p,) names the query that each pair is of.  A bin's
    interval is Wilson's, for as many independent pairs as those of the bin are
    worth: pairs of one query are alike, which makes it wider.
    """
    if len(scores) == 0:
        return Reliability(0, 0.0, 0.0, 0.0, [])
    number = np.minimum((scores * bins).astype(np.int64), bins - 1)
    found = []
    for bin_ in np.unique(number).tolist():
        rows = number == bin_
        found.append(
            Bin(
                least=bin_ / bins,
                most=(bin_ + 1) / bins,
                pairs=int(rows.sum()),
                queries=len(np.unique(query[rows])),
                score=float(scores[rows].mean()),
                linked=float(linked[rows].mean()),
                interval=_interval(query[rows], linked[rows]),
            )
        )
    return Reliability(
        pairs=len(scores),
        score=float(scores.mean()),
        linked=float(linked.mean()),
        error=sum(each.pairs * abs(each.score - each.linked) for each in found) / len(scores),
        bins=found,
    )


def _interval(query: NDArray[np.int64], linked: NDArray[np.bool_]) -> tuple[float, float]:
    share, worth = float(linked.mean()), _worth(query, linked)
    spread = _Z**2 / worth
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * np.sqrt(share * (1 - share) / worth + spread / (4 * worth)) / (1 + spread)
    # Rounding must not leave a share of exactly 0 or 1 outside, nor an end beyond them.
    return max(0.0, min(share, float(middle - half))), min(1.0, max(share, float(middle + half)))


def _worth(query: NDArray[np.int64], linked: NDArray[np.bool_]) -> float:
    """Give the number of independent pairs with the variance that these have, by queries (Kish 1965).

    Where all or none are linked, nothing tells how alike a query's pairs are:
    each query counts once.
    """
    _, row = np.unique(query, return_inverse=True)
    hits, pairs = np.bincount(row, linked), np.bincount(row)
    share, queries = hits.sum() / pairs.sum(), len(pairs)
    if share in (0, 1) or queries == 1:
        return float(queries)
    between = queries / (queries - 1) * ((hits - share * pairs) ** 2).sum() / pairs.sum() ** 2
    alone = share * (1 - share) / pairs.sum()
    return float(pairs.sum() / max(1.0, between / alone))
