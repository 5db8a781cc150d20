"""Lists that follow as stories come: each new story gets its list, and is put into those of others.

One process does this for a store, whoever imports or posts; all that answer see
it, since lists are in the store.  What it writes is what a recompute would, but
for what ``inserting`` says; the next recompute, of everything or of what is
new, makes it exact.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender import models
from recommender.errors import NothingRecomputed, RecommenderError, StaleGeneration
from recommender.live.inserting import inserted
from recommender.live.loading import Loaded
from recommender.pipeline.packing import Packer
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.store import Change, Generation, Store

BATCH: Final = 256
"""Stories that are taken together: as many as are ranked in about half a second."""

MUCH: Final = 0.05
"""Share of an archive that may come before all is brought up to date: memory grows with it."""

_log = logging.getLogger(__name__)


class Updated(NamedTuple):
    """What was done: stories ranked, and lists of others that changed."""

    ranked: int
    lists: int


NOTHING: Final = Updated(0, 0)


class Updater:
    """Keeps the lists of a store up to date.

    ``step`` is for one thread.  What takes seconds, such as loading what
    somebody has recomputed, is done by another one meanwhile.
    """

    def __init__(self, store: Store, root: models.Root) -> None:
        self._store = store
        self._root = root
        self._loaded: Loaded | None = None
        self._revision = 0
        self._aside = ThreadPoolExecutor(1, "loading")
        self._loading: Future[Loaded] | None = None

    def close(self) -> None:
        """Wait for what is done aside."""
        self._aside.shutdown(cancel_futures=True)

    def step(self) -> Updated:
        """Rank the next stories that are new or have changed; ``(0, 0)`` if there are none.

        Recomputes everything where nothing was recomputed yet.  Raises as
        ``recompute``.
        """
        loaded = self._current()
        if loaded is None:
            return NOTHING
        changes = _batch(self._store.changes(self._revision))
        if not changes:
            return NOTHING
        try:
            done = self._update(loaded, changes)
        except StaleGeneration:
            _log.info("generation %d is served no more: what came is ranked again", loaded.generation)
            return NOTHING
        self._revision = changes[-1].revision
        return done

    def _current(self) -> Loaded | None:
        """Give what ranks, for the generation that is served; ``None`` while there are no stories."""
        generation = self._store.generation()
        if self._loaded is None or generation is None:
            self._loaded = self._load() if generation is not None or self._store.revision() else None
            if self._loaded is not None:
                self._warm(self._loaded)
            self._revision = 0 if self._loaded is None else self._loaded.revision
            return self._loaded
        if self._loading is not None and self._loading.done():
            self._swap(self._loading, generation)
        if self._loaded.generation != generation.id:
            # Somebody recomputed.  Until that is loaded, what it has not seen is put into it as before.
            self._loaded = self._loaded._replace(generation=generation.id)
            self._revision = min(self._revision, generation.revision or 0)
            self._loading = self._loading or self._aside.submit(Loaded.of, self._store, self._root)
        elif self._loading is None and self._loaded.full(MUCH):
            self._loading = self._aside.submit(self._refreshed)
        return self._loaded

    def _swap(self, loading: Future[Loaded], generation: Generation) -> None:
        self._loading = None
        try:
            loaded = loading.result()
        except RecommenderError as error:
            _log.warning("what was recomputed cannot be loaded, and is tried again: %s", error)
            return
        if loaded.generation == generation.id:
            self._loaded, self._revision = loaded, loaded.revision

    def _refreshed(self) -> Loaded:
        refresh(self._store, self._root)
        return Loaded.of(self._store, self._root)

    def _load(self) -> Loaded:
        try:
            return Loaded.of(self._store, self._root)
        except NothingRecomputed as error:
            _log.info("%s; recomputing", error)
            recompute(self._store, self._root)
            return Loaded.of(self._store, self._root)

    def _warm(self, loaded: Loaded) -> None:
        """Do once, and forget, what is done for a story: the first one need not wait for machine code."""
        last = loaded.archive.rows["ids"][-1:]
        if not len(last):
            return
        asked = loaded.archive.asked(self._store.some(last), loaded.reader(self._store))
        packer = Packer.of(asked.index, loaded.ranker, asked.curated, asked.groups, loaded.k)
        packer.packed(asked.stories, asked.pairs)
        self._inserted(loaded, loaded.archive.rows_of(last), packer)

    def _inserted(
        self, loaded: Loaded, new: NDArray[np.int64], packer: Packer
    ) -> list[tuple[int, bytes, bytes]]:
        def read(ids: Sequence[int]) -> dict[int, tuple[bytes, bytes | None]]:
            return self._store.lists(loaded.generation, ids)

        return inserted(loaded.archive, new, loaded.ranker, packer.parts, loaded.k, read)

    def _update(self, loaded: Loaded, changes: list[Change]) -> Updated:
        gone = np.array([change.id for change in changes if change.removed], np.int64)
        loaded.archive.retire(gone)
        ids = np.sort(np.array([change.id for change in changes if not change.removed], np.int64))
        stories = self._store.some(ids)
        archive, asked = loaded.archive.followed_by(
            stories, self._store.links_of(ids), loaded.reader(self._store)
        )
        self._loaded = loaded = loaded._replace(archive=archive)
        packer = Packer.of(asked.index, loaded.ranker, asked.curated, asked.groups, loaded.k)
        own = packer.packed(asked.stories, asked.pairs)
        others = self._inserted(loaded, asked.stories, packer)
        lists = [(article, *one) for article, one in zip(stories.ids.tolist(), own, strict=True)]
        self._store.put(loaded.generation, [*lists, *others])
        return Updated(len(lists), len(others))


def _batch(changes: list[Change]) -> list[Change]:
    """Take the first changes, whole revisions of them."""
    if len(changes) <= BATCH:
        return changes
    last = changes[BATCH - 1].revision
    return [change for change in changes if change.revision <= last]
