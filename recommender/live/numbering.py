"""Terms numbered as they come: a word that nobody has written before is what news is made of.

A text space numbers the terms that it knows.  Those that stories bring have
numbers behind these, for which there is room from the start; they are as rare
as a term of one story.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.analysis import Texts
from recommender.terms import Rarity
from recommender.text import TextSpace
from recommender.vectors import Vectors

ROOM: Final = 1 << 18
"""Terms, of words and of trigrams each, for which there is room: those of some 5,000 stories."""


class Numbering:
    """A text space, and numbers for terms that it does not know; ``terms`` are fields of its vectors."""

    def __init__(self, space: TextSpace) -> None:
        self._space = space
        self._words = _Numbers(len(space.words_.hashes))
        self._letters = _Numbers(len(space.trigrams_.hashes))
        self.terms: Final[dict[str, Any]] = {
            "word_idf": _with_room(space.words_),
            "letter_idf": _with_room(space.trigrams_),
            "title_weight": np.float32(space.title_weight),
        }

    @property
    def full(self) -> bool:
        """Whether there is no room for any other term: those that come now match nothing."""
        return not (self._words.left and self._letters.left)

    def vectors(self, texts: Texts, *, learn: bool = False) -> Vectors:
        """Weigh the terms of stories; with ``learn``, stories that come later can share those unknown now."""

        def number(texts: Texts, words: NDArray[np.int32], letters: NDArray[np.int32]) -> None:
            self._words.fill(words, texts.words.hashes, learn=learn)
            self._letters.fill(letters, texts.letters.hashes, learn=learn)

        return self._space.vectors(texts, number)._replace(**self.terms)


class _Numbers(dict[int, int]):
    """Numbers of terms by their hash, from ``first`` on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    @property
    def left(self) -> int:
        return ROOM - len(self)

    def fill(self, numbers: NDArray[np.int32], hashes: NDArray[np.int32], *, learn: bool) -> None:
        """Write numbers where they are −1, but for terms that are not to be learned, or have no room."""
        unknown = np.flatnonzero(numbers < 0)
        told = hashes[unknown].tolist()
        if learn:
            for term in told[: self.left]:
                self.setdefault(term, self._first + len(self))
        numbers[unknown] = [self.get(term, -1) for term in told]


def _with_room(known: Rarity) -> NDArray[np.float32]:
    return np.concatenate([known.idf, np.full(ROOM, known.unseen, np.float32)])
