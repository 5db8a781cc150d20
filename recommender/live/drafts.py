"""Answers for texts that are no stories yet: the archive is loaded when the first one comes."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender import models
from recommender.corpus import Corpus
from recommender.errors import NothingRecomputed
from recommender.known import Known, maker
from recommender.live.archive import Archive
from recommender.pipeline.packing import Packer
from recommender.pipeline.recomputing import named
from recommender.ranker import Ranker
from recommender.store import Store
from recommender.terms import Vocabulary
from recommender.text import TextSpace

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
        self._loaded: _Loaded | None = None

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
            if self._loaded is None or self._loaded.kept != self._store.keeper():
                self._loaded = None  # there is not room for two
                self._loaded = _Loaded.of(self._store, self._root)
            return self._loaded.ranked(story, self._store)


class _Loaded(NamedTuple):
    """The archive as the recompute of number ``kept`` knew it, and what ranks it."""

    kept: int
    model: str
    archive: Archive
    ranker: Ranker
    k: int

    @classmethod
    def of(cls, store: Store, root: models.Root) -> _Loaded:
        generation, kept, keeper = store.generation(), store.kept(), store.keeper()
        packed = None if generation is None else store.vocabulary(generation.id)
        if generation is None or packed is None or keeper is None:
            raise NothingRecomputed("there is nothing to compare a text with: run `recommender recompute`")
        search, ranker = named(root, generation.model)
        try:
            known, space = Known.read(kept), TextSpace.of(Vocabulary.from_bytes(packed))
        except ValueError as error:
            raise NothingRecomputed(f"{error}: run `recommender recompute`") from error
        if known.made_by != maker(search):
            raise NothingRecomputed("another version ranked the stories: run `recommender recompute`")
        return cls(keeper, generation.model, Archive.of(known, space, search), ranker, known.k)

    def ranked(self, story: Corpus, store: Store) -> Ranked:
        def read(rows: NDArray[np.int64]) -> tuple[list[str], list[str]]:
            some = store.some(self.archive.rows["ids"][rows])
            return some.titles, some.excerpts

        asked = self.archive.asked(story, read)
        packer = Packer.of(asked.index, self.ranker, asked.curated, asked.groups, self.k)
        ((packed, reasons),) = packer.packed(asked.stories, asked.pairs)
        return Ranked(self.kept, self.model, packed, reasons, packer.parts.to_json())
