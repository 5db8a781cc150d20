"""Bring lists up to date: only stories are looked at whose lists what is new belongs in.

What a generation keeps (``known.Known``) is taken on: new and changed stories
are put in their places, and asked whose lists they, or what they were before,
belong in (``search.reached``).  Those are searched and ranked again among all
stories, so their lists are the ones that a whole recompute would give.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender import copies, models
from recommender.analysis import Texts
from recommender.engine import Engine, local
from recommender.graph import AROUND, LinkGraph
from recommender.index import Index, find
from recommender.known import Known, maker
from recommender.pipeline.curating import CuratedLinks
from recommender.pipeline.packing import Packer
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.recomputing import GROWN, NEIGHBOURS, Counted, Recomputed, active, reader, recompute
from recommender.postings import Times, postings
from recommender.search import Nearest, Search, reached
from recommender.store import Generation, Store
from recommender.terms import Vocabulary
from recommender.text import TextSpace

_log = logging.getLogger(__name__)


def refresh(
    store: Store, root: models.Root, k: int = NEIGHBOURS, engine: Engine = local, progress: Progress = silent
) -> Recomputed:
    """Bring the lists of the last recompute up to date with what was imported since.

    The same as ``recompute`` where that is needed: nothing was kept, another
    model or length is asked for, another version of this program made the
    lists, or the archive has grown by a tenth.  Nothing is published where
    nothing was imported.  Raises as ``recompute``.
    """
    search, ranker, name = active(root)
    with store.writing("recompute"):
        last = _Last.of(store)
        ids, digests, revision = store.versions()
        if last is not None and last.serves(name, k, search, len(ids)):
            now = _Now.of(store, last, search, ids, digests, engine)
            if now is None:
                generation = last.generation.id
                if revision != last.generation.revision:  # what came was taken back: it is looked at no more
                    words = last.space.vocabulary().to_bytes()
                    generation = store.amend(generation, [], [], vocabulary=words, revision=revision)
                return Recomputed(generation, name, len(ids), 0, 0)
            ids = now.index.columns.ids
            packer = Packer.of(now.index, ranker, CuratedLinks.of(now.links, len(ids)), now.groups, k)
            lists = Counted(packer.lists(now.stories, engine, progress))
            kept = Known.of(now.index, now.texts, now.digests, now.links, now.groups, k)
            generation = store.amend(
                last.generation.id,
                list(lists),  # ranked before the transaction, for which all who save something wait
                np.setdiff1d(last.known.columns.ids, ids).tolist(),
                vocabulary=now.space.vocabulary().to_bytes(),
                kept=kept.parts(now.stable, len(last.known.columns)),
                revision=revision,
            )
            return Recomputed(generation, name, len(ids), len(now.stories), lists.neighbours)
    return recompute(store, root, k, engine, progress)


class _Last(NamedTuple):
    """The last generation and what it keeps."""

    generation: Generation
    known: Known
    space: TextSpace

    @classmethod
    def of(cls, store: Store) -> _Last | None:
        generation = store.generation()
        kept = store.kept()
        packed = None if generation is None else store.vocabulary(generation.id)
        if generation is None or packed is None or not kept:
            return None
        try:
            return cls(generation, Known.read(kept), TextSpace.of(Vocabulary.from_bytes(packed)))
        except ValueError as error:
            _log.warning("what was kept cannot be read, and everything is recomputed: %s", error)
            return None

    def serves(self, model: str, k: int, search: Search, stories: int) -> bool:
        """Tell whether lists of ``k`` by this model, of so many stories now, can be brought up to date."""
        same = (self.generation.model, self.known.k, self.known.made_by) == (model, k, maker(search))
        few = abs(stories - self.space.stories) <= GROWN * self.space.stories
        return few and same


@dataclass(frozen=True, slots=True)
class _Now:
    """The stories as they are now, and which of them are to be ranked again.

    ``index`` has the lists ``near`` and ``far`` of these ``stories`` alone.
    The first ``stable`` ones stand in the same rows as in the last generation, and have the same earlier
    neighbours.
    """

    index: Index
    space: TextSpace
    texts: Texts
    digests: NDArray[np.bytes_]
    links: NDArray[np.int64]
    groups: NDArray[np.int64]
    stories: NDArray[np.int64]
    stable: int

    @classmethod
    def of(
        cls,
        store: Store,
        last: _Last,
        search: Search,
        ids: NDArray[np.int64],
        digests: NDArray[np.bytes_],
        engine: Engine,
    ) -> _Now | None:
        """Put together what is known and what came since; ``None`` if that is nothing."""
        known, space = last.known, last.space
        kept, moved = _kept(known, ids, digests)
        is_fresh = np.ones(len(ids), np.bool_)
        is_fresh[moved[kept]] = False
        fresh = np.flatnonzero(is_fresh)
        new = store.some(ids[fresh])
        if len(new) < len(fresh):  # removed since the versions were read: as if they had been then
            there = ~is_fresh | np.isin(ids, new.ids)
            return cls.of(store, last, search, ids[there], digests[there], engine)
        links = store.links(ids)
        if not len(fresh) and len(kept) == len(moved) and np.array_equal(links, known.links):
            return None
        order = np.argsort(np.r_[moved[kept], fresh], kind="stable")
        columns = known.columns.rows(kept).followed_by(new).rows(order)
        told = Texts.of(new.titles, new.excerpts)
        texts = Texts.joined([known.texts.rows(kept), told]).rows(order)
        grown = space.grown(texts, fresh=told)
        vectors, times = grown.vectors(texts), Times.of(columns.published)
        lists = postings(vectors, times)
        nearest = _carried(known, kept, moved, len(ids), search)
        among = (vectors, columns.published, lists, times)
        reach = (*among, search.decay, search.entries, nearest.least, nearest.scores)
        touched = np.zeros(len(ids), np.bool_)
        touched[reached(fresh, times.place[fresh], *reach)[1]] = True
        touched[fresh] = True
        touched[_left(known, space, kept, moved, search)] = True
        stories = np.flatnonzero(touched)
        _fill(nearest, stories, find(stories, *among, search, engine))
        graph = LinkGraph.of(nearest.before, nearest.scores, links)
        before = _rows(known.links, moved)
        changed = _differing(links, before, len(ids))
        relinked = _relinked(graph, nearest, changed, before)
        relinked[_reordered(links, before, len(ids))] = True
        for link in changed[~np.isin(changed, fresh).any(axis=1)]:
            # Who is linked to whom is told in every list that has both.
            both = np.zeros((2, len(ids)), np.bool_)
            for end in (0, 1):
                both[end, reached(link[end : end + 1], times.place[link[end : end + 1]], *reach)[1]] = True
                both[end] |= (graph.near[:, [link[end]]].toarray() > 0).ravel()
            relinked |= both.all(axis=0)
        more = np.setdiff1d(np.flatnonzero(relinked), stories)
        _fill(nearest, more, find(more, *among, search, engine))
        index = Index(columns, vectors, search, nearest, graph)
        alone = np.arange(len(ids))
        group = alone.copy()
        group[moved[kept]] = moved[known.groups[kept]]
        groups = copies.groups(index, stories, reader(store, ids), np.where(group < 0, alone, group))
        stable = _stable(known, moved, nearest)
        return cls(index, grown, texts, digests, links, groups, np.union1d(stories, more), stable)


def _kept(
    known: Known, ids: NDArray[np.int64], digests: NDArray[np.bytes_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the known stories that are as they were, and of every known one its row now, −1 for the others."""
    place = np.minimum(np.searchsorted(ids, known.columns.ids), max(len(ids) - 1, 0))
    same = (ids[place] == known.columns.ids) & (digests[place] == known.digests) if len(ids) else place < 0
    return np.flatnonzero(same), np.where(same, place, -1)


def _carried(
    known: Known, kept: NDArray[np.int64], moved: NDArray[np.int64], n: int, search: Search
) -> Nearest:
    """Carry over the lists of the stories that are as they were to their rows now."""
    nearest = Nearest.room(n, (search.near, search.far, search.before))
    rows = moved[kept]
    before = known.before[kept]
    nearest.before[rows] = np.where(before >= 0, moved.astype(np.int32)[before], np.int32(-1))
    nearest.scores[rows] = known.scores[kept]
    nearest.least[rows] = known.least[kept]
    return nearest


def _left(
    known: Known, space: TextSpace, kept: NDArray[np.int64], moved: NDArray[np.int64], search: Search
) -> NDArray[np.int64]:
    """Find the stories, by their rows now, in whose lists stories were that are gone or have changed."""
    gone = np.setdiff1d(np.arange(len(moved)), kept)
    if not len(gone):
        return gone
    vectors, published = space.vectors(known.texts), known.columns.published
    times = Times.of(published)
    among = (vectors, published, postings(vectors, times), times)
    reach = (*among, search.decay, search.entries, known.least, known.scores)
    touched = np.unique(moved[reached(gone, times.place[gone], *reach)[1]])
    return touched[touched >= 0]


def _stable(known: Known, moved: NDArray[np.int64], nearest: Nearest) -> int:
    """Count the first stories that stand in the rows they stood in, with the earlier neighbours they had."""
    n = len(moved)
    same = moved == np.arange(n)
    size = min(n, len(nearest.before))
    same[size:] = False
    same[:size] &= (nearest.before[:size] == known.before[:size]).all(axis=1)
    same[:size] &= (nearest.scores[:size] == known.scores[:size]).all(axis=1)
    return int(np.argmin(np.r_[same, False]))


def _fill(nearest: Nearest, stories: NDArray[np.int64], found: Nearest) -> None:
    for column, some in zip(nearest, found, strict=True):
        column[stories] = some


def _rows(links: NDArray[np.int64], moved: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give links between stories that are as they were, by their rows now."""
    now = moved[links]
    return now[(now >= 0).all(axis=1)]


def _differing(links: NDArray[np.int64], before: NDArray[np.int64], stories: int) -> NDArray[np.int64]:
    """Find the links, (any, 2), that are there now and were not before, or the other way round."""
    now, then = (one[:, 0] * stories + one[:, 1] for one in (links, before))
    return np.stack(np.divmod(np.setxor1d(now, then), max(stories, 1)), axis=1)


def _reordered(links: NDArray[np.int64], before: NDArray[np.int64], stories: int) -> NDArray[np.int64]:
    """Find the stories whose links that stayed stand in another order: a pin goes before them."""
    now, then = (one[:, 0] * stories + one[:, 1] for one in (links, before))
    now, then = now[np.isin(now, then)], then[np.isin(then, now)]
    # The same pairs, by source: where they differ, their source is the same.
    return np.unique(now[now != then] // max(stories, 1))


def _relinked(
    graph: LinkGraph, nearest: Nearest, changed: NDArray[np.int64], before: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell whose own links ``changed``, or those around them, (n,); ``before`` are those there were."""
    rows = np.zeros(len(graph.linked), np.bool_)
    if len(changed):
        # Only a story that one of theirs stands around can see another link than before.
        rows[changed.ravel()] = True
        found = nearest.before[:, :AROUND]
        near = np.flatnonzero((rows[found] & (found >= 0)).any(axis=1))
        around = np.full_like(found, -1)
        around[near] = found[near]
        old = LinkGraph.of(around, nearest.scores[:, :AROUND], before)
        other = abs(graph.near[near] - old.near[near]) + abs(graph.share[near] - old.share[near])
        rows[near] |= (np.diff(other.indptr) > 0) | (graph.linked[near] != old.linked[near])
    return rows
