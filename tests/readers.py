"""Simulated readers, whose ways are known: what they look at, and what attracts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.corpus import Corpus
from recommender.events import Events


def events_of(
    article: ArrayLike,
    other: ArrayLike,
    rank: ArrayLike,
    shown: ArrayLike,
    clicked: ArrayLike,
    *,
    source: ArrayLike = 2,
    generation: ArrayLike = 1,
    day: ArrayLike = 0,
    models: Mapping[int, str] | None = None,
) -> Events:
    """Write events column by column; one number stands for as many."""
    columns = np.broadcast_arrays(day, generation, article, other, source, rank, shown, clicked)
    day, generation, article, other, source, rank, shown, clicked = (
        np.array(column, np.int64).ravel() for column in columns
    )
    return Events(
        day=day,
        generation=generation,
        article=article,
        other=other,
        source=source.astype(np.int8),
        rank=rank.astype(np.int16),
        shown=shown,
        clicked=clicked,
        models={1: "m1"} if models is None else dict(models),
    )


NOTHING = events_of([], [], [], [], [])


def clicks(
    rank: NDArray[np.int64],
    shown: NDArray[np.int64],
    attraction: NDArray[np.float64],
    examination: Sequence[float],
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Let readers look at ranks (n,), and click what attracts them there."""
    return random.binomial(shown, attraction * np.array(examination)[rank - 1])


def read(
    corpus: Corpus, lists: NDArray[np.int64], links: NDArray[np.int64], days: ArrayLike, shown: int = 60
) -> Events:
    """Show lists (n, k) of rows, −1 where one has ended, to readers who know the truth.

    They like what ``links`` say is related ten times as much as what else is there.
    """
    story, place = np.nonzero(lists >= 0)
    other = lists[story, place]
    keys = np.concatenate([links, links[:, ::-1]]) @ [len(corpus), 1]
    attraction = np.where(np.isin(story * len(corpus) + other, keys), 0.3, 0.03)
    examined = 1 / np.arange(1, lists.shape[1] + 1)
    clicked = clicks(
        place + 1, np.full(len(story), shown), attraction, examined.tolist(), np.random.default_rng(0)
    )
    return events_of(corpus.ids[story], corpus.ids[other], place + 1, shown, clicked, day=days)
