"""What readers click more than its place explains, and what they passed over: lessons beside editors' links.

They are weak: they teach a ranker, and that is all.  No list shows a pair for
its clicks, no feature counts it as a link, and no ranking is judged by it.

Readers choose from what they are shown, and a ranker showed it.  So what they
like is held against what they saw and passed over, never against what they were not
shown, of which nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.corpus import Corpus
from recommender.evaluation import Split
from recommender.evaluation.clickthrough import poisson
from recommender.evaluation.position import fit
from recommender.events import Events

FEWEST = 5
"""Clicks on a pair that is liked, and looks at one that is passed over, at least."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What readers chose: pairs of rows, the lower one first, each once, none linked or blocked.

    ``liked`` (l, 2) are those they clicked clearly more often than others at
    their ranks, ``passed`` (p, 2) others that they looked at.
    """

    liked: NDArray[np.int64]
    passed: NDArray[np.int64]


NO_CHOICES: Final = Choices(np.empty((0, 2), np.int64), np.empty((0, 2), np.int64))


def choices(events: Events, corpus: Corpus) -> Choices:
    """Find what readers chose among what they were shown.

    Clicks both ways count together, as links do.  A pair is liked where the 95 %
    interval of clicks / expected clicks is above 1; expected is what the
    average of all that was shown gets at its ranks, editors' links among it.
    """
    found = fit(events, "source")
    cells = found.cells
    examined = np.nan_to_num(found.examination[cells.rank])
    seen = examined[cells.cell] > 0
    events = cells.events.where(seen)
    looks = events.shown * examined[cells.cell[seen]]
    ends = np.sort(np.column_stack([events.article, events.other]), axis=1)
    pairs, pair = np.unique(ends, axis=0, return_inverse=True)
    looked, clicked = (
        np.bincount(pair, each, len(pairs)).astype(np.float64) for each in (looks, events.clicked)
    )
    least, _ = poisson(clicked, looked * (clicked.sum() / max(looked.sum(), 1.0)))
    liked = (clicked >= FEWEST) & (least > 1)
    return Choices(_unknown(pairs[liked], corpus), _unknown(pairs[~liked & (looked >= FEWEST)], corpus))


def choices_before(events: Events, split: Split) -> Choices:
    """Find what readers chose, of which who is asked for what a split hides may know.

    Cold, only days that were over at the cut count.  No pair is of a query, or
    of a story that came out after the cut.
    """
    hidden = np.zeros(len(split.corpus), np.bool_)
    hidden[split.queries] = True
    if split.cut is not None:
        # Before days are added up: what was shown before the cut may be clicked after it.
        events = events.where(events.day + 1 <= split.cut)
        hidden |= split.corpus.published > split.cut
    found = choices(events, split.corpus)
    return Choices(*(pairs[~hidden[pairs].any(axis=1)] for pairs in (found.liked, found.passed)))


def _unknown(pairs: NDArray[np.int64], corpus: Corpus) -> NDArray[np.int64]:
    """Give pairs of ids as rows, without those of which editors said what they think, or that are gone."""
    there = np.isin(pairs, corpus.ids).all(axis=1) & (pairs[:, 0] != pairs[:, 1])
    rows = np.searchsorted(corpus.ids, pairs[there]).astype(np.int64, copy=False)
    known = np.sort(np.concatenate([corpus.links, corpus.blocks]), axis=1)
    unknown: NDArray[np.int64] = rows[~np.isin(rows @ [len(corpus), 1], known @ [len(corpus), 1])]
    return unknown
