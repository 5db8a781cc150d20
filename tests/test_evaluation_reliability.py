"""Whether scores are chances, on pairs whose chances are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.evaluation import Reliability, reliability


def drawn(per_query: int, queries: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw scores for the pairs of some queries."""
    random = np.random.default_rng(seed)
    return np.repeat(np.arange(queries), per_query), random.random(per_query * queries)


def test_bins_by_hand() -> None:
    scores = np.array([0.0, 0.05, 0.1, 0.19, 0.95, 1.0])
    linked = np.array([False, False, True, False, True, True])
    found = reliability(np.array([0, 0, 0, 1, 1, 2]), scores, linked)
    assert [(each.least, each.most, each.pairs, each.queries) for each in found.bins] == [
        (0.0, 0.1, 2, 1),
        (0.1, 0.2, 2, 2),
        (0.9, 1.0, 2, 2),
    ]
    assert [each.score for each in found.bins] == pytest.approx([0.025, 0.145, 0.975])
    assert [each.linked for each in found.bins] == [0, 0.5, 1]
    assert (found.pairs, found.linked) == (6, 0.5)
    assert found.score == pytest.approx(scores.mean())
    assert found.error == pytest.approx((2 * 0.025 + 2 * 0.355 + 2 * 0.025) / 6)


def test_scores_that_are_chances_have_hardly_an_error() -> None:
    query, scores = drawn(50, 400)
    linked = np.random.default_rng(1).random(len(scores)) < scores
    found = reliability(query, scores, linked)
    assert found.error < 0.015
    assert len(found.bins) == 10
    assert sum(each.interval[0] < each.score < each.interval[1] for each in found.bins) >= 8
    # As sure as can be of everything: right half of the time.
    sure = reliability(query, (scores > 0.5).astype(float), np.arange(len(scores)) % 2 == 0)
    assert sure.error == pytest.approx(0.5, abs=0.02)


def test_an_interval_of_independent_pairs_is_wilsons() -> None:
    # scipy.stats.binomtest(30, 100).proportion_ci(method="wilson")
    linked = np.arange(100) < 30
    (only,) = reliability(np.arange(100), np.full(100, 0.3), linked).bins
    assert only.interval == pytest.approx((0.21895, 0.39585), abs=0.002)


def test_pairs_of_one_query_that_go_together_are_worth_one() -> None:
    query = np.repeat(np.arange(20), 10)
    alike = np.repeat(np.arange(20) < 6, 10)
    (together,) = reliability(query, np.full(200, 0.3), alike).bins
    (apart,) = reliability(np.arange(20), np.full(20, 0.3), np.arange(20) < 6).bins
    assert together.linked == apart.linked
    width, single = (each.interval[1] - each.interval[0] for each in (together, apart))
    assert width == pytest.approx(single, rel=0.05)


def test_intervals_hold_what_is_true() -> None:
    """In 95 of 100 newsrooms, or nearly: queries differ, and some have no link at all."""
    held = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        chance = random.beta(1, 3, 60)  # of a query: 1/4 on average
        query = np.repeat(np.arange(60), 8)
        (only,) = reliability(query, np.full(480, 0.25), random.random(480) < chance[query]).bins
        held += only.interval[0] <= 0.25 <= only.interval[1]
    assert held >= 180


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_parts_make_the_whole(pairs: list[tuple[int, float, bool]]) -> None:
    query, scores, linked = (np.array(column) for column in zip(*pairs, strict=True))
    found = reliability(query, scores, linked)
    assert sum(each.pairs for each in found.bins) == found.pairs == len(pairs)
    for name in ("score", "linked"):
        whole = sum(each.pairs * getattr(each, name) for each in found.bins) / len(pairs)
        assert whole == pytest.approx(getattr(found, name))
    for each in found.bins:
        assert each.least <= each.score <= each.most + 1e-12
        assert 0 <= each.interval[0] <= each.linked <= each.interval[1] <= 1
        assert each.interval[0] < each.interval[1]
    assert abs(found.score - found.linked) <= found.error + 1e-12


def test_no_pair() -> None:
    nothing = np.zeros(0)
    assert reliability(nothing.astype(int), nothing, nothing.astype(bool)) == Reliability(0, 0, 0, 0, [])
