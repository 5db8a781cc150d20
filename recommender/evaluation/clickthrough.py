"""How often readers click what they are shown: by source, rank and model, with the rank taken out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.sparse import csr_array

from recommender.evaluation.position import By, Fit, Floats, Ints, fit, model_names, rates
from recommender.events import SOURCES, Events

RESAMPLES = 1_000

LOTS = 1_000
"""Up to so many stories are drawn anew one by one, more of them in so many lots."""

STEPS, PRECISE = 100, 1e-4
"""Of a resample's fit, which begins where that of all events ended."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Group:
    """A source or a model, and how often what it showed was clicked.

    ``ctr`` is clicks / shown.  ``debiased`` is what that is at the first rank clicked
    (γ of ``position``), with its 95 % ``interval``; both are ``None`` where
    ranks cannot be taken out.
    """

    name: str
    shown: int
    clicked: int
    ctr: float
    debiased: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Rank:
    """A place in a list, from 1.

    ``examined`` (θ of ``position``) is how often it is clicked where the first rank
    is clicked once, with its 95 % ``interval``; both as in ``Group``.
    """

    rank: int
    shown: int
    clicked: int
    ctr: float
    examined: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class ClickThrough:
    """What was shown of the lists of so many ``stories``, and parts of it: those of which anything was.

    ``unshown`` are clicks on what was never shown, which nothing else here counts.
    """

    stories: int
    shown: int
    clicked: int
    unshown: int
    ctr: float
    sources: list[Group]
    ranks: list[Rank]
    models: list[Group]


def clickthrough(events: Events, seed: int = 0) -> ClickThrough:
    """Count what was shown and clicked, and take the ranks out.

    Ranks are told by sources.  Intervals are percentiles of ``RESAMPLES``
    bootstrap resamples of the stories whose lists were shown, since the
    readers of one story are alike.  Where clicks are of fewer than two stories
    there is nothing to resample: they are those of Poisson counts.  A click
    counts whether what it is on was shown that day or another.
    """
    all_clicks, events = int(events.clicked.sum()), events.over_days()
    events = events.where(events.shown > 0)
    shown, clicked = int(events.shown.sum()), int(events.clicked.sum())
    ranks, sources = _rates(events, "source", seed)
    _, models = _rates(events, "model", seed)
    return ClickThrough(
        stories=len(np.unique(events.article)),
        shown=shown,
        clicked=clicked,
        unshown=all_clicks - clicked,
        ctr=clicked / shown if shown else 0.0,
        sources=_named(sources, SOURCES),
        ranks=[Rank(number, *counted) for number, counted in ranks],
        models=_named(models, model_names(events)),
    )


_Counted = tuple[int, int, float, float | None, Interval | None]
"""The fields that ``Group`` and ``Rank`` have in common."""


def _named(groups: Iterable[tuple[int, _Counted]], names: Sequence[str]) -> list[Group]:
    return [Group(names[number], *counted) for number, counted in groups]


def _rates(
    events: Events, by: By, seed: int
) -> tuple[list[tuple[int, _Counted]], list[tuple[int, _Counted]]]:
    """Give the rows of ranks, and those of groups, by their numbers."""
    found = fit(events, by)
    cells = found.cells
    stories, story = np.unique(cells.events.article, return_inverse=True)
    gammas, thetas = _resampled(found, story, len(stories), seed)
    hit = cells.events.clicked > 0

    def side(
        names: Ints, of: Ints, fitted: Floats, beside: Floats, samples: Floats
    ) -> list[tuple[int, _Counted]]:
        shown, clicked, expected = (
            np.bincount(of, each, len(names)).astype(np.float64)
            for each in (cells.shown, cells.clicked, cells.shown * np.nan_to_num(beside))
        )
        clicked_of = np.unique(of[cells.cell[hit]] * len(stories) + story[hit]) // max(1, len(stories))
        few = np.bincount(clicked_of, minlength=len(names)) < 2
        ends = np.where(few, poisson(clicked, expected), np.quantile(samples, [0.025, 0.975], axis=1))
        if of is cells.rank and found.first >= 0:
            ends[:, found.first] = 1  # by definition
        return list(_rows(names, shown, clicked, fitted, ends))

    ranks = side(cells.ranks, cells.rank, found.examination, found.attraction[cells.group], thetas)
    groups = side(cells.names, cells.group, found.attraction, found.examination[cells.rank], gammas)
    return ranks, groups


def _rows(
    names: Ints, shown: Floats, clicked: Floats, fitted: Floats, ends: Floats
) -> Iterator[tuple[int, _Counted]]:
    columns = (names, shown, clicked, fitted, *ends)
    for name, n, c, rate, low, high in zip(*(column.tolist() for column in columns), strict=True):
        known = not np.isnan(rate)
        yield name, (int(n), int(c), c / n, rate if known else None, (low, high) if known else None)


def _resampled(found: Fit, story: Ints, stories: int, seed: int) -> tuple[Floats, Floats]:
    """Fit γ (g, RESAMPLES) and θ (r, RESAMPLES) to as many resamples of the stories; 0 what is not known."""
    cells, random = found.cells, np.random.default_rng(seed)
    if found.first < 0:
        return np.zeros((len(cells.names), RESAMPLES)), np.zeros((len(cells.ranks), RESAMPLES))
    lots = min(stories, LOTS)
    lot = random.permutation(stories) % lots
    drawn = random.multinomial(lots, np.full(lots, 1 / lots), RESAMPLES).T
    shape = len(cells.group), lots
    shown, clicked = (
        (csr_array((each, (cells.cell, lot[story])), shape=shape) @ drawn) * found.known[:, None]
        for each in (cells.events.shown, cells.events.clicked)
    )
    theta = np.tile(np.nan_to_num(found.examination)[:, None], RESAMPLES)
    return rates(cells, shown, clicked, theta, found.first, STEPS, PRECISE)


def poisson(clicked: Floats, expected: Floats) -> Floats:
    """Give exact 95 % intervals of clicks / expected clicks (n,), both ends, (2, n) (Garwood 1936).

    Where nothing is expected they reach from 0 to infinity.
    """
    low = np.where(clicked > 0, stats.gamma.ppf(0.025, np.maximum(clicked, 1)), 0)
    high = stats.gamma.ppf(0.975, clicked + 1)
    some = expected > 0
    return np.stack(
        [
            np.divide(low, expected, out=np.zeros_like(low), where=some),
            np.divide(high, expected, out=np.full_like(high, np.inf), where=some),
        ]
    )
