"""Evaluate: the ranker, fitted on what was known before the cut, against baselines on what came after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from recommender.corpus import Corpus
from recommender.engine import Engine, local
from recommender.errors import NothingToLearn, UsageError
from recommender.evaluation import BASELINES, Split, cold, compare
from recommender.features import directions, names
from recommender.index import Index, prepare
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.ranking import learn, rank
from recommender.ranker import DecayedSimilarity, Scorer


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Systems measured side by side; ``systems`` as ``evaluation.compare`` gives them, ours first."""

    protocol: str
    cut: datetime
    k: int
    queries: int
    relevant: int
    stories: int
    learned: bool
    systems: dict[str, Any]


def evaluate(
    corpus: Corpus,
    cut: datetime | None = None,
    k: int = 10,
    systems: Iterable[str] = tuple(BASELINES),
    engine: Engine = local,
    progress: Progress = silent,
) -> Evaluation:
    """Measure this project's ranking and the named baselines with the cold protocol.

    Raises ``UsageError`` for a system there is not, ``NothingToLearn`` where
    nothing is left to ask for.
    """
    chosen = list(systems)
    for name in chosen:
        if name not in BASELINES:
            raise UsageError(f"no system {name!r} to compare with; there are: {', '.join(BASELINES)}")
    split = cold(corpus, None if cut is None else cut.timestamp() / 86_400)
    _, index = prepare(split.corpus, engine=engine)
    return measure(index, split, k, chosen, engine, progress)


def measure(
    index: Index, split: Split, k: int, systems: Iterable[str], engine: Engine, progress: Progress
) -> Evaluation:
    """Measure with an index made already: it knows no links, so it serves every split."""
    scorer, learned = fitted(index, split, engine, progress)
    ours = rank(index, scorer, split.queries, engine, progress, "ranking queries").best(split.queries, k)
    ranked = {"recommender": ours}
    for name in progress(list(systems), len(list(systems)), "baselines"):
        ranked[name] = BASELINES[name](split.corpus, split.queries, k)
    return Evaluation(
        protocol="cold",
        cut=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=split.cut),
        k=k,
        queries=len(split.queries),
        relevant=int(sum(map(len, split.relevant))),
        stories=len(split.corpus),
        learned=learned,
        systems=compare(ranked, split, k),
    )


def fitted(index: Index, split: Split, engine: Engine, progress: Progress) -> tuple[Scorer, bool]:
    """Fit on the links that a split leaves; where they are too few, similarity with decay, and False."""
    generators = [one.generator for one in index.lists]
    links = split.corpus.links
    split.check()
    try:
        return learn(index, links, directions(generators), engine, progress), True
    except NothingToLearn:
        return DecayedSimilarity.of(names(generators)), False
