"""Ask a system for all its lists, or an even sample where all would take too long; and judge them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.corpus import Corpus
from recommender.evaluation.metrics import Scores

Ints = NDArray[np.int64]

PILOT = 200
"""Stories asked for first, to know how long all would take."""

Answer = Callable[[Ints], Ints]
"""Gives the best of some stories: rows (q,) → rows (q, k), best first, −1 where a list ends."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Lists (q, k) of stories (q,), and the seconds that those of all stories take.

    ``q`` is all of them, or a sample: then the seconds are those of the
    sample, multiplied.
    """

    stories: Ints
    lists: Ints
    seconds: float


def ask(answer: Answer, stories: int, budget: float) -> Asked:
    """Ask for all lists, or for as many as ``budget`` seconds allow; a few tell how long they take."""
    pilot = even(stories, PILOT)
    # The first call may load or compile what later ones find ready.
    answer(pilot[:2])
    _, seconds = _timed(answer, pilot)
    affordable = int(budget / (seconds / len(pilot)))
    asked = even(stories, affordable)
    lists, seconds = _timed(answer, asked)
    return Asked(asked, lists, seconds * stories / len(asked))


def even(stories: int, most: int) -> Ints:
    """Pick ``most`` of the rows 0 … stories − 1, at even distances; all where they are no more."""
    return np.linspace(0, stories - 1, max(1, min(most, stories))).astype(np.int64)


def _timed(answer: Answer, stories: Ints) -> tuple[Ints, float]:
    start = time.perf_counter()
    lists = answer(stories)
    return lists, time.perf_counter() - start


def ndcg(corpus: Corpus, stories: Ints, lists: Ints) -> float:
    """Give the nDCG of lists (q, k) by curated links, both ways, over the stories (q,) that have some."""
    both = np.unique(np.concatenate([corpus.links, corpus.links[:, ::-1]]), axis=0)
    start, end = (np.searchsorted(both[:, 0], stories, side) for side in ("left", "right"))
    linked = np.flatnonzero(end > start)
    relevant = [both[start[row] : end[row], 1] for row in linked]
    return Scores.of(lists[linked], relevant, lists.shape[1]).means()["ndcg"]


def others(found: Ints, stories: Ints, k: int) -> Ints:
    """Take the story itself out of its list: lists (q, k + 1) → (q, k)."""
    own = found == stories[:, None]
    # Where copies pushed it out, the last goes in its place.
    own[~own.any(axis=1), -1] = True
    rest: Ints = found[~own].reshape(len(found), -1)
    return rest[:, :k]
