"""Pair features: some by hand, all of them by a slow rewriting, pair by pair, of what their names promise."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp
from corpora import corpus_of, newsroom, pairs_of, rows
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import features as module
from recommender.candidates import FADED, GENERATORS, Generator, Lists, Pairs
from recommender.corpus import Corpus
from recommender.engine import local, processes
from recommender.features import DECAYS, directions, features, names
from recommender.index import FEEDBACK, Index, prepare
from recommender.text import VIEWS, TextSpace

SOME = (Generator("words", 30.0, 3), Generator("letters", 7.0, 6), Generator("title", np.inf, 4))
"""Generators with lists short enough to be cut."""


def described(index: Index, *couples: tuple[int, int]) -> dict[str, list[float]]:
    """Features of some pairs by name, a value a pair."""
    matrix = features(index, pairs_of(*couples))
    return dict(zip(names([one.generator for one in index.lists]), matrix.T.tolist(), strict=True))


# Names


@pytest.mark.parametrize("generators", [GENERATORS, SOME, SOME[:1]])
def test_a_name_and_a_direction_for_every_column(generators: Sequence[Generator]) -> None:
    _, index = prepare(corpus_of(["rain flood", "rain", "flood"]), generators)
    matrix = features(index, pairs_of((0, 1), (0, 2)))
    assert matrix.shape == (2, len(names(generators)))
    assert matrix.dtype == np.float32
    assert len(set(names(generators))) == len(names(generators)) == len(directions(generators))


def test_directions_say_what_may_raise_a_score() -> None:
    way = dict(zip(names(GENERATORS), directions(GENERATORS), strict=True))
    falling = {name for name, direction in way.items() if direction < 0}
    free = {name for name, direction in way.items() if direction == 0}
    assert falling == {"days apart", *(f"{g.view}:{side}" for g in GENERATORS for side in ("rank", "back"))}
    assert free == {"days later", "provider", "quality"}
    assert set(way.values()) == {-1, 0, 1}


# By hand

NEWS = corpus_of(
    ["rain flood", "rain harvest", "harvest flood", "rain"],
    published=[10.0, 12.5, 7.0, np.nan],
    quality=[80, np.nan, 30, 50],
    providers=["a.example", "b.example", "a.example", ""],
    topics=[("weather", "river"), ("weather", "farms"), (), ("weather", "river")],
)


@pytest.fixture(scope="module")
def news() -> Index:
    return prepare(NEWS)[1]


def test_time_apart_and_its_sign(news: Index) -> None:
    found = described(news, (0, 1), (0, 2), (1, 0), (0, 3), (3, 0))
    assert found["days apart"] == pytest.approx([2.5, 3, 2.5, np.nan, np.nan], nan_ok=True)
    assert found["days later"] == pytest.approx([2.5, -3, -2.5, np.nan, np.nan], nan_ok=True)


def test_topics_are_a_jaccard_index_and_unknown_where_a_story_has_none(news: Index) -> None:
    found = described(news, (0, 1), (0, 3), (0, 2), (2, 0))["topics"]
    assert found == pytest.approx([1 / 3, 1, np.nan, np.nan], nan_ok=True)


def test_provider_is_equality_and_no_provider_is_like_no_other(news: Index) -> None:
    assert described(news, (0, 2), (0, 1), (0, 3))["provider"] == [1, 0, 0]
    nobody = prepare(corpus_of(["rain", "rain", "rain"], providers=["", "", "x"]))[1]
    assert described(nobody, (0, 1), (1, 0), (1, 2))["provider"] == [0, 0, 0]


def test_quality_is_the_candidates(news: Index) -> None:
    assert described(news, (0, 1), (0, 2), (1, 3))["quality"] == pytest.approx([np.nan, 30, 50], nan_ok=True)


def test_words_in_common_and_their_idf(news: Index) -> None:
    # Of the words only rain, flood and harvest are shared by stories; "rain" by three of four.
    rain, other = np.log(5 / 4) + 1, np.log(5 / 3) + 1
    found = described(news, (0, 1), (0, 2), (0, 3), (1, 2))
    assert found["shared idf"] == pytest.approx([rain, other, rain, other])
    assert found["shared idf in title"] == pytest.approx([rain, other, rain, other])
    assert found["rarest shared"] == pytest.approx([rain, other, rain, other])


def test_the_rarest_of_several_words_in_common() -> None:
    index = prepare(corpus_of(["rain", "rain", "", ""], excerpts=["flood", "flood", "flood", "tide"]))[1]
    rain, flood = np.log(5 / 3) + 1, np.log(5 / 4) + 1
    found = described(index, (0, 1), (0, 2), (0, 3))
    assert found["shared idf"] == pytest.approx([rain + flood, flood, 0])
    assert found["shared idf in title"] == pytest.approx([rain, 0, 0])
    assert found["rarest shared"] == pytest.approx([rain, flood, 0])


# By a slow rewriting


def event(index: Index, place: int, story: int) -> NDArray[np.float64]:
    """Mean of the best few of a story's list, by score, of length 1."""
    one = index.lists[place]
    view = index.views[one.generator.view].toarray().astype(float)
    mix = np.zeros(view.shape[1])
    best = float(one.scores[story, 0]) or 1.0
    for other, score in list(zip(one.found[story], one.scores[story], strict=True))[:FEEDBACK]:
        mix += view[other] * (float(score) / best) if other >= 0 else 0
    length = float(np.linalg.norm(mix))
    return mix / length if length else mix


def fade(days: float, decay: float) -> float:
    if np.isinf(decay):
        return 1.0
    return float(np.exp(-1.0 if np.isnan(days) else -min(abs(days) / decay, FADED)))


def judge(corpus: Corpus, space: TextSpace, index: Index, story: int, other: int) -> dict[str, float]:
    """Describe one pair."""
    views = {name: view.toarray().astype(float) for name, view in index.views.items()}
    similar = {name: float(view[story] @ view[other]) for name, view in views.items()}
    days = float(corpus.published[other] - corpus.published[story])
    found = dict(similar)
    for view, decay in DECAYS:
        found[f"{view}×{decay:g}d"] = similar[view] * fade(days, decay)
    for place, one in enumerate(index.lists):
        name, decay = one.generator.view, one.generator.decay
        score = similar[name] * fade(days, decay)
        mine, theirs = one.scores[story], one.scores[other]
        found[f"{name}:rank"] = sum(float(value) > score + 1e-6 for value in mine)
        found[f"{name}:back"] = sum(float(value) > score + 1e-6 for value in theirs)
        found[f"{name}:share"] = score / max(float(mine[0]), 1e-6)
        found[f"{name}:share back"] = score / max(float(theirs[0]), 1e-6)
        here, there = event(index, place, story), event(index, place, other)
        found[f"{name}:event"] = float(here @ views[name][other])
        found[f"{name}:event back"] = float(there @ views[name][story])
        found[f"{name}:events"] = float(here @ there)
    found |= {"days apart": abs(days), "days later": days}
    idf = space.words_.idf
    both = {name: (views[name][story] > 0) & (views[name][other] > 0) for name in ("words", "title")}
    found["shared idf"] = float(idf[both["words"]].sum())
    found["shared idf in title"] = float(idf[both["title"]].sum())
    found["rarest shared"] = float(idf[both["words"]].max(initial=0))
    left, right = set(corpus.topics[story]), set(corpus.topics[other])
    found["topics"] = len(left & right) / len(left | right) if left and right else np.nan
    mine, theirs = corpus.providers[story], corpus.providers[other]
    found["provider"] = float(bool(mine) and mine == theirs)
    found["quality"] = float(corpus.quality[other])
    return found


TEXT = st.lists(st.sampled_from(["rain", "flood", "tide", "harvest", "market"]), max_size=4).map(" ".join)
STORY = st.tuples(
    TEXT,
    TEXT,
    st.sampled_from([np.nan, 0.0, 0.5, 3.0, 60.0, 9_000.0]),
    st.sampled_from([np.nan, 10.0, 90.0]),
    st.sampled_from(["", "a.example", "b.example"]),
    st.sampled_from([(), ("x",), ("y", "x"), ("z",)]),
)


def all_pairs(n: int) -> Pairs:
    return pairs_of(*((story, other) for story in range(n) for other in range(n) if story != other))


@settings(max_examples=40, deadline=None)
@given(st.lists(STORY, min_size=2, max_size=8))
def test_every_feature_is_what_a_slow_rewriting_finds(stories: list[tuple[object, ...]]) -> None:
    titles, excerpts, published, quality, providers, topics = map(list, zip(*stories, strict=True))
    corpus = corpus_of(
        titles,
        excerpts=excerpts,
        published=published,
        quality=quality,
        providers=providers,
        topics=topics,
    )
    space, index = prepare(corpus, SOME)
    pairs = all_pairs(len(corpus))
    matrix = features(index, pairs)
    for row, story, other in zip(matrix, pairs.story.tolist(), pairs.candidate.tolist(), strict=True):
        right = judge(corpus, space, index, story, other)
        ours = dict(zip(names(SOME), row.tolist(), strict=True))
        assert list(ours) == list(right)
        assert ours == pytest.approx(right, rel=1e-4, abs=1e-5, nan_ok=True), (story, other)
    # Unknown only where a story does not say.
    unknown = {name for name, column in zip(names(SOME), matrix.T, strict=True) if np.isnan(column).any()}
    assert unknown <= {"days apart", "days later", "topics", "quality"}
    assert not np.isinf(matrix).any()


# A pure function of the block


@pytest.fixture(scope="module")
def room() -> Index:
    return prepare(newsroom(12))[1]


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_features_of_a_block_are_the_rows_of_the_features_of_all(room: Index, step: int) -> None:
    pairs = Pairs.united(room.lists, np.arange(len(room.published)))
    whole = features(room, pairs)
    random = np.random.default_rng(0)
    some = random.choice(len(pairs), 60, replace=False)
    with patch.object(module, "STEP", step):
        part = features(room, Pairs(pairs.story[some], pairs.candidate[some]))
    np.testing.assert_array_equal(part, whole[some])


def test_no_pairs_have_no_features(room: Index) -> None:
    assert features(room, pairs_of()).shape == (0, len(names(GENERATORS)))


def test_the_ranks_of_a_storys_own_list_count_up(room: Index) -> None:
    # Whole lists: nobody is cut off, and no two scores of these are the same.
    for one in room.lists:
        list_ = one.found[5][one.found[5] >= 0]
        found = described(room, *((5, int(other)) for other in list_))
        assert found[f"{one.generator.view}:rank"] == list(range(len(list_)))
        assert found[f"{one.generator.view}:share"][0] == pytest.approx(1)


# The index


def test_an_event_is_of_length_1_even_where_every_story_is_far_away() -> None:
    # Two stories alike, 400 days apart: 133 decays of 3 days.
    index = prepare(
        corpus_of(["rain flood", "rain tide", "x"], published=[0, 400, 0]), (Generator("words", 3.0, 2),)
    )[1]
    lengths = np.sqrt(index.events[0].multiply(index.events[0]).sum(axis=1)).A1
    assert lengths == pytest.approx([1, 1, 0])
    assert described(index, (0, 1))["words:event"] == pytest.approx([1])


@pytest.mark.parametrize("n", [0, 1, 2])
def test_an_index_of_hardly_any_stories(n: int) -> None:
    space, index = prepare(corpus_of(["rain flood", "rain"][:n]))
    assert len(space.words_.hashes) == (1 if n == 2 else 0)
    for one in index.lists:
        assert one.found.shape == one.scores.shape == (n, one.generator.k)
        assert one.found[:, :1].ravel().tolist() == ([1, 0] if n == 2 else [-1] * n)
    assert len(Pairs.united(index.lists, np.arange(n))) == (2 if n == 2 else 0)


def test_stories_with_letters_but_no_words_in_common_can_be_described() -> None:
    _, index = prepare(corpus_of(["Xabcde", "Xabcdf"]))
    found = described(index, (0, 1))
    assert (found["words"], found["rarest shared"], found["shared idf"]) == ([0], [0], [0])
    assert found["letters"][0] > 0


def test_an_index_of_lists_made_elsewhere() -> None:
    corpus = corpus_of(["rain", "rain", "rain"])
    space = TextSpace()
    views = space.fit_transform(corpus.titles, corpus.excerpts)
    one = Lists(
        SOME[0], np.array([[1, 2], [-1, -1], [0, -1]]), np.array([[1, 0.5], [0, 0], [1, 0]], np.float32)
    )
    index = Index.of(corpus, views, space.words_.idf, [one])
    assert index.events[0].toarray().ravel() == pytest.approx([1, 0, 1])
    assert all(isinstance(view, sp.csr_matrix) for view in index.views.values())
    assert tuple(index.views) == VIEWS


def test_every_engine_prepares_the_same_index() -> None:
    corpus = newsroom(6)
    with patch("recommender.index.blocks", lambda n, columns: [slice(0, 5), slice(5, n)]):
        here, there = (prepare(corpus, SOME[:1], engine)[1] for engine in (local, processes))
    whole = prepare(corpus, SOME[:1])[1]
    pairs = Pairs.united(whole.lists, rows(0, 5, 23))
    for index in (here, there):
        for one, other in zip(index.lists, whole.lists, strict=True):
            np.testing.assert_array_equal(one.found, other.found)
            np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(features(index, pairs), features(whole, pairs))
