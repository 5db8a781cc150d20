"""Inverted lists: of each term the stories that have it, in the order of their dates."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.compiled import compiled, inlined
from recommender.vectors import EXCERPT, LETTERS, LOG, TEXT, TITLE, TRIGRAMS, WORDS, Vectors


class Postings(NamedTuple):
    """Of each term the stories that have it, in the order of their dates; words first, then trigrams.

    ``starts`` (terms + 1,) where its entries begin, ``places`` the stories',
    ``impacts`` what the term adds to a story's vector: the product of two
    stories' is at least what it adds to their likeness, by Cauchy and Schwarz.
    """

    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    impacts: NDArray[np.float32]


class Times(NamedTuple):
    """Stories in the order of their dates, those without one first.

    ``order`` (n,) their rows, ``place`` (n,) the inverse, ``days`` (n,) the
    dates in that order, ``undated`` how many have none.
    """

    order: NDArray[np.int64]
    place: NDArray[np.int64]
    days: NDArray[np.float64]
    undated: int

    @classmethod
    def of(cls, published: NDArray[np.float64]) -> Self:
        """Order stories by their dates, (n,) days; of equal ones by row."""
        order = np.argsort(np.nan_to_num(published, nan=-np.inf), kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(order, place, published[order], int(np.isnan(published).sum()))

    def room(self, published: NDArray[np.float64]) -> NDArray[np.int64]:
        """Find where other stories would stand, by their dates (b,): behind those of the same time."""
        dated = self.days[self.undated :]
        return self.undated + np.where(
            np.isnan(published), 0, np.searchsorted(dated, published, side="right")
        )


def postings(vectors: Vectors, times: Times) -> Postings:
    """Turn the vectors of the stories in ``times`` round: of each term, who has it."""
    return _postings(vectors, times.order)


@compiled
def _postings(vectors: Vectors, order: NDArray[np.int64]) -> Postings:
    words, letters = len(vectors.word_idf), len(vectors.letter_idf)
    starts = np.zeros(words + letters + 2, np.int64)
    # Counted two places on, so that filling a list moves its beginning to where the next one's was.
    for story in order:
        for at in range(vectors.word_starts[story], vectors.word_starts[story + 1]):
            starts[vectors.words[at] + 2] += 1
        for at in range(vectors.letter_starts[story], vectors.letter_starts[story + 1]):
            starts[words + vectors.letters[at] + 2] += 1
    starts = np.cumsum(starts)
    size = starts[-1]
    places, impacts = np.empty(size, np.int32), np.empty(size, np.float32)
    scales = vectors.scales
    for place in range(len(order)):
        story = order[place]
        own = scales[story]
        for at in range(vectors.word_starts[story], vectors.word_starts[story + 1]):
            term = vectors.words[at]
            slot = starts[term + 1]
            starts[term + 1] += 1
            places[slot] = place
            impacts[slot] = word_impact(
                vectors.in_title[at],
                vectors.in_excerpt[at],
                vectors.word_idf[term],
                vectors.title_weight,
                own,
            )
        for at in range(vectors.letter_starts[story], vectors.letter_starts[story + 1]):
            term = vectors.letters[at]
            slot = starts[words + term + 1]
            starts[words + term + 1] += 1
            places[slot] = place
            impacts[slot] = letter_impact(vectors.letter_counts[at], vectors.letter_idf[term], own)
    return Postings(starts[:-1].copy(), places, impacts)


@inlined
def word_impact(
    title: np.uint8, excerpt: np.uint8, idf: np.float32, share: np.float32, scales: NDArray[np.float32]
) -> np.float32:
    """Give the impact of a word that a story, of these ``scales``, has so often in its title and excerpt."""
    first, second = np.int64(title), np.int64(excerpt)
    mixed = share * LOG[first] * scales[TITLE] + (np.float32(1) - share) * LOG[second] * scales[EXCERPT]
    mixed *= scales[WORDS]
    text = LOG[first + second] * scales[TEXT]
    impact: np.float32 = np.sqrt(mixed * mixed + text * text) * idf / np.float32(2)
    return impact


@inlined
def letter_impact(count: np.uint8, idf: np.float32, scales: NDArray[np.float32]) -> np.float32:
    """Give the impact of a trigram that a story's title has so often."""
    weight, flat = LOG[count] * idf * scales[TRIGRAMS], scales[LETTERS]
    impact: np.float32 = np.sqrt(weight * weight + flat * flat) / np.float32(2)
    return impact
