"""This project as the measuring programs see it: all that they know of its inside is here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import news
from benchmarks.apart import Meter
from benchmarks.asking import ndcg
from recommender import default
from recommender.corpus import Corpus
from recommender.engine import ENGINES
from recommender.index import prepare
from recommender.pipeline.ranking import best
from recommender.pipeline.recomputing import recompute
from recommender.store import Store
from recommender.text import TextSpace

Ints = NDArray[np.int64]

DECAY = 14.0
"""Days: what the first order, before anything is ranked, fades by; every story has a date here."""
FADED = 80.0
"""Decays after which nothing fades any more."""


class Lists(NamedTuple):
    """Every story's best, rows (n, k), −1 where a list ends; what they took."""

    rows: Ints
    seconds: float
    peak_mb: float


def ours(corpus: Corpus, k: int = 10, engine: str = "local") -> Lists:
    """Rank all stories by the default ranker; no link is known."""
    everything = np.arange(len(corpus))
    with Meter() as meter:
        _, index = prepare(corpus, engine=ENGINES[engine])
        rows = best(index, default.ranker(), everything, k, ENGINES[engine])
    return Lists(rows, meter.seconds, meter.peak_mb)


def found(corpus: Corpus, stories: Ints, engine: str = "local") -> Ints:
    """Find those near to some stories (s,) as a recompute does: rows (s, any), in no order, −1 for none."""
    _, index = prepare(corpus, engine=ENGINES[engine])
    return index.nearest.near[stories].astype(np.int64)


def scorer(corpus: Corpus) -> Callable[[Ints], NDArray[np.float32]]:
    """Give what scores all stories for some, by that order, leaving none out: (s,) → (s, n), itself 0."""
    view = TextSpace().fit_transform(corpus.titles, corpus.excerpts).view("blend")
    columns = view.T.tocsr()

    def scores(stories: Ints) -> NDArray[np.float32]:
        similar: NDArray[np.float32] = (view[stories] @ columns).toarray()
        apart = np.abs(corpus.published[stories][:, None] - corpus.published[None, :]) / DECAY
        similar *= np.exp(-np.minimum(apart, FADED)).astype(np.float32)
        similar[np.arange(len(stories)), stories] = 0
        return similar

    return scores


# What `apart.measure` calls


def ranked(corpus: Corpus, k: int, engine: str) -> tuple[dict[str, Any], dict[str, Ints]]:
    """Measure ``ours``."""
    with Meter() as meter:
        lists = ours(corpus, k, engine)
    everything = np.arange(len(corpus))
    facts = {
        "seconds": lists.seconds,
        "cpu_seconds": meter.cpu_seconds,
        "peak_mb": lists.peak_mb,
        "ndcg": ndcg(corpus, everything, lists.rows),
        "asked": 1.0,
    }
    return facts, {"stories": everything, "lists": lists.rows}


def recomputed(corpus: Corpus, engine: str) -> tuple[dict[str, Any], dict[str, Ints]]:
    """Measure the whole verb: stories read from an SQLite file, ranked, 50 kept of each, published."""
    with tempfile.TemporaryDirectory() as place, Store.open(f"sqlite:///{place}/store.sqlite") as store:
        news.save(store, corpus)
        del corpus
        with Meter() as meter:
            recompute(store, Path(place) / "models", engine=ENGINES[engine])
    return {
        "seconds": meter.seconds,
        "cpu_seconds": meter.cpu_seconds,
        "peak_mb": meter.peak_mb,
        "asked": 1.0,
    }, {}
