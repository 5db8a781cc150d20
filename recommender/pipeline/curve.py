"""The learning curve: how good the ranking is with few links, with more, with all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommender.engine import Engine, local
from recommender.evaluation import Scores, Split
from recommender.index import prepare
from recommender.pipeline.evaluating import OURS, ask
from recommender.pipeline.progress import Progress, silent

COUNTS = (0, 50, 200, 1_000)
"""Links of a newsroom that begins, has begun, and goes on; all it has come last."""

DRAWS = 3
"""Times that links are drawn anew: which ones a newsroom has matters where they are few."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a number of links is worth.

    ``ndcg`` (draws, q) is nDCG@k of the split's queries, a row each time that
    links were drawn; ``learned`` is false where the default ranker answered,
    in any draw, since the links were too few.
    """

    links: int
    learned: bool
    ndcg: NDArray[np.float64]

    @property
    def queries(self) -> NDArray[np.float64]:
        """Mean over draws, query by query, (q,): for ``evaluation.interval`` and ``evaluation.lead``."""
        mean: NDArray[np.float64] = self.ndcg.mean(axis=0)
        return mean


def learning_curve(
    split: Split,
    counts: Sequence[int] = COUNTS,
    draws: int = DRAWS,
    k: int = 10,
    engine: Engine = local,
    progress: Progress = silent,
) -> list[Point]:
    """Ask a split's queries of rankings that know so many of the links it leaves, and no others.

    ``counts`` beyond what there is are left out, and all links come last.
    What is drawn the same number of times is nested: 200 links hold the 50 of
    the same draw.  A link counts once, whichever end wrote it, as in
    ``learning.FEW_LINKS``.
    """
    corpus = split.corpus
    known = len(np.unique(np.sort(corpus.links, axis=1), axis=0))
    _, index = prepare(corpus, engine=engine)
    plan = [
        (count, seed)
        for count in [*sorted({count for count in counts if count < known}), known]
        for seed in range(draws if 0 < count < known else 1)
    ]
    answers: dict[int, list[tuple[bool, NDArray[np.float64]]]] = {}
    for count, seed in progress(plan, len(plan), "learning curve"):
        fewer = replace(split, corpus=replace(corpus, links=drawn(corpus.links, count, seed)))
        judged = ask(index, fewer, k, engine=engine)
        ndcg = Scores.of(judged.ranked[OURS], split.relevant, k).ndcg
        answers.setdefault(count, []).append((judged.learned, ndcg))
    return [
        Point(count, all(learned for learned, _ in each), np.array([ndcg for _, ndcg in each]))
        for count, each in answers.items()
    ]


def drawn(links: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Keep ``count`` of the links (m, 2), in their order: those of one story after the other, at random.

    Stories are drawn, not links: an editor links a story at a time, and a
    newsroom with few links has few linked stories, not many with a link each.
    A link that both ends wrote is one and is kept both times.
    """
    if count == 0 or len(links) == 0:
        return links[:0]
    sources, own = np.unique(links[:, 0], return_inverse=True)
    order = np.argsort(np.random.default_rng(seed).permutation(len(sources))[own], kind="stable")
    _, first, couple = np.unique(
        np.sort(links[order], axis=1), axis=0, return_index=True, return_inverse=True
    )
    place = first[couple.ravel()]
    last = np.sort(first)[min(count, len(first)) - 1]
    kept: NDArray[np.int64] = links[np.sort(order[place <= last])]
    return kept
