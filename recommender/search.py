"""Every story's nearest ones, by inverted lists: what news is makes it quick.

Stories that belong together share rare words, or were published near one
another.  So the list of each of a story's terms is read around the story's own
place in it, in the order of dates, and only so far: that is all of it for a
rare term, and the days around the story for a common one.  What a story costs
is thus bounded, however large the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import fading
from recommender.compiled import compiled
from recommender.likeness import BLEND, NUMBERS, blank, compare, lay_out, take_up
from recommender.text import EXCERPT, LETTERS, LOG, TEXT, TITLE, TRIGRAMS, WORDS, Vectors

MOST = 2**31 - 1
"""Stories or entries that can be asked for."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far a search goes.

    ``near``: how many are wanted of those most alike × exp(−days / ``decay``);
    ``far``: of those most alike, whenever they came out; ``before``: as
    ``near``, of earlier stories alone.  ``entries`` are read of a term's list
    on either side of the story, at most: so rare terms are looked up
    everywhere and common ones near in time, and a story costs no more in a
    large archive.

    Raises ``ValueError`` for a ``decay`` that is not a positive number, and a
    count that is not an integer from 1 to ``MOST``.
    """

    decay: float = 14.0
    near: int = 100
    far: int = 60
    before: int = 50
    entries: int = 1_024

    def __post_init__(self) -> None:
        if type(self.decay) not in (int, float) or not 0 < self.decay < np.inf:
            raise ValueError(f"decay: expected a number of days above 0, got {self.decay!r}")
        for name in ("near", "far", "before", "entries"):
            count = getattr(self, name)
            if type(count) is not int or not 1 <= count <= MOST:
                raise ValueError(f"{name}: expected an integer from 1 to {MOST}, got {count!r}")


SEARCH = Search()

SPARE = 1.5
"""Stories compared exactly, as a multiple of those wanted: their order may be another."""


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


def postings(vectors: Vectors, times: Times) -> Postings:
    """Turn vectors round: of each term, who has it."""
    return _postings(vectors, times.order)


@compiled
def _postings(vectors: Vectors, order: NDArray[np.int64]) -> Postings:
    words, letters = len(vectors.word_idf), len(vectors.letter_idf)
    starts = np.zeros(words + letters + 2, np.int64)
    # Counted two places on, so that filling a list moves its beginning to where the next one's was.
    for term in vectors.words:
        starts[term + 2] += 1
    for term in vectors.letters:
        starts[words + term + 2] += 1
    starts = np.cumsum(starts)
    size = len(vectors.words) + len(vectors.letters)
    places, impacts = np.empty(size, np.int32), np.empty(size, np.float32)
    share, scales = vectors.title_weight, vectors.scales
    for place in range(len(order)):
        story = order[place]
        for at in range(vectors.word_starts[story], vectors.word_starts[story + 1]):
            term = vectors.words[at]
            idf = vectors.word_idf[term]
            title, excerpt = np.int64(vectors.in_title[at]), np.int64(vectors.in_excerpt[at])
            mixed = share * LOG[title] * scales[story, TITLE]
            mixed += (np.float32(1) - share) * LOG[excerpt] * scales[story, EXCERPT]
            mixed *= scales[story, WORDS]
            text = LOG[title + excerpt] * scales[story, TEXT]
            slot = starts[term + 1]
            starts[term + 1] += 1
            places[slot] = place
            impacts[slot] = np.sqrt(mixed * mixed + text * text) * idf / 2
        for at in range(vectors.letter_starts[story], vectors.letter_starts[story + 1]):
            term = vectors.letters[at]
            weight = LOG[vectors.letter_counts[at]] * vectors.letter_idf[term] * scales[story, TRIGRAMS]
            flat = scales[story, LETTERS]
            slot = starts[words + term + 1]
            starts[words + term + 1] += 1
            places[slot] = place
            impacts[slot] = np.sqrt(weight * weight + flat * flat) / 2
    return Postings(starts[:-1].copy(), places, impacts)


class Nearest(NamedTuple):
    """What was found for stories (b,), as rows, −1 where there is no more.

    ``near`` and ``far`` (b, k): those most alike with and without fading, best
    first by what was read.  ``before`` (b, k): of the earlier stories the most
    alike with fading, best first, and ``scores`` (b, k) their likeness × fading.
    """

    near: NDArray[np.int32]
    far: NDArray[np.int32]
    before: NDArray[np.int32]
    scores: NDArray[np.float32]


class _Read(NamedTuple):
    """What the lists of one story's terms say of others; room for all of them.

    ``sums`` (n,) by place, 0 but while a story is looked at.  ``places`` of
    those that share a term with it, and of each of these the likeness as it is
    (``alike``), faded, and faded if it came out before: 0 if not.
    """

    sums: NDArray[np.float32]
    places: NDArray[np.int32]
    alike: NDArray[np.float32]
    faded: NDArray[np.float32]
    earlier: NDArray[np.float32]


@compiled
def nearest(
    stories: NDArray[np.int64],
    vectors: Vectors,
    lists: Postings,
    times: Times,
    decay: float,
    sizes: tuple[int, int, int],
    entries: int,
) -> Nearest:
    """Find the nearest of some stories (b,).

    ``decay`` in days, ``entries``, and the ``sizes`` of ``near``, ``far`` and
    ``before`` are those of ``Search``.
    """
    n = len(times.order)
    found = Nearest(
        np.full((len(stories), sizes[0]), -1, np.int32),
        np.full((len(stories), sizes[1]), -1, np.int32),
        np.full((len(stories), sizes[2]), -1, np.int32),
        np.zeros((len(stories), sizes[2]), np.float32),
    )
    read = _Read(
        np.zeros(n, np.float32),
        np.empty(n + 1, np.int32),
        np.empty(n + 1, np.float32),
        np.empty(n + 1, np.float32),
        np.empty(n + 1, np.float32),
    )
    asked = blank(vectors)
    keys = np.empty(n, np.int64)
    table = np.exp(-np.arange(_TABLE) / _STEPS).astype(np.float32)
    for row in range(len(stories)):
        own = times.place[stories[row]]
        count = _add_up(vectors, lists, stories[row], own, entries, read)
        _fade(read, count, times, own, decay, table)
        for k, scores, rows in ((sizes[0], read.faded, found.near), (sizes[1], read.alike, found.far)):
            size = _best(scores[:count].view(np.int32), k, keys)
            for place in range(size):
                rows[row, place] = times.order[read.places[keys[place] & _LOW]]
        # What is read tells who is near; in which order only a comparison does.
        size = _best(read.earlier[:count].view(np.int32), int(SPARE * sizes[2]), keys)
        pool = np.sort(times.order[read.places[keys[:size] & _LOW]])
        lay_out(asked, vectors, stories[row])
        numbers = np.empty((size, NUMBERS), np.float32)
        compare(asked, vectors, pool, numbers)
        take_up(asked, vectors, stories[row])
        exact = numbers[:, BLEND].copy()
        for at in range(size):
            exact[at] *= fading(times.days[own] - times.days[times.place[pool[at]]], decay)
        size = _best(exact.view(np.int32), sizes[2], keys)
        for place in range(size):
            found.before[row, place] = pool[keys[place] & _LOW]
            found.scores[row, place] = exact[keys[place] & _LOW]
    return found


@compiled
def _add_up(vectors: Vectors, lists: Postings, story: int, own: int, entries: int, read: _Read) -> int:
    """Add up what all terms of a story make of its likeness to others; return how many these are."""
    count = 0
    for at in range(vectors.word_starts[story], vectors.word_starts[story + 1]):
        count = _add(lists, vectors.words[at], own, entries, read.sums, read.places, count)
    words = len(vectors.word_idf)
    for at in range(vectors.letter_starts[story], vectors.letter_starts[story + 1]):
        count = _add(lists, words + vectors.letters[at], own, entries, read.sums, read.places, count)
    return count


@compiled
def _add(
    lists: Postings,
    term: int,
    own: int,
    entries: int,
    sums: NDArray[np.float32],
    places: NDArray[np.int32],
    count: int,
) -> int:
    begin, end = lists.starts[term], lists.starts[term + 1]
    at = begin + np.searchsorted(lists.places[begin:end], own)
    weight = lists.impacts[at]
    # Unsigned, since an index that could be negative costs a test.
    for entry in range(np.uint64(max(begin, at - entries)), np.uint64(min(end, at + 1 + entries))):
        place = np.uint64(lists.places[entry])
        before = sums[place]
        # Written always and counted where new: a branch here would be guessed wrong half of the time.
        places[count] = lists.places[entry]
        count += before == 0
        sums[place] = before + weight * lists.impacts[entry]
    return count


_STEPS = 128
_TABLE = 16 * _STEPS
"""Fading by steps of a decay, as far as it makes a difference: exact enough to choose by."""


@compiled
def _fade(read: _Read, count: int, times: Times, own: int, decay: float, table: NDArray[np.float32]) -> None:
    """Fill in the likenesses of the first ``count`` places, and make the sums 0 again."""
    read.sums[own] = 0
    for at in range(np.uint64(count)):
        place = np.uint64(read.places[at])
        step = abs(times.days[own] - times.days[place]) / decay * _STEPS
        faded = read.sums[place]
        if step < _TABLE:
            faded *= table[np.uint64(step)]
        else:
            # No comparison holds where a date is missing: as if one decay apart.
            faded *= table[_TABLE - 1 if step >= _TABLE else _STEPS]
        read.alike[at] = read.sums[place]
        read.faded[at] = faded
        read.earlier[at] = faded if read.places[at] < own else np.float32(0)
        read.sums[place] = 0


_LOW = 0xFFFFFFFF
_BINS = 640
_FIRST = 97 << 4
"""Scores are counted by their exponent and four bits more, from 2⁻³⁰ on: two of a bin differ by 6 %."""


@compiled
def _best(bits: NDArray[np.int32], k: int, keys: NDArray[np.int64]) -> int:
    """Find the ``k`` greatest scores (p,), given as their bits, which are in the order of positive floats.

    Writes for each, greatest first, equal ones by number, a key whose last 32
    bits are its number; returns how many there are, those of 0 left out.
    """
    counts = np.zeros(_BINS, np.int64)
    for at in range(len(bits)):
        counts[min(max((bits[at] >> 19) - _FIRST, 0), _BINS - 1)] += 1
    number, left = _BINS, k
    while number > 1 and left > 0:
        number -= 1
        left -= counts[number]
    least = np.int32((number + _FIRST) << 19) if left <= 0 else np.int32(1)
    size = 0
    for at in range(len(bits)):
        if bits[at] >= least:
            keys[size] = (np.int64(0x7FFFFFFF - bits[at]) << 32) + at
            size += 1
    keys[:size].sort()
    return min(size, k)
