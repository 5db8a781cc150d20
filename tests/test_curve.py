"""The learning curve, rankings that do without some features, and what their scores are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from corpora import newsroom, pairs_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import default, ranker
from recommender.corpus import Corpus
from recommender.engine import local
from recommender.errors import UsageError
from recommender.evaluation import Scores, Split, cold, warm
from recommender.features import FEATURES, GROUPS
from recommender.index import prepare
from recommender.pipeline.curve import drawn, learning_curve
from recommender.pipeline.evaluating import OURS, Judgement, ask, judge, ready
from recommender.pipeline.learning import FEW_LINKS, unread
from recommender.pipeline.progress import silent
from recommender.pipeline.ranking import Ranked


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return newsroom(36)


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few trees tell as well what the tests ask, and are grown in a fraction of the time."""
    monkeypatch.setattr(ranker, "TREES", 20)


@pytest.fixture(scope="module")
def split(corpus: Corpus) -> Split:
    return cold(corpus)


def couples(links: NDArray[np.int64]) -> set[tuple[int, ...]]:
    return set(map(tuple, np.sort(links, axis=1).tolist()))


# Drawing links


LINKS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30, unique=True).map(
    lambda links: np.array([link for link in links if link[0] != link[1]], np.int64).reshape(-1, 2)
)


@given(LINKS, st.integers(0, 40), st.integers(0, 3))
def test_so_many_links_are_drawn(links: NDArray[np.int64], count: int, seed: int) -> None:
    fewer = drawn(links, count, seed)
    assert len(couples(fewer)) == min(count, len(couples(links)))
    # Both directions of a link are drawn together, and the editor's order stays.
    assert fewer.tolist() == [link for link in links.tolist() if tuple(sorted(link)) in couples(fewer)]
    assert couples(drawn(links, max(0, count - 3), seed)) <= couples(fewer)


def test_links_are_drawn_a_story_at_a_time() -> None:
    links = np.array([(story, 100 + 10 * story + place) for story in range(10) for place in range(5)])
    fewer = drawn(links, 12, seed=1)
    counts = sorted(np.unique(fewer[:, 0], return_counts=True)[1].tolist())
    assert counts == [2, 5, 5]
    # Of the story that is drawn in part, the editor's first links.
    part = next(story for story in fewer[:, 0].tolist() if (fewer[:, 0] == story).sum() == 2)
    assert fewer[fewer[:, 0] == part].tolist() == links[links[:, 0] == part][:2].tolist()
    assert drawn(links, 12, seed=2).tolist() != fewer.tolist()


# The curve


def test_the_curve_goes_from_no_link_to_all(corpus: Corpus, split: Split) -> None:
    curve = learning_curve(split, counts=(60, 0, 120, 10_000), draws=2)
    known = len(couples(split.corpus.links))
    assert [(point.links, point.learned, len(point.ndcg)) for point in curve] == [
        (0, False, 1),
        (60, False, 2),
        (120, True, 2),
        (known, True, 1),
    ]
    assert FEW_LINKS > 60
    for point in curve:
        assert point.queries.shape == split.queries.shape
        np.testing.assert_allclose(point.queries, point.ndcg.mean(axis=0))
    # At the ends it is what an evaluation measures: the default ranker alone, and all that there is.
    judged = judge(corpus, systems=[default.NAME])
    for point, name in ((curve[0], default.NAME), (curve[-1], OURS)):
        np.testing.assert_array_equal(
            point.ndcg[0], Scores.of(judged.ranked[name], judged.split.relevant).ndcg
        )
    # In this newsroom stories that are alike are not related by that: there is something to learn.
    assert curve[-1].queries.mean() > curve[0].queries.mean() + 0.05


def test_the_curve_of_the_archive(corpus: Corpus) -> None:
    curve = learning_curve(warm(corpus), counts=(0,), draws=1, k=5)
    assert [point.learned for point in curve] == [False, True]


def test_a_newsroom_that_has_no_link_to_learn_from(corpus: Corpus) -> None:
    split = cold(corpus)
    nothing = replace(split, corpus=replace(split.corpus, links=split.corpus.links[:0]))
    (only,) = learning_curve(nothing)
    assert (only.links, only.learned, len(only.ndcg)) == (0, False, 1)


# Doing without


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_left_out_is_read_by_nobody(split: Split, group: str) -> None:
    _, index = prepare(split.corpus)
    _, fitted, learned = ready(index, split, local, silent, [group])
    assert learned
    names = np.array([feature.group for feature in FEATURES])
    inner = fitted.nodes[~fitted.nodes["leaf"]]
    assert group not in names[inner["feature"]]
    assert not fitted.weights[names == group].any()
    assert fitted.weights[names != group].any()


def test_leaving_out_what_tells_costs(split: Split) -> None:
    _, index = prepare(split.corpus)
    whole, blind = (
        Scores.of(ask(index, split, left_out=groups).ranked[OURS], split.relevant).ndcg.mean()
        for groups in ((), ("time", "likeness", "headline", "words"))
    )
    assert whole > blind + 0.1


def test_a_group_there_is_not(split: Split) -> None:
    with pytest.raises(UsageError, match=r"no features of luck; there are: words, headline"):
        unread(default.ranker(), ["time", "luck"])
    assert unread(default.ranker(), GROUPS).weights.any() == np.False_


# What scores are worth


def test_reliability_is_of_what_was_scored_and_of_what_is_shown() -> None:
    """Two queries, 8 and 9, that are each other's answer and have one more each."""
    corpus = replace(newsroom(3), links=np.empty((0, 2), np.int64))
    split = Split(corpus, None, np.array([8, 9]), [np.array([1, 9]), np.array([2, 8])], "warm", 0)
    pairs = pairs_of((8, 1), (8, 2), (8, 9), (9, 0), (9, 1), (9, 8))
    scores = np.array([0.95, 0.45, 0.25, 0.55, 0.45, 0.05], np.float32)
    ranked = {OURS: np.array([[1, 2], [0, 1]]), "other": np.array([[9, -1], [8, -1]])}
    judged = Judgement(split, ranked, Ranked(pairs, scores), 2, True)
    found = judged.reliability()
    assert list(found) == ["scored", "shown"]
    assert [(each.pairs, each.linked) for each in found["scored"].bins] == [
        (1, 1.0),
        (1, 1.0),
        (2, 0.0),
        (1, 0.0),
        (1, 1.0),
    ]
    assert [(each.pairs, each.linked) for each in found["shown"].bins] == [(2, 0.0), (1, 0.0), (1, 1.0)]
    assert found["shown"].bins[0].queries == 2


def test_lists_that_have_ended_are_no_pairs(corpus: Corpus) -> None:
    judged = judge(corpus, systems=())
    found = judged.reliability()
    assert found["scored"].pairs == len(judged.scored.pairs)
    assert found["shown"].pairs == (judged.ranked[OURS] >= 0).sum()
    short = {OURS: np.where(np.arange(10) < 3, judged.ranked[OURS], -1)}
    assert replace(judged, ranked=short).reliability()["shown"].pairs == 3 * len(judged.split.queries)
    assert found["shown"].linked > found["scored"].linked
