"""All stories made ready to be ranked: their vectors, their own best candidates, their events.

Made once for a recompute, an evaluation or a training; from then on ranking a
story is a pure function of this and the story's row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.candidates import GENERATORS, Generator, Lists, Pairs, blocks, top_k
from recommender.corpus import Corpus
from recommender.engine import Engine, local
from recommender.graph import LinkGraph
from recommender.text import TextSpace, unit_rows

FEEDBACK = 5
"""Best candidates that stand for a story's event (pseudo-relevance feedback: Rocchio 1971)."""


@dataclass(frozen=True, slots=True)
class Index:
    """All ``n`` stories, as pair features need them.  Make one with ``Index.of``."""

    views: Mapping[str, sp.csr_matrix]
    present: Mapping[str, sp.csr_matrix]
    weighted: Mapping[str, sp.csr_matrix]
    published: NDArray[np.float64]
    quality: NDArray[np.float64]
    provider: NDArray[np.int64]
    topics: sp.csr_matrix
    topic_count: NDArray[np.float32]
    lists: tuple[Lists, ...]
    event: sp.csr_matrix
    graph: LinkGraph

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        views: Mapping[str, sp.csr_matrix],
        idf: NDArray[np.float32],
        lists: Sequence[Lists],
    ) -> Self:
        """Gather what features are read from; no links are known yet.

        ``views`` are those of ``text.VIEWS``, each (n, terms); ``idf`` (terms,)
        belongs to ``words`` and ``title``; ``lists`` are all stories' own best,
        one a generator.  Places in a list, events and what is around a story
        go by the first.
        """
        present = {name: _present(views[name]) for name in ("words", "title")}
        topics = _sets(corpus.topics)
        return cls(
            views=views,
            present=present,
            weighted={name: sp.csr_matrix(matrix @ sp.diags(idf)) for name, matrix in present.items()},
            published=corpus.published,
            quality=corpus.quality,
            provider=_codes(corpus.providers),
            topics=topics,
            topic_count=np.asarray(topics.sum(axis=1), np.float32).ravel(),
            lists=tuple(lists),
            event=_event(lists[0], views[lists[0].generator.view]),
            graph=LinkGraph.of(lists[0], np.empty((0, 2), np.int64)),
        )

    def pairs(self, stories: NDArray[np.int64], *more: Pairs) -> Pairs:
        """Pair stories (s,), ascending, with all their candidates, and with ``more``."""
        return Pairs.united(self.lists, stories, self.graph.pairs(stories), *more)

    def knowing(self, links: NDArray[np.int64]) -> Self:
        """Make an index of the same stories that knows these links (m, 2), and no others."""
        return replace(self, graph=LinkGraph.of(self.lists[0], links))


def _event(one: Lists, view: sp.csr_matrix) -> sp.csr_matrix:
    """Mean vector of each story's best few, weighted by score, of length 1."""
    n, k = len(one.found), min(FEEDBACK, one.found.shape[1])
    # As shares of the best: where all are far away, the scores by themselves are too small for float32.
    share = one.scores[:, :k] / np.maximum(one.scores[:, :1], np.finfo(np.float32).tiny)
    found, weight = one.found[:, :k].ravel(), share.ravel()
    there = found >= 0
    story = np.repeat(np.arange(n), k)
    mix = sp.csr_matrix((weight[there], (story[there], found[there])), shape=(n, n))
    return unit_rows(sp.csr_matrix(mix @ view))


def _present(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _codes(values: Sequence[str]) -> NDArray[np.int64]:
    """Give equal names equal numbers; a story without one is like no other."""
    known: dict[str, int] = {}
    return np.array(
        [known.setdefault(value, len(known)) if value else -1 - row for row, value in enumerate(values)],
        np.int64,
    )


def _sets(values: Sequence[Sequence[str]]) -> sp.csr_matrix:
    """Rows of 1s, a column a name."""
    known: dict[str, int] = {}
    columns = [known.setdefault(name, len(known)) for row in values for name in row]
    starts = np.cumsum([0, *(len(row) for row in values)])
    shape = (len(values), max(1, len(known)))
    return sp.csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=shape)


def prepare(
    corpus: Corpus, generators: Sequence[Generator] = GENERATORS, engine: Engine = local
) -> tuple[TextSpace, Index]:
    """Fit the text space on all stories, find every story's own best, and index them."""
    space = TextSpace()
    views = space.fit_transform(corpus.titles, corpus.excerpts)
    lists = []
    for generator in generators:
        shared = (views[generator.view], corpus.published, generator)
        parts = list(engine(_list_block, shared, blocks(len(corpus), len(corpus))))
        found = np.concatenate([part[0] for part in parts] or [np.empty((0, generator.k), np.int64)])
        scores = np.concatenate([part[1] for part in parts] or [np.empty((0, generator.k), np.float32)])
        lists.append(Lists(generator, found, scores))
    return space, Index.of(corpus, views, space.words_.idf, lists)


def _list_block(
    shared: tuple[sp.csr_matrix, NDArray[np.float64], Generator], block: slice
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    view, published, generator = shared
    return top_k(np.arange(block.start, block.stop), view, published, generator.decay, generator.k)
