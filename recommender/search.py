"""Every story's nearest ones, by inverted lists: what news is makes it quick.

Stories that belong together share rare words, or were published near one
another.  So the list of each of a story's terms is read around the story's own
place in it, in the order of dates, and only so far: that is all of it for a
rare term, and the days around the story for a common one.  What a story costs
is thus bounded, however large the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import fading
from recommender.compiled import compiled
from recommender.likeness import BLEND, NUMBERS, blank, compare, lay_out, take_up
from recommender.postings import Postings, Times, letter_impact, word_impact
from recommender.text import Vectors

MOST = 2**31 - 1
"""Stories or entries that can be asked for."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far a search goes.

    ``near``: how many are wanted of those most alike × exp(−days / ``decay``);
    ``far``: of those most alike in words, whenever they came out; ``before``:
    as ``near``, of earlier stories alone.  ``entries`` are read of a term's list
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
    entries: int = 1_280

    def __post_init__(self) -> None:
        if type(self.decay) not in (int, float) or not 0 < self.decay < np.inf:
            raise ValueError(f"decay: expected a number of days above 0, got {self.decay!r}")
        for name in ("near", "far", "before", "entries"):
            count = getattr(self, name)
            if type(count) is not int or not 1 <= count <= MOST:
                raise ValueError(f"{name}: expected an integer from 1 to {MOST}, got {count!r}")


SEARCH = Search()

EARLIER, LATER = np.float32(0.05), np.float32(0.1)
"""Least likeness in words for ``far``, of at most ½.  Below, one word in common is as good as another; and
with a higher one for later stories, few lists of an archive change as it grows."""

SPARE = 1.5
"""Stories compared exactly, as a multiple of those wanted: their order may be another."""


class Nearest(NamedTuple):
    """What was found for stories (b,), as rows, −1 where there is no more.

    ``near`` and ``far`` (b, k): those most alike with fading, and in words
    without it, best first by what was read.  ``least`` (b, 2) is what the last
    of each was found by, 0 where another would have had room.  ``before``
    (b, k): of the earlier stories the most alike with fading, best first, and
    ``scores`` (b, k) their likeness × fading.
    """

    near: NDArray[np.int32]
    far: NDArray[np.int32]
    least: NDArray[np.float32]
    before: NDArray[np.int32]
    scores: NDArray[np.float32]


class _Read(NamedTuple):
    """What the lists of one story's terms say of others; room for all of them.

    ``sums`` (n,) by place, 0 but while a story is looked at.  ``places`` of
    those that share a term with it, and of each of these the likeness in words
    (``alike``), in all and faded (``faded``), and that if it came out before
    (``earlier``); 0 where it does not count.
    """

    sums: NDArray[np.float32]
    places: NDArray[np.int32]
    alike: NDArray[np.float32]
    faded: NDArray[np.float32]
    earlier: NDArray[np.float32]


@compiled
def nearest(
    stories: NDArray[np.int64],
    own: NDArray[np.int64],
    vectors: Vectors,
    published: NDArray[np.float64],
    lists: Postings,
    times: Times,
    decay: float,
    sizes: tuple[int, int, int],
    entries: int,
) -> Nearest:
    """Find the nearest of some stories (b,) among those in the lists.

    ``vectors`` and ``published`` (days) are of all stories, by row.  ``own``
    (b,) is the place of each in ``times``, or where it would stand
    (``Times.room``): it need not be in the lists.  ``decay`` in days,
    ``entries``, and the ``sizes`` of ``near``, ``far`` and ``before`` are those
    of ``Search``.
    """
    n = len(times.order)
    found = Nearest(
        np.full((len(stories), sizes[0]), -1, np.int32),
        np.full((len(stories), sizes[1]), -1, np.int32),
        np.zeros((len(stories), 2), np.float32),
        np.full((len(stories), sizes[2]), -1, np.int32),
        np.zeros((len(stories), sizes[2]), np.float32),
    )
    read = _room(n)
    asked = blank(vectors)
    keys = np.empty(n, np.int64)
    for row in range(len(stories)):
        day = published[stories[row]]
        count = _add_up(vectors, lists, stories[row], own[row], entries, read)
        _fade(read, count, times, stories[row], own[row], day, decay)
        for each, scores, rows in ((0, read.faded, found.near), (1, read.alike, found.far)):
            size = _best(scores[:count].view(np.int32), sizes[each], keys)
            for place in range(size):
                rows[row, place] = times.order[read.places[keys[place] & _LOW]]
            if size == sizes[each]:
                found.least[row, each] = scores[keys[size - 1] & _LOW]
        # What is read tells who is near; in which order only a comparison does.
        size = _best(read.earlier[:count].view(np.int32), int(SPARE * sizes[2]), keys)
        pool = np.sort(times.order[read.places[keys[:size] & _LOW]])
        lay_out(asked, vectors, stories[row])
        numbers = np.empty((size, NUMBERS), np.float32)
        compare(asked, vectors, pool, numbers)
        take_up(asked, vectors, stories[row])
        exact = numbers[:, BLEND].copy()
        for at in range(size):
            exact[at] *= fading(day - published[pool[at]], decay)
        size = _best(exact.view(np.int32), sizes[2], keys)
        for place in range(size):
            found.before[row, place] = pool[keys[place] & _LOW]
            found.scores[row, place] = exact[keys[place] & _LOW]
    return found


@compiled
def reached(
    stories: NDArray[np.int64],
    own: NDArray[np.int64],
    vectors: Vectors,
    published: NDArray[np.float64],
    lists: Postings,
    times: Times,
    decay: float,
    entries: int,
    least: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Tell in whose lists some stories (s,) are or would be, (n,): in ``near``, ``far`` or ``before``.

    Arguments are as for ``nearest``, ``least`` (n, 2) and ``scores`` (n, k)
    those of all stories' lists.  What one story's terms say of another is the same from the other's side, so
    the others need not be asked.
    """
    read = _room(len(times.order))
    alike_in_words = np.empty_like(read.alike)
    found = np.zeros(len(least), np.bool_)
    for row in range(len(stories)):
        story, place = stories[row], own[row]
        count = _add_up(vectors, lists, story, place, entries, read)
        alike_in_words[:count] = read.alike[:count]
        _fade(read, count, times, story, place, published[story], decay)
        for at in range(count):
            other = times.order[read.places[at]]
            faded, later = read.faded[at] * _SURELY, read.places[at] >= place
            alike = _counted(alike_in_words[at] * _SURELY, not later)
            found[other] |= faded > 0 and (
                faded >= least[other, 0] or (later and faded >= scores[other, scores.shape[1] - 1])
            )
            found[other] |= alike > 0 and alike >= least[other, 1]
    return found


_SURELY = np.float32(1 + 1e-4)
"""Sums in another order differ in their last digits."""


@compiled
def _room(n: int) -> _Read:
    return _Read(
        np.zeros(n, np.float32),
        np.empty(n + 1, np.int32),
        np.empty(n + 1, np.float32),
        np.empty(n + 1, np.float32),
        np.empty(n + 1, np.float32),
    )


@compiled
def _add_up(vectors: Vectors, lists: Postings, story: int, own: int, entries: int, read: _Read) -> int:
    """Add up what all terms of a story make of its likeness to others; return how many these are."""
    count = 0
    scales = vectors.scales[story]
    for at in range(vectors.word_starts[story], vectors.word_starts[story + 1]):
        term = vectors.words[at]
        weight = word_impact(
            vectors.in_title[at], vectors.in_excerpt[at], vectors.word_idf[term], vectors.title_weight, scales
        )
        count = _add(lists, term, weight, own, entries, read.sums, read.places, count)
    told = count
    for at in range(told):
        read.alike[at] = read.sums[read.places[at]]
    words = len(vectors.word_idf)
    for at in range(vectors.letter_starts[story], vectors.letter_starts[story + 1]):
        term = vectors.letters[at]
        weight = letter_impact(vectors.letter_counts[at], vectors.letter_idf[term], scales)
        count = _add(lists, words + term, weight, own, entries, read.sums, read.places, count)
    read.alike[told:count] = 0
    return count


@compiled
def _add(
    lists: Postings,
    term: int,
    weight: np.float32,
    own: int,
    entries: int,
    sums: NDArray[np.float32],
    places: NDArray[np.int32],
    count: int,
) -> int:
    begin, end = lists.starts[term], lists.starts[term + 1]
    at = begin + np.searchsorted(lists.places[begin:end], own)
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


_FADING = np.exp(-np.arange(_TABLE) / _STEPS).astype(np.float32)


@compiled
def _fade(read: _Read, count: int, times: Times, story: int, own: int, day: float, decay: float) -> None:
    """Fill in the faded likenesses of the first ``count`` places, and make the sums 0 again."""
    if own < len(times.order) and times.order[own] == story:
        read.sums[own] = 0  # it is in the lists itself
    for at in range(np.uint64(count)):
        place = np.uint64(read.places[at])
        step = abs(day - times.days[place]) / decay * _STEPS
        faded = read.sums[place]
        if step < _TABLE:
            faded *= _FADING[np.uint64(step)]
        else:
            # No comparison holds where a date is missing: as if one decay apart.
            faded *= _FADING[_TABLE - 1 if step >= _TABLE else _STEPS]
        read.faded[at] = faded
        read.earlier[at] = faded if read.places[at] < own else np.float32(0)
        read.alike[at] = _counted(read.alike[at], read.places[at] >= own) if faded > 0 else np.float32(0)
        read.sums[place] = 0


_LOW = 0xFFFFFFFF
_BINS = 640
_FIRST = 97 << 4
"""Scores are counted by their exponent and four bits more, from 2⁻³⁰ on: two of a bin differ by 6 %."""


@compiled
def _counted(alike: np.float32, later: bool) -> np.float32:
    """Likeness in words, where it is enough for ``far``; what came out later has to be more alike."""
    return alike if alike >= (LATER if later else EARLIER) else np.float32(0)


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
