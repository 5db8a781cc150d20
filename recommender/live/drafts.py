"""Answers for texts that are no stories yet: the archive is loaded when the first one comes."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import NamedTuple

import numpy as np

from recommender import models
from recommender.corpus import Corpus
from recommender.live.loading import Loaded
from recommender.pipeline.packing import Packer
from recommender.store import Store

_DAY = 86_400.0


class Ranked(NamedTuple):
    """A list as the store has those of stories: see ``store.Found``."""

    generation: int
    model: str
    packed: bytes
    reasons: bytes
    parts: str


class Drafts:
    """Ranks the stories of a store for texts; safe to share between threads, which take turns.

    It holds the whole archive, 4 KB a story, from the first question on, and
    loads it anew after a recompute.  ``root`` has the model of the generation
    that is served.
    """

    def __init__(self, store: Store, root: models.Root) -> None:
        self._store = store
        self._root = root
        self._turn = Lock()
        self._loaded: Loaded | None = None

    def ranked(
        self, title: str, excerpt: str, published: datetime, provider: str = "", topics: tuple[str, ...] = ()
    ) -> Ranked:
        """Rank all stories for a text that would come out at that time.

        ``provider`` is a domain or a name, as in ``Corpus``.  Raises
        NothingRecomputed where there is nothing to rank by, and ModelError
        where the model cannot be read.
        """
        story = Corpus(
            ids=np.array([0]),
            urls=[""],
            titles=[title],
            excerpts=[excerpt],
            published=np.array([published.timestamp() / _DAY]),
            quality=np.array([np.nan]),
            providers=[provider],
            types=[""],
            topics=[topics],
            tags=[()],
            links=np.empty((0, 2), np.int64),
        )
        with self._turn:
            if self._loaded is None or self._loaded.keeper != self._store.keeper():
                self._loaded = None  # there is not room for two
                self._loaded = Loaded.of(self._store, self._root)
            return _ranked(self._loaded, story, self._store)


def _ranked(loaded: Loaded, story: Corpus, store: Store) -> Ranked:
    asked = loaded.archive.asked(story, loaded.reader(store))
    packer = Packer.of(asked.index, loaded.ranker, asked.curated, asked.groups, loaded.k)
    ((packed, reasons),) = packer.packed(asked.stories, asked.pairs)
    return Ranked(loaded.generation, loaded.model, packed, reasons, packer.parts.to_json())
