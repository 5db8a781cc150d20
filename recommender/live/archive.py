"""The archive as a recompute left it, and the stories that came since: ready to be asked about any text.

A recompute keeps what it knew of the stories (``known``).  Here it is made
ready once: vectors and inverted lists.  Stories that come are put behind the
others, in lists of their own, short enough to be made anew each time.  So a
text is compared with all stories in milliseconds, by the same search, features
and ranker as in a recompute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.analysis import Texts
from recommender.candidates import Pairs
from recommender.columns import Columns
from recommender.copies import Read, copies
from recommender.corpus import Corpus
from recommender.graph import LinkGraph
from recommender.index import Index
from recommender.known import Known
from recommender.live.growing import Growing
from recommender.live.numbering import Numbering
from recommender.pipeline.curating import CuratedLinks
from recommender.postings import Postings, Times, postings
from recommender.search import Nearest, Search, nearest
from recommender.text import TextSpace, Vectors

_TERMS: Final = ("word_idf", "letter_idf", "title_weight")
_COLUMNS: Final = ("ids", "published", "quality", "provider", "topic_starts", "topics")
_LISTS: Final = ("before", "scores", "least")


class Segment(NamedTuple):
    """Inverted lists of some of the stories, and when these came out."""

    lists: Postings
    times: Times

    @classmethod
    def of(cls, vectors: Vectors, published: NDArray[np.float64], first: int = 0) -> Self:
        """Make the lists of all stories from row ``first`` on."""
        times = Times.of(published[first:])
        times = times._replace(order=times.order + first)
        return cls(postings(vectors, times), times)


@dataclass(frozen=True, slots=True)
class Archive:
    """``n`` stories.  Make one with ``of``, and with more of them by ``followed_by``.

    Only the newest may be followed by others, and only by one thread at a time
    (see ``Growing``).
    """

    search: Search
    numbering: Numbering
    names: Columns
    rows: Growing
    segments: tuple[Segment, ...]
    graph: LinkGraph
    curated: CuratedLinks

    @classmethod
    def of(cls, known: Known, space: TextSpace, search: Search) -> Self:
        """Make ready what a recompute knew; ``space`` is that of its generation."""
        # A term that one story of the archive has may be what the next story shares with it.
        numbering = Numbering(space.grown(known.texts, 1))
        vectors = numbering.vectors(known.texts)
        rows = _arrays(vectors) | {name: getattr(known, name) for name in (*_LISTS, "groups")}
        rows |= {name: getattr(known.columns, name) for name in _COLUMNS}
        graph = LinkGraph.of(known.before, known.scores, known.links)
        curated = CuratedLinks.of(known.links, len(known.columns))
        segment = Segment.of(vectors, known.columns.published)
        return cls(search, numbering, known.columns, Growing.of(rows), (segment,), graph, curated)

    def __len__(self) -> int:
        return len(self.rows["ids"])

    def asked(self, story: Corpus, read: Read) -> Asked:
        """Find the candidates of a story that is not in the archive, as if it came now.

        ``read`` gives titles and texts of stories by row.  The answer holds
        until the next call of this or of ``followed_by``.
        """
        n = len(self)
        own = np.arange(n, n + len(story))
        texts = Texts.of(story.titles, story.excerpts)
        vectors = self.numbering.vectors(texts)
        columns = Columns.of(story, self.names.providers, self.names.topic_names)
        rows = self.rows.followed_by(_arrays(vectors) | {name: getattr(columns, name) for name in _COLUMNS})
        found = self._nearest(rows, own, vectors)
        rows = rows.followed_by({name: getattr(found, name) for name in _LISTS} | {"groups": own})
        graph = self.graph.following(found.before, found.scores, np.empty((0, 2), np.int64))
        index = self._index(rows, columns, vectors, graph)

        def texts_of(some: NDArray[np.int64]) -> tuple[list[str], list[str]]:
            titles, excerpts = read(some[some < n])
            new = (some[some >= n] - n).tolist()
            return [*titles, *(story.titles[row] for row in new)], [
                *excerpts,
                *(story.excerpts[row] for row in new),
            ]

        groups = rows["groups"]
        for one, other in zip(*copies(index, own, texts_of), strict=True):
            groups[one] = min(groups[one], groups[other])
        pairs = Pairs.of(own, [found.near, found.far, graph.candidates(own)])
        return Asked(index, own, pairs, self.curated.followed_by(len(own)), groups)

    def _nearest(self, rows: Growing, own: NDArray[np.int64], terms: Vectors) -> Nearest:
        """Search all segments; ``near`` and ``far`` are of each, ``before`` the best of all."""
        vectors, search = _vectors(rows, terms), self.search
        sizes = (search.near, search.far, search.before)
        published = rows["published"]
        parts = [
            nearest(own, times.room(published[own]), vectors, published, lists, times, search.decay, sizes,
                    search.entries)
            for lists, times in self.segments
        ]  # fmt: skip
        near, far, least, before, scores = zip(*parts, strict=True)
        together, found = np.concatenate(scores, axis=1), np.concatenate(before, axis=1)
        best = np.argsort(-together, axis=1, kind="stable")[:, : search.before]
        return Nearest(
            np.concatenate(near, axis=1),
            np.concatenate(far, axis=1),
            np.max(least, axis=0),
            np.take_along_axis(found, best, axis=1),
            np.take_along_axis(together, best, axis=1),
        )

    def _index(self, rows: Growing, names: Columns, terms: Vectors, graph: LinkGraph) -> Index:
        nobody = np.empty((0, 0), np.int32)
        lists = Nearest(nobody, nobody, *(rows[name] for name in ("least", "before", "scores")))
        told: dict[str, Any] = {name: rows[name] for name in _COLUMNS}
        columns = replace(names, **told)
        return Index(columns, _vectors(rows, terms), self.search, lists, graph)


@dataclass(frozen=True, slots=True)
class Asked:
    """Stories (s,) by their rows in an ``index``, their candidates, and what a ``Packer`` needs besides."""

    index: Index
    stories: NDArray[np.int64]
    pairs: Pairs
    curated: CuratedLinks
    groups: NDArray[np.int64]


def _arrays(vectors: Vectors) -> dict[str, NDArray[Any]]:
    return {name: array for name, array in vectors._asdict().items() if name not in _TERMS}


def _vectors(rows: Growing, terms: Vectors) -> Vectors:
    told: dict[str, Any] = {name: rows[name] for name in Vectors._fields if name not in _TERMS}
    return terms._replace(**told)
