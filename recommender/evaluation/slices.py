"""Where a ranking is good and where it is not: its queries by provider, topic, age and number of links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.metrics import Scores, interval
from recommender.evaluation.protocols import Split
from recommender.evaluation.report import lead

SHOWN = 8
"""Providers and topics that are slices of their own, those with most queries; the rest are ``other``."""

FEWEST = 10
"""Queries an interval takes: of fewer, resampling tells less than it seems to."""

OTHER, NONE = "other", "none"
AGES = ((1.0, "under a day"), (7.0, "1–7 days"), (30.0, "7–30 days"), (np.inf, "30 days and more"))
UNDATED = "no date"
LINKS = ((1, "1"), (3, "2–3"), (9, "4–9"), (np.inf, "10 and more"))


def slices(
    ranked: Mapping[str, NDArray[np.int64]], split: Split, k: int = 10
) -> dict[str, list[dict[str, Any]]]:
    """Cut the queries four ways and measure the first system, and the best of the others, on each part.

    ``provider`` and ``topic`` (the first) are the query's.  ``age`` is how far
    the nearest right answer is from the query in time: how far one has to look
    back for the first story worth linking.  ``links`` is the number of right
    answers.  Each of a way's parts has its ``name``, its number of
    ``queries``, and of each of the ``systems`` the mean nDCG@k and its
    interval; where there are two systems, also the first one's lead,
    ``ahead``.  Intervals are ``None`` for fewer than ``FEWEST`` queries.
    """
    ndcg = {name: Scores.of(rows, split.relevant, k).ndcg for name, rows in ranked.items()}
    ours, *others = ndcg
    shown = [ours, max(others, key=lambda name: float(ndcg[name].mean()))] if others else [ours]
    chosen = {name: ndcg[name] for name in shown}
    corpus, queries = split.corpus, split.queries.tolist()
    topics = [corpus.topics[query] for query in queries]
    ways = {
        "provider": _greatest([corpus.providers[query] for query in queries]),
        "topic": _greatest([names[0] if names else "" for names in topics]),
        "age": _ages(split),
        "links": _stepped([len(right) for right in split.relevant], LINKS),
    }
    return {way: _parts(labels, order, chosen) for way, (labels, order) in ways.items()}


Labelled = tuple[list[str], list[str]]
"""The label of every query, and all labels in the order in which they are shown."""


def _greatest(names: Sequence[str]) -> Labelled:
    counts = Counter(name for name in names if name)
    # By name where the counts are equal: the order of queries must not choose.
    kept = sorted(counts, key=lambda name: (-counts[name], name))[:SHOWN]
    labels = [(name if name in kept else OTHER) if name else NONE for name in names]
    return labels, list(dict.fromkeys([*kept, OTHER, NONE]))


def _ages(split: Split) -> Labelled:
    published = split.corpus.published
    nearest = []
    for query, right in zip(split.queries, split.relevant, strict=True):
        apart = np.abs(published[right] - published[query])
        nearest.append(np.nan if np.isnan(apart).all() else float(np.nanmin(apart)))
    labels = [
        UNDATED if np.isnan(days) else next(name for end, name in AGES if days < end) for days in nearest
    ]
    return labels, [*(name for _, name in AGES), UNDATED]


def _stepped(values: Sequence[int], steps: Sequence[tuple[float, str]]) -> Labelled:
    labels = [next(name for most, name in steps if value <= most) for value in values]
    return labels, [name for _, name in steps]


def _parts(
    labels: Sequence[str], order: Sequence[str], ndcg: Mapping[str, NDArray[np.float64]]
) -> list[dict[str, Any]]:
    marks = np.array(labels)
    parts = []
    for name in order:
        mask = marks == name
        count = int(mask.sum())
        if count == 0:
            continue
        values = {system: column[mask] for system, column in ndcg.items()}
        part: dict[str, Any] = {"name": name, "queries": count, "systems": {}}
        for system, value in values.items():
            sure = interval(value) if count >= FEWEST else None
            part["systems"][system] = {"ndcg": float(value.mean()), "interval": sure}
        if len(values) > 1:
            ours, theirs = values.values()
            part["ahead"] = lead(ours, theirs)
            if count < FEWEST:
                part["ahead"]["interval"] = None
        parts.append(part)
    return parts
