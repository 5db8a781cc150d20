"""The archive as a recompute left it, and the stories that came since: ready to be asked about any text.

A recompute keeps what it knew of the stories (``known``).  Here it is made
ready once: vectors and inverted lists.  Stories that come are put behind the
others, in lists of their own, short enough to be made anew each time.  So a
text is compared with all stories in milliseconds, by the same search, features
and ranker as in a recompute.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from recommender.search import Nearest, Search, nearest, reached
from recommender.text import TextSpace
from recommender.vectors import Vectors

_TERMS: Final = ("word_idf", "letter_idf", "title_weight")
_COLUMNS: Final = ("ids", "published", "quality", "provider", "topic_starts", "topics")
_LISTS: Final = ("before", "scores", "least")

NOTHING: Final = np.empty((0, 2), np.int64)

ACTIVE: Final = 1_024
"""Stories whose lists are made anew whenever others come; beyond, they are left as they are."""

SEGMENTS: Final = 8
"""Lists that are left as they are before they are made into one: each costs a search some 0.2 ms."""


class Segment(NamedTuple):
    """Inverted lists of the stories from row ``first`` on, and when these came out."""

    first: int
    lists: Postings
    times: Times

    @classmethod
    def of(cls, vectors: Vectors, published: NDArray[np.float64], first: int = 0) -> Self:
        """Make the lists of all stories from row ``first`` on."""
        times = Times.of(published[first:])
        times = times._replace(order=times.order + first)
        return cls(first, postings(vectors, times), times)

    @property
    def end(self) -> int:
        """The row behind the last of these."""
        return self.first + len(self.times.order)

    def places(self, stories: NDArray[np.int64], published: NDArray[np.float64]) -> NDArray[np.int64]:
        """Find where stories (b,) by row stand here, or would."""
        inside = (stories >= self.first) & (stories < self.end)
        places = self.times.room(published[stories])
        places[inside] = self.times.place[stories[inside] - self.first]
        return places


@dataclass(frozen=True, slots=True)
class Archive:
    """``n`` stories.  Make one with ``of``, and with more of them by ``followed_by``.

    ``names`` has the names of providers and topics, ``newer`` the rows of
    stories that came since the recompute by their ids, ``recent`` sees links from
    the stories that came since the recompute.  Only the newest may be followed
    by others, and only by one thread at a time (see ``Growing``).
    """

    search: Search
    numbering: Numbering
    names: Columns
    rows: Growing
    newer: dict[int, int]
    segments: tuple[Segment, ...]
    graph: LinkGraph
    recent: LinkGraph | None
    curated: CuratedLinks

    @classmethod
    def of(cls, known: Known, space: TextSpace, search: Search) -> Self:
        """Make ready what a recompute knew; ``space`` is that of its generation."""
        # A term that one story of the archive has may be what the next story shares with it.
        numbering = Numbering(space.grown(known.texts, 1))
        vectors = numbering.vectors(known.texts)
        n = len(known.columns)
        rows = _arrays(vectors) | {name: getattr(known, name) for name in (*_LISTS, "groups")}
        rows |= {name: getattr(known.columns, name) for name in _COLUMNS} | {
            "alive": np.ones(n, np.bool_),
            "floor": np.zeros(n, np.float32),
        }
        return cls(
            search,
            numbering,
            known.columns,
            Growing.of(rows),
            {},
            (Segment.of(vectors, known.columns.published),),
            LinkGraph.of(known.before, known.scores, known.links),
            None,
            CuratedLinks.of(known.links, n),
        )

    def __len__(self) -> int:
        return len(self.rows["ids"])

    def asked(self, story: Corpus, read: Read, links: NDArray[np.int64] = NOTHING) -> Asked:
        """Find the candidates of a story that is not in the archive, as if it came now.

        ``read`` gives titles and texts of stories by row; ``links`` (m, 2) are
        its own, by id.  The answer holds until the next call of this or of
        ``followed_by``.
        """
        rows = np.where(links == story.ids, len(self), self.rows_of(links.ravel()).reshape(-1, 2))
        return self._with(story, rows[(rows >= 0).all(axis=1)], read, learn=False)[1]

    def again(self, story: int) -> Asked:
        """Find the candidates of a story of the archive, by row, among all that are here now."""
        own, index = np.array([story]), self.index(story)
        found = self._nearest(self.rows, self.segments, own)
        lists = [found.near, found.far, index.graph.candidates(own)]
        pairs = Pairs.of(own, lists, self.curated.among(own))
        pairs = pairs.where(self.rows["alive"][pairs.candidate])
        return Asked(index, own, pairs, self.curated, self.rows["groups"])

    def followed_by(self, stories: Corpus, links: NDArray[np.int64], read: Read) -> tuple[Self, Asked]:
        """Put stories behind these; ``links`` (m, 2) are theirs, by id."""
        self.retire(stories.ids)
        self.newer.update(zip(stories.ids.tolist(), range(len(self), len(self) + len(stories)), strict=True))
        rows = self.rows_of(links.ravel()).reshape(-1, 2)
        return self._with(stories, rows[(rows >= 0).all(axis=1)], read, learn=True)

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find stories by id; −1 for those that are not here."""
        known = self.rows["ids"][: self.segments[0].end]
        at = np.minimum(np.searchsorted(known, ids), max(len(known) - 1, 0))
        rows = np.where(known[at] == ids, at, -1) if len(known) else np.full(len(ids), -1)
        newer = np.fromiter(self.newer, np.int64, len(self.newer))
        for place in np.flatnonzero(np.isin(ids, newer)).tolist():
            rows[place] = self.newer[int(ids[place])]
        return rows

    def retire(self, ids: NDArray[np.int64]) -> None:
        """Let stories, by id, be nobody's candidates any more: they are gone, or come anew."""
        rows = self.rows_of(ids)
        self.rows["alive"][rows[rows >= 0]] = False

    def index(self, story: int) -> Index:
        """Give the stories as pair features need them, for those asked from the same ``graph`` as a story."""
        graph = self.graph if self.recent is None or story < self.recent.first else self.recent
        around = self.graph.around if self.recent is None else self.recent.around
        return self._index(self.rows, self.names, replace(graph, around=around))

    def reached_by(self, stories: NDArray[np.int64]) -> Pairs:
        """Pair the stories in whose lists some of these (s,), by row, belong, with those; in no order."""
        published, search = self.rows["published"], self.search
        vectors, least, scores = self._vectors(self.rows), self.rows["least"], self.rows["scores"]
        found = []
        for segment in self.segments:
            among = (vectors, published, segment.lists, segment.times)
            places = segment.places(stories, published)
            reach = (*among, search.decay, search.entries, least, scores)
            which, others = reached(stories, places, *reach)
            found.append((others, stories[which]))
        others, own = (np.concatenate(columns) for columns in zip(*found, strict=True))
        return Pairs(others, own).where(self.rows["alive"][others] & (others != own))

    def _with(
        self, stories: Corpus, links: NDArray[np.int64], read: Read, *, learn: bool
    ) -> tuple[Self, Asked]:
        n = len(self)
        own = np.arange(n, n + len(stories))
        vectors = self.numbering.vectors(Texts.of(stories.titles, stories.excerpts), learn=learn)
        names = Columns.of(stories, self.names.providers, self.names.topic_names)
        columns = {name: getattr(names, name) for name in _COLUMNS}
        states = {"alive": np.ones(len(own), np.bool_), "floor": np.zeros(len(own), np.float32)}
        rows = self.rows.followed_by(_arrays(vectors) | columns | states)
        segments = self._segments(rows) if learn else self.segments
        found = self._nearest(rows, segments, own)
        rows = rows.followed_by({name: getattr(found, name) for name in _LISTS} | {"groups": own})
        graph = (self.recent or self.graph).following(found.before, found.scores, links)
        index = self._index(rows, names, graph)
        groups = rows["groups"]
        for one, other in zip(*copies(index, own, _reader(read, stories, n)), strict=True):
            groups[one] = min(groups[one], groups[other])
        curated = self.curated.followed_by(len(own), links)
        pairs = Pairs.of(own, [found.near, found.far, graph.candidates(own)], curated.among(own))
        pairs = pairs.where(rows["alive"][pairs.candidate])
        grown = replace(
            self,
            names=names,
            rows=rows,
            segments=segments,
            recent=graph if self.recent is None else self.recent.joined(graph),
            curated=curated,
        )
        return grown, Asked(index, own, pairs, curated, groups)

    def _segments(self, rows: Growing) -> tuple[Segment, ...]:
        """Make lists of the stories that came since: the last ones anew, those before rarely."""
        published, vectors = rows["published"], self._vectors(rows)
        base, *others = self.segments
        if others and len(others[-1].times.order) < ACTIVE:
            others.pop()
        if len(others) > SEGMENTS:
            others = []
        first = others[-1].end if others else base.end
        return base, *others, Segment.of(vectors, published, first)

    def _nearest(self, rows: Growing, segments: Sequence[Segment], own: NDArray[np.int64]) -> Nearest:
        """Search all segments; ``near`` and ``far`` are of each, ``before`` the best of all."""
        vectors, search, published = self._vectors(rows), self.search, rows["published"]
        sizes = (search.near, search.far, search.before)
        parts = []
        for segment in segments:
            among = (vectors, published, segment.lists, segment.times)
            places = segment.places(own, published)
            parts.append(nearest(own, places, *among, search.decay, sizes, search.entries))
        near, far, least, before, scores = zip(*parts, strict=True)
        found, together = np.concatenate(before, axis=1), np.concatenate(scores, axis=1)
        gone = (found < 0) | ~rows["alive"][found]
        found[gone], together[gone] = -1, 0
        best = np.argsort(-together, axis=1, kind="stable")[:, : search.before]
        return Nearest(
            np.concatenate(near, axis=1),
            np.concatenate(far, axis=1),
            np.max(least, axis=0),
            np.take_along_axis(found, best, axis=1),
            np.take_along_axis(together, best, axis=1),
        )

    def _index(self, rows: Growing, names: Columns, graph: LinkGraph) -> Index:
        nobody = np.empty((0, 0), np.int32)
        lists = Nearest(nobody, nobody, *(rows[name] for name in ("least", "before", "scores")))
        told: dict[str, Any] = {name: rows[name] for name in _COLUMNS}
        return Index(replace(names, **told), self._vectors(rows), self.search, lists, graph)

    def _vectors(self, rows: Growing) -> Vectors:
        told: dict[str, Any] = {name: rows[name] for name in Vectors._fields if name not in _TERMS}
        return Vectors(**told, **self.numbering.terms)


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


def _reader(read: Read, stories: Corpus, first: int) -> Read:
    """Read stories by row, those from ``first`` on from a corpus."""

    def texts(rows: NDArray[np.int64]) -> tuple[list[str], list[str]]:
        titles, excerpts = read(rows[rows < first])
        new = (rows[rows >= first] - first).tolist()
        return (
            [*titles, *(stories.titles[row] for row in new)],
            [*excerpts, *(stories.excerpts[row] for row in new)],
        )

    return texts
