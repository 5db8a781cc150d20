"""Recompute: rank every story's candidates and publish all lists in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender import copies, default, models
from recommender.analysis import Texts
from recommender.columns import Columns
from recommender.corpus import NEIGHBOUR_DTYPE, Corpus, Versions
from recommender.engine import Engine, local
from recommender.index import index_of
from recommender.known import Known
from recommender.pipeline.curating import CuratedLinks
from recommender.pipeline.packing import Packer
from recommender.pipeline.progress import Progress, silent
from recommender.ranker import Ranker
from recommender.search import SEARCH, Search
from recommender.store import Store
from recommender.terms import Vocabulary
from recommender.text import TextSpace

_log = logging.getLogger(__name__)

NEIGHBOURS = 50
"""Neighbours kept for a story."""

GROWN = 0.1
"""Share by which an archive grows before how rare its words are is learned anew.

Until then stories are as alike as they were, so that lists brought up to date
are those of a whole recompute.
"""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A published generation: its number, the model that ranked it (``default`` for none), its size.

    ``ranked`` is how many of its stories were ranked anew, ``neighbours`` how many these have.
    """

    generation: int
    model: str
    stories: int
    ranked: int
    neighbours: int


def recompute(
    store: Store, root: models.Root, k: int = NEIGHBOURS, engine: Engine = local, progress: Progress = silent
) -> Recomputed:
    """Rank every story with the active model of ``root`` and publish the lists.

    Without a model the default ranker ranks, under the name ``default``.  The
    text space is not the model's: what was learned speaks of similarities
    only, and in news the words that matter most are today's.  Raises
    ``ModelCorrupt`` or ``ModelIncompatible`` where the active model cannot be
    used, ``StoreLocked`` if somebody else writes.
    """
    search, ranker, name = active(root)
    with store.writing("recompute"):
        versions = store.versions()  # what comes from now on may be in or not
        texts, space, links, packer = ready(store, search, ranker, k, engine)
        ids = packer.index.columns.ids
        known = Known.of(packer.index, texts, _digests(ids, versions), links, packer.groups, k)
        lists = Counted(packer.lists(np.arange(len(ids)), engine, progress))
        generation = store.publish(
            name,
            lists,
            parts=packer.parts.to_json(),
            vocabulary=space.vocabulary().to_bytes(),
            kept=known.parts(),
            revision=versions.revision,
        )
    return Recomputed(generation, name, len(ids), len(ids), lists.neighbours)


def _taken_apart(corpus: Corpus) -> tuple[Texts, Columns, NDArray[np.int64]]:
    """Keep of the stories what computes, and their links: with their words they are larger than all that."""
    return Texts.of(corpus.titles, corpus.excerpts), Columns.of(corpus), corpus.links


def _digests(ids: NDArray[np.int64], versions: Versions) -> NDArray[np.bytes_]:
    """Give the digests of some stories, none for those saved since: they are looked at again."""
    known, digests, _ = versions
    place = np.minimum(np.searchsorted(known, ids), max(len(known) - 1, 0))
    if not len(known):
        return np.zeros(len(ids), digests.dtype)
    return np.where(known[place] == ids, digests[place], np.bytes_())


def reader(
    store: Store, ids: NDArray[np.int64]
) -> Callable[[NDArray[np.int64]], tuple[list[str], list[str]]]:
    """Give what reads titles and excerpts of some of the stories with these ``ids``, by row."""

    def read(rows: NDArray[np.int64]) -> tuple[list[str], list[str]]:
        some = store.some(ids[rows])
        told = dict(zip(some.ids.tolist(), zip(some.titles, some.excerpts, strict=True), strict=True))
        # Stories come and go meanwhile; one that is gone has no text, so no copies.
        texts = [told.get(one, ("", "")) for one in ids[rows].tolist()]
        return [title for title, _ in texts], [excerpt for _, excerpt in texts]

    return read


def ready(
    store: Store, search: Search, ranker: Ranker, k: int, engine: Engine
) -> tuple[Texts, TextSpace, NDArray[np.int64], Packer]:
    """Make all stories of a store ready to be ranked anew: their texts, the space, links, and what ranks."""
    texts, columns, links = _taken_apart(store.corpus())
    space = _space(store, texts)
    index = index_of(columns, space.vectors(texts), search, engine).knowing(links)
    everything = np.arange(len(columns))
    groups = copies.groups(index, everything, reader(store, columns.ids), everything)
    return texts, space, links, Packer.of(index, ranker, CuratedLinks.of(links, len(columns)), groups, k)


def active(root: models.Root) -> tuple[Search, Ranker, str]:
    """Give how the active model of ``root`` searches and ranks, and its name; for none the default ranker."""
    name = models.active(root) or default.NAME
    return *named(root, name), name


def named(root: models.Root, name: str) -> tuple[Search, Ranker]:
    """Give how the model of that name searches and ranks; ``default`` and ``untrained`` are in no folder.

    Raises as ``models.load``.
    """
    if name == default.NAME:
        return SEARCH, default.ranker()
    if name == default.UNTRAINED:
        return SEARCH, default.untrained()
    model = models.load(root, name)
    return model.search, model.ranker


def _space(store: Store, texts: Texts) -> TextSpace:
    """Take the text space of the last generation if the archive is about what it was, or learn one."""
    last = store.generation()
    packed = None if last is None else store.vocabulary(last.id)
    try:
        kept = None if packed is None else TextSpace.of(Vocabulary.from_bytes(packed))
    except ValueError as error:
        _log.warning("how rare words are is learned anew: %s", error)
        kept = None
    if kept is not None and abs(len(texts) - kept.stories) <= GROWN * kept.stories:
        return kept.grown(texts)
    return TextSpace().learn(texts)


class Counted:
    """Lists on their way to the store, and how many neighbours they have."""

    def __init__(self, lists: Iterable[tuple[int, bytes, bytes]]) -> None:
        self._lists = lists
        self.neighbours = 0

    def __iter__(self) -> Iterator[tuple[int, bytes, bytes]]:
        for article, packed, reasons in self._lists:
            self.neighbours += len(packed) // NEIGHBOUR_DTYPE.itemsize
            yield article, packed, reasons
