"""What the lists of a story's terms say of other stories, before any is compared with it.

Of the stories that stand around it in time all terms are read: what is added up
for these lies side by side, in a core's nearest cache.  Of those farther away
only words are, and only so many entries of a list.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.compiled import compiled, inlined
from recommender.postings import Postings, Times, letter_impact, word_impact
from recommender.vectors import Vectors

AROUND = 8
"""Stories that stand around a story, on either side, as a multiple of the entries read beyond them."""

UNKNOWN = np.float32(0)
"""For ``best``: nobody has looked yet beneath which score nobody is wanted."""

LOW = 0xFFFFFFFF
"""Of a key of ``best``, the bits that are a number."""


class Room(NamedTuple):
    """Room for what is read for one story after the other.

    ``sums`` (n,) by place, 0 but while a story is looked at.  ``outside``:
    places beyond those around the story that share a word with it, earlier
    ones from the front, later ones from the back.  ``places`` of those that may
    be near, and how near they are (``faded``); ``far`` those alike in words,
    and how much (``alike``).  ``keys`` are for ``best``.
    """

    sums: NDArray[np.float32]
    outside: NDArray[np.int32]
    places: NDArray[np.int32]
    faded: NDArray[np.float32]
    far: NDArray[np.int32]
    alike: NDArray[np.float32]
    keys: NDArray[np.int64]


class Read(NamedTuple):
    """What there is in ``Room`` once the lists of a story were read.

    Who may be near is at ``start:end`` of ``places``, before ``middle`` the
    earlier ones; nobody beneath ``near`` is among the nearest, nor beneath
    ``before`` among the nearest earlier ones.  The first ``far`` are alike.
    """

    start: int
    middle: int
    end: int
    near: np.float32
    before: np.float32
    far: int


@compiled
def room(n: int) -> Room:
    """Make room, among ``n`` stories."""
    return Room(
        np.zeros(n, np.float32),
        np.empty(n + 2, np.int32),
        np.empty(n + 1, np.int32),
        np.empty(n + 1, np.float32),
        np.empty(n + 1, np.int32),
        np.empty(n + 1, np.float32),
        np.empty(n + 1, np.int64),
    )


@compiled
def read_lists(
    story: int,
    own: int,
    day: float,
    vectors: Vectors,
    lists: Postings,
    times: Times,
    decay: float,
    entries: int,
    least: tuple[np.float32, np.float32],
    wanted: tuple[int, int],
    room: Room,
) -> Read:
    """Read the lists of a story's terms.

    ``own`` is its place, or where it would stand, ``day`` its date; ``least``
    how alike in words an earlier story has to be, and a later one; ``wanted``
    how many near ones are, in all and before it.
    """
    n = len(times.order)
    begin, end = max(0, own - AROUND * entries), min(n, own + 1 + AROUND * entries)
    listed = own < n and times.order[own] == story
    left, right = _add_words(vectors, lists, story, own, entries, begin, end, room)
    if listed:
        room.sums[own] = 0
    far = 0
    for row in range(np.uint64(begin), np.uint64(end)):
        room.far[far], room.alike[far] = row, room.sums[row]
        far += room.sums[row] >= (least[0] if row < np.uint64(own) else least[1])
    _add_letters(vectors, lists, story, begin, end, room.sums)
    if listed:
        room.sums[own] = 0
    # Behind the room that all earlier ones outside would take, so that the earlier ones stand together.
    middle, stop = left + own - begin, left + end - begin
    for at in range(np.uint64(left), np.uint64(stop)):
        place = np.uint64(begin - left) + at
        room.places[at] = place
        room.faded[at] = room.sums[place] * _fading(day, times.days[place], decay)
        room.sums[place] = 0
    counts = np.zeros(_BINS, np.int64)
    _count(room.faded, left, middle, counts)
    before = _cut(counts, wanted[1])
    _count(room.faded, middle, stop, counts)
    near = _cut(counts, wanted[0])
    # Who stands outside has faded at least so far, and most are out of the question for it.
    start, cut = left, min(near, before)
    most = _most(day, begin - 1, times, decay) if left else np.float32(0)
    for at in range(left):
        place = np.uint64(room.outside[at])
        alike = room.sums[place]
        room.sums[place] = 0
        room.far[far], room.alike[far] = place, alike
        far += alike >= least[0]
        if alike * most >= cut:
            start -= 1
            room.places[start], room.faded[start] = place, alike * _fading(day, times.days[place], decay)
    most = _most(day, end, times, decay) if right else np.float32(0)
    for at in range(right):
        place = np.uint64(room.outside[len(room.outside) - 1 - at])
        alike = room.sums[place]
        room.sums[place] = 0
        room.far[far], room.alike[far] = place, alike
        far += alike >= least[1]
        if alike * most >= near:
            room.places[stop], room.faded[stop] = place, alike * _fading(day, times.days[place], decay)
            stop += 1
    return Read(start, middle, stop, near, before, far)


@compiled
def _add_words(
    vectors: Vectors, lists: Postings, story: int, own: int, entries: int, begin: int, end: int, room: Room
) -> tuple[int, int]:
    """Add up what words say of the stories from ``begin`` to ``end``, and of those outside.

    Returns how many of these there are, earlier and later ones.
    """
    scales = vectors.scales[story]
    left, right, back = 0, 0, len(room.outside) - 1
    for at in range(vectors.word_starts[story], vectors.word_starts[story + 1]):
        term = vectors.words[at]
        weight = word_impact(
            vectors.in_title[at], vectors.in_excerpt[at], vectors.word_idf[term], vectors.title_weight, scales
        )
        first, last = lists.starts[term], lists.starts[term + 1]
        there = _find(lists.places, first, last, own)
        inner, outer = _find(lists.places, first, there, begin), _find(lists.places, there, last, end)
        first, last = min(inner, max(first, there - entries)), max(outer, min(last, there + 1 + entries))
        # Unsigned, since an index that could be negative costs a test.
        for entry in range(np.uint64(inner), np.uint64(outer)):
            room.sums[np.uint64(lists.places[entry])] += weight * lists.impacts[entry]
        for entry in range(np.uint64(first), np.uint64(inner)):
            place = np.uint64(lists.places[entry])
            before = room.sums[place]
            # Written always and counted where new: a branch here would be guessed wrong half of the time.
            room.outside[left] = place
            left += before == 0
            room.sums[place] = before + weight * lists.impacts[entry]
        for entry in range(np.uint64(outer), np.uint64(last)):
            place = np.uint64(lists.places[entry])
            before = room.sums[place]
            room.outside[back - right] = place
            right += before == 0
            room.sums[place] = before + weight * lists.impacts[entry]
    return left, right


@compiled
def _add_letters(
    vectors: Vectors, lists: Postings, story: int, begin: int, end: int, sums: NDArray[np.float32]
) -> None:
    """Add up what letters say of the stories from ``begin`` to ``end``."""
    words, scales = len(vectors.word_idf), vectors.scales[story]
    for at in range(vectors.letter_starts[story], vectors.letter_starts[story + 1]):
        term = vectors.letters[at]
        weight = letter_impact(vectors.letter_counts[at], vectors.letter_idf[term], scales)
        last = lists.starts[words + term + 1]
        first = _find(lists.places, lists.starts[words + term], last, begin)
        last = _find(lists.places, first, last, end)
        for entry in range(np.uint64(first), np.uint64(last)):
            sums[np.uint64(lists.places[entry])] += weight * lists.impacts[entry]


@inlined
def _find(places: NDArray[np.int32], first: int, last: int, place: int) -> int:
    """Find the first entry, from ``first`` to ``last``, that is not before a place."""
    # No slice of the list: numba counts references to arrays wherever they are made or handed on.
    while first < last:
        middle = (first + last) // 2
        if places[np.uint64(middle)] < place:
            first = middle + 1
        else:
            last = middle
    return first


_STEPS = 128
_TABLE = 16 * _STEPS
"""Fading by steps of a decay, as far as it makes a difference: exact enough to choose by."""


_FADING = np.exp(-np.arange(_TABLE) / _STEPS).astype(np.float32)


@inlined
def _fading(day: float, other: float, decay: float) -> np.float32:
    step = abs(day - other) / decay * _STEPS
    # No comparison holds where a date is missing: as if one decay apart.
    number = np.uint64(step) if step < _TABLE else np.uint64(_TABLE - 1 if step >= _TABLE else _STEPS)
    faded: np.float32 = _FADING[number]
    return faded


@compiled
def _most(day: float, place: int, times: Times, decay: float) -> np.float32:
    """Say how much at least all fade that stand from a place on outwards."""
    faded = _fading(day, times.days[place], decay)
    return max(faded, _FADING[_STEPS]) if times.undated else faded


_BINS = 640
_FIRST = 97 << 4
"""Scores are counted by their exponent and four bits more, from 2⁻³⁰ on: two of a bin differ by 6 %."""


@compiled
def _count(scores: NDArray[np.float32], start: int, end: int, counts: NDArray[np.int64]) -> None:
    """Count scores by their bits, which are in the order of positive floats."""
    bits = scores.view(np.int32)
    for at in range(np.uint64(start), np.uint64(end)):
        counts[min(max((bits[at] >> 19) - _FIRST, 0), _BINS - 1)] += 1


@compiled
def _cut(counts: NDArray[np.int64], k: int) -> np.float32:
    """Find a score, above 0, that at least the ``k`` best reach and few others; or all, if they are fewer."""
    number = _BINS
    while number > 1 and k > 0:
        number -= 1
        k -= counts[number]
    cut = np.empty(1, np.int32)
    cut[0] = (number + _FIRST) << 19 if k <= 0 else 1
    score: np.float32 = cut.view(np.float32)[0]
    return score


@compiled
def best(
    scores: NDArray[np.float32], start: int, end: int, k: int, cut: np.float32, keys: NDArray[np.int64]
) -> int:
    """Find the ``k`` greatest scores from ``start`` to ``end``, none beneath ``cut`` among them.

    Writes for each, greatest first, equal ones by number, a key whose bits in
    ``LOW`` are its number; returns how many there are, those of 0 left out.
    """
    if cut == UNKNOWN:
        counts = np.zeros(_BINS, np.int64)
        _count(scores, start, end, counts)
        cut = _cut(counts, k)
    bits = scores.view(np.int32)
    size = 0
    for at in range(np.uint64(start), np.uint64(end)):
        if scores[at] >= cut:
            keys[size] = (np.int64(0x7FFFFFFF - bits[at]) << 32) + np.int64(at)
            size += 1
    keys[:size].sort()
    return min(size, k)
