"""Texts taken apart: the words and pairs of words of titles and excerpts, and the letter trigrams of titles.

They are those that scikit-learn's vectorizers find, hashed to 31 bits
(``terms.hashed``), in half of its time: a different word is hashed once, news
repeats itself, and the counting is compiled.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.utils import murmurhash3_32

from recommender.compiled import compiled
from recommender.terms import COLUMNS, WORD, trigrams

MOST: Final = 255
"""A term is counted up to so many times in a field."""

_STORIES = 100_000
"""Stories whose texts are taken apart together; bounds memory."""


class Bags(NamedTuple):
    """Stories' terms by their hashes, each once, ascending in a story's row, with counts in two fields.

    Story i's are ``hashes[starts[i]:starts[i + 1]]``.
    """

    starts: NDArray[np.int64]
    hashes: NDArray[np.int32]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]

    def rows(self, stories: NDArray[np.int64]) -> Bags:
        """Take some stories' rows."""
        if np.array_equal(stories, np.arange(len(self.starts) - 1)):
            return self
        lengths = np.diff(self.starts)[stories]
        ends = np.cumsum(lengths)
        at = np.repeat(self.starts[stories] - ends + lengths, lengths) + np.arange(lengths.sum())
        return Bags(np.r_[0, ends], self.hashes[at], self.first[at], self.second[at])


class Texts(NamedTuple):
    """``n`` stories' texts taken apart: words and pairs of words of both fields, trigrams of the title."""

    words: Bags
    letters: Bags

    def __len__(self) -> int:
        return len(self.words.starts) - 1

    @classmethod
    def of(cls, titles: Sequence[str], excerpts: Sequence[str]) -> Texts:
        """Take texts apart, (n,) each."""
        words, tokens = _Words(), _Tokens()
        return cls.joined(
            _block(titles[start : start + _STORIES], excerpts[start : start + _STORIES], words, tokens)
            for start in range(0, max(len(titles), 1), _STORIES)
        )

    @classmethod
    def joined(cls, parts: Iterable[Texts]) -> Texts:
        """Put stories behind one another."""
        return cls(*(_joined(bags) for bags in zip(*parts, strict=True)))

    def rows(self, stories: NDArray[np.int64]) -> Texts:
        """Take some stories."""
        return Texts(self.words.rows(stories), self.letters.rows(stories))


def _block(titles: Sequence[str], excerpts: Sequence[str], words: _Words, tokens: _Tokens) -> Texts:
    lower = [title.lower() for title in titles]
    title = _told(words, map(WORD.findall, lower))
    excerpt = _told(words, (WORD.findall(text.lower()) for text in excerpts))
    said, ends = _told(tokens, map(str.split, lower))
    return Texts(_bag_words(*title, *excerpt), _bag_letters(said, ends, *tokens.trigrams()))


class _Words(dict[str, int]):
    """The hash of every word, −1 for those passed over."""

    def __missing__(self, word: str) -> int:
        number = -1 if word in ENGLISH_STOP_WORDS else _hash(word)
        self[word] = number
        return number


class _Tokens(dict[str, int]):
    """What stands between spaces, numbered, and the trigrams of each."""

    def __init__(self) -> None:
        super().__init__()
        self._grams = array("i")
        self._starts = array("q", [0])

    def __missing__(self, token: str) -> int:
        number = len(self)
        self[token] = number
        self._grams.extend(map(_hash, trigrams(token)))
        self._starts.append(len(self._grams))
        return number

    def trigrams(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Give where each token's trigrams begin, and their hashes."""
        return np.array(self._starts), np.array(self._grams, np.int32)


def _hash(term: str) -> int:
    # What ``terms.hashed`` does, in C; the tests hold them against each other.
    number: int = murmurhash3_32(term)
    return 1 if number == -(1 << 31) else abs(number) % COLUMNS


def _told(numbers: dict[str, int], texts: Iterable[list[str]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Look up what texts say, one after the other, and tell where each ends."""
    told = array("i")
    lengths = array("q")
    for said in texts:
        told.extend(map(numbers.__getitem__, said))
        lengths.append(len(said))
    return np.array(told, np.int32), np.fromiter(accumulate(lengths), np.int64, len(lengths))


def _joined(parts: Sequence[Bags]) -> Bags:
    if len(parts) == 1:
        return parts[0]
    offsets = accumulate((part.starts[-1] for part in parts), initial=0)
    starts = [part.starts[1:] + offset for part, offset in zip(parts, offsets, strict=False)]
    columns = zip(*(part[1:] for part in parts), strict=True)
    return Bags(np.concatenate([[0], *starts]), *(np.concatenate(column) for column in columns))


@compiled
def _bag_words(
    title: NDArray[np.int32],
    title_ends: NDArray[np.int64],
    excerpt: NDArray[np.int32],
    excerpt_ends: NDArray[np.int64],
) -> Bags:
    n = len(title_ends)
    starts = np.zeros(n + 1, np.int64)
    most = 2 * (len(title) + len(excerpt))
    hashes, first, second = np.empty(most, np.int32), np.empty(most, np.uint8), np.empty(most, np.uint8)
    size = 0
    at_title = at_excerpt = 0
    for story in range(n):
        room = 2 * (title_ends[story] - at_title + excerpt_ends[story] - at_excerpt)
        # The field is the lowest bit, so that sorting brings a term's occurrences together.
        terms = np.empty(room, np.int64)
        count = _terms(title[at_title : title_ends[story]], 0, terms, 0)
        count = _terms(excerpt[at_excerpt : excerpt_ends[story]], 1, terms, count)
        at_title, at_excerpt = title_ends[story], excerpt_ends[story]
        size = _count(terms[:count], hashes, first, second, size)
        starts[story + 1] = size
    return Bags(starts, hashes[:size].copy(), first[:size].copy(), second[:size].copy())


@compiled
def _bag_letters(
    tokens: NDArray[np.int32],
    ends: NDArray[np.int64],
    gram_starts: NDArray[np.int64],
    grams: NDArray[np.int32],
) -> Bags:
    n = len(ends)
    starts = np.zeros(n + 1, np.int64)
    most = 0
    for token in tokens:
        most += gram_starts[token + 1] - gram_starts[token]
    hashes, first, second = np.empty(most, np.int32), np.empty(most, np.uint8), np.empty(most, np.uint8)
    size = at = 0
    for story in range(n):
        room = 0
        for token in tokens[at : ends[story]]:
            room += gram_starts[token + 1] - gram_starts[token]
        terms = np.empty(room, np.int64)
        count = 0
        for token in tokens[at : ends[story]]:
            for gram in grams[gram_starts[token] : gram_starts[token + 1]]:
                terms[count] = 2 * np.int64(gram)
                count += 1
        at = ends[story]
        size = _count(terms, hashes, first, second, size)
        starts[story + 1] = size
    return Bags(starts, hashes[:size].copy(), first[:size].copy(), second[:size].copy())


@compiled
def _terms(words: NDArray[np.int32], field: int, terms: NDArray[np.int64], count: int) -> int:
    """Write words and pairs of words to ``terms`` from ``count`` on; return where they end."""
    before = np.int64(-1)
    for word in words:
        if word < 0:
            continue
        terms[count] = 2 * np.int64(word) + field
        count += 1
        if before >= 0:
            terms[count] = 2 * np.int64(_paired(before, word)) + field
            count += 1
        before = np.int64(word)
    return count


@compiled
def _paired(first: np.int64, second: np.int32) -> np.int64:
    """Hash a pair of words, as ``terms.paired`` does."""
    # Of two uint32 a compiled product has 64 bits.
    state = np.uint32(np.uint32(first) * np.uint32(0x9E3779B1) + np.uint32(second))
    state = np.uint32(np.uint32(state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    state = np.uint32(np.uint32(state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    state = np.uint32(state ^ (state >> np.uint32(16)))
    return np.int64(np.int64(state) % np.int64(COLUMNS))


@compiled
def _count(
    terms: NDArray[np.int64],
    hashes: NDArray[np.int32],
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    size: int,
) -> int:
    """Write each of a story's terms once, with its counts, from ``size`` on; return where they end."""
    terms.sort()
    begin = size
    for term in terms:
        number, field = term >> 1, term & 1
        if size == begin or hashes[size - 1] != number:
            hashes[size], first[size], second[size] = number, 0, 0
            size += 1
        if field == 0:
            first[size - 1] = min(first[size - 1] + 1, MOST)
        else:
            second[size - 1] = min(second[size - 1] + 1, MOST)
    return size
