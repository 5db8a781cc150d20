"""Click-through: simulated readers whose ways are known, and counts that are few, odd or none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from readers import NOTHING, clicks, events_of
from scipy import stats

from recommender.evaluation import clickthrough
from recommender.evaluation.clickthrough import LOTS, Group, poisson
from recommender.evaluation.position import By, fit
from recommender.events import SOURCES, Events

EXAMINED = [1.0, 0.5, 0.35, 0.25, 0.2, 0.15]
ATTRACTIVE = {"pinned": 0.05, "curated": 0.2, "model": 0.12, "fill": 0.04}


def page(stories: int, seed: int = 0, shown: int = 200) -> Events:
    """Show lists whose first place is mostly a bad pin's, and let readers click who rarely look far down."""
    random = np.random.default_rng(seed)
    rank = np.tile(np.arange(1, len(EXAMINED) + 1), stories)
    source = np.where(rank == 1, 0, 1 + (rank + np.repeat(np.arange(stories), len(EXAMINED))) % 3)
    moved = random.random(len(rank)) < 0.15
    source[moved] = random.integers(0, 4, moved.sum())
    attraction = np.array([*ATTRACTIVE.values()])[source]
    # Stories have readers of their own, some who click more.
    attraction *= np.repeat(random.uniform(0.5, 1.5, stories), len(EXAMINED))
    times = np.full(len(rank), shown)
    article = np.repeat(np.arange(stories), len(EXAMINED))
    clicked = clicks(rank, times, attraction, EXAMINED, random)
    return events_of(article, 1_000 + rank, rank, times, clicked, source=source)


def by_name(groups: Sequence[Group]) -> dict[str, Group]:
    return {group.name: group for group in groups}


def test_raw_rates_mislead_and_debiased_ones_do_not() -> None:
    found = clickthrough(page(400))
    sources = by_name(found.sources)
    assert list(sources) == [*SOURCES]
    # Bad pins stand where everybody looks, and get more clicks than what attracts more than twice as much.
    assert sources["pinned"].ctr > sources["model"].ctr
    for name, attraction in ATTRACTIVE.items():
        told = sources[name]
        assert told.debiased == pytest.approx(attraction, rel=0.08), name
        assert told.interval is not None
        assert told.interval[0] < attraction < told.interval[1], name
    for rank, examined in zip(found.ranks, EXAMINED, strict=True):
        assert rank.examined == pytest.approx(examined, rel=0.08), rank
    assert found.ranks[0].interval == (1, 1)


def test_counts_are_whole() -> None:
    events = page(50)
    found = clickthrough(events)
    assert (found.stories, found.shown, found.clicked) == (50, events.shown.sum(), events.clicked.sum())
    for parts in (found.sources, found.ranks, found.models):
        assert sum(part.shown for part in parts) == found.shown
        assert sum(part.clicked for part in parts) == found.clicked
        assert all(part.ctr == part.clicked / part.shown for part in parts)
    assert [rank.rank for rank in found.ranks] == [1, 2, 3, 4, 5, 6]


def test_a_click_counts_on_another_day_than_its_impression() -> None:
    story = np.arange(100)
    shown = events_of(story, 1_000, 1, 1, story < 50)
    later = events_of(story[50:], 1_000, 1, 0, 1, day=1)
    found = clickthrough(joined(shown, later))
    assert (found.shown, found.clicked, found.unshown, found.ctr) == (100, 100, 0, 1)
    (model,) = found.sources
    assert (model.debiased, model.interval) == (1, (1, 1))
    assert found == clickthrough(events_of(story, 1_000, 1, 1, 1))


@pytest.mark.parametrize("by", ["source", "model", "pair"])
def test_how_counts_fall_on_days_makes_no_difference(by: By) -> None:
    events = page(20)
    apart = joined(
        replace(events, clicked=0 * events.clicked),
        replace(events, shown=0 * events.shown, day=events.day + 1),
    )
    one, other = fit(events, by), fit(apart, by)
    np.testing.assert_array_equal(one.attraction, other.attraction)
    np.testing.assert_array_equal(one.examination, other.examination)


def test_intervals_hold_what_is_true() -> None:
    """In 95 of 100 newsrooms, or nearly: the readers of a story are alike, which makes them wider."""
    held = 0
    for seed in range(60):
        told = by_name(clickthrough(page(60, seed), seed).sources)["model"].interval
        assert told is not None
        held += told[0] <= ATTRACTIVE["model"] <= told[1]
    assert held >= 53


def test_stories_in_lots_are_as_sure_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    events = page(400)
    one = clickthrough(events).sources
    monkeypatch.setattr(sys.modules[clickthrough.__module__], "LOTS", 200)
    assert LOTS >= 400
    for alone, lots in zip(one, clickthrough(events).sources, strict=True):
        assert alone.interval is not None
        assert lots.interval is not None
        assert np.ptp(lots.interval) == pytest.approx(np.ptp(alone.interval), rel=0.3)


def test_the_same_events_and_seed_give_the_same() -> None:
    events = page(30)
    assert clickthrough(events) == clickthrough(events)
    assert clickthrough(events, seed=1) != clickthrough(events)


def test_models_are_told_by_their_generations() -> None:
    random = np.random.default_rng(0)
    rank = np.tile([1, 2, 3], 900)
    generation = np.repeat([1, 2, 3], 900)
    clicked = clicks(rank, np.full(2_700, 50), np.array([0, 0.1, 0.2, 0.3])[generation], EXAMINED, random)
    article = np.arange(2_700) // 3
    models = {1: "old", 2: "new", 7: "never"}
    found = clickthrough(events_of(article, 1, rank, 50, clicked, generation=generation, models=models))
    assert [group.name for group in found.models] == ["new", "old", "unknown"]
    assert [group.debiased for group in found.models] == pytest.approx([0.2, 0.1, 0.3], rel=0.05)


def test_pairs_tell_where_readers_look_whatever_is_put_first() -> None:
    """By pair, ranks are told by what moved between them; by source, better ones first looks like looking."""
    random = np.random.default_rng(0)
    pairs = random.beta(2, 8, 600)
    rank = 1 + (np.argsort(np.argsort(-pairs.reshape(100, 6), axis=1), axis=1)).ravel()
    moved = random.permuted(np.tile(np.arange(1, 7), (100, 1)), axis=1).ravel()
    pair, ranks = np.tile(np.arange(600), 2), np.concatenate([rank, moved])
    clicked = clicks(ranks, np.full(1_200, 2_000), pairs[pair], EXAMINED, random)
    events = events_of(pair // 6, 1_000 + pair, ranks, 2_000, clicked)
    by_pair, by_source = (fit(events, by) for by in ("pair", "source"))
    assert by_pair.examination == pytest.approx(EXAMINED, rel=0.05)
    assert by_pair.attraction == pytest.approx(pairs, abs=0.05)
    assert (by_source.examination[1:] < 0.9 * np.array(EXAMINED[1:])).all()


# What cannot be told


def test_what_stands_apart_has_no_number() -> None:
    """Pins at the first rank alone, and nothing else there: nobody knows what others would get there."""
    events = events_of([1, 1, 1, 2], [5, 6, 7, 8], [1, 2, 3, 2], 100, [10, 20, 10, 20], source=[0, 2, 2, 2])
    found = clickthrough(events)
    pinned, model = found.sources
    assert (pinned.debiased, model.debiased, model.interval) == (0.1, None, None)
    assert [rank.examined for rank in found.ranks] == [1.0, None, None]
    assert (model.ctr, found.ranks[1].ctr) == (pytest.approx(50 / 300), 0.2)
    # One pin lower down, clicked, and one of the others at the first rank: now both are known.
    more = events_of([3, 3], [9, 5], [2, 1], 100, [5, 40], source=[0, 2])
    assert all(group.debiased is not None for group in clickthrough(joined(events, more)).sources)


def test_a_group_that_no_maximum_holds_has_no_number() -> None:
    """Pins were never clicked at the second rank, which all others stand at: its θ could be anything."""
    events = events_of([1, 1, 1], [5, 6, 7], [1, 2, 2], 100, [10, 0, 10], source=[0, 0, 2])
    found = clickthrough(events)
    assert [group.debiased for group in found.sources] == [0.1, None]
    assert [rank.examined for rank in found.ranks] == [1.0, None]


def joined(one: Events, other: Events) -> Events:
    columns = ("article", "other", "rank", "shown", "clicked", "source", "generation", "day")
    both = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in columns}
    return events_of(**both)


def test_what_is_never_clicked_is_0_up_to_what_counts_allow() -> None:
    events = events_of(
        [1, 2, 1, 2, 1, 2], [5, 5, 6, 6, 7, 7], [1, 1, 2, 2, 1, 1], 100, [10, 12, 0, 0, 0, 0],
        source=[2, 2, 2, 2, 3, 3],
    )  # fmt: skip
    found = clickthrough(events)
    model, fill = found.sources
    assert (model.debiased, fill.debiased) == (pytest.approx(0.11), 0.0)
    # −ln 0.025 clicks could have been expected, and none seen.
    assert fill.interval == (0, pytest.approx(-np.log(0.025) / 200))
    assert found.ranks[1].examined == 0.0
    assert found.ranks[1].interval == (0, pytest.approx(-np.log(0.025) / (200 * 0.11)))


def test_one_story_alone_has_the_interval_of_its_count() -> None:
    found = clickthrough(events_of([1, 1], [5, 6], [1, 1], 100, [6, 9]))
    (model,) = found.sources
    assert model.interval == (
        pytest.approx(stats.gamma.ppf(0.025, 15) / 200),
        pytest.approx(stats.gamma.ppf(0.975, 16) / 200),
    )
    assert found.ranks[0].interval == (1, 1)


@pytest.mark.parametrize("clicked", [0, 3])
def test_clicks_on_what_was_never_shown_count_nowhere(clicked: int) -> None:
    found = clickthrough(events_of([1], [5], [1], 0, [clicked]))
    assert (found.stories, found.shown, found.clicked, found.ctr) == (0, 0, 0, 0)
    assert found.sources == found.ranks == found.models == []
    assert found == replace(clickthrough(NOTHING), unshown=clicked)


def test_nothing_clicked_says_nothing_of_ranks() -> None:
    found = clickthrough(events_of([1, 2], [5, 6], [1, 2], 100, 0))
    (model,) = found.sources
    assert (model.ctr, model.debiased, model.interval) == (0, None, None)
    assert [(rank.ctr, rank.examined, rank.interval) for rank in found.ranks] == [(0, None, None)] * 2


@st.composite
def few(draw: st.DrawFn) -> Events:
    rows = draw(st.lists(st.tuples(*(st.integers(0, most) for most in (2, 3, 3, 4, 5, 3))), max_size=12))
    columns: list[NDArray[np.int64]] = [*np.array(rows, np.int64).reshape(-1, 6).T]
    article, other, source, rank, shown, clicked = columns
    return events_of(article, 10 + other, 1 + rank, shown, np.minimum(shown, clicked), source=source)


@given(few(), st.sampled_from(["source", "model", "pair"]))
def test_expected_clicks_are_those_there_were(events: Events, by: By) -> None:
    """What is a maximum of the likelihood: of every group, and every rank, that is known."""
    found = fit(events, by)
    cells, known = found.cells, found.known
    assert (np.nan_to_num(found.attraction) >= 0).all()
    expected = cells.shown * found.attraction[cells.group] * found.examination[cells.rank]
    for of, length in ((cells.group, len(cells.names)), (cells.rank, len(cells.ranks))):
        wanted, got = (np.bincount(of[known], each[known], length) for each in (cells.clicked, expected))
        assert got == pytest.approx(wanted, rel=1e-3, abs=1e-3)
    if found.first >= 0:
        assert found.examination[found.first] == 1
    else:
        assert not cells.clicked.any()


@given(few())
def test_few_counts_give_defined_values(events: Events) -> None:
    found = clickthrough(events)
    for group in found.sources + found.models:
        assert group.shown > 0
        assert 0 <= group.ctr <= 1
        assert (group.debiased is None) == (group.interval is None)
    for value, ends in [
        *((group.debiased, group.interval) for group in found.sources + found.models),
        *((rank.examined, rank.interval) for rank in found.ranks),
    ]:
        if value is not None and ends is not None:
            assert 0 <= ends[0] <= ends[1] < np.inf
            assert value >= 0


def test_exact_intervals_of_counts() -> None:
    # Garwood's table: 0 → 3.69, 10 → 4.80–18.39.
    ends = poisson(np.array([0.0, 10.0, 10.0, 3.0]), np.array([1.0, 1.0, 2.0, 0.0]))
    assert ends[:, 0] == pytest.approx((0, 3.689), abs=1e-3)
    assert ends[:, 1] == pytest.approx((4.795, 18.390), abs=1e-3)
    assert ends[:, 2] == pytest.approx(ends[:, 1] / 2)
    assert ends[:, 3].tolist() == [0, np.inf]
