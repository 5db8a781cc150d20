"""What ranks, made ready from a store: the archive that a generation knew, and its ranker."""

from __future__ import annotations

from typing import NamedTuple

from recommender import models
from recommender.copies import Read
from recommender.errors import NothingRecomputed
from recommender.known import Known, maker
from recommender.live.archive import Archive
from recommender.pipeline.recomputing import named, reader
from recommender.ranker import Ranker
from recommender.store import Store
from recommender.terms import Vocabulary
from recommender.text import TextSpace

SPARE = 1_000
"""Stories that may come to any archive, however small."""


class Loaded(NamedTuple):
    """The archive of a generation, what ranks it, and how many neighbours are kept of a story.

    ``keeper`` is the generation that kept what was loaded, ``revision`` that of
    the stories in it; ``known`` is how many these were.
    """

    generation: int
    keeper: int
    revision: int
    model: str
    archive: Archive
    ranker: Ranker
    k: int
    known: int

    @classmethod
    def of(cls, store: Store, root: models.Root) -> Loaded:
        """Load what the newest generation knows.

        Raises NothingRecomputed where there is nothing that this program can
        rank by, and ModelError where the model cannot be read.
        """
        while True:
            generation, kept, keeper = store.generation(), store.kept(), store.keeper()
            packed = None if generation is None else store.vocabulary(generation.id)
            if store.generation() == generation:
                break  # or another was published meanwhile: what one keeps is numbered by its own words
        if generation is None or packed is None or keeper is None:
            raise NothingRecomputed("there is nothing to compare a text with: run `recommender recompute`")
        search, ranker = named(root, generation.model)
        try:
            known, space = Known.read(kept), TextSpace.of(Vocabulary.from_bytes(packed))
        except ValueError as error:
            raise NothingRecomputed(f"{error}: run `recommender recompute`") from error
        if known.made_by != maker(search):
            raise NothingRecomputed("another version ranked the stories: run `recommender recompute`")
        archive = Archive.of(known, space, search)
        revision = generation.revision or 0
        return cls(generation.id, keeper, revision, generation.model, archive, ranker, known.k, len(archive))

    def reader(self, store: Store) -> Read:
        """Make what reads the texts of stories of the archive by row."""
        return reader(store, self.archive.rows["ids"])

    def full(self, much: float) -> bool:
        """Tell whether more than a share of the archive has come since, or there is no room for words."""
        spare = SPARE if self.known else 0  # who knew no story knows of no word how rare it is
        return self.archive.numbering.full or len(self.archive) > self.known * (1 + much) + spare
