"""Systems side by side: means with intervals, paired leads, how full the lists are; and query by query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.errors import UnsoundEvaluation
from recommender.evaluation.metrics import Scores, interval
from recommender.evaluation.protocols import Split


def compare(ranked: Mapping[str, NDArray[np.int64]], split: Split, k: int = 10) -> dict[str, Any]:
    """Measure systems side by side; the first one is paired against each of the others.

    ``ranked`` are lists (q, any) of rows, −1 where one has ended.  Returns for
    every system its means; the ``interval`` of its nDCG; ``coverage``, the
    share of queries with any answer; ``short``, the share whose list has fewer
    than ``k``; ``catalogue``, the share of all stories that some list names;
    and, but for the first, ``ahead``: the first one's lead in nDCG with its
    paired interval.  Raises ``UnsoundEvaluation`` for lists that no system may
    give.
    """
    for name, rows in ranked.items():
        _check(name, rows, split)
    scores = {name: Scores.of(rows, split.relevant, k) for name, rows in ranked.items()}
    ours = next(iter(scores.values()))
    report: dict[str, Any] = {}
    for name, score in scores.items():
        report[name] = {
            **score.means(),
            "interval": interval(score.ndcg),
            **_fullness(ranked[name][:, :k], len(split.corpus), k),
        }
        if score is not ours:
            report[name]["ahead"] = lead(ours.ndcg, score.ndcg)
    return report


def lead(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> dict[str, Any]:
    """Mean of what is ours more than theirs, query by query (q,), and its paired interval."""
    more = ours - theirs
    return {"mean": float(more.mean()), "interval": interval(more)}


def per_query(ranked: Mapping[str, NDArray[np.int64]], split: Split, k: int = 10) -> Iterator[dict[str, Any]]:
    """Give for every query, in order: its URL, the right answers' and, of each system, metrics and URLs."""
    urls = split.corpus.urls
    columns = {name: Scores.of(rows, split.relevant, k).columns() for name, rows in ranked.items()}
    for place, (query, right) in enumerate(zip(split.queries.tolist(), split.relevant, strict=True)):
        yield {
            "url": urls[query],
            "relevant": [urls[row] for row in right.tolist()],
            "systems": {
                name: {metric: float(values[place]) for metric, values in columns[name].items()}
                | {"ranked": [urls[row] for row in rows[place, :k].tolist() if row >= 0]}
                for name, rows in ranked.items()
            },
        }


def _fullness(ranked: NDArray[np.int64], stories: int, k: int) -> dict[str, float]:
    listed = (ranked >= 0).sum(axis=1)
    return {
        "coverage": float((listed > 0).mean()),
        "short": float((listed < k).mean()),
        "catalogue": len(np.unique(ranked[ranked >= 0])) / stories,
    }


def _check(name: str, ranked: NDArray[np.int64], split: Split) -> None:
    """Raise ``UnsoundEvaluation`` for what would be counted wrongly: a list that gains by repeating a hit."""
    if len(ranked) != len(split.queries):
        raise UnsoundEvaluation(f"{name} has {len(ranked)} lists for {len(split.queries)} queries")
    if ((ranked < -1) | (ranked >= len(split.corpus))).any():
        raise UnsoundEvaluation(f"{name} lists what is none of the {len(split.corpus)} stories")
    if (ranked == split.queries[:, None]).any():
        raise UnsoundEvaluation(f"{name} lists a story as related to itself")
    if ((ranked[:, 1:] >= 0) & (ranked[:, :-1] < 0)).any():
        raise UnsoundEvaluation(f"{name} has a list that goes on after its end")
    ordered = np.sort(ranked, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        raise UnsoundEvaluation(f"{name} lists a story twice")
