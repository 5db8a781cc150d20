"""What readers were shown and clicked, as columns: for reports, and for what learns from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SOURCES: Final = ("pinned", "curated", "model", "fill")
"""Where an item of an answer came from; columns name a source by its place here."""


@dataclass(frozen=True, slots=True)
class Events:
    """Counts of what was shown and clicked: ``n`` rows, each of a day, generation, pair, source and rank."""

    day: NDArray[np.int64]
    """Shape (n,): days since 1970-01-01 UTC."""
    generation: NDArray[np.int64]
    """Shape (n,): which generation's list was shown."""
    article: NDArray[np.int64]
    """Shape (n,): the story whose related stories were shown, by id."""
    other: NDArray[np.int64]
    """Shape (n,): the story shown, by id."""
    source: NDArray[np.int8]
    """Shape (n,): where it came from, a place in ``SOURCES``."""
    rank: NDArray[np.int16]
    """Shape (n,): where it stood, from 1."""
    shown: NDArray[np.int64]
    clicked: NDArray[np.int64]
    models: dict[int, str]
    """Which model ranked a generation."""

    def __len__(self) -> int:
        return len(self.day)

    def where(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Events:
        """Keep some rows: those marked (n,), or those numbered (m,), in that order."""
        columns = ("day", "generation", "article", "other", "source", "rank", "shown", "clicked")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    def over_days(self) -> Events:
        """Add up days: a row for each generation, pair, source and rank, of the first day it has.

        A list is often clicked on a later day than it was shown.
        """
        # Loaded here: who counts needs no numpy.
        import numpy as np

        key = (self.rank, self.source, self.other, self.article, self.generation)
        order = np.lexsort((self.day, *key))
        new = np.ones(len(self), np.bool_)
        new[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in key], axis=0)
        starts = np.flatnonzero(new)
        shown, clicked = (np.add.reduceat(each[order], starts) for each in (self.shown, self.clicked))
        return replace(self.where(order[starts]), shown=shown, clicked=clicked)
