"""What is ranked on demand: texts that are no stories yet, and stories by another model.

The archive is loaded when the first one is asked for, aside (``aside``).
"""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple

import numpy as np

from recommender import models
from recommender.aside import Aside
from recommender.corpus import Corpus
from recommender.errors import ModelIncompatible, ModelNotFound, NothingRecomputed, UnknownStory
from recommender.live.archive import Asked
from recommender.live.loading import Loaded
from recommender.pipeline.packing import Packer
from recommender.pipeline.recomputing import active, named
from recommender.store import Store

ACTIVE: Final = "active"
"""The name by which the active model can be asked for, whichever it is."""

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

    It holds the whole archive, 8 KB a story, from the first question on, and
    loads it anew after a recompute.  ``root`` has the model of the generation
    that is served.  Where loading takes long, InProgress is raised meanwhile.
    """

    def __init__(self, store: Store, root: models.Root) -> None:
        self._store = store
        self._root = root
        self._turn = Lock()
        self._loaded = Aside(self._load, "the archive")

    def ranked(
        self, title: str, excerpt: str, published: datetime, provider: str = "", topics: tuple[str, ...] = ()
    ) -> Ranked:
        """Rank all stories for a text that would come out at that time.

        ``provider`` is a domain or a name, as in ``Corpus``.  Raises
        NothingRecomputed where there is nothing to rank by, and ModelError
        where the model cannot be read.
        """
        story = _story(title, excerpt, published.timestamp() / _DAY, provider, topics)
        loaded = self._current()
        with self._turn:
            return self._ranked(loaded, story)

    def ranked_by(self, model: str, article: int) -> Ranked:
        """Rank all stories for one of the store, by its id, by any model: as a recompute with that would.

        ``default`` is the default ranker, ``active`` what the next recompute
        uses.  The stories are those of the last recompute, and this one if it
        came since.  Raises ModelNotFound for a model that there is not,
        ModelError for one that cannot be used, UnknownStory for a story that is
        gone, and as ``ranked``.
        """
        search, ranker, name = active(self._root) if model == ACTIVE else (*named(self._root, model), model)
        try:
            loaded = self._current()
        except ModelNotFound as error:  # of the lists that are served, and nobody has asked for it
            raise NothingRecomputed(str(error)) from error
        if loaded.archive.search != search:
            raise ModelIncompatible(f"{name} has other candidates than the last recompute had")
        with self._turn:
            return _ranked(loaded._replace(model=name, ranker=ranker), self._asked(loaded, article))

    def _asked(self, loaded: Loaded, article: int) -> Asked:
        own = np.array([article])
        row = int(loaded.archive.rows_of(own)[0])
        if row >= 0:
            return loaded.archive.again(row)
        story = self._store.some(own)
        if not len(story):
            raise UnknownStory(f"story {article} was removed just now")
        return loaded.archive.asked(story, loaded.reader(self._store), self._store.links_of(own))

    def _current(self) -> Loaded:
        keeper = self._store.keeper()
        return self._loaded.get(lambda loaded: loaded.keeper == keeper)

    def _load(self) -> Loaded:
        loaded = Loaded.of(self._store, self._root)
        # Whoever asks first has machine code compiled, or read: that takes seconds too.
        self._ranked(loaded, _story("", "", 0.0))
        return loaded

    def _ranked(self, loaded: Loaded, story: Corpus) -> Ranked:
        return _ranked(loaded, loaded.archive.asked(story, loaded.reader(self._store)))


def _story(
    title: str, excerpt: str, published: float, provider: str = "", topics: tuple[str, ...] = ()
) -> Corpus:
    """Make a corpus of the one story, which came out so many days after 1970."""
    return Corpus(
        ids=np.array([0]),
        urls=[""],
        titles=[title],
        excerpts=[excerpt],
        published=np.array([published]),
        quality=np.array([np.nan]),
        providers=[provider],
        types=[""],
        topics=[topics],
        tags=[()],
        links=np.empty((0, 2), np.int64),
    )


def _ranked(loaded: Loaded, asked: Asked) -> Ranked:
    packer = Packer.of(asked.index, loaded.ranker, asked.curated, asked.groups, loaded.k)
    ((packed, reasons),) = packer.packed(asked.stories, asked.pairs)
    return Ranked(loaded.generation, loaded.model, packed, reasons, packer.parts.to_json())
