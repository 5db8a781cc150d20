"""Every story's nearest ones, by inverted lists: what news is makes it quick.

Stories that belong together share rare words, or were published near one
another.  So the list of each of a story's terms is read around the story's own
place in it, in the order of dates, and only so far: that is all of it for a
rare word, and the days around the story for a common one, or for letters.  What
a story costs is thus bounded, however large the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import fading
from recommender.compiled import compiled
from recommender.likeness import BLEND, NUMBERS, blank, compare, lay_out, take_up
from recommender.postings import Postings, Times
from recommender.reading import LOW, UNKNOWN, best, read_lists, room
from recommender.vectors import Vectors

MOST = 2**31 - 1
"""Stories or entries that can be asked for."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far a search goes.

    ``near``: how many are wanted of those most alike × exp(−days / ``decay``);
    ``far``: of those most alike in words, whenever they came out; ``before``:
    as ``near``, of earlier stories alone.  Of the ``reading.AROUND`` × ``entries``
    stories that stand next to a story in time, on either side, all is read;
    beyond them as many ``entries`` of a word's list, on either side, at most.  So
    rare words are looked up everywhere and common ones near in time, and a
    story costs no more in a large archive.

    Raises ``ValueError`` for a ``decay`` that is not a positive number, and a
    count that is not an integer from 1 to ``MOST``.
    """

    decay: float = 14.0
    near: int = 100
    far: int = 60
    before: int = 50
    entries: int = 640

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

    @classmethod
    def room(cls, stories: int, sizes: tuple[int, int, int]) -> Self:
        """Make room for what is to be found for so many stories, of ``near``, ``far`` and ``before``."""
        near, far, before = sizes
        # Not filled in: what nobody writes to, or reads, takes no memory.
        return cls(
            np.empty((stories, near), np.int32),
            np.empty((stories, far), np.int32),
            np.zeros((stories, 2), np.float32),
            np.empty((stories, before), np.int32),
            np.zeros((stories, before), np.float32),
        )


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
    read = room(n)
    asked = blank(vectors)
    for row in range(len(stories)):
        day = published[stories[row]]
        told = read_lists(
            stories[row], own[row], day, vectors, lists, times, decay, entries,
            (EARLIER, LATER), (sizes[0], int(SPARE * sizes[2])), read,
        )  # fmt: skip
        keys = read.keys
        size = best(read.faded, told.start, told.end, sizes[0], told.near, keys)
        for place in range(size):
            found.near[row, place] = times.order[read.places[keys[place] & LOW]]
        if size == sizes[0]:
            found.least[row, 0] = read.faded[keys[size - 1] & LOW]
        size = best(read.alike, 0, told.far, sizes[1], UNKNOWN, keys)
        for place in range(size):
            found.far[row, place] = times.order[read.far[keys[place] & LOW]]
        if size == sizes[1]:
            found.least[row, 1] = read.alike[keys[size - 1] & LOW]
        # What is read tells who is near; in which order only a comparison does.
        size = best(read.faded, told.start, told.middle, int(SPARE * sizes[2]), told.before, keys)
        pool = np.sort(times.order[read.places[keys[:size] & LOW]])
        lay_out(asked, vectors, stories[row])
        numbers = np.empty((size, NUMBERS), np.float32)
        compare(asked, vectors, pool, numbers)
        take_up(asked, vectors, stories[row])
        exact = numbers[:, BLEND].copy()
        for at in range(size):
            exact[at] *= fading(day - published[pool[at]], decay)
        size = best(exact, 0, size, sizes[2], UNKNOWN, keys)
        for place in range(size):
            found.before[row, place] = pool[keys[place] & LOW]
            found.scores[row, place] = exact[keys[place] & LOW]
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
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tell in whose lists some stories (s,) are or would be: in ``near``, ``far`` or ``before``.

    Arguments are as for ``nearest``, ``least`` (n, 2) and ``scores`` (n, k)
    those of all stories' lists.  What one story's terms say of another is the
    same from the other's side, so the others need not be asked.  Gives pairs,
    each once: places in ``stories``, ascending, and the rows of the others.
    """
    read = room(len(times.order))
    rows, others = np.empty(1_024, np.int64), np.empty(1_024, np.int64)
    size = 0
    # The last of the stories, from 1 on, that was found to be in a list.
    found = np.zeros(len(least), np.int64)
    for row in range(len(stories)):
        told = read_lists(
            stories[row], own[row], published[stories[row]], vectors, lists, times, decay, entries,
            (EARLIER / _SURELY, EARLIER / _SURELY), (MOST, MOST), read,
        )  # fmt: skip
        if len(rows) < size + len(least):
            rows = np.concatenate((rows, np.empty(size + len(least), np.int64)))
            others = np.concatenate((others, np.empty(size + len(least), np.int64)))
        for at in range(told.start, told.end):
            other, faded = times.order[read.places[at]], read.faded[at] * _SURELY
            later = read.places[at] >= own[row]
            if faded > 0 and (
                faded >= least[other, 0] or (later and faded >= scores[other, scores.shape[1] - 1])
            ):
                found[other] = row + 1
                rows[size], others[size] = row, other
                size += 1
        for at in range(told.far):
            other, alike = times.order[read.far[at]], read.alike[at] * _SURELY
            # To one that came out earlier the story is a later one.
            enough = EARLIER if read.far[at] >= own[row] else LATER
            if found[other] <= row and alike >= enough and alike >= least[other, 1]:
                found[other] = row + 1
                rows[size], others[size] = row, other
                size += 1
    return rows[:size].copy(), others[:size].copy()


_SURELY = np.float32(1 + 1e-4)
"""Sums in another order differ in their last digits."""
