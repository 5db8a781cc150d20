"""How alike one story is to others, in every view of ``text`` at once.

A story's terms are laid out in a small hash table that fits a core's nearest
cache; another story is then compared by walking once over its terms.  That
takes some .3 of a microsecond for stories of a title and a teaser.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.compiled import compiled, inlined
from recommender.vectors import EXCERPT, LETTERS, LOG, TEXT, TITLE, TRIGRAMS, WORDS, Vectors

ALIKE = 7
"""Numbers that ``compare`` gives first: the cosines of ``text.VIEWS``, in order."""

SHARED_IDF, SHARED_TITLE_IDF, RAREST = range(ALIKE, ALIKE + 3)
"""Then: the sum of the idf of shared words, of those in both titles, and the greatest of the first."""

NUMBERS = ALIKE + 3

BLEND = 6


class Query(NamedTuple):
    """A story laid out to be compared with others; its letters likewise, in tables of their own.

    ``marks`` (MARKS,) is 1 where a term's last bits are those of any term
    here: it says no to most terms of another story from a core's nearest
    cache.  ``slots`` (terms,) is the row of a term in ``weights``, 0 for none.
    ``weights`` (rows, 5): what a term weighs in title, excerpt, words and
    text, and its idf; ``letter_weights`` (rows, 2): in trigrams and letters.
    """

    marks: NDArray[np.uint8]
    slots: NDArray[np.int32]
    weights: NDArray[np.float32]
    letter_marks: NDArray[np.uint8]
    letter_slots: NDArray[np.int32]
    letter_weights: NDArray[np.float32]


MARKS = 1 << 14


@compiled
def blank(vectors: Vectors) -> Query:
    """Make room for stories to be laid out in, one after the other."""
    words = letters = 0
    for story in range(len(vectors.scales)):
        words = max(words, vectors.word_starts[story + 1] - vectors.word_starts[story])
        letters = max(letters, vectors.letter_starts[story + 1] - vectors.letter_starts[story])
    return Query(
        np.zeros(MARKS, np.uint8),
        np.zeros(len(vectors.word_idf), np.int32),
        np.empty((words + 1, 5), np.float32),
        np.zeros(MARKS, np.uint8),
        np.zeros(len(vectors.letter_idf), np.int32),
        np.empty((letters + 1, 2), np.float32),
    )


@inlined
def _mark(key: np.int32) -> np.uint64:
    return np.uint64(np.uint32(key) & np.uint32(MARKS - 1))


@compiled
def lay_out(query: Query, vectors: Vectors, story: int) -> None:
    """Lay out a story; ``take_up`` is to be called before the next one is."""
    share, scales = vectors.title_weight, vectors.scales
    begin = vectors.word_starts[story]
    for at in range(begin, vectors.word_starts[story + 1]):
        term, row = vectors.words[at], 1 + at - begin
        query.marks[_mark(term)] = 1
        query.slots[term] = row
        idf = vectors.word_idf[term]
        first, second = np.int64(vectors.in_title[at]), np.int64(vectors.in_excerpt[at])
        title = LOG[first] * idf * scales[story, TITLE]
        excerpt = LOG[second] * idf * scales[story, EXCERPT]
        query.weights[row, 0] = title
        query.weights[row, 1] = excerpt
        query.weights[row, 2] = _mixed(title, excerpt, share) * scales[story, WORDS]
        query.weights[row, 3] = LOG[first + second] * idf * scales[story, TEXT]
        query.weights[row, 4] = idf
    begin = vectors.letter_starts[story]
    for at in range(begin, vectors.letter_starts[story + 1]):
        term, row = vectors.letters[at], 1 + at - begin
        query.letter_marks[_mark(term)] = 1
        query.letter_slots[term] = row
        idf = vectors.letter_idf[term]
        query.letter_weights[row, 0] = LOG[vectors.letter_counts[at]] * idf * scales[story, TRIGRAMS]
        query.letter_weights[row, 1] = scales[story, LETTERS]


@compiled
def take_up(query: Query, vectors: Vectors, story: int) -> None:
    """Make the query blank again after a story."""
    for at in range(vectors.word_starts[story], vectors.word_starts[story + 1]):
        query.marks[_mark(vectors.words[at])] = 0
        query.slots[vectors.words[at]] = 0
    for at in range(vectors.letter_starts[story], vectors.letter_starts[story + 1]):
        query.letter_marks[_mark(vectors.letters[at])] = 0
        query.letter_slots[vectors.letters[at]] = 0


@inlined
def _mixed(title: np.float32, excerpt: np.float32, share: np.float32) -> np.float32:
    return share * title + (np.float32(1) - share) * excerpt


@compiled
def compare(query: Query, vectors: Vectors, others: NDArray[np.int64], numbers: NDArray[np.float32]) -> None:
    """Compare the query with stories (p,): write ``numbers`` (p, NUMBERS)."""
    # Loops in one function, and no slices: numba counts references to arrays wherever they are handed on.
    share, scales = vectors.title_weight, vectors.scales
    for row in range(len(others)):
        other = others[row]
        words = title = excerpt = text = shared = shared_title = rarest = np.float32(0)
        for at in range(np.uint64(vectors.word_starts[other]), np.uint64(vectors.word_starts[other + 1])):
            term = vectors.words[at]
            if not query.marks[_mark(term)]:
                continue
            slot = np.uint64(query.slots[np.uint64(term)])
            if slot == 0:
                continue
            idf = vectors.word_idf[np.uint32(term)]
            first, second = np.uint64(vectors.in_title[at]), np.uint64(vectors.in_excerpt[at])
            in_title = LOG[first] * idf * scales[other, TITLE]
            in_excerpt = LOG[second] * idf * scales[other, EXCERPT]
            mixed = _mixed(in_title, in_excerpt, share) * scales[other, WORDS]
            both = LOG[first + second] * idf * scales[other, TEXT]
            title += query.weights[slot, 0] * in_title
            excerpt += query.weights[slot, 1] * in_excerpt
            words += query.weights[slot, 2] * mixed
            text += query.weights[slot, 3] * both
            known = query.weights[slot, 4]
            shared += known
            rarest = max(rarest, known)
            if query.weights[slot, 0] > 0 and first > 0:
                shared_title += known
        trigrams = letters = np.float32(0)
        flat = scales[other, LETTERS]
        for at in range(np.uint64(vectors.letter_starts[other]), np.uint64(vectors.letter_starts[other + 1])):
            term = vectors.letters[at]
            if not query.letter_marks[_mark(term)]:
                continue
            slot = np.uint64(query.letter_slots[np.uint64(term)])
            if slot == 0:
                continue
            idf = vectors.letter_idf[np.uint32(term)]
            weight = LOG[np.uint64(vectors.letter_counts[at])] * idf * scales[other, TRIGRAMS]
            trigrams += query.letter_weights[slot, 0] * weight
            letters += query.letter_weights[slot, 1] * flat
        numbers[row, 0] = words
        numbers[row, 1] = title
        numbers[row, 2] = excerpt
        numbers[row, 3] = text
        numbers[row, 4] = trigrams
        numbers[row, 5] = letters
        numbers[row, 6] = (words + text + trigrams + letters) / 4
        numbers[row, SHARED_IDF] = shared
        numbers[row, SHARED_TITLE_IDF] = shared_title
        numbers[row, RAREST] = rarest


def cosines(vectors: Vectors, stories: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
    """Compare pairs (p,), those of a story together, in every view: (p, views), as ``text.VIEWS``."""
    numbers = np.empty((len(stories), NUMBERS), np.float32)
    compare_pairs(vectors, stories, others, numbers)
    return numbers[:, :ALIKE]


@compiled
def compare_pairs(
    vectors: Vectors, stories: NDArray[np.int64], others: NDArray[np.int64], numbers: NDArray[np.float32]
) -> None:
    """Compare pairs (p,), those of a story together: write ``numbers`` (p, NUMBERS)."""
    asked = blank(vectors)
    start = 0
    while start < len(stories):
        end = start
        while end < len(stories) and stories[end] == stories[start]:
            end += 1
        lay_out(asked, vectors, stories[start])
        compare(asked, vectors, others[start:end], numbers[start:end])
        take_up(asked, vectors, stories[start])
        start = end
