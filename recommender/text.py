"""TF-IDF: which terms there are, how rare they are, and so what stories' weigh.

Terms are words, pairs of words and letter trigrams, as scikit-learn's
vectorizers find them, hashed to 31 bits (``terms.hashed``): so a vocabulary is
a sorted array of integers, saved without pickle, read at once, and the same in
every process.  A term that only one story has can match nothing; it counts in
that story's length and is then left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from recommender.analysis import Bags, Texts
from recommender.compiled import compiled
from recommender.terms import Rarity, Vocabulary
from recommender.vectors import EXCERPT, LETTERS, LOG, TEXT, TITLE, TRIGRAMS, WORDS, Vectors

TITLE_WEIGHT = 0.6
"""Share of the title in ``words``; the excerpt has the rest.  On earlier folds the best for
``coronavirus`` and within .015 of the best elsewhere (docs/evaluation.md)."""

Numbers = Callable[[Texts, NDArray[np.int32], NDArray[np.int32]], None]
"""Writes numbers for terms of texts where the numbers of words and of trigrams are −1."""


_Table = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], np.float32]


class TextSpace:
    """TF-IDF over titles and excerpts, in the views of ``vectors.VIEWS``.

    Learned state: ``words_`` and ``trigrams_``, how rare terms are.
    """

    words_: Rarity
    trigrams_: Rarity

    def __init__(self, title_weight: float = TITLE_WEIGHT) -> None:
        self.title_weight = title_weight

    def fit(self, titles: Sequence[str], excerpts: Sequence[str]) -> Self:
        """Learn terms and idf from ``n`` stories."""
        return self.learn(Texts.of(titles, excerpts))

    def fit_transform(self, titles: Sequence[str], excerpts: Sequence[str]) -> Vectors:
        """Learn from the stories and return them as vectors."""
        texts = Texts.of(titles, excerpts)
        return self.learn(texts).vectors(texts)

    def transform(self, titles: Sequence[str], excerpts: Sequence[str]) -> Vectors:
        """Make vectors of stories the space need not have seen."""
        return self.vectors(Texts.of(titles, excerpts))

    @property
    def stories(self) -> int:
        """How many stories it learned from: a term that one of them has is so rare."""
        return round(2 * math.exp(self.words_.unseen - 1) - 1)

    def learn(self, texts: Texts) -> Self:
        """Learn terms and idf; idf as scikit-learn smooths it: ln((1 + n) / (1 + df)) + 1."""
        return self.know(*(_rarity(bags, len(texts)) for bags in texts))

    def grown(self, texts: Texts, least: int = 2, fresh: Texts | None = None) -> TextSpace:
        """Make a space that also knows other terms, those that ``least`` stories of ``texts`` have.

        They are as rare as a term of one story was.  What is known stays as it
        is, so the stories that were there are as alike as before.  If it has
        been grown by all ``texts`` but those that are ``fresh``, a term is new
        only if one of these has it.
        """
        with ThreadPoolExecutor(2) as pool:
            told = texts if fresh is None else fresh
            words = pool.submit(_grown, self.words_, self._words, texts.words, least, told.words)
            trigrams = pool.submit(_grown, self.trigrams_, self._trigrams, texts.letters, least, told.letters)
        return TextSpace(self.title_weight).know(words.result(), trigrams.result())

    def vectors(self, texts: Texts, numbers: Numbers | None = None) -> Vectors:
        """Weigh the terms of stories.

        Terms that the space does not know are left out, or have the
        ``numbers`` given: then rows are not in ascending order.
        """
        share = np.float32(self.title_weight)
        with ThreadPoolExecutor(2) as pool:
            words = pool.submit(_weigh, texts.words, *self._words, share, LOG)
            letters = pool.submit(_weigh, texts.letters, *self._trigrams, share, LOG)
        places, scales = words.result()
        letter_places, letter_scales = letters.result()
        # Of letters there is one field: the title's length is theirs, and the last the flat one.
        scales[:, [TRIGRAMS, LETTERS]] = letter_scales[:, [TITLE, LETTERS]]
        if numbers is not None:
            numbers(texts, places, letter_places)
        there, letters_there = places >= 0, letter_places >= 0
        return Vectors(
            _starts(texts.words, there), places[there], texts.words.first[there], texts.words.second[there],
            _starts(texts.letters, letters_there), letter_places[letters_there],
            texts.letters.first[letters_there],
            scales, self.words_.idf, self.trigrams_.idf, share,
        )  # fmt: skip

    def know(self, words: Rarity, trigrams: Rarity) -> Self:
        """Take over what was learned elsewhere."""
        self.words_, self.trigrams_ = words, trigrams
        self._words, self._trigrams = _table(words), _table(trigrams)
        return self

    def vocabulary(self) -> Vocabulary:
        """Give what was learned in the form in which it is stored."""
        return Vocabulary(self.title_weight, ENGLISH_STOP_WORDS, self.words_, self.trigrams_)

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> Self:
        """Make the space that ``vocabulary`` was made from.

        Raises ``ValueError`` where it passes over other words than this
        program: the same text would have other terms.
        """
        if vocabulary.stop_words != ENGLISH_STOP_WORDS:
            raise ValueError("a vocabulary with other stop words than this program's")
        return cls(vocabulary.title_weight).know(vocabulary.words, vocabulary.trigrams)


def _rarity(bags: Bags, n: int) -> Rarity:
    hashes, frequency = np.unique(bags.hashes, return_counts=True)
    shared = frequency > 1
    idf = np.log((1 + n) / (1 + frequency[shared])) + 1
    return Rarity(hashes[shared], idf.astype(np.float32), float(np.log((1 + n) / 2) + 1))


def _grown(known: Rarity, table: _Table, bags: Bags, least: int, fresh: Bags) -> Rarity:
    asked, frequency = np.unique(_unknown(fresh, *table[:2]), return_counts=True)
    new = asked[(frequency if fresh is bags else _frequency(bags, asked)) >= least]
    place = np.searchsorted(known.hashes, new)
    return Rarity(
        np.insert(known.hashes, place, new),
        np.insert(known.idf, place, np.float32(known.unseen)),
        known.unseen,
    )


_BITS: Final = 18
"""Of a hash, how many tell where to look for it: then there are a few dozen at most to look through."""


def _table(known: Rarity) -> _Table:
    """Make terms ready to be looked up: where hashes with each beginning of ``_BITS`` start, and they."""
    buckets = np.searchsorted(known.hashes >> (31 - _BITS), np.arange((1 << _BITS) + 1))
    return buckets, known.hashes, known.idf, np.float32(known.unseen)


@compiled
def _find(buckets: NDArray[np.int64], known: NDArray[np.int32], number: np.int32) -> int:
    """Find the place of a hash among those known, −1 for none."""
    low, high = buckets[number >> (31 - _BITS)], buckets[(number >> (31 - _BITS)) + 1]
    place = low + np.searchsorted(known[low:high], number)
    return int(place) if place < high and known[place] == number else -1


@compiled
def _unknown(bags: Bags, buckets: NDArray[np.int64], known: NDArray[np.int32]) -> NDArray[np.int32]:
    """List the hashes that are not known, as often as stories have them."""
    found = np.empty(len(bags.hashes), np.int32)
    size = 0
    for number in bags.hashes:
        if _find(buckets, known, number) < 0:
            found[size] = number
            size += 1
    return found[:size].copy()


_MARKS: Final = (1 << 20) - 1


@compiled
def _frequency(bags: Bags, asked: NDArray[np.int32]) -> NDArray[np.int64]:
    """Count the stories that have each hash ``asked``, ascending."""
    marks = np.zeros(_MARKS + 1, np.bool_)
    for number in asked:
        marks[number & _MARKS] = True
    counts = np.zeros(len(asked), np.int64)
    for number in bags.hashes:
        if marks[number & _MARKS]:
            place = np.searchsorted(asked, number)
            if place < len(asked) and asked[place] == number:
                counts[place] += 1
    return counts


@compiled
def _weigh(
    bags: Bags,
    buckets: NDArray[np.int64],
    known: NDArray[np.int32],
    idf: NDArray[np.float32],
    unseen: np.float32,
    title_weight: np.float32,
    log: NDArray[np.float32],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find terms among those ``known``, and what makes stories' rows of length 1.

    Gives the number of each term or −1, and ``Vectors.scales`` (the flat
    length in ``LETTERS``).
    """
    n = len(bags.starts) - 1
    places = np.empty(len(bags.hashes), np.int32)
    scales = np.zeros((n, 6), np.float32)
    squares = np.zeros(4)
    for story in range(n):
        begin, end = bags.starts[story], bags.starts[story + 1]
        squares[:] = 0
        for at in range(begin, end):
            place = _find(buckets, known, bags.hashes[at])
            found = place >= 0
            places[at] = place
            rare = idf[place] if found else unseen
            first, second = np.int64(bags.first[at]), np.int64(bags.second[at])
            squares[TITLE] += np.float64(log[first] * rare) ** 2
            squares[EXCERPT] += np.float64(log[second] * rare) ** 2
            squares[3] += np.float64(log[first + second] * rare) ** 2
        scales[story, TITLE] = _inverse(squares[TITLE])
        scales[story, EXCERPT] = _inverse(squares[EXCERPT])
        scales[story, TEXT] = _inverse(squares[3])
        scales[story, LETTERS] = _inverse(np.float64(end - begin))
        mixed = 0.0
        for at in range(begin, end):
            rare = idf[places[at]] if places[at] >= 0 else unseen
            weight = title_weight * log[bags.first[at]] * scales[story, TITLE]
            weight += (np.float32(1) - title_weight) * log[bags.second[at]] * scales[story, EXCERPT]
            mixed += np.float64(weight * rare) ** 2
        scales[story, WORDS] = _inverse(mixed)
    return places, scales


def _starts(bags: Bags, there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Tell where rows begin once terms that are not there are left out."""
    starts: NDArray[np.int64] = np.r_[0, np.cumsum(there)][bags.starts]
    return starts


@compiled
def _inverse(square: float) -> float:
    return 1 / np.sqrt(square) if square > 0 else 0.0
