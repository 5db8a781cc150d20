"""All stories made ready to be ranked: their vectors, those nearest to each, what surrounds them.

Made once for a recompute, an evaluation or a training; from then on ranking a
story is a pure function of this and the story's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.corpus import Corpus
from recommender.engine import Engine, local
from recommender.graph import LinkGraph
from recommender.postings import Postings, Times, postings
from recommender.search import SEARCH, Nearest, Search, nearest
from recommender.text import TextSpace, Vectors

STORIES = 2_048
"""Stories whose nearest are found together."""


@dataclass(frozen=True, slots=True)
class Index:
    """All ``n`` stories, as pair features need them.  Make one with ``prepare``.

    ``nearest`` has all stories' lists, (n, k).  ``topics`` are numbers in
    compressed rows ``topic_starts``, ascending; ``provider`` numbers, below 0
    for a story without one.
    """

    vectors: Vectors
    times: Times
    search: Search
    nearest: Nearest
    published: NDArray[np.float64]
    quality: NDArray[np.float64]
    provider: NDArray[np.int64]
    topic_starts: NDArray[np.int64]
    topics: NDArray[np.int64]
    graph: LinkGraph

    def __len__(self) -> int:
        return len(self.published)

    def pairs(self, stories: NDArray[np.int64], *more: Pairs) -> Pairs:
        """Pair stories (s,), ascending, with all their candidates, and with ``more``."""
        near, far = self.nearest.near[stories], self.nearest.far[stories]
        return Pairs.of(stories, [near, far, self.graph.candidates(stories)], *more)

    def knowing(self, links: NDArray[np.int64]) -> Self:
        """Make an index of the same stories that knows these links (m, 2), and no others."""
        return replace(self, graph=LinkGraph.of(self.nearest.before, self.nearest.scores, links))


def prepare(corpus: Corpus, search: Search = SEARCH, engine: Engine = local) -> tuple[TextSpace, Index]:
    """Fit the text space on all stories, find those nearest to each, index them; no links are known."""
    space = TextSpace()
    vectors = space.fit_transform(corpus.titles, corpus.excerpts)
    times = Times.of(corpus.published)
    shared = (vectors, postings(vectors, times), times, search)
    rows = np.arange(len(corpus))
    blocks = [rows[start : start + STORIES] for start in range(0, len(rows), STORIES)] or [rows]
    parts = list(engine(_nearest_block, shared, blocks))
    found = Nearest(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    topic_starts, topics = _sets(corpus.topics)
    index = Index(
        vectors=vectors,
        times=times,
        search=search,
        nearest=found,
        published=corpus.published,
        quality=corpus.quality,
        provider=_codes(corpus.providers),
        topic_starts=topic_starts,
        topics=topics,
        graph=LinkGraph.of(found.before, found.scores, np.empty((0, 2), np.int64)),
    )
    return space, index


def _nearest_block(shared: tuple[Vectors, Postings, Times, Search], stories: NDArray[np.int64]) -> Nearest:
    vectors, lists, times, search = shared
    return nearest(
        stories, vectors, lists, times, search.decay, (search.near, search.far, search.before), search.entries
    )


def _codes(values: Sequence[str]) -> NDArray[np.int64]:
    """Give equal names equal numbers; a story without one is like no other."""
    known: dict[str, int] = {}
    return np.array(
        [known.setdefault(value, len(known)) if value else -1 - row for row, value in enumerate(values)],
        np.int64,
    )


def _sets(values: Sequence[Sequence[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give equal names equal numbers: where rows begin, and each row's numbers once, ascending."""
    known: dict[str, int] = {}
    rows = [sorted({known.setdefault(name, len(known)) for name in row}) for row in values]
    starts = np.cumsum([0, *map(len, rows)])
    return starts, np.array([number for row in rows for number in row], np.int64)
