"""The cold protocol, the metrics, intervals and baselines, each against something written apart from them."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from corpora import corpus_of, newsroom, rows
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from recommender.corpus import Corpus
from recommender.errors import NothingToLearn
from recommender.evaluation import BASELINES, METRICS, Scores, Split, cold, compare, interval

# The cold protocol

DAY = st.sampled_from([np.nan, 0.0, 1.0, 2.0, 3.0, 4.5])


@st.composite
def linked_corpora(draw: st.DrawFn) -> Corpus:
    """Draw stories, some undated, with links as a store gives them: unique, none to itself."""
    published = draw(st.lists(DAY, min_size=2, max_size=9))
    row = st.integers(0, len(published) - 1)
    links = draw(st.lists(st.tuples(row, row), max_size=15, unique=True))
    apart = [(source, target) for source, target in links if source != target]
    return corpus_of(["x"] * len(published), published=published, links=apart)


def judge(corpus: Corpus, cut: float) -> tuple[set[tuple[int, int]], dict[int, set[int]]]:
    """Rewrite the protocol: the links that stay, and the right answers of each query."""
    kept, relevant = set(), {}
    for source, target in map(tuple, corpus.links.tolist()):
        late = [row for row in (source, target) if corpus.published[row] > cut]
        if not late:
            kept.add((source, target))
        for row in late:
            relevant.setdefault(row, set()).add(target if row == source else source)
    return kept, relevant


@given(linked_corpora(), st.sampled_from([-1.0, 0.0, 1.0, 2.5, 4.0, 4.5]))
def test_cold_is_the_protocol_of_the_design(corpus: Corpus, cut: float) -> None:
    kept, relevant = judge(corpus, cut)
    dated = {row for link in corpus.links.tolist() for row in link if not np.isnan(corpus.published[row])}
    if not relevant:
        with pytest.raises(NothingToLearn, match="after the cut" if dated else "no dated story"):
            cold(corpus, cut)
        return
    split = cold(corpus, cut)
    assert split.cut == cut
    assert list(map(tuple, split.corpus.links.tolist())) == [
        link for link in map(tuple, corpus.links.tolist()) if link in kept
    ]
    assert split.queries.tolist() == sorted(relevant)
    assert [right.tolist() for right in split.relevant] == [sorted(relevant[row]) for row in sorted(relevant)]
    # The stories themselves stay, all of them.
    assert split.corpus.titles == corpus.titles
    np.testing.assert_array_equal(split.corpus.published, corpus.published)
    assert not set(split.queries.tolist()) & set(split.corpus.links.ravel().tolist())


def test_a_query_may_have_an_older_story_and_an_undated_one_as_answers() -> None:
    corpus = corpus_of(["x"] * 5, published=[0, 9, np.nan, 1, 2], links=[(0, 1), (1, 2), (3, 4), (4, 2)])
    split = cold(corpus, 5.0)
    assert split.queries.tolist() == [1]
    assert split.relevant[0].tolist() == [0, 2]
    assert split.corpus.links.tolist() == [[3, 4], [4, 2]]


def test_without_a_cut_the_newest_fifth_of_the_linked_stories_are_queries() -> None:
    corpus = newsroom(20)
    split = cold(corpus)
    linked = np.unique(corpus.links)
    oldest_first = linked[np.argsort(corpus.published[linked])]
    assert set(split.queries.tolist()) == set(oldest_first[-len(linked) // 5 :].tolist())
    # Stories without links do not move the cut.
    lonely = replace(corpus, links=corpus.links[(corpus.links < 40).all(axis=1)])
    assert len(cold(lonely).queries) == 8
    assert cold(lonely).cut < split.cut


@pytest.mark.parametrize(
    ("published", "links", "message"),
    [
        ([0, 1], [], "no dated story"),
        ([np.nan, np.nan], [(0, 1)], "no dated story"),
        ([1, 1], [(0, 1)], "after the cut"),
    ],
)
def test_nothing_to_ask_is_said(published: list[float], links: list[tuple[int, int]], message: str) -> None:
    with pytest.raises(NothingToLearn, match=message):
        cold(corpus_of(["x", "y"], published=published, links=links))


def test_a_link_of_a_query_that_can_be_seen_is_loud() -> None:
    split = cold(newsroom(10))
    split.check()
    query, answer = split.queries[0], split.relevant[0][0]
    for leak in ([query, answer], [answer, query], [query, 0], [0, query]):
        links = np.vstack([split.corpus.links, leak])
        with pytest.raises(AssertionError, match="1 links of queries are visible"):
            Split(replace(split.corpus, links=links), split.cut, split.queries, split.relevant).check()


# Metrics


def by_hand(ranked: list[int], relevant: set[int], k: int) -> tuple[float, float, float, float]:
    """Compute nDCG, recall, MRR and P@1 of one list."""
    listed = ranked[:k]
    gain = sum(1 / math.log2(place + 1) for place, row in enumerate(listed, 1) if row in relevant)
    most = min(k, len(relevant))
    places = [place for place, row in enumerate(listed, 1) if row in relevant]
    return (
        gain / sum(1 / math.log2(place + 1) for place in range(1, most + 1)),
        len(places) / most,
        1 / places[0] if places else 0.0,
        float(bool(places) and places[0] == 1),
    )


RUN = st.integers(1, 12).flatmap(
    lambda queries: st.tuples(
        st.lists(st.lists(st.integers(0, 25), unique=True, max_size=14), min_size=queries, max_size=queries),
        st.lists(st.sets(st.integers(0, 25), min_size=1), min_size=queries, max_size=queries),
    )
)


def scores_of(lists: list[list[int]], relevant: list[set[int]], k: int) -> Scores:
    width = max(k, *map(len, lists))
    padded = np.array([each + [-1] * (width - len(each)) for each in lists])
    return Scores.of(padded, [np.array(sorted(right)) for right in relevant], k)


@given(RUN, st.integers(1, 14))
def test_metrics_are_those_of_their_definitions(run: tuple[list[list[int]], list[set[int]]], k: int) -> None:
    scores = scores_of(*run, k)
    right = np.array([by_hand(listed, answers, k) for listed, answers in zip(*run, strict=True)])
    for column, metric in zip(right.T, (scores.ndcg, scores.recall, scores.mrr, scores.p_at_1), strict=True):
        assert metric == pytest.approx(column)
    assert list(scores.means()) == list(METRICS)
    assert list(scores.means().values()) == pytest.approx(right.mean(axis=0))


def test_metrics_of_one_list_by_hand() -> None:
    # Two of three answers, at the second and the fourth place.
    scores = scores_of([[7, 1, 8, 2, 9]], [{1, 2, 3}], 10)
    discounts = [1, 1 / math.log2(3), 1 / 2, 1 / math.log2(5)]
    assert scores.ndcg[0] == pytest.approx((discounts[1] + discounts[3]) / sum(discounts[:3]))
    assert (scores.recall[0], scores.mrr[0], scores.p_at_1[0]) == pytest.approx((2 / 3, 1 / 2, 0))
    # A perfect list is 1 though there are more answers than places.
    perfect = scores_of([list(range(10))], [set(range(30))], 10)
    assert list(perfect.means().values()) == pytest.approx([1, 1, 1, 1])
    # A query without an answer counts, as 0.
    assert scores_of([[], [1]], [{1}, {1}], 10).means()["ndcg"] == pytest.approx(0.5)


@pytest.fixture(scope="module")
def score() -> ModuleType:
    """The scorer that judges this project from outside."""
    path = Path(__file__).parents[2] / "shared" / "tools" / "score.py"
    if not path.is_file():
        pytest.skip("no independent scorer in ../shared/tools")
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(RUN)
def test_metrics_agree_with_the_independent_scorer(
    score: ModuleType, run: tuple[list[list[int]], list[set[int]]]
) -> None:
    lists, relevant = run
    names = [f"q{place:02}" for place in range(len(lists))]
    answers = {name: [str(row) for row in listed] for name, listed in zip(names, lists, strict=True)}
    qrels = {name: [str(row) for row in right] for name, right in zip(names, relevant, strict=True)}
    scores = scores_of(lists, relevant, 10)
    ours = zip(scores.ndcg, scores.recall, scores.mrr, scores.p_at_1, strict=True)
    for mine, theirs in zip(ours, score.per_query(answers, qrels), strict=True):
        assert mine == pytest.approx(theirs)


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


# Comparing


def test_systems_are_paired_query_by_query() -> None:
    # Ours is a little ahead on every query, while queries differ widely.
    relevant = [rows(*range(n)) for n in (1, 2, 4, 8) for _ in range(10)]
    n = len(relevant)
    right = np.array([[*range(len(each)), *[-1] * (10 - len(each))] for each in relevant])
    worse = np.where(right == 0, 99, right)  # the first answer missing
    split = Split(corpus_of([]), 0.0, np.arange(n), relevant)
    report = compare({"ours": right, "worse": worse, "nothing": np.full((n, 10), -1), "same": right}, split)
    assert list(report) == ["ours", "worse", "nothing", "same"]
    assert "ahead" not in report["ours"]
    assert (report["ours"]["ndcg"], report["ours"]["interval"]) == (1, (1, 1))
    lead = 1 - Scores.of(worse, relevant).ndcg
    assert report["worse"]["ahead"]["mean"] == pytest.approx(lead.mean())
    assert report["worse"]["ahead"]["interval"] == pytest.approx(interval(lead))
    assert report["worse"]["interval"] == pytest.approx(interval(1 - lead))
    assert report["nothing"]["ahead"] == {"mean": 1, "interval": (1, 1)}
    assert report["same"]["ahead"] == {"mean": 0, "interval": (0, 0)}
    assert all(set(METRICS) <= set(system) for system in report.values())


def test_pairing_sees_what_two_intervals_do_not() -> None:
    random = np.random.default_rng(2)
    relevant = [rows(0)] * 80
    place = random.choice([1, 6, 7, 8], 80, p=[0.1, 0.3, 0.3, 0.3])  # easy and hard queries
    ours, theirs = np.full((80, 10), 99), np.full((80, 10), 99)
    ours[np.arange(80), place - 1] = 0
    theirs[np.arange(80), place] = 0  # always one place behind
    split = Split(corpus_of([]), 0.0, np.arange(80), relevant)
    report = compare({"ours": ours, "theirs": theirs}, split)
    assert report["ours"]["interval"][0] < report["theirs"]["interval"][1]
    assert report["theirs"]["ahead"]["interval"][0] > 0


def test_k_reaches_the_metrics() -> None:
    split = Split(corpus_of([]), 0.0, rows(0), [rows(5)])
    ranked = np.array([[1, 2, 5, 3]])
    assert compare({"ours": ranked}, split, k=2)["ours"]["ndcg"] == 0
    assert compare({"ours": ranked}, split, k=3)["ours"]["ndcg"] == pytest.approx(0.5)


# Baselines


def joined(corpus: Corpus) -> list[str]:
    return [f"{title} {excerpt}" for title, excerpt in zip(corpus.titles, corpus.excerpts, strict=True)]


DIRECT: dict[str, tuple[TfidfVectorizer, Callable[[Corpus], list[str]], float]] = {
    "tfidf": (TfidfVectorizer(), joined, math.inf),
    "tfidf-decay": (TfidfVectorizer(), joined, 7.0),
    "trigram-decay": (TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)), lambda c: c.titles, 14.0),
}


def test_every_baseline_is_judged() -> None:
    assert list(BASELINES) == list(DIRECT)


@pytest.mark.parametrize("name", DIRECT)
def test_a_baseline_is_what_scikit_learn_computes_directly(name: str) -> None:
    corpus = newsroom(15)
    corpus.published[::7] = np.nan
    vectorizer, texts, decay = DIRECT[name]
    similar = cosine_similarity(vectorizer.fit_transform(texts(corpus)))
    apart = np.abs(corpus.published[:, None] - corpus.published[None, :])
    similar *= 1 if math.isinf(decay) else np.exp(-np.where(np.isnan(apart), 1, apart / decay))
    np.fill_diagonal(similar, 0)
    queries = rows(3, 7, 0, 58)
    ranked = BASELINES[name](corpus, queries, 12)
    assert ranked.shape == (4, 12)
    for query, row in zip(queries, ranked, strict=True):
        assert len(set(row.tolist())) == 12
        assert query not in row
        assert similar[query][row] == pytest.approx(np.sort(similar[query])[::-1][:12], abs=1e-6)


def test_a_baseline_lists_nothing_that_is_not_alike() -> None:
    corpus = corpus_of(["rain flood", "rain tide", "market"])
    for baseline in BASELINES.values():
        assert baseline(corpus, rows(0, 2), 3).tolist() == [[1, -1, -1], [-1, -1, -1]]


@given(linked_corpora())
def test_an_empty_ranking_scores_0_and_a_perfect_one_1(corpus: Corpus) -> None:
    _, relevant = judge(corpus, 1.0)
    assume(relevant)
    split = cold(corpus, 1.0)
    perfect = np.full((len(split.queries), 10), -1)
    for row, right in zip(perfect, split.relevant, strict=True):
        row[: len(right)] = right[:10]
    report = compare({"perfect": perfect, "nothing": np.full_like(perfect, -1)}, split)
    assert report["perfect"]["ndcg"] == report["perfect"]["recall"] == pytest.approx(1)
    assert report["nothing"]["ndcg"] == report["nothing"]["mrr"] == 0
