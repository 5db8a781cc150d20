"""Cold and warm, each against the protocol written a second time, and the guards against leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from corpora import corpus_of, newsroom, rows
from hypothesis import given
from hypothesis import strategies as st
from judging import linked_corpora

from recommender.corpus import Corpus
from recommender.errors import NothingToLearn, UnsoundEvaluation, UsageError
from recommender.evaluation import Split, cold, fold, warm

Links = list[tuple[int, int]]


def links_of(corpus: Corpus) -> Links:
    return list(map(tuple, corpus.links.tolist()))


def judge(corpus: Corpus, asked: Callable[[int], bool]) -> tuple[Links, dict[int, set[int]]]:
    """Rewrite what both protocols do: the links that stay, and the right answers of each query."""
    kept, relevant = [], {}
    for source, target in links_of(corpus):
        mine = [row for row in (source, target) if asked(row)]
        if not mine:
            kept.append((source, target))
        for row in mine:
            relevant.setdefault(row, set()).add(target if row == source else source)
    return kept, relevant


def is_split(split: Split, corpus: Corpus, kept: Links, relevant: dict[int, set[int]]) -> None:
    """Hold a split against what it should be; but for links, the stories stay as they were."""
    assert links_of(split.corpus) == kept
    assert split.queries.tolist() == sorted(relevant)
    assert [right.tolist() for right in split.relevant] == [sorted(relevant[row]) for row in sorted(relevant)]
    assert split.corpus.titles == corpus.titles
    np.testing.assert_array_equal(split.corpus.published, corpus.published)


def test_blocks_of_queries_are_hidden_like_their_links() -> None:
    corpus = corpus_of(["x"] * 6, published=[0, 1, 2, 3, 8, 9], links=[(0, 1), (2, 3), (4, 0)])
    corpus = replace(corpus, blocks=np.array([(0, 2), (4, 1), (1, 5), (3, 1)]))
    split = cold(corpus, 5.0)
    assert split.queries.tolist() == [4]
    assert split.corpus.blocks.tolist() == [[0, 2], [3, 1]], "nor is one known of a story after the cut"
    with pytest.raises(UnsoundEvaluation, match="1 blocks of queries"):
        replace(split, corpus=replace(split.corpus, blocks=np.array([(1, 4)]))).check()
    asked = set(warm(corpus, seed=3).queries.tolist())
    assert asked
    assert asked.isdisjoint(warm(corpus, seed=3).corpus.blocks.ravel().tolist())


# Cold


@given(linked_corpora(), st.sampled_from([-1.0, 0.0, 1.0, 2.5, 4.0, 4.5]))
def test_cold_is_the_protocol_of_the_design(corpus: Corpus, cut: float) -> None:
    kept, relevant = judge(corpus, lambda row: bool(corpus.published[row] > cut))
    dated = {row for link in links_of(corpus) for row in link if not np.isnan(corpus.published[row])}
    if not relevant:
        with pytest.raises(NothingToLearn, match="after the cut" if dated else "no dated story"):
            cold(corpus, cut)
        return
    split = cold(corpus, cut)
    assert (split.protocol, split.cut, split.seed) == ("cold", cut, None)
    is_split(split, corpus, kept, relevant)


def test_a_cold_query_may_have_an_older_story_and_an_undated_one_as_answers() -> None:
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
    lonely = cold(replace(corpus, links=corpus.links[(corpus.links < 40).all(axis=1)]))
    assert len(lonely.queries) == 8
    assert lonely.cut is not None
    assert split.cut is not None
    assert lonely.cut < split.cut


@pytest.mark.parametrize(
    ("published", "links", "message"),
    [
        ([0, 1], [], "no dated story"),
        ([np.nan, np.nan], [(0, 1)], "no dated story"),
        ([1, 1], [(0, 1)], "after the cut"),
    ],
)
def test_nothing_to_ask_cold_is_said(published: list[float], links: Links, message: str) -> None:
    with pytest.raises(NothingToLearn, match=message):
        cold(corpus_of(["x", "y"], published=published, links=links))


# Warm


@given(linked_corpora(), st.sampled_from([0.01, 0.1, 0.5, 1.0]), st.integers(0, 5))
def test_warm_is_the_protocol_of_the_design(corpus: Corpus, share: float, seed: int) -> None:
    linked = sorted({row for link in links_of(corpus) for row in link})
    if not linked:
        with pytest.raises(NothingToLearn, match="no story has curated links"):
            warm(corpus, share, seed)
        return
    split = warm(corpus, share, seed)
    assert (split.protocol, split.cut, split.seed) == ("warm", None, seed)
    asked = set(split.queries.tolist())
    assert asked <= set(linked)
    assert len(asked) == max(1, round(share * len(linked)))
    is_split(split, corpus, *judge(corpus, lambda row: row in asked))


def test_warm_leaves_the_links_around_a_query_and_asks_for_both_directions() -> None:
    # A triangle with a tail: whichever story is asked, the others keep their links.
    corpus = corpus_of(["x"] * 4, published=[np.nan] * 4, links=[(0, 1), (1, 2), (2, 0), (2, 3)])
    splits = {split.queries[0]: split for split in (warm(corpus, 0.25, seed) for seed in range(40))}
    assert sorted(splits) == [0, 1, 2, 3]
    assert [splits[row].relevant[0].tolist() for row in range(4)] == [[1, 2], [0, 2], [0, 1, 3], [2]]
    assert [len(splits[row].corpus.links) for row in range(4)] == [2, 2, 1, 3]


def test_a_warm_query_has_another_query_as_an_answer() -> None:
    split = warm(corpus_of(["x"] * 2, links=[(1, 0)]), 1.0)
    assert split.queries.tolist() == [0, 1]
    assert [right.tolist() for right in split.relevant] == [[1], [0]]
    assert len(split.corpus.links) == 0


def test_warm_draws_by_its_seed_a_tenth_that_is_new_and_old() -> None:
    corpus = newsroom(60)
    split, again, other = warm(corpus), warm(corpus, seed=0), warm(corpus, seed=1)
    assert len(split.queries) == 24
    assert split.queries.tolist() == again.queries.tolist()
    assert split.queries.tolist() != other.queries.tolist()
    # Drawn from everywhere, unlike cold's.
    assert (split.queries < 120).sum() > 5
    assert (split.queries >= 120).sum() > 5


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, np.nan])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(UsageError, match="share"):
        warm(newsroom(2), share)


# Folds


@given(linked_corpora(), st.sampled_from([(0.2, 0.6), (0.5, 0.65), (0.5, 1.0)]))
def test_a_fold_is_cold_without_what_came_later(corpus: Corpus, ends: tuple[float, float]) -> None:
    times = corpus.published[np.unique(corpus.links)]
    if np.isnan(times).all():
        with pytest.raises(NothingToLearn, match="no dated story"):
            fold(corpus, *ends)
        return
    first, last = np.nanquantile(times, ends)
    kept = [link for link in links_of(corpus) if not (corpus.published[list(link)] > last).any()]
    try:
        split = fold(corpus, *ends)
    except NothingToLearn:
        assert all(not (corpus.published[list(link)] > first).any() for link in kept)
        return
    asked = corpus.published[split.queries]
    assert ((first < asked) & (asked <= last)).all()
    is_split(split, corpus, *judge(replace(corpus, links=np.array(kept)), lambda row: row in split.queries))


def test_folds_leave_what_cold_asks_unseen() -> None:
    corpus = newsroom(60)
    tuned = [fold(corpus, 0.5, 0.65), fold(corpus, 0.65, 0.8)]
    final = cold(corpus)
    asked = [set(split.queries.tolist()) for split in (*tuned, final)]
    assert not asked[0] & asked[1]
    assert not (asked[0] | asked[1]) & asked[2]
    assert tuned[1].cut is not None
    assert final.cut == pytest.approx(np.quantile(corpus.published, 0.8))
    for split in tuned:
        seen = [split.corpus.links, *(right[:, None] for right in split.relevant)]
        assert all((corpus.published[rows_] <= final.cut).all() for rows_ in seen)


@pytest.mark.parametrize(
    "ends", [(0.0, 0.5), (0.5, 0.5), (0.6, 0.5), (0.5, 1.1), (np.nan, 0.5), (0.5, np.nan)]
)
def test_a_fold_that_is_none(ends: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="fold"):
        fold(newsroom(2), *ends)


# Guards


@pytest.mark.parametrize("protocol", [cold, warm])
def test_a_link_of_a_query_that_can_be_seen_is_loud(protocol: Callable[[Corpus], Split]) -> None:
    split = protocol(newsroom(20))
    split.check()
    query, answer = split.queries[0], split.relevant[0][0]
    for leak in ([query, answer], [answer, query], [query, 0], [0, query]):
        links = np.vstack([split.corpus.links, leak])
        with pytest.raises(UnsoundEvaluation, match="1 links of queries are visible"):
            replace(split, corpus=replace(split.corpus, links=links)).check()


def test_a_link_of_a_story_after_the_cut_that_is_no_query_is_loud_in_cold() -> None:
    corpus = newsroom(20)
    split = cold(replace(corpus, links=corpus.links[(corpus.links < 76).all(axis=1)]))
    late = np.array([[76, 0]])  # of the last event, and linked to nothing when the split was made
    assert split.cut is not None
    assert corpus.published[76] > split.cut
    leaking = replace(split.corpus, links=np.vstack([split.corpus.links, late]))
    with pytest.raises(UnsoundEvaluation, match="1 links of stories after the cut are visible"):
        replace(split, corpus=leaking).check()
    # In the archive it is a link like any other.
    replace(split, corpus=leaking, protocol="warm", cut=None).check()


SOUND = Split(corpus_of(["x"] * 6, published=range(6)), 2.5, rows(3, 4), [rows(0, 4), rows(3)])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"queries": rows(), "relevant": []}, "no queries"),
        ({"queries": rows(4, 3)}, "queries are not in ascending order"),
        ({"queries": rows(3, 3)}, "queries are not in ascending order"),
        ({"queries": rows(-1, 4)}, "none of the 6 stories"),
        ({"queries": rows(3, 6)}, "none of the 6 stories"),
        ({"relevant": [rows(0, 4)]}, "2 queries have 1 sets"),
        ({"relevant": [rows(0, 4), rows()]}, "query 4 has no right answer"),
        ({"relevant": [rows(0, 0, 4), rows(3)]}, "answers of query 3 are not in ascending order"),
        ({"relevant": [rows(4, 0), rows(3)]}, "answers of query 3 are not in ascending order"),
        ({"relevant": [rows(0, 4, 6), rows(3)]}, "an answer of query 3 is none"),
        ({"relevant": [rows(-1, 4), rows(3)]}, "an answer of query 3 is none"),
        ({"relevant": [rows(0, 3, 4), rows(3)]}, "query 3 is its own answer"),
        ({"relevant": [rows(0), rows(3)]}, "1 answers are missing"),
        ({"cut": None}, "no cut"),
        ({"cut": 3.0}, "a query is not published after the cut"),
        ({"cut": float("nan")}, "a query is not published after the cut"),
    ],
)
def test_what_breaks_the_protocol_is_loud(broken: dict[str, Any], message: str) -> None:
    SOUND.check()
    with pytest.raises(UnsoundEvaluation, match=message) as raised:
        replace(SOUND, **broken).check()
    assert isinstance(raised.value, AssertionError), "the fault is the program's"
