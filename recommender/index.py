"""All stories made ready to be ranked: their vectors, those nearest to each, what surrounds them.

Made once for a recompute, an evaluation or a training; from then on ranking a
story is a pure function of this and the story's row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.analysis import Texts
from recommender.candidates import Pairs
from recommender.columns import Columns
from recommender.corpus import Corpus
from recommender.engine import Engine, local
from recommender.graph import LinkGraph
from recommender.postings import Postings, Times, postings
from recommender.search import SEARCH, Nearest, Search, nearest
from recommender.text import TextSpace
from recommender.vectors import Vectors

STORIES = 2_048
"""Stories whose nearest are found together."""


@dataclass(frozen=True, slots=True)
class Index:
    """All ``n`` stories, as pair features need them.  Make one with ``prepare``.

    ``nearest`` has all stories' lists, (n, k).
    """

    columns: Columns
    vectors: Vectors
    search: Search
    nearest: Nearest
    graph: LinkGraph

    def __len__(self) -> int:
        return len(self.columns)

    def pairs(self, stories: NDArray[np.int64], *more: Pairs) -> Pairs:
        """Pair stories (s,), ascending, with all their candidates, and with ``more``."""
        near, far = self.nearest.near[stories], self.nearest.far[stories]
        return Pairs.of(stories, [near, far, self.graph.candidates(stories)], *more)

    def knowing(self, links: NDArray[np.int64]) -> Self:
        """Make an index of the same stories that knows these links (m, 2), and no others."""
        return replace(self, graph=LinkGraph.of(self.nearest.before, self.nearest.scores, links))


def prepare(corpus: Corpus, search: Search = SEARCH, engine: Engine = local) -> tuple[TextSpace, Index]:
    """Fit the text space on all stories, find those nearest to each, index them; no links are known."""
    texts = Texts.of(corpus.titles, corpus.excerpts)
    space = TextSpace().learn(texts)
    vectors = space.vectors(texts)
    # As large as the vectors, and needed no more.
    del texts
    return space, index_of(Columns.of(corpus), vectors, search, engine)


def index_of(columns: Columns, vectors: Vectors, search: Search, engine: Engine = local) -> Index:
    """Find those nearest to each story, and index them; no links are known."""
    times = Times.of(columns.published)
    lists = postings(vectors, times)
    found = find(np.arange(len(columns)), vectors, columns.published, lists, times, search, engine)
    graph = LinkGraph.of(found.before, found.scores, np.empty((0, 2), np.int64))
    return Index(columns, vectors, search, found, graph)


def find(
    stories: NDArray[np.int64],
    vectors: Vectors,
    published: NDArray[np.float64],
    lists: Postings,
    times: Times,
    search: Search,
    engine: Engine = local,
) -> Nearest:
    """Find those nearest to some stories (s,) of the lists, block by block."""
    blocks = [stories[start : start + STORIES] for start in range(0, len(stories), STORIES)]
    # Room for all is made once: 1 KB a story, which joining the parts of all blocks would need twice.
    found = Nearest.room(len(stories), (search.near, search.far, search.before))
    start = 0
    for part in engine(_find_block, (vectors, published, lists, times, search), blocks):
        for whole, some in zip(found, part, strict=True):
            whole[start : start + len(some)] = some
        start += len(part.near)
    return found


_Shared = tuple[Vectors, NDArray[np.float64], Postings, Times, Search]


def _find_block(shared: _Shared, stories: NDArray[np.int64]) -> Nearest:
    vectors, published, lists, times, search = shared
    sizes = (search.near, search.far, search.before)
    own = times.place[stories]
    return nearest(stories, own, vectors, published, lists, times, search.decay, sizes, search.entries)
