"""Metrics against their definitions and two scorers written by others; intervals against theory."""

from __future__ import annotations

import math
from types import ModuleType

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, nDCG
from judging import RUN, Run, independent_scorer, scores_of

from recommender.evaluation import METRICS, interval


def by_hand(ranked: list[int], relevant: set[int], k: int) -> tuple[float, ...]:
    """Compute nDCG, recall, MRR, MAP and P@1 of one list."""
    listed = ranked[:k]
    gain = sum(1 / math.log2(place + 1) for place, row in enumerate(listed, 1) if row in relevant)
    most = min(k, len(relevant))
    places = [place for place, row in enumerate(listed, 1) if row in relevant]
    return (
        gain / sum(1 / math.log2(place + 1) for place in range(1, most + 1)),
        len(places) / most,
        1 / places[0] if places else 0.0,
        sum(found / place for found, place in enumerate(places, 1)) / most,
        float(bool(places) and places[0] == 1),
    )


@given(RUN, st.integers(1, 14))
def test_metrics_are_those_of_their_definitions(run: Run, k: int) -> None:
    scores = scores_of(*run, k)
    right = np.array([by_hand(listed, answers, k) for listed, answers in zip(*run, strict=True)])
    for expected, (name, values) in zip(right.T, scores.columns().items(), strict=True):
        assert values == pytest.approx(expected), name
    assert list(scores.means()) == list(METRICS)
    assert list(scores.means().values()) == pytest.approx(right.mean(axis=0))


def test_metrics_of_one_list_by_hand() -> None:
    # Two of three answers, at the second and the fourth place.
    scores = scores_of([[7, 1, 8, 2, 9]], [{1, 2, 3}], 10)
    discounts = [1, 1 / math.log2(3), 1 / 2, 1 / math.log2(5)]
    assert scores.ndcg[0] == pytest.approx((discounts[1] + discounts[3]) / sum(discounts[:3]))
    assert (scores.recall[0], scores.mrr[0], scores.p_at_1[0]) == pytest.approx((2 / 3, 1 / 2, 0))
    assert scores.average_precision[0] == pytest.approx((1 / 2 + 2 / 4) / 3)
    # A perfect list is 1 though there are more answers than places.
    perfect = scores_of([list(range(10))], [set(range(30))], 10)
    assert list(perfect.means().values()) == pytest.approx([1] * len(METRICS))
    # A query without an answer counts, as 0.
    assert scores_of([[], [1]], [{1}, {1}], 10).means() == pytest.approx(dict.fromkeys(METRICS, 0.5))


def test_a_list_shorter_than_k_is_measured_as_if_it_ended_there() -> None:
    lists, relevant = [[5, 1], [1]], [{1, 2}, {3}]
    short, long = scores_of(lists, relevant, 2), scores_of(lists, relevant, 10)
    assert short.means() == pytest.approx(long.means())


# Agreement with what others wrote


@pytest.fixture(scope="module")
def score() -> ModuleType:
    return independent_scorer()


@given(RUN, st.data())
def test_metrics_agree_with_the_independent_scorer(score: ModuleType, run: Run, data: st.DataObject) -> None:
    lists, relevant = run
    names = [f"q{place:02}" for place in range(len(lists))]
    answers = {name: [str(row) for row in listed] for name, listed in zip(names, lists, strict=True)}
    # A query without a list may as well be missing from the run.
    for name in data.draw(st.lists(st.sampled_from(names), unique=True)):
        if not answers[name]:
            del answers[name]
    qrels = {name: [str(row) for row in right] for name, right in zip(names, relevant, strict=True)}
    scores = scores_of(lists, relevant, 10)
    ours = zip(scores.ndcg, scores.recall, scores.mrr, scores.p_at_1, strict=True)
    for mine, theirs in zip(ours, score.per_query(answers, qrels), strict=True):
        assert mine == pytest.approx(theirs)


OTHERS = {"ndcg": nDCG @ 10, "recall": R @ 10, "mrr": RR @ 10, "map": AP @ 10, "p@1": P @ 1}


@given(RUN)
def test_metrics_agree_with_ir_measures(run: Run) -> None:
    """Recall and MAP there are over all right answers, here over as many as ten places can hold."""
    lists, relevant = run
    qrels = [
        ir_measures.Qrel(f"q{place:02}", str(row), 1) for place, right in enumerate(relevant) for row in right
    ]
    answers = [
        ir_measures.ScoredDoc(f"q{place:02}", str(row), float(-rank))
        for place, listed in enumerate(lists)
        for rank, row in enumerate(listed)
    ]
    theirs = {
        (one.measure, one.query_id): one.value
        for one in ir_measures.iter_calc(list(OTHERS.values()), qrels, answers)
    }
    held = np.array([min(10, len(right)) / len(right) for right in relevant])
    for name, values in scores_of(lists, relevant, 10).columns().items():
        mine = values * held if name in ("recall", "map") else values
        expected = [theirs[OTHERS[name], f"q{place:02}"] for place in range(len(lists))]
        assert mine == pytest.approx(expected, abs=1e-6), name


# Intervals


def test_an_interval_covers_the_mean_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(150):
        low, high = interval((random.random(60) < 0.4).astype(float), seed=trial)
        covered += low <= 0.4 <= high
    assert 0.88 <= covered / 150 <= 0.995


def test_an_interval_is_as_wide_as_theory_has_it_and_the_same_each_time() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.2, 400)
    low, high = interval(values)
    error = values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=error / 4
    )
    assert interval(values) == (low, high)


def test_the_interval_of_one_value_or_of_equal_ones_is_that_value() -> None:
    assert interval(np.array([0.25])) == (0.25, 0.25)
    assert interval(np.full(9, 0.5)) == (0.5, 0.5)
