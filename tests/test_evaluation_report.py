"""Systems side by side: pairing, fullness, slices and single queries, on lists whose worth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from corpora import corpus_of, newsroom
from hypothesis import assume, given
from hypothesis import strategies as st
from judging import RUN, Run, independent_scorer, linked_corpora, padded, scores_of, split_of
from numpy.typing import NDArray

from recommender.corpus import Corpus
from recommender.errors import NothingToLearn, UnsoundEvaluation
from recommender.evaluation import METRICS, Scores, Split, cold, compare, interval, per_query, slices, warm

# Comparing


def test_systems_are_paired_query_by_query() -> None:
    # Ours is a little ahead on every query, while queries differ widely.
    relevant = [list(range(n)) for n in (1, 2, 4, 8) for _ in range(10)]
    split = split_of(relevant, stories=200)
    right = padded(relevant, 10)
    worse = np.where(right == 0, 199, right)  # the first answer missing
    nothing = np.full_like(right, -1)
    report = compare({"ours": right, "worse": worse, "nothing": nothing, "same": right}, split)
    assert list(report) == ["ours", "worse", "nothing", "same"]
    assert "ahead" not in report["ours"]
    assert (report["ours"]["ndcg"], report["ours"]["interval"]) == (1, (1, 1))
    lead = 1 - Scores.of(worse, split.relevant).ndcg
    assert report["worse"]["ahead"]["mean"] == pytest.approx(lead.mean())
    assert report["worse"]["ahead"]["interval"] == pytest.approx(interval(lead))
    assert report["worse"]["interval"] == pytest.approx(interval(1 - lead))
    assert report["nothing"]["ahead"] == {"mean": 1, "interval": (1, 1)}
    assert report["same"]["ahead"] == {"mean": 0, "interval": (0, 0)}
    assert all(set(METRICS) <= set(system) for system in report.values())


def test_pairing_sees_what_two_intervals_do_not() -> None:
    random = np.random.default_rng(2)
    split = split_of([[0]] * 80, stories=200, first=100)
    place = random.choice([1, 6, 7, 8], 80, p=[0.1, 0.3, 0.3, 0.3])  # easy and hard queries
    ours, theirs = (np.tile(np.arange(50, 60), (80, 1)) for _ in range(2))
    ours[np.arange(80), place - 1] = 0
    theirs[np.arange(80), place] = 0  # always one place behind
    report = compare({"ours": ours, "theirs": theirs}, split)
    assert report["ours"]["interval"][0] < report["theirs"]["interval"][1]
    assert report["theirs"]["ahead"]["interval"][0] > 0


def test_k_reaches_the_metrics() -> None:
    split = split_of([[5]])
    ranked = np.array([[1, 2, 5, 3]])
    assert compare({"ours": ranked}, split, k=2)["ours"]["ndcg"] == 0
    assert compare({"ours": ranked}, split, k=3)["ours"]["ndcg"] == pytest.approx(0.5)


def test_fullness_is_told() -> None:
    split = split_of([[5]] * 4, stories=100)
    ranked = padded([[1, 2, 3], [1], [], [2, 4, 6]], 3)
    report = compare({"ours": ranked}, split, k=3)["ours"]
    assert (report["coverage"], report["short"], report["catalogue"]) == (0.75, 0.5, 0.05)
    # Only what is shown counts.
    report = compare({"ours": ranked}, split, k=1)["ours"]
    assert (report["coverage"], report["short"], report["catalogue"]) == (0.75, 0.25, 0.02)
    assert compare({"ours": ranked}, split, k=4)["ours"]["short"] == 1


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[1, 2]], "1 lists for 2 queries"),
        ([[1, 2], [1, 100]], "none of the 100 stories"),
        ([[1, 2], [-2, -1]], "none of the 100 stories"),
        ([[1, 2], [3, 81]], "related to itself"),
        ([[1, 2], [-1, 3]], "after its end"),
        ([[1, 2], [3, 3]], "twice"),
        ([[1, 2, 5], [3, 4, 3]], "twice"),
    ],
)
def test_lists_that_no_system_may_give_are_loud(lists: list[list[int]], message: str) -> None:
    split = split_of([[1], [3]])
    sound = np.array([[81, 1], [80, -1]])
    compare({"ours": sound}, split)
    with pytest.raises(UnsoundEvaluation, match=f"theirs .*{message}"):
        compare({"ours": sound, "theirs": np.array(lists)}, split)


@given(linked_corpora(), st.sampled_from(["cold", "warm"]))
def test_an_empty_ranking_scores_0_and_a_perfect_one_1(corpus: Corpus, protocol: str) -> None:
    try:
        split = cold(corpus, 1.0) if protocol == "cold" else warm(corpus, 0.5)
    except NothingToLearn:
        assume(False)
    perfect = padded([right[:10].tolist() for right in split.relevant], 10)
    report = compare({"perfect": perfect, "nothing": np.full_like(perfect, -1)}, split)
    assert [report["perfect"][metric] for metric in METRICS] == pytest.approx([1] * len(METRICS))
    assert [report["nothing"][metric] for metric in METRICS] == [0] * len(METRICS)
    assert (report["nothing"]["coverage"], report["nothing"]["short"]) == (0, 1)


def test_a_random_order_is_worth_what_chance_gives() -> None:
    split = warm(newsroom(250), 1.0)
    random, n = np.random.default_rng(0), len(split.corpus)
    ranked = np.array([random.permutation(np.delete(np.arange(n), query))[:10] for query in split.queries])
    measured = compare({"random": ranked}, split)["random"]
    hit = 3 / (n - 1)  # an event has four stories; nobody can be asked for itself
    discount = 1 / np.log2(np.arange(2, 12))
    chance = {"ndcg": hit * discount.sum() / discount[:3].sum(), "recall": 10 * hit / 3, "p@1": hit}
    for metric, expected in chance.items():
        assert measured[metric] == pytest.approx(expected, abs=0.005), metric
    assert measured["ndcg"] < 0.02
    assert (measured["coverage"], measured["short"]) == (1, 0)
    assert measured["catalogue"] > 0.99


# Query by query


@given(RUN)
def test_single_queries_tell_the_whole_again(run: Run) -> None:
    lists, relevant = run
    split = split_of([sorted(right) for right in relevant])
    ranked = {"ours": padded(lists, 10), "theirs": padded([row[::-1] for row in lists], 10)}
    lines = list(per_query(ranked, split))
    urls = split.corpus.urls
    assert [line["url"] for line in lines] == [urls[query] for query in split.queries]
    assert [line["relevant"] for line in lines] == [
        [urls[row] for row in sorted(right)] for right in relevant
    ]
    assert [line["systems"]["ours"]["ranked"] for line in lines] == [
        [urls[row] for row in listed[:10]] for listed in lists
    ]
    report = compare(ranked, split)
    for system in ranked:
        for metric in METRICS:
            values = [line["systems"][system][metric] for line in lines]
            assert np.mean(values) == pytest.approx(report[system][metric])


def test_single_queries_can_be_scored_from_outside() -> None:
    score = independent_scorer()
    split = cold(newsroom(20))
    random = np.random.default_rng(0)
    ranked = np.array([random.permutation(np.delete(np.arange(80), query))[:10] for query in split.queries])
    lines = json.loads(json.dumps(list(per_query({"ours": ranked}, split))))
    run = {line["url"]: line["systems"]["ours"]["ranked"] for line in lines}
    theirs = score.summary(score.per_query(run, {line["url"]: line["relevant"] for line in lines}))
    ours = compare({"ours": ranked}, split)["ours"]
    assert theirs["queries"] == len(split.queries)
    assert [theirs[name] for name in ("ndcg@10", "recall@10", "mrr", "p@1")] == pytest.approx(
        [ours[name] for name in ("ndcg", "recall", "mrr", "p@1")], abs=5e-5
    )


# Slices


def named(report: dict[str, list[dict[str, Any]]], way: str) -> dict[str, int]:
    return {part["name"]: part["queries"] for part in report[way]}


def asked(published: list[float], relevant: list[list[int]], **columns: Any) -> Split:
    """Ask the first rows of a corpus for given answers; each answer is a story far behind."""
    n = len(published)
    corpus = replace(corpus_of(["x"] * n, published=published), **columns)
    queries = np.arange(len(relevant))
    return Split(corpus, None, queries, [np.array(right) for right in relevant], "warm", 0)


def lists_of(split: Split, first: bool = True) -> NDArray[np.int64]:
    """List each query's first answer at the first place, or at the second."""
    best = np.array([right[0] for right in split.relevant])
    filler = np.full_like(best, len(split.corpus) - 1)
    return np.column_stack([best, filler] if first else [filler, best])


def test_slices_by_links_and_age() -> None:
    published = [100.0, 100.0, 100.0, np.nan, 100.0, 100.0, 100.5, 93.0, 99.0, 70.0, np.nan, *[10.0] * 20]
    relevant = [[6, 7], [7], [7, 8, 9, 11], [7], [9], [10, *range(11, 21)]]
    split = asked(published, relevant)
    report = slices({"ours": lists_of(split)}, split)
    assert named(report, "links") == {"1": 3, "2–3": 1, "4–9": 1, "10 and more": 1}
    # The nearest answer counts, before or after; a week is more than six days, an undated end is no age.
    assert named(report, "age") == {
        "under a day": 1,
        "1–7 days": 1,
        "7–30 days": 1,
        "30 days and more": 2,
        "no date": 1,
    }


def test_slices_by_provider_and_first_topic() -> None:
    outlets = [f"outlet-{number}" for number in range(12) for _ in range(12 - number)] + ["", ""]
    n = len(outlets)
    topics = [("sport", "rain")] * 3 + [("rain",)] * 5 + [()] * (n - 8)
    split = asked(
        [0.0] * (n + 2),
        [[n]] * n,
        providers=[*outlets, "unasked", "unasked"],
        topics=[*topics, ("unasked",), ()],
    )
    report = slices({"ours": lists_of(split)}, split)
    shown = {f"outlet-{number}": 12 - number for number in range(8)}
    assert list(named(report, "provider").items()) == [*shown.items(), ("other", 4 + 3 + 2 + 1), ("none", 2)]
    assert list(named(report, "topic").items()) == [("rain", 5), ("sport", 3), ("none", n - 8)]


def test_a_slice_says_of_its_queries_what_the_whole_says_of_all() -> None:
    # One outlet is easy for us, the other for them; with them the hopeless come along.
    easy = [True] * 12 + [False] * 15
    n = len(easy)
    split = asked([0.0] * (n + 3), [[n]] * n, providers=["a" if one else "b" for one in easy] + ["c"] * 3)
    ours = np.where(np.array(easy)[:, None], lists_of(split), lists_of(split, first=False))
    theirs = np.where(np.array(easy)[:, None], lists_of(split, first=False), lists_of(split))
    report = slices({"ours": ours, "hopeless": np.full_like(ours, -1), "theirs": theirs}, split)
    b, a = report["provider"]
    second = 1 / np.log2(3)
    assert (a["name"], b["name"]) == ("a", "b")
    assert a["systems"] == {
        "ours": {"ndcg": 1, "interval": (1, 1)},
        "theirs": {"ndcg": pytest.approx(second), "interval": pytest.approx((second, second))},
    }
    assert a["ahead"]["mean"] == pytest.approx(1 - second)
    assert b["ahead"]["mean"] == pytest.approx(second - 1)
    assert b["ahead"]["interval"] == pytest.approx((second - 1, second - 1))


def test_few_queries_have_no_interval() -> None:
    split = asked([0.0] * 24, [[20]] * 19, providers=["a"] * 10 + ["b"] * 14)
    report = slices({"ours": lists_of(split), "theirs": lists_of(split, first=False)}, split)
    a, b = report["provider"]
    assert a["systems"]["ours"]["interval"] == (1, 1)
    assert a["ahead"]["interval"] is not None
    assert [system["interval"] for system in b["systems"].values()] == [None, None]
    assert b["ahead"]["interval"] is None


@given(linked_corpora(), st.integers(0, 3))
def test_every_query_is_in_one_part_of_each_way(corpus: Corpus, seed: int) -> None:
    assume(len(corpus.links))
    split = warm(
        replace(
            corpus,
            providers=["", "other", "none", "a", "b", "c", "d", "e", "f"][: len(corpus)],
            topics=[(), ("other",), ("none",), ("a", "b"), ("b",), (), (), (), ()][: len(corpus)],
        ),
        1.0,
        seed,
    )
    ranked = padded([right[:1].tolist() for right in split.relevant], 10)
    whole = scores_of(ranked.tolist(), [set(right.tolist()) for right in split.relevant], 10).ndcg
    for parts in slices({"ours": ranked}, split).values():
        assert sum(part["queries"] for part in parts) == len(split.queries)
        total = sum(part["queries"] * part["systems"]["ours"]["ndcg"] for part in parts)
        assert total == pytest.approx(whole.sum())
        assert len({part["name"] for part in parts}) == len(parts)
        assert all("ahead" not in part for part in parts)
