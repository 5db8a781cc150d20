"""What is known of a story and its candidate, as numbers a ranker can learn from.

Text enters as similarity only, never as words, so that a ranker learned on
one newsroom's links holds for another's.  ``Index`` is made once of all
stories; ``features`` is a pure function of it and a block of pairs.  Missing
is NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs, fading
from recommender.compiled import compiled
from recommender.graph import COLUMNS
from recommender.index import Index
from recommender.likeness import ALIKE, BLEND, NUMBERS, RAREST, SHARED_IDF, SHARED_TITLE_IDF, compare_pairs
from recommender.vectors import VIEWS, Vectors


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

``rank``: how many stories of the story's own list, of those nearest before it, are above the candidate;
``share`` the pair's score as a share of that list's best; ``back`` the same from the candidate's side.
``days later``: signed, positive for a candidate that came out after the story.  ``link…``: what
editors linked to the stories around this one (``graph.LinkGraph``), the story's own links never counted.
"""

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(feature.group for feature in FEATURES))
"""What features speak of, as ``why`` tells an editor."""

GROUP_OF: NDArray[np.int64] = np.array([GROUPS.index(feature.group) for feature in FEATURES])
"""Of each column the number of its group, (features,)."""


def features(index: Index, pairs: Pairs) -> NDArray[np.float32]:
    """Describe pairs: a matrix (p, len(FEATURES)), float32, NaN where a story does not say."""
    matrix = np.empty((len(pairs), len(FEATURES)), np.float32, order="F")
    matrix[:, -COLUMNS:] = index.graph.columns(pairs.story, pairs.candidate)
    _describe(
        pairs.story, pairs.candidate, index.vectors, index.nearest.scores, index.search.decay,
        index.columns.published, index.columns.quality, index.columns.provider,
        index.columns.topic_starts, index.columns.topics, matrix,
    )  # fmt: skip
    return matrix


_DECAYS, _DECAY = np.unique(
    [decay for _, decays in _SIMILARITIES.values() for decay in decays], return_inverse=True
)
_VIEW = np.array([view for view, (_, decays) in enumerate(_SIMILARITIES.values()) for _ in decays])
"""Of each column that fades the place of its decay in ``_DECAYS``, and its view."""


@compiled
def _describe(
    story: NDArray[np.int64],
    candidate: NDArray[np.int64],
    vectors: Vectors,
    scores: NDArray[np.float32],
    decay: float,
    published: NDArray[np.float64],
    quality: NDArray[np.float64],
    provider: NDArray[np.int64],
    topic_starts: NDArray[np.int64],
    topics: NDArray[np.int64],
    matrix: NDArray[np.float32],
) -> None:
    numbers = np.empty((len(story), NUMBERS), np.float32)
    compare_pairs(vectors, story, candidate, numbers)
    faded = np.empty(len(_DECAYS), np.float32)
    for row in range(len(story)):
        own, other = story[row], candidate[row]
        for column in range(ALIKE):
            matrix[row, column] = numbers[row, column]
        days = published[other] - published[own]
        for each in range(len(_DECAYS)):
            faded[each] = fading(days, _DECAYS[each])
        for each in range(len(_DECAY)):
            matrix[row, ALIKE + each] = numbers[row, _VIEW[each]] * faded[_DECAY[each]]
        column = ALIKE + len(_DECAY)
        score = numbers[row, BLEND] * fading(days, decay)
        matrix[row, column] = _above(scores, own, score)
        matrix[row, column + 1] = _above(scores, other, score)
        matrix[row, column + 2] = score / max(scores[own, 0], np.float32(1e-6))
        matrix[row, column + 3] = score / max(scores[other, 0], np.float32(1e-6))
        matrix[row, column + 4] = abs(days)
        matrix[row, column + 5] = days
        matrix[row, column + 6] = numbers[row, SHARED_IDF]
        matrix[row, column + 7] = numbers[row, SHARED_TITLE_IDF]
        matrix[row, column + 8] = numbers[row, RAREST]
        matrix[row, column + 9] = _jaccard(topics, topic_starts, own, other)
        matrix[row, column + 10] = provider[own] == provider[other] and provider[own] >= 0
        matrix[row, column + 11] = quality[other]


@compiled
def _above(scores: NDArray[np.float32], story: int, score: np.float32) -> int:
    """Count the stories of a story's list (n, k), best first, that are above a score.

    So a place has a meaning for a story that is in nobody's list, too.
    """
    low, high = 0, scores.shape[1]
    while low < high:
        middle = (low + high) // 2
        if scores[story, middle] > score + np.float32(1e-6):
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _jaccard(topics: NDArray[np.int64], starts: NDArray[np.int64], one: int, other: int) -> float:
    """Compare the topics of two stories: shared ones as a share of all, NaN where one has none."""
    at, end = starts[other], starts[other + 1]
    size = starts[one + 1] - starts[one] + end - at
    if at == end or starts[one] == starts[one + 1]:
        return np.nan
    both = 0
    for place in range(starts[one], starts[one + 1]):
        while at < end and topics[at] < topics[place]:
            at += 1
        both += at < end and topics[at] == topics[place]
    share: float = both / (size - both)
    return share
