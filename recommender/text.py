"""Stories as TF-IDF vectors: what their words, and the letters of their titles, have in common.

Terms are words, pairs of words and letter trigrams, as scikit-learn's
vectorizers find them, hashed to 31 bits (``terms.hashed``): so a vocabulary is
a sorted array of integers, saved without pickle, read at once, and the same in
every process.  A term that only one story has can match nothing; it counts in
that story's length and is then left out.

A story is kept as counts.  What its terms weigh in each view follows from
those, their idf and six lengths, so all views together take no more room than
one matrix would (0.6 KB a story).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.utils import murmurhash3_32

from recommender.compiled import compiled
from recommender.terms import COLUMNS, WORD, Rarity, Vocabulary, trigrams

TITLE_WEIGHT = 0.6
"""Share of the title in ``words``; the excerpt has the rest.  On earlier folds the best for
``coronavirus`` and within .015 of the best elsewhere (docs/evaluation.md)."""

VIEWS = ("words", "title", "excerpt", "text", "trigrams", "letters", "blend")
"""``words``: words and word pairs of title and excerpt as two weighted fields.  ``title``, ``excerpt``: the
same, one field alone; ``text``: the two read as one.  ``trigrams``: the title's character trigrams within
words.  ``letters``: those, without counts or idf.  ``blend``: the views of ``BLEND`` side by side."""

BLEND = ("words", "text", "trigrams", "letters")
"""Views whose mean similarity is that in ``blend``: untrained, times a decay in time, it ranks better than
any single view on the average of the newsrooms it was tried on (docs/evaluation.md)."""

TITLE, EXCERPT, WORDS, TEXT, TRIGRAMS, LETTERS = range(6)
"""Columns of ``Vectors.scales``."""

MOST: Final = 255
"""A term is counted up to so many times in a field."""

LOG = np.r_[0, 1 + np.log(np.arange(1, 2 * MOST + 1))].astype(np.float32)
"""What a count is worth: 1 + ln count, and 0 for none."""

_STORIES = 100_000
"""Stories whose texts are taken apart together; bounds memory."""


class Vectors(NamedTuple):
    """``n`` stories as vectors, in compressed rows.

    ``words`` are numbers of words and pairs of words, ascending within a
    story's row ``starts[i]:starts[i + 1]``, with their counts in the title and
    in the excerpt; ``letters`` those of the title's trigrams.  A term's weight
    is ``LOG[count]`` · idf · ``scales[story, view]``: the last makes the row of
    length 1, counting terms of one story only, too; in ``LETTERS`` it is the
    whole weight.  ``words`` as a view is ``title_weight`` of the title's and
    the rest of the excerpt's, · ``scales[story, WORDS]``.
    """

    word_starts: NDArray[np.int64]
    words: NDArray[np.int32]
    in_title: NDArray[np.uint8]
    in_excerpt: NDArray[np.uint8]
    letter_starts: NDArray[np.int64]
    letters: NDArray[np.int32]
    letter_counts: NDArray[np.uint8]
    scales: NDArray[np.float32]
    word_idf: NDArray[np.float32]
    letter_idf: NDArray[np.float32]
    title_weight: np.float32

    def view(self, name: str) -> sp.csr_matrix:
        """Make the matrix (n, terms) of a view of ``VIEWS``, whose rows have cosines as their products."""
        if name == "blend":
            return sp.csr_matrix(sp.hstack([self.view(part) for part in BLEND], "csr") * len(BLEND) ** -0.5)
        of_letters = name in ("trigrams", "letters")
        starts = self.letter_starts if of_letters else self.word_starts
        terms = self.letters if of_letters else self.words
        idf = self.letter_idf if of_letters else self.word_idf
        scale = np.repeat(self.scales, np.diff(starts), axis=0)
        title = LOG[self.in_title] * self.word_idf[self.words]
        excerpt = LOG[self.in_excerpt] * self.word_idf[self.words]
        match name:
            case "title":
                weight = title * scale[:, TITLE]
            case "excerpt":
                weight = excerpt * scale[:, EXCERPT]
            case "words":
                share = self.title_weight
                weight = share * title * scale[:, TITLE] + (1 - share) * excerpt * scale[:, EXCERPT]
                weight *= scale[:, WORDS]
            case "text":
                both = self.in_title.astype(np.int64) + self.in_excerpt
                weight = LOG[both] * self.word_idf[self.words] * scale[:, TEXT]
            case "trigrams":
                weight = LOG[self.letter_counts] * self.letter_idf[self.letters] * scale[:, TRIGRAMS]
            case "letters":
                weight = scale[:, LETTERS]
            case _:
                raise ValueError(f"no view {name!r}; there are: {', '.join(VIEWS)}")
        # A copy, since leaving out zeros moves what stays.
        shape = (len(self.scales), len(idf))
        matrix = sp.csr_matrix((weight.astype(np.float32), terms, starts), shape, copy=True)
        matrix.eliminate_zeros()
        return matrix


class Bags(NamedTuple):
    """Stories' terms by their hashes, each once, ascending in a story's row, with counts in two fields."""

    starts: NDArray[np.int64]
    hashes: NDArray[np.int32]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]


class TextSpace:
    """TF-IDF over titles and excerpts, in the views of ``VIEWS``.

    Learned state: ``words_`` and ``trigrams_``, how rare terms are.
    """

    words_: Rarity
    trigrams_: Rarity

    def __init__(self, title_weight: float = TITLE_WEIGHT) -> None:
        self.title_weight = title_weight

    def fit(self, titles: Sequence[str], excerpts: Sequence[str]) -> Self:
        """Learn terms and idf from ``n`` stories."""
        self.fit_transform(titles, excerpts)
        return self

    def fit_transform(self, titles: Sequence[str], excerpts: Sequence[str]) -> Vectors:
        """Learn from the stories and return them as vectors."""
        words, letters = _Analyser().bags(titles, excerpts)
        self.words_, self.trigrams_ = (_rarity(bags, len(titles)) for bags in (words, letters))
        return self._vectors(words, letters)

    def transform(self, titles: Sequence[str], excerpts: Sequence[str]) -> Vectors:
        """Make vectors of stories the space need not have seen."""
        return self._vectors(*_Analyser().bags(titles, excerpts))

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
        space = cls(vocabulary.title_weight)
        space.words_, space.trigrams_ = vocabulary.words, vocabulary.trigrams
        return space

    def _vectors(self, words: Bags, letters: Bags) -> Vectors:
        share = np.float32(self.title_weight)
        of_words, of_letters = _buckets(self.words_.hashes), _buckets(self.trigrams_.hashes)
        kept, places, scales = _weigh(words, of_words, self.words_.hashes, self.words_.idf,
                                      np.float32(self.words_.unseen), share, LOG)  # fmt: skip
        kept_letters, letter_places, letter_scales = _weigh(
            letters, of_letters, self.trigrams_.hashes, self.trigrams_.idf,
            np.float32(self.trigrams_.unseen), share, LOG)  # fmt: skip
        there, letters_there = places >= 0, letter_places >= 0
        # Of letters there is one field: ``_weigh``'s title is their weighed length, its last the flat one.
        scales[:, [TRIGRAMS, LETTERS]] = letter_scales[:, [TITLE, LETTERS]]
        return Vectors(
            kept, places[there], words.first[there], words.second[there],
            kept_letters, letter_places[letters_there], letters.first[letters_there],
            scales, self.words_.idf, self.trigrams_.idf, share,
        )  # fmt: skip


# Texts taken apart


class _Analyser:
    """Takes texts apart, each different word only once: news repeats itself."""

    def __init__(self) -> None:
        self._words = _Words()
        self._tokens = _Tokens()

    def bags(self, titles: Sequence[str], excerpts: Sequence[str]) -> tuple[Bags, Bags]:
        """Count words and pairs of words of both fields, and trigrams of titles."""
        parts = [
            self._block(titles[start : start + _STORIES], excerpts[start : start + _STORIES])
            for start in range(0, max(len(titles), 1), _STORIES)
        ]
        return _joined([words for words, _ in parts]), _joined([letters for _, letters in parts])

    def _block(self, titles: Sequence[str], excerpts: Sequence[str]) -> tuple[Bags, Bags]:
        lower = [title.lower() for title in titles]
        title = _told(self._words, map(WORD.findall, lower))
        excerpt = _told(self._words, (WORD.findall(text.lower()) for text in excerpts))
        tokens, ends = _told(self._tokens, map(str.split, lower))
        starts, grams = self._tokens.trigrams()
        return _bag_words(*title, *excerpt), _bag_letters(tokens, ends, starts, grams)


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


def _told(numbers: dict[str, int], texts: object) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Look up what texts say, one after the other, and tell where each ends."""
    told = array("i")
    lengths = array("q")
    for said in texts:  # type: ignore[attr-defined]
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


# Terms weighed


def _rarity(bags: Bags, n: int) -> Rarity:
    """Learn terms of two stories or more; idf as scikit-learn smooths it: ln((1 + n) / (1 + df)) + 1."""
    hashes, frequency = np.unique(bags.hashes, return_counts=True)
    shared = frequency > 1
    idf = np.log((1 + n) / (1 + frequency[shared])) + 1
    return Rarity(hashes[shared], idf.astype(np.float32), float(np.log((1 + n) / 2) + 1))


_BITS: Final = 18
"""Of a hash, how many tell where to look for it: then there are a few dozen at most to look through."""


def _buckets(hashes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where the hashes with each beginning of ``_BITS`` start, (2^_BITS + 1,)."""
    return np.searchsorted(hashes >> (31 - _BITS), np.arange((1 << _BITS) + 1))


@compiled
def _weigh(
    bags: Bags,
    buckets: NDArray[np.int64],
    known: NDArray[np.int32],
    idf: NDArray[np.float32],
    unseen: np.float32,
    title_weight: np.float32,
    log: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Find terms among those ``known``, and what makes stories' rows of length 1.

    Gives where rows begin once unknown terms are left out, the number of each
    term or −1, and ``Vectors.scales`` (the flat length in ``LETTERS``).
    """
    n = len(bags.starts) - 1
    starts = np.zeros(n + 1, np.int64)
    places = np.empty(len(bags.hashes), np.int32)
    scales = np.zeros((n, 6), np.float32)
    squares = np.zeros(4)
    for story in range(n):
        begin, end = bags.starts[story], bags.starts[story + 1]
        squares[:] = 0
        there = 0
        for at in range(begin, end):
            number = bags.hashes[at]
            low, high = buckets[number >> (31 - _BITS)], buckets[(number >> (31 - _BITS)) + 1]
            place = low + np.searchsorted(known[low:high], number)
            found = place < high and known[place] == number
            places[at] = place if found else -1
            there += found
            rare = idf[place] if found else unseen
            first, second = np.int64(bags.first[at]), np.int64(bags.second[at])
            squares[TITLE] += np.float64(log[first] * rare) ** 2
            squares[EXCERPT] += np.float64(log[second] * rare) ** 2
            squares[3] += np.float64(log[first + second] * rare) ** 2
        starts[story + 1] = starts[story] + there
        scales[story, TITLE] = _inverse(squares[TITLE])
        scales[story, EXCERPT] = _inverse(squares[EXCERPT])
        scales[story, TEXT] = _inverse(squares[3])
        scales[story, LETTERS] = _inverse(np.float64(end - begin))
        mixed = 0.0
        for at in range(begin, end):
            if places[at] >= 0:
                weight = title_weight * log[bags.first[at]] * scales[story, TITLE]
                weight += (np.float32(1) - title_weight) * log[bags.second[at]] * scales[story, EXCERPT]
                mixed += np.float64(weight * idf[places[at]]) ** 2
        scales[story, WORDS] = _inverse(mixed)
    return starts, places, scales


@compiled
def _inverse(square: float) -> float:
    return 1 / np.sqrt(square) if square > 0 else 0.0
