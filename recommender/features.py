"""What is known of a story and its candidate, as numbers a ranker can learn from.

Text enters as similarity only, never as words, so that a ranker learned on
one newsroom's links holds for another's.  ``Index`` is made once of all
stories; ``features`` is a pure function of it and a block of pairs.  Missing
is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Lists, Pairs, decayed, dots
from recommender.index import Index
from recommender.text import VIEWS


class Feature(NamedTuple):
    """A column: its name, which way it may move the score (1 up, −1 down, 0 either), what it speaks of.

    More alike or nearer in time is never less related; holding the ranker to
    that is what lets it carry over to later months and other newsrooms.
    """

    name: str
    direction: int
    group: str


_SIMILARITIES = {
    "words": ("words", (7.0, 30.0)),
    "title": ("words", (7.0,)),
    "excerpt": ("words", ()),
    "text": ("words", (7.0,)),
    "trigrams": ("headline", (3.0, 14.0)),
    "letters": ("headline", (7.0, 30.0)),
    "blend": ("likeness", (7.0, 14.0, 30.0)),
}
"""Of each view its group, and the decays in days × which its similarity enters, too."""

FEATURES: tuple[Feature, ...] = (
    *(Feature(view, 1, _SIMILARITIES[view][0]) for view in VIEWS),
    *(
        Feature(f"{view}×{decay:g}d", 1, group)
        for view, (group, decays) in _SIMILARITIES.items()
        for decay in decays
    ),
    Feature("rank", -1, "likeness"),
    Feature("rank back", -1, "likeness"),
    Feature("share", 1, "likeness"),
    Feature("share back", 1, "likeness"),
    Feature("event", 1, "likeness"),
    Feature("event back", 1, "likeness"),
    Feature("events", 1, "likeness"),
    Feature("days apart", -1, "time"),
    Feature("days later", 0, "time"),
    Feature("shared idf", 1, "words"),
    Feature("shared idf in title", 1, "words"),
    Feature("rarest shared", 1, "words"),
    Feature("topics", 1, "topics"),
    Feature("provider", 0, "source"),
    Feature("quality", 0, "source"),
    Feature("linked near", 0, "links"),
    Feature("links near", 1, "links"),
    Feature("link share", 1, "links"),
    Feature("link path", 1, "links"),
)
"""The columns, in order.

``rank``: how many stories are above the candidate in the story's own list, ``share`` the pair's score as a
share of that list's best; ``back`` the same from the candidate's side.  ``event``: likeness of the candidate
to what the story's best few have in common (``index.FEEDBACK``), ``back`` and ``events`` from the other side
and both.  ``days later``: signed, positive for a candidate that came out after the story.  ``link…``: what
editors linked to the stories around this one (``graph.LinkGraph``), the story's own links never counted.
"""

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(feature.group for feature in FEATURES))
"""What features speak of, as ``why`` tells an editor."""

GROUP_OF: NDArray[np.int64] = np.array([GROUPS.index(feature.group) for feature in FEATURES])
"""Of each column the number of its group, (features,)."""

STEP = 100_000
"""Pairs looked at together; bounds memory."""


def features(index: Index, pairs: Pairs) -> NDArray[np.float32]:
    """Describe pairs: a matrix (p, len(FEATURES)), float32, NaN where a story does not say."""
    matrix = np.empty((len(pairs), len(FEATURES)), np.float32, order="F")
    for start in range(0, len(pairs), STEP):
        block = slice(start, start + STEP)
        for column, values in enumerate(_columns(index, pairs.story[block], pairs.candidate[block])):
            matrix[block, column] = values
    return matrix


def _columns(
    index: Index, story: NDArray[np.int64], other: NDArray[np.int64]
) -> Iterator[NDArray[np.floating]]:
    similar = {name: dots(index.views[name], story, index.views[name], other) for name in VIEWS}
    days = index.published[other] - index.published[story]
    yield from similar.values()
    for view, (_, decays) in _SIMILARITIES.items():
        yield from (similar[view] * decayed(days, decay) for decay in decays)
    first = index.lists[0]
    view = first.generator.view
    yield from _standing(first, similar[view] * decayed(days, first.generator.decay), story, other)
    yield dots(index.event, story, index.views[view], other)
    yield dots(index.views[view], story, index.event, other)
    yield dots(index.event, story, index.event, other)
    yield np.abs(days)
    yield days
    yield dots(index.weighted["words"], story, index.present["words"], other)
    yield dots(index.weighted["title"], story, index.present["title"], other)
    shared = index.weighted["words"][story].multiply(index.present["words"][other])
    # scipy refuses the greatest of no columns: a corpus without a word that two stories have.
    yield shared.max(axis=1).toarray().ravel() if shared.shape[1] else np.zeros(len(story), np.float32)
    yield _jaccard(index, story, other)
    yield (index.provider[story] == index.provider[other]).astype(np.float32)
    yield index.quality[other]
    yield from index.graph.columns(story, other)


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
    both = dots(index.topics, story, index.topics, other)
    left, right = index.topic_count[story], index.topic_count[other]
    told = (left > 0) & (right > 0)
    return np.where(told, both / np.maximum(left + right - both, 1), np.nan)
