"""Position bias: how often readers look at a rank, told apart from what stands there.

What stands first is clicked most, whatever it is.  The model of it is
multiplicative (Richardson, Dominowska and Ragno, "Predicting clicks", 2007;
Wang et al., "Position bias estimation for unbiased learning to rank in
personal search", 2018): a reader looks at a rank, and clicks what attracts::

    E[clicks] = shown · θ(rank) · γ(group)          θ = 1 at the first rank clicked

Its rates are those of Poisson counts, fitted by iterative proportional
fitting: each step makes the expected clicks of every group, then of every
rank, those that there were.

Ranks are told apart from groups where groups are shown at several ranks.  A
group shown at the fourth rank alone, where no other one is shown, may attract
little or be looked at seldom: it, and that rank, have no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from recommender.events import Events

By = Literal["source", "model", "pair"]

STEPS = 1_000
"""Of a fit, at most; most need a few dozen."""

PRECISE = 1e-10
"""A fit has ended when no rank changes by a greater share."""

UNKNOWN = "unknown"
"""The model of a generation that ``Events.models`` does not have."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """What was shown of each group at each rank: ``c`` cells, those with anything ``shown``.

    ``names`` (g,) is what the groups are: places in ``SOURCES``, places among
    ``model_names``, or places among the pairs (story, other), ascending.
    ``ranks`` (r,) are ascending; ``group`` and ``rank`` (c,) are places in the
    two, ``shown`` and ``clicked`` (c,) counts.  ``events`` are those
    that were shown, days added up; ``cell`` says in which cell each of them is.
    """

    names: Ints
    ranks: Ints
    group: Ints
    rank: Ints
    shown: Floats
    clicked: Floats
    events: Events
    cell: Ints

    @classmethod
    def of(cls, events: Events, by: By) -> Cells:
        """Count events; clicks on what was never shown count nowhere."""
        events = events.over_days()
        events = events.where(events.shown > 0)
        names, group = np.unique(_grouped(events, by), return_inverse=True)
        ranks, rank = np.unique(events.rank.astype(np.int64), return_inverse=True)
        wide = max(1, len(ranks))
        there, cell = np.unique(group * wide + rank, return_inverse=True)
        shown, clicked = (
            np.bincount(cell, each, len(there)).astype(np.float64) for each in (events.shown, events.clicked)
        )
        return cls(names, ranks, there // wide, there % wide, shown, clicked, events, cell)


@dataclass(frozen=True, slots=True)
class Fit:
    """The fitted model of ``cells``.

    ``attraction`` (g,) is γ, ``examination`` (r,) θ, NaN where they cannot be
    told; ``first`` is the place of the rank where θ is 1, −1 where nothing was clicked.
    """

    cells: Cells
    attraction: Floats
    examination: Floats
    first: int

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which cells (c,) have both rates."""
        return ~np.isnan(self.attraction[self.cells.group] + self.examination[self.cells.rank])


def model_names(events: Events) -> list[str]:
    """Name the models, in the order in which they are numbered."""
    return [*sorted({*events.models.values()} - {UNKNOWN}), UNKNOWN]


def fit(events: Events, by: By) -> Fit:
    """Fit the model to events grouped by source, by model, or by pair (story, other)."""
    cells = Cells.of(events, by)
    groups, ranks = len(cells.names), len(cells.ranks)
    hit = cells.clicked > 0
    if not hit.any():
        return Fit(cells, np.full(groups, np.nan), np.full(ranks, np.nan), -1)
    first = int(cells.rank[hit].min())
    group_known, rank_known = _comparable(cells, first)
    inside = group_known[cells.group] & rank_known[cells.rank]
    shown, clicked = (np.where(inside, each, 0)[:, None] for each in (cells.shown, cells.clicked))
    gamma, theta = rates(cells, shown, clicked, np.ones((ranks, 1)), first)
    return Fit(
        cells, np.where(group_known, gamma[:, 0], np.nan), np.where(rank_known, theta[:, 0], np.nan), first
    )


def rates(
    cells: Cells,
    shown: Floats,
    clicked: Floats,
    theta: Floats,
    first: int,
    steps: int = STEPS,
    precise: float = PRECISE,
) -> tuple[Floats, Floats]:
    """Fit γ (g, b) and θ (r, b) to ``b`` tables of counts (c, b) at once, from some ``theta`` on.

    A table without a click at the rank ``first`` says nothing of the scale, and
    keeps about that of ``theta``.
    """
    each, ones = np.arange(len(cells.group)), np.ones(len(cells.group))
    groups = csr_array((ones, (cells.group, each)), shape=(len(cells.names), len(each)))
    ranks = csr_array((ones, (cells.rank, each)), shape=(len(cells.ranks), len(each)))
    of_groups, of_ranks = groups @ clicked, ranks @ clicked
    for _ in range(steps):
        gamma = _ratio(of_groups, groups @ (shown * theta[cells.rank]))
        new = _ratio(of_ranks, ranks @ (shown * gamma[cells.group]))
        new /= np.where(new[first] > 0, new[first], 1)
        done = bool((np.abs(new - theta) <= precise * new).all())
        theta = new
        if done:
            break
    return _ratio(of_groups, groups @ (shown * theta[cells.rank])), theta


def _grouped(events: Events, by: By) -> Ints:
    """Give every event the number of its group, (n,)."""
    if by == "source":
        return events.source.astype(np.int64)
    if by == "pair":
        _, pair = np.unique(np.column_stack([events.article, events.other]), axis=0, return_inverse=True)
        return pair.astype(np.int64)
    names = model_names(events)
    generations, row = np.unique(events.generation, return_inverse=True)
    numbers = [names.index(events.models.get(one, UNKNOWN)) for one in generations.tolist()]
    return np.array(numbers, np.int64)[row]


def _comparable(cells: Cells, first: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which groups (g,) and ranks (r,) can be compared with the rank ``first``.

    Let ways lead from a group to the ranks where it was shown, and from a rank
    to the groups clicked there.  Where ways lead to each other's side and
    back, the likelihood has one maximum; across a way that leads only one way
    it grows for ever as one side's rates fall to nothing.  What was
    never clicked, though shown where readers look, is such a side, and is 0.
    """
    groups = len(cells.names)
    hit = cells.clicked > 0
    tail = np.concatenate([cells.group, groups + cells.rank[hit]])
    head = np.concatenate([groups + cells.rank, cells.group[hit]])
    size = groups + len(cells.ranks)
    ways = csr_array((np.ones(len(tail)), (tail, head)), shape=(size, size))
    _, part = connected_components(ways, directed=True, connection="strong")
    same = part == part[groups + first]
    group_known, rank_known = same[:groups].copy(), same[groups:].copy()
    no_group, no_rank = np.ones(groups, np.bool_), np.ones(len(cells.ranks), np.bool_)
    no_group[cells.group[hit]] = False
    no_rank[cells.rank[hit]] = False
    shown_there = np.isin(np.arange(groups), cells.group[rank_known[cells.rank]])
    seen_there = np.isin(np.arange(len(cells.ranks)), cells.rank[group_known[cells.group]])
    return group_known | (no_group & shown_there), rank_known | (no_rank & seen_there)


def _ratio(clicks: Floats, expected: Floats) -> Floats:
    """Divide, 0 where nothing is expected."""
    return np.divide(clicks, expected, out=np.zeros_like(clicks), where=expected > 0)
