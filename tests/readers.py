"""Simulated readers, whose ways are known: what they look at, and what attracts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
