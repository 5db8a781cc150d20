"""Pair features: some by hand, all of them by a slow rewriting, pair by pair, of what their names promise."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from corpora import corpus_of, newsroom, pairs_of, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.candidates import FADED, Pairs
from recommender.corpus import Corpus
from recommender.engine import local, processes
from recommender.features import FEATURES, GROUPS, NAMES, features
from recommender.graph import AROUND
from recommender.index import Index, prepare
from recommender.search import SEARCH, Search
from recommender.text import TextSpace
from recommender.vectors import VIEWS

SHORT = Search(decay=30.0, near=3, far=2, before=3, entries=4)
"""Lists short enough to be cut."""

FADING = {
    "words": (7, 30),
    "title": (7,),
    "text": (7,),
    "trigrams": (3, 14),
    "letters": (7, 30),
    "blend": (7, 14, 30),
}
"""Decays in days with which a similarity is a column, too."""


def described(index: Index, *couples: tuple[int, int]) -> dict[str, list[float]]:
    """Features of some pairs by name, a value a pair."""
    matrix = features(index, pairs_of(*couples))
    return dict(zip(NAMES, matrix.T.tolist(), strict=True))


# Names


@pytest.mark.parametrize("search", [SEARCH, SHORT])
def test_a_name_for_every_column(search: Search) -> None:
    _, index = prepare(corpus_of(["rain flood", "rain", "flood"]), search)
    matrix = features(index, pairs_of((0, 1), (0, 2)))
    assert matrix.shape == (2, len(FEATURES))
    assert matrix.dtype == np.float32
    assert len(set(NAMES)) == len(NAMES) == len(FEATURES)


def test_directions_say_what_may_raise_a_score() -> None:
    way = {feature.name: feature.direction for feature in FEATURES}
    falling = {name for name, direction in way.items() if direction < 0}
    free = {name for name, direction in way.items() if direction == 0}
    assert falling == {"days apart", "rank", "rank back"}
    assert free == {"days later", "provider", "quality", "linked near"}
    assert set(way.values()) == {-1, 0, 1}


def test_groups_say_what_every_column_speaks_of() -> None:
    speaks = {group: {one.name for one in FEATURES if one.group == group} for group in GROUPS}
    assert len(GROUPS) == len(set(GROUPS))
    assert set.union(*speaks.values()) == set(NAMES)
    assert speaks["time"] == {"days apart", "days later"}
    assert speaks["source"] == {"provider", "quality"}
    assert speaks["topics"] == {"topics"}
    assert speaks["links"] == {"linked near", "links near", "link share", "link path"}
    assert {name for name in speaks["headline"] if "×" not in name} == {"trigrams", "letters"}
    places = {"rank", "rank back", "share", "share back"}
    assert {name for name in speaks["likeness"] if "×" not in name} == {"blend", *places}
    shared = {"shared idf", "shared idf in title", "rarest shared"}
    assert {name for name in speaks["words"] if "×" not in name} == {
        "words",
        "title",
        "excerpt",
        "text",
        *shared,
    }
    # A similarity that fades speaks of what the similarity does.
    group = {one.name: one.group for one in FEATURES}
    for name in NAMES:
        assert group[name] == group[name.split("×")[0]]


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


def around(index: Index, story: int) -> dict[int, float]:
    """Stories around one, each as a share of the nearest: the best of those before it."""
    found, scores = index.nearest.before[story].tolist(), index.nearest.scores[story].tolist()
    best = scores[0]
    list_ = list(zip(found, scores, strict=True))[:AROUND]
    return {other: score / best for other, score in list_ if other >= 0}


def judge_links(corpus: Corpus, index: Index, story: int, other: int) -> dict[str, float]:
    """Describe what editors linked to the stories around the first of a pair, its own links aside."""
    links = {frozenset(link) for link in corpus.links.tolist() if story not in link}
    near, back = around(index, story), around(index, other)
    telling = {one: weight for one, weight in near.items() if any(one in link for link in links)}
    whole = sum(telling.values()) or 1.0
    direct = sum(weight for one, weight in telling.items() if {one, other} in links)
    path = sum(
        weight * step
        for one, weight in telling.items()
        for last, step in back.items()
        if {one, last} in links
    )
    return {
        "linked near": sum(telling.values()) / (sum(near.values()) or 1.0),
        "links near": direct,
        "link share": direct / whole,
        "link path": path / whole / (sum(back.values()) or 1.0),
    }


def fade(days: float, decay: float) -> float:
    if np.isinf(decay):
        return 1.0
    return float(np.exp(-1.0 if np.isnan(days) else -min(abs(days) / decay, FADED)))


def judge(corpus: Corpus, space: TextSpace, index: Index, story: int, other: int) -> dict[str, float]:
    """Describe one pair."""
    views = {name: index.vectors.view(name).toarray().astype(float) for name in VIEWS}
    similar = {name: float(view[story] @ view[other]) for name, view in views.items()}
    days = float(corpus.published[other] - corpus.published[story])
    found = {name: similar[name] for name in VIEWS}
    for view, decays in FADING.items():
        found |= {f"{view}×{decay}d": similar[view] * fade(days, decay) for decay in decays}
    score = similar["blend"] * fade(days, index.search.decay)
    mine, theirs = index.nearest.scores[story], index.nearest.scores[other]
    found["rank"] = sum(float(value) > score + 1e-6 for value in mine)
    found["rank back"] = sum(float(value) > score + 1e-6 for value in theirs)
    found["share"] = score / max(float(mine[0]), 1e-6)
    found["share back"] = score / max(float(theirs[0]), 1e-6)
    found |= {"days apart": abs(days), "days later": days}
    idf = space.words_.idf
    both = {name: (views[name][story] > 0) & (views[name][other] > 0) for name in ("words", "title")}
    found["shared idf"] = float(idf[both["words"]].sum())
    found["shared idf in title"] = float(idf[both["title"]].sum())
    found["rarest shared"] = float(idf[both["words"]].max(initial=0))
    left, right = set(corpus.topics[story]), set(corpus.topics[other])
    found["topics"] = len(left & right) / len(left | right) if left and right else np.nan
    source, target = corpus.providers[story], corpus.providers[other]
    found["provider"] = float(bool(source) and source == target)
    found["quality"] = float(corpus.quality[other])
    return found | judge_links(corpus, index, story, other)


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


LINKS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(STORY, min_size=2, max_size=8), LINKS, st.sampled_from([SHORT, SEARCH]))
def test_every_feature_is_what_a_slow_rewriting_finds(
    stories: list[tuple[object, ...]], drawn: list[tuple[int, int]], search: Search
) -> None:
    titles, excerpts, published, quality, providers, topics = map(list, zip(*stories, strict=True))
    links = [(one, other) for one, other in drawn if one != other and max(one, other) < len(stories)]
    corpus = corpus_of(
        titles,
        excerpts=excerpts,
        published=published,
        quality=quality,
        providers=providers,
        topics=topics,
        links=links,
    )
    space, index = prepare(corpus, search)
    index = index.knowing(corpus.links)
    pairs = all_pairs(len(corpus))
    matrix = features(index, pairs)
    for row, story, other in zip(matrix, pairs.story.tolist(), pairs.candidate.tolist(), strict=True):
        right = judge(corpus, space, index, story, other)
        ours = dict(zip(NAMES, row.tolist(), strict=True))
        assert list(ours) == list(right)
        assert ours == pytest.approx(right, rel=1e-4, abs=1e-5, nan_ok=True), (story, other)
    # Unknown only where a story does not say.
    unknown = {name for name, column in zip(NAMES, matrix.T, strict=True) if np.isnan(column).any()}
    assert unknown <= {"days apart", "days later", "topics", "quality"}
    assert not np.isinf(matrix).any()


# What is known of links


def test_an_index_knows_no_links_until_it_is_told() -> None:
    corpus = newsroom(4)
    assert len(corpus.links) > 0
    index = prepare(corpus)[1]
    pairs = all_pairs(len(corpus))
    links = slice(NAMES.index("linked near"), NAMES.index("link path") + 1)
    assert not features(index, pairs)[:, links].any()
    knowing = index.knowing(corpus.links)
    assert (features(knowing, pairs)[:, links].max(axis=0) > 0).all()
    np.testing.assert_array_equal(
        np.delete(features(knowing, pairs), np.r_[links], axis=1),
        np.delete(features(index, pairs), np.r_[links], axis=1),
    )
    assert not features(knowing.knowing(corpus.links[:0]), pairs)[:, links].any()


def test_candidates_are_those_of_the_lists_and_of_links_and_what_is_added() -> None:
    # The first story is like the second, whose editor linked the third; the fourth is like none.
    index = prepare(corpus_of(["rain", "rain", "tide", "wood"], published=[1, 0, 2, 0]))[1]
    for links, right in (([], [1]), ([(1, 2)], [1, 2]), ([(0, 3)], [1])):
        knowing = index.knowing(np.array(links, np.int64).reshape(-1, 2))
        assert knowing.pairs(rows(0)).candidate.tolist() == right
        assert index.pairs(rows(0)).candidate.tolist() == [1]
    assert index.pairs(rows(0), pairs_of((0, 3))).candidate.tolist() == [1, 3]


def test_what_was_linked_to_a_story_that_came_out_later_says_nothing() -> None:
    index = prepare(corpus_of(["rain", "rain", "tide", "wood"], published=[0, 1, 2, 0]))[1]
    assert index.knowing(np.array([(1, 2)])).pairs(rows(0)).candidate.tolist() == [1]


@pytest.mark.parametrize("story", [0, 5, 18])
def test_a_storys_own_links_change_no_feature_and_no_candidate(story: int) -> None:
    corpus = newsroom(6)
    index = prepare(corpus)[1]
    elsewhere = corpus.links[(corpus.links != story).all(axis=1)]
    wrong = np.array([(story, (story + 9) % len(corpus)), ((story + 11) % len(corpus), story)])
    before = index.knowing(elsewhere)
    pairs = before.pairs(rows(story))
    for links in (corpus.links, np.concatenate([elsewhere, wrong])):
        after = index.knowing(links)
        assert after.pairs(rows(story)).candidate.tolist() == pairs.candidate.tolist()
        np.testing.assert_array_equal(features(after, pairs), features(before, pairs))


# A pure function of the block


@pytest.fixture(scope="module")
def room() -> Index:
    corpus = newsroom(12)
    return prepare(corpus)[1].knowing(corpus.links)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_features_of_a_block_are_the_rows_of_the_features_of_all(room: Index, size: int) -> None:
    pairs = room.pairs(np.arange(len(room)))
    whole = features(room, pairs)
    random = np.random.default_rng(0)
    some = random.choice(len(pairs), 60, replace=False)
    for start in range(0, len(some), size):
        block = some[start : start + size]
        part = features(room, Pairs(pairs.story[block], pairs.candidate[block]))
        np.testing.assert_array_equal(part, whole[block])


def test_no_pairs_have_no_features(room: Index) -> None:
    assert features(room, pairs_of()).shape == (0, len(FEATURES))


def test_the_ranks_of_a_storys_own_list_count_up(room: Index) -> None:
    # A whole list: nobody is cut off, and no two scores of these are the same.
    story = int(
        np.argmin(np.where((room.nearest.before >= 0).sum(axis=1) > 9, room.columns.published, np.inf))
    )
    list_ = room.nearest.before[story][room.nearest.before[story] >= 0]
    assert 9 < len(list_) < SEARCH.before
    found = described(room, *((story, int(other)) for other in list_))
    assert found["rank"] == list(range(len(list_)))
    assert found["share"][0] == pytest.approx(1)


# The index


@pytest.mark.parametrize("n", [0, 1, 2])
def test_an_index_of_hardly_any_stories(n: int) -> None:
    space, index = prepare(corpus_of(["rain flood", "rain"][:n]))
    assert len(space.words_.hashes) == (1 if n == 2 else 0)
    assert len(index) == n
    sizes = (SEARCH.near, SEARCH.far, 2, SEARCH.before, SEARCH.before)
    for found, k in zip(index.nearest, sizes, strict=True):
        assert found.shape == (n, k)
    for found in (index.nearest.near, index.nearest.far):
        assert found[:, :1].ravel().tolist() == ([1, 0] if n == 2 else [-1] * n)
    # Of two stories of one day the second row's has the first before it.
    assert index.nearest.before[:, :1].ravel().tolist() == ([-1, 0] if n == 2 else [-1] * n)
    assert len(index.pairs(np.arange(n))) == (2 if n == 2 else 0)


def test_stories_with_letters_but_no_words_in_common_can_be_described() -> None:
    _, index = prepare(corpus_of(["Xabcde", "Xabcdf"]))
    found = described(index, (0, 1))
    assert (found["words"], found["rarest shared"], found["shared idf"]) == ([0], [0], [0])
    assert found["letters"][0] > 0


def test_every_engine_prepares_the_same_index() -> None:
    corpus = newsroom(6)
    with patch("recommender.index.STORIES", 5):
        here, there = (prepare(corpus, SHORT, engine)[1] for engine in (local, processes))
    whole = prepare(corpus, SHORT)[1]
    pairs = whole.pairs(rows(0, 5, 23))
    assert len(pairs) == 9
    for index in (here, there):
        for one, other in zip(index.nearest, whole.nearest, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(features(index, pairs), features(whole, pairs))
