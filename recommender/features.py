"""What is known of a story and its candidate, as numbers a ranker can learn from.

Text enters as similarity only, never as words, so that a ranker learned on
one newsroom's links holds for another's.  ``Index`` is made once of all
stories; ``features`` is a pure function of it and a block of pairs.  Missing
is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.candidates import Generator, Lists, Pairs, decayed
from recommender.index import Index
from recommender.text import VIEWS

DECAYS = (
    ("words", 7.0),
    ("words", 30.0),
    ("title", 7.0),
    ("trigrams", 3.0),
    ("trigrams", 14.0),
    ("letters", 7.0),
    ("letters", 30.0),
)
"""Similarities that also enter times exp(−days apart / decay)."""

STEP = 100_000
"""Pairs looked at together; bounds memory."""


def names(generators: Sequence[Generator]) -> list[str]:
    """Names of the columns ``features`` makes, in order."""
    found = [*VIEWS, *(f"{view}×{decay:g}d" for view, decay in DECAYS)]
    for one in generators:
        found += [f"{one.view}:{name}" for name in ("rank", "back", "share", "share back")]
        found += [f"{one.view}:{name}" for name in ("event", "event back", "events")]
    return [
        *found,
        "days apart",
        "days later",
        "shared idf",
        "shared idf in title",
        "rarest shared",
        "topics",
        "provider",
        "quality",
    ]


FALLING = ("rank", "back", "days apart")
RISING = (*VIEWS, "share", "share back", "event", "event back", "events", "rarest shared", "topics")


def directions(generators: Sequence[Generator]) -> list[int]:
    """Which way each feature may move the score: 1 up, −1 down, 0 either.

    More alike or nearer in time is never less related; holding the ranker to
    that is what lets it carry over to later months and other newsrooms.
    """
    return [_direction(name.split(":")[-1]) for name in names(generators)]


def _direction(name: str) -> int:
    if name in FALLING:
        return -1
    return int(name in RISING or "×" in name or name.startswith("shared"))


def features(index: Index, pairs: Pairs) -> NDArray[np.float32]:
    """Describe pairs: a matrix (p, len(names)), float32, NaN where a story does not say."""
    width = len(names([one.generator for one in index.lists]))
    matrix = np.empty((len(pairs), width), np.float32, order="F")
    for start in range(0, len(pairs), STEP):
        block = slice(start, start + STEP)
        for column, values in enumerate(_columns(index, pairs.story[block], pairs.candidate[block])):
            matrix[block, column] = values
    return matrix


def _columns(
    index: Index, story: NDArray[np.int64], other: NDArray[np.int64]
) -> Iterator[NDArray[np.floating]]:
    similar = {name: _dots(view, story, view, other) for name, view in index.views.items()}
    days = index.published[other] - index.published[story]
    yield from (similar[name] for name in VIEWS)
    yield from (similar[view] * decayed(days, decay) for view, decay in DECAYS)
    for one, event in zip(index.lists, index.events, strict=True):
        score = similar[one.generator.view] * decayed(days, one.generator.decay)
        yield from _standing(one, score, story, other)
        view = index.views[one.generator.view]
        yield _dots(event, story, view, other)
        yield _dots(view, story, event, other)
        yield _dots(event, story, event, other)
    yield np.abs(days)
    yield days
    yield _dots(index.weighted["words"], story, index.present["words"], other)
    yield _dots(index.weighted["title"], story, index.present["title"], other)
    shared = index.weighted["words"][story].multiply(index.present["words"][other])
    # scipy refuses the greatest of no columns: a corpus without a word that two stories have.
    yield shared.max(axis=1).toarray().ravel() if shared.shape[1] else np.zeros(len(story), np.float32)
    yield _jaccard(index, story, other)
    yield (index.provider[story] == index.provider[other]).astype(np.float32)
    yield index.quality[other]


def _standing(
    one: Lists, score: NDArray[np.float32], story: NDArray[np.int64], other: NDArray[np.int64]
) -> Iterator[NDArray[np.floating]]:
    """Place of the pair in the story's list and in the candidate's, and its score as a share of their best.

    A place is the number of better ones, so it has a meaning for a story that
    is in nobody's list, too.
    """
    better = score[:, None] + np.float32(1e-6)
    yield (one.scores[story] > better).sum(axis=1).astype(np.float32)
    yield (one.scores[other] > better).sum(axis=1).astype(np.float32)
    yield score / np.maximum(one.scores[story, 0], np.float32(1e-6))
    yield score / np.maximum(one.scores[other, 0], np.float32(1e-6))


def _jaccard(index: Index, story: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.floating]:
    both = _dots(index.topics, story, index.topics, other)
    left, right = index.topic_count[story], index.topic_count[other]
    told = (left > 0) & (right > 0)
    return np.where(told, both / np.maximum(left + right - both, 1), np.nan)


def _dots(
    left: sp.csr_matrix, rows: NDArray[np.int64], right: sp.csr_matrix, others: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Dot product of row ``rows[i]`` of one matrix with row ``others[i]`` of another, (p,)."""
    return np.asarray(left[rows].multiply(right[others]).sum(axis=1), np.float32).ravel()
