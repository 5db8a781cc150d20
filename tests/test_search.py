"""The nearest stories by inverted lists, against a slow dense rewriting of what is read and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from corpora import newsroom, rows
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_text import STORIES, WEIGHT, Story, dense

from recommender import default
from recommender.candidates import FADED, top_k
from recommender.engine import local
from recommender.index import Index, prepare
from recommender.pipeline.progress import silent
from recommender.pipeline.ranking import rank
from recommender.postings import Postings, Times, postings
from recommender.reading import AROUND
from recommender.search import EARLIER, LATER, MOST, SEARCH, SPARE, Nearest, Search, nearest, reached
from recommender.text import TextSpace
from recommender.vectors import Vectors

TOLERANCE = 1e-6
"""Sums of float32 against those of float64."""

WHOLE = 10**7
"""Entries with which lists are read to their ends."""

DAYS = st.sampled_from([np.nan, 0.0, 0.5, 1.0, 3.0, 40.0, 9_000.0])


def settings_of(decay: float = 14.0, size: int = 3, entries: int = WHOLE) -> Search:
    return Search(decay, size, size, size, entries)


def search_all(vectors: Vectors, published: NDArray[np.float64], search: Search) -> Nearest:
    return some(vectors, published, search, np.arange(len(published)))


def some(
    vectors: Vectors, published: NDArray[np.float64], search: Search, stories: NDArray[np.int64]
) -> Nearest:
    times = Times.of(published)
    sizes = (search.near, search.far, search.before)
    among = (vectors, published, postings(vectors, times), times)
    return nearest(stories, times.place[stories], *among, search.decay, sizes, search.entries)


# What a search may be


def test_a_search_says_what_is_wrong_with_it() -> None:
    assert astuple(SEARCH) == (14.0, 100, 60, 50, 640)
    assert Search(decay=7, near=1, far=1, before=1, entries=MOST).decay == 7
    for decay in (0, -1.0, np.nan, np.inf, "14", None, True):
        with pytest.raises(ValueError, match=r"^decay: expected a number of days above 0, got"):
            Search(decay=decay)
    for name in ("near", "far", "before", "entries"):
        for count in (0, -1, MOST + 1, 1.0, "3", None, True):
            with pytest.raises(ValueError, match=f"^{name}: expected an integer from 1 to {MOST}, got"):
                replace(SEARCH, **{name: count})


# Times and lists


@given(st.lists(DAYS, max_size=12))
def test_times_are_in_order_those_without_a_date_first_equal_ones_by_row(days: list[float]) -> None:
    times = Times.of(np.array(days, np.float64))
    right = sorted(range(len(days)), key=lambda row: (-np.inf if np.isnan(days[row]) else days[row], row))
    assert times.order.tolist() == right
    assert [right[place] for place in times.place] == list(range(len(days)))
    np.testing.assert_array_equal(times.days, [days[row] for row in right])
    assert times.undated == sum(map(np.isnan, days))


def impacts(vectors: Vectors) -> NDArray[np.float64]:
    """What each term may add to the likeness of two stories, as a product: (n, terms)."""
    views = {name: view.astype(np.float64) for name, view in dense(vectors).items()}
    words = np.sqrt(views["words"] ** 2 + views["text"] ** 2) / 2
    letters = np.sqrt(views["trigrams"] ** 2 + views["letters"] ** 2) / 2
    return np.concatenate([words, letters], axis=1)


def corpus(stories: Sequence[Story], weight: float = 0.6) -> Vectors:
    titles, excerpts = [title for title, _ in stories], [excerpt for _, excerpt in stories]
    return TextSpace(weight).fit_transform(titles, excerpts)


@given(STORIES, WEIGHT, st.data())
def test_lists_are_the_vectors_turned_round(stories: list[Story], weight: float, data: st.DataObject) -> None:
    days = data.draw(st.lists(DAYS, min_size=len(stories), max_size=len(stories)))
    vectors, times = corpus(stories, weight), Times.of(np.array(days))
    lists, right = postings(vectors, times), impacts(vectors)
    assert lists.starts.tolist() == [0, *np.cumsum((right > 0).sum(axis=0))]
    for term in range(right.shape[1]):
        of_it = slice(lists.starts[term], lists.starts[term + 1])
        places = lists.places[of_it]
        assert places.tolist() == sorted(times.place[np.flatnonzero(right[:, term])].tolist())
        np.testing.assert_allclose(lists.impacts[of_it], right[times.order[places], term], rtol=1e-5)


@given(STORIES, WEIGHT)
def test_what_is_read_is_never_less_than_the_likeness(stories: list[Story], weight: float) -> None:
    vectors = corpus(stories, weight)
    upper, blend = impacts(vectors), dense(vectors)["blend"]
    assert (upper @ upper.T >= blend @ blend.T - 1e-5).all()


# Against a slow rewriting


class Slow:
    """One story's search, term by term and story by story."""

    def __init__(self, vectors: Vectors, published: NDArray[np.float64], search: Search, story: int) -> None:
        n = len(published)
        order = sorted(
            range(n), key=lambda row: (-np.inf if np.isnan(published[row]) else published[row], row)
        )
        weights = impacts(vectors)
        place = {row: number for number, row in enumerate(order)}
        self.alike, words = np.zeros(n), np.zeros(n)
        for term in np.flatnonzero(weights[story]):
            having = [row for row in order if weights[row, term] > 0]
            own = having.index(story)
            of_words = term < len(vectors.word_idf)
            for number, row in enumerate(having):
                around = abs(place[row] - place[story]) <= AROUND * search.entries
                if around or (of_words and abs(number - own) <= search.entries):
                    self.alike[row] += weights[story, term] * weights[row, term]
                    words[row] += weights[story, term] * weights[row, term] * of_words
        self.alike[story] = words[story] = 0
        least = np.array([LATER if place[row] > place[story] else EARLIER for row in range(n)])
        self.far = np.where(words >= least, words, 0)
        blend = dense(vectors)["blend"].astype(np.float64)
        days = np.abs(published - published[story])
        self.faded = self.alike * [stepwise(day, search.decay) for day in days]
        fading = [np.exp(-1 if np.isnan(day) else -min(day / search.decay, FADED)) for day in days]
        self.exact = (blend @ blend[story]) * fading
        before = set(order[: order.index(story)])
        self.earlier = np.where([row in before for row in range(n)], self.faded, 0)


def stepwise(days: float, decay: float) -> float:
    """Fade by steps of a 128th of a decay, 16 decays at most."""
    return float(np.exp(-1 if np.isnan(days) else -np.floor(min(days / decay * 128, 16 * 128 - 1)) / 128))


def listed(row: NDArray[np.int32]) -> list[int]:
    """Read a row, which ends where the first −1 is."""
    told: list[int] = row[row >= 0].tolist()
    assert row.tolist() == told + [-1] * (len(row) - len(told))
    assert len(set(told)) == len(told)
    return told


def are_best(told: list[int], scores: NDArray[np.float64], k: int) -> None:
    """Hold what was told to be the best ``k`` above 0, in order; those that hardly differ change places."""
    assert len(told) == min(k, int((scores > 0).sum()))
    ours = scores[told]
    assert (ours > 0).all()
    assert (np.diff(ours) <= TOLERANCE * ours[1:] + 1e-12).all()
    left = np.delete(scores, told)
    if len(told) and len(left):
        assert left.max() <= ours[-1] * (1 + TOLERANCE) + 1e-12


def holds(vectors: Vectors, published: NDArray[np.float64], search: Search, found: Nearest) -> None:
    """Hold a search of all stories against the slow one."""
    for story in range(len(published)):
        slow = Slow(vectors, published, search, story)
        are_best(listed(found.near[story]), slow.faded, search.near)
        are_best(listed(found.far[story]), slow.far, search.far)
        for each, scores, k in ((0, slow.faded, search.near), (1, slow.far, search.far)):
            last = np.sort(scores)[::-1][k - 1] if k <= len(scores) else 0
            assert found.least[story, each] == pytest.approx(last, rel=1e-5)
        told = listed(found.before[story])
        scores = found.scores[story]
        # A few more than wanted are compared exactly; any of those that hardly differ at the cut.
        pool = int(SPARE * search.before)
        ranked = np.sort(slow.earlier)[::-1]
        cut = ranked[pool - 1] if pool <= len(ranked) else 0.0
        may = slow.earlier >= max(cut * (1 - TOLERANCE), 1e-300)
        must = slow.earlier > cut * (1 + TOLERANCE)
        assert len(told) == min(search.before, int((slow.earlier > 0).sum()))
        assert may[told].all()
        np.testing.assert_allclose(scores[: len(told)], slow.exact[told], rtol=1e-5, atol=1e-30)
        assert not scores[len(told) :].any()
        assert (np.diff(scores) <= 0).all()
        for place in range(1, len(told)):
            assert scores[place] < scores[place - 1] or told[place] > told[place - 1]
        must[told] = False
        if len(told):
            assert (slow.exact[must] <= scores[len(told) - 1] * (1 + 1e-5)).all()


SIZES = st.sampled_from([1, 2, 3, 9])
DECAY = st.sampled_from([0.25, 14.0, 300.0])
ENTRIES = st.sampled_from([1, 2, 3, WHOLE])


@settings(max_examples=200)
@given(STORIES, WEIGHT, DECAY, SIZES, ENTRIES, st.data())
@example([], 0.6, 14.0, 3, WHOLE, None)
@example([("rain", "")] * 9, 0.6, 14.0, 2, 1, None)
def test_a_search_is_what_a_slow_one_finds(
    stories: list[Story], weight: float, decay: float, size: int, entries: int, data: st.DataObject | None
) -> None:
    n = len(stories)
    days = data.draw(st.lists(DAYS, min_size=n, max_size=n)) if data is not None else [0.0] * n
    vectors, published = corpus(stories, weight), np.array(days, np.float64)
    search = settings_of(decay, size, entries)
    found = search_all(vectors, published, search)
    for rows_ in (found.near, found.far, found.before):
        assert (rows_.shape, rows_.dtype) == ((n, size), np.int32)
    assert (found.scores.shape, found.scores.dtype) == ((n, size), np.float32)
    holds(vectors, published, search, found)


@pytest.fixture(scope="module")
def room() -> tuple[Vectors, NDArray[np.float64]]:
    """96 stories of events, a few of them undated, out of the order of time."""
    made = newsroom(24)
    random = np.random.default_rng(3)
    mixed = random.permutation(len(made))
    titles, excerpts = ([texts[row] for row in mixed] for texts in (made.titles, made.excerpts))
    published = made.published[mixed]
    published[random.choice(len(made), 7, replace=False)] = np.nan
    return TextSpace().fit_transform(titles, excerpts), published


@pytest.mark.parametrize("entries", [1, 2, 3, 10, 1_024])
@pytest.mark.parametrize("size", [4, 20, 60])
def test_a_search_of_a_newsroom_is_what_a_slow_one_finds(
    room: tuple[Vectors, NDArray[np.float64]], size: int, entries: int
) -> None:
    search = Search(5.0, size, size + 1, size + 2, entries)
    holds(*room, search, search_all(*room, search))


def judge_before(
    vectors: Vectors, published: NDArray[np.float64], decay: float, k: int, story: int
) -> tuple[list[int], list[float]]:
    """The best earlier stories by brute force."""
    key = np.nan_to_num(published, nan=-np.inf)
    earlier = (key < key[story]) | ((key == key[story]) & (np.arange(len(key)) < story))
    there = np.flatnonzero(earlier | (np.arange(len(key)) == story))
    own = int(np.flatnonzero(there == story)[0])
    found, scores = top_k(rows(own), vectors.view("blend")[there], published[there], decay, k)
    size = int((found >= 0).sum())
    return there[found[0, :size]].tolist(), scores[0, :size].tolist()


@pytest.mark.parametrize("before", [64, 100])
def test_where_all_are_compared_the_earlier_ones_are_exactly_the_best(
    room: tuple[Vectors, NDArray[np.float64]], before: int
) -> None:
    found = search_all(*room, Search(14.0, 3, 3, before, WHOLE))
    for story in range(len(room[1])):
        right, scores = judge_before(*room, 14.0, before, story)
        told = listed(found.before[story])
        assert len(told) == len(right)
        assert found.scores[story, : len(told)] == pytest.approx(scores, rel=1e-5)
        # Equal scores but for rounding may have changed places.
        distinct = np.diff(scores, prepend=np.inf, append=-np.inf) < -1e-5
        if distinct.all():
            assert told == right
        assert sorted(told) == sorted(right)


def test_by_hand() -> None:
    # 0 has no date; 1 came out before 2 and 3, which are of one day; all are alike but 4.
    vectors = corpus([("rain", "")] * 4 + [("tide", "")])
    published = np.array([np.nan, 0.0, 14.0, 14.0, 15.0])
    found = search_all(vectors, published, settings_of(14.0, 4))
    assert found.before.tolist() == [[-1] * 4, [0, -1, -1, -1], [0, 1, -1, -1], [2, 0, 1, -1], [-1] * 4]
    apart = np.exp(-1)
    right = [[0] * 4, [apart, 0, 0, 0], [apart, apart, 0, 0], [1, apart, apart, 0], [0] * 4]
    np.testing.assert_allclose(found.scores, right, rtol=1e-6)
    assert [sorted(row) for row in found.far.tolist()] == [
        [-1, 1, 2, 3],
        [-1, 0, 2, 3],
        [-1, 0, 1, 3],
        [-1, 0, 1, 2],
        [-1] * 4,
    ]
    assert found.near[2].tolist() == [3, 0, 1, -1]


@pytest.mark.parametrize("titles", [("rain", "tide", "rain tide"), ("tide", "rain", "rain tide")])
def test_of_equally_near_ones_the_lower_row_comes_first(titles: tuple[str, ...]) -> None:
    # Whichever word is looked up first; and whether it has no date or is one decay away.
    vectors = corpus([(title, "") for title in titles])
    for published in ([0.0, 0.0, 0.0], [np.nan, 0.0, 14.0], [0.0, np.nan, 14.0]):
        found = search_all(vectors, np.array(published), settings_of(14.0, 2))
        assert found.before[2].tolist() == [0, 1]
        assert found.scores[2, 0] == found.scores[2, 1] > 0


def test_of_the_stories_around_everything_is_read() -> None:
    vectors = corpus([("rain", "")] * 40)
    found = search_all(vectors, np.arange(40.0), settings_of(14.0, 40, entries=2))
    for story in range(40):
        near = {row for row in range(story - 2 * AROUND, story + 2 * AROUND + 1) if 0 <= row < 40} - {story}
        assert set(listed(found.near[story])) == set(listed(found.far[story])) == near
        assert listed(found.before[story]) == sorted((row for row in near if row < story), reverse=True)


def test_beyond_them_only_the_nearest_are_that_have_a_word_in_common() -> None:
    every = 2 * AROUND + 4
    stories = [("rain" if row % every == 0 else "tide", "") for row in range(6 * every + 1)]
    found = search_all(corpus(stories), np.arange(6.0 * every + 1), settings_of(14.0, 99, entries=2))
    for place in range(7):
        near = {every * other for other in range(place - 2, place + 3) if 0 <= other < 7 and other != place}
        assert set(listed(found.near[every * place])) == set(listed(found.far[every * place])) == near
        assert set(listed(found.before[every * place])) == {row for row in near if row < every * place}


def test_letters_are_read_of_the_stories_around_alone() -> None:
    # Titles of one word, which is not the same but has trigrams in common.
    stories = [("raining" if row % 2 else "rainy", "") for row in range(40)]
    found = search_all(corpus(stories), np.arange(40.0), settings_of(14.0, 40, entries=1))
    for story in range(40):
        letters = {row for row in range(story - AROUND, story + AROUND + 1) if 0 <= row < 40} - {story}
        same = {row for row in range(story - AROUND, story + AROUND + 1, 2) if 0 <= row < 40} - {story}
        assert set(listed(found.near[story])) == letters
        assert set(listed(found.far[story])) == same


# A pure function of the story and of those before it


@pytest.mark.parametrize("stories", [rows(), rows(5), rows(90, 3, 4), np.arange(96)[::-1].copy()])
def test_a_story_is_searched_for_alone_as_among_others(
    room: tuple[Vectors, NDArray[np.float64]], stories: NDArray[np.int64]
) -> None:
    search = Search(5.0, 10, 10, 10, 8)
    whole = search_all(*room, search)
    for ours, right in zip(some(*room, search, stories), whole, strict=True):
        np.testing.assert_array_equal(ours, right[stories])


@pytest.mark.parametrize("entries", [1, 3, 1_024])
def test_what_is_told_of_a_story_does_not_change_when_later_ones_come(entries: int) -> None:
    made = newsroom(24)
    order = np.argsort(made.published, kind="stable")
    titles, excerpts = ([texts[row] for row in order] for texts in (made.titles, made.excerpts))
    published = made.published[order]
    published[:3] = np.nan
    published[40:44] = published[40]
    space = TextSpace().fit(titles, excerpts)
    search = Search(5.0, 10, 10, 10, entries)
    whole = search_all(space.transform(titles, excerpts), published, search)
    others = 0
    for n in (1, 2, 42, 60, 95):
        first = search_all(space.transform(titles[:n], excerpts[:n]), published[:n], search)
        np.testing.assert_array_equal(first.before, whole.before[:n])
        np.testing.assert_array_equal(first.scores, whole.scores[:n])
        others += (first.near != whole.near[:n]).any()
    assert others


@settings(max_examples=50)
@given(STORIES, st.data())
def test_later_stories_change_nothing_whatever_they_are(stories: list[Story], data: st.DataObject) -> None:
    n = len(stories)
    days = sorted(data.draw(st.lists(DAYS.filter(lambda day: not np.isnan(day)), min_size=n, max_size=n)))
    undated = data.draw(st.integers(0, n))
    published = np.array([np.nan] * undated + days[undated:])
    search = settings_of(14.0, 3, data.draw(ENTRIES))
    titles, excerpts = map(list, zip(*stories, strict=True))
    space = TextSpace().fit(titles, excerpts)
    whole = search_all(space.transform(titles, excerpts), published, search)
    kept = data.draw(st.integers(0, n))
    assume(kept < n)
    first = search_all(space.transform(titles[:kept], excerpts[:kept]), published[:kept], search)
    np.testing.assert_array_equal(first.before, whole.before[:kept])
    np.testing.assert_array_equal(first.scores, whole.scores[:kept])


@given(STORIES, st.data())
def test_no_story_is_before_itself_nor_after(stories: list[Story], data: st.DataObject) -> None:
    days = data.draw(st.lists(DAYS, min_size=len(stories), max_size=len(stories)))
    vectors, published = corpus(stories), np.array(days)
    place = Times.of(published).place
    found = search_all(vectors, published, settings_of(14.0, 5))
    for story in range(len(stories)):
        assert all(place[other] < place[story] for other in listed(found.before[story]))
        assert story not in listed(found.near[story])
        assert story not in listed(found.far[story])


# On real stories


@pytest.fixture(scope="module")
def real(corpora: Path, benchmark: Callable[[str], ModuleType]) -> tuple[Index, Index]:
    """Indexes of a newsroom: as searched, and with all lists read to their ends."""
    corpus = benchmark("default_ranker").corpus_of(corpora / "coronavirus")
    return prepare(corpus)[1], prepare(corpus, replace(SEARCH, entries=WHOLE))[1]


def test_what_is_not_read_is_hardly_missed(real: tuple[Index, Index]) -> None:
    stories = np.arange(len(real[0]))
    ours, right = (
        rank(index, default.ranker(), stories, local, silent, "").best(stories, 10) for index in real
    )
    kept = [np.isin(best, found).sum() / len(best) for found, best in zip(ours, right, strict=True)]
    assert (right >= 0).all()
    assert np.mean(kept) >= 0.995


def test_comparing_a_few_more_than_wanted_finds_the_best(real: tuple[Index, Index]) -> None:
    whole = real[1]
    kept = []
    for story in np.random.default_rng(0).choice(len(whole), 200, replace=False).tolist():
        right, _ = judge_before(whole.vectors, whole.columns.published, SEARCH.decay, SEARCH.before, story)
        told = listed(whole.nearest.before[story])
        kept.append(len(set(told) & set(right)) / max(1, len(right)))
    assert np.mean(kept) >= 0.999


def test_postings_are_plain_arrays(room: tuple[Vectors, NDArray[np.float64]]) -> None:
    lists = postings(room[0], Times.of(room[1]))
    assert isinstance(lists, Postings)
    assert (lists.starts.dtype, lists.places.dtype, lists.impacts.dtype) == (np.int64, np.int32, np.float32)
    assert lists.starts[-1] == len(lists.places) == len(lists.impacts)


# Whose lists a story belongs in


@pytest.mark.parametrize("entries", [2, 10, 1_024])
@pytest.mark.parametrize("size", [2, 6])
def test_whose_lists_new_stories_change_is_told_from_the_new_stories_alone(entries: int, size: int) -> None:
    made = newsroom(24)
    order = np.argsort(made.published, kind="stable")
    titles, excerpts = ([texts[row] for row in order] for texts in (made.titles, made.excerpts))
    published = made.published[order]
    published[:3] = np.nan
    vectors = TextSpace().fit_transform(titles, excerpts)
    search = Search(5.0, size, size, size, entries)
    new = np.arange(90, 96)
    old = np.setdiff1d(np.arange(96), new)
    before = search_all(taken(vectors, old), published[old], search)
    after = search_all(vectors, published, search)
    least, scores = np.zeros((96, 2), np.float32), np.zeros((96, size), np.float32)
    least[old], scores[old] = before.least, before.scores
    times = Times.of(published)
    among = (vectors, published, postings(vectors, times), times)
    told = np.zeros(96, np.bool_)
    told[reached(new, times.place[new], *among, search.decay, search.entries, least, scores)[1]] = True
    changed = [
        any(set(after[each][story]) != set(before[each][story]) for each in (0, 1, 3)) for story in old
    ]
    assert told[old].tolist() == changed
    assert 0 < sum(changed) < len(old)


def test_a_story_that_comes_late_is_told_to_reach_the_lists_it_belongs_in(
    room: tuple[Vectors, NDArray[np.float64]],
) -> None:
    vectors, published = room
    search = Search(5.0, 4, 4, 4, 1_024)
    whole = search_all(vectors, published, search)
    times = Times.of(published)
    lists = postings(vectors, times)
    for story in range(0, 96, 7):
        others = np.setdiff1d(np.arange(96), [story])
        without = search_all(taken(vectors, others), published[others], search)
        least, scores = np.zeros((96, 2), np.float32), np.zeros((96, 4), np.float32)
        least[others], scores[others] = without.least, without.scores
        own = times.place[story : story + 1]
        told = np.zeros(96, np.bool_)
        told[reached(rows(story), own, vectors, published, lists, times, 5.0, 1_024, least, scores)[1]] = True
        naming = [story in {*whole.near[one], *whole.far[one], *whole.before[one]} for one in others]
        assert (told[others] >= naming).all()


def taken(vectors: Vectors, stories: NDArray[np.int64]) -> Vectors:
    """Leave some stories out, and the terms as rare as they are."""
    words = np.concatenate([np.arange(*vectors.word_starts[one : one + 2]) for one in stories])
    letters = np.concatenate([np.arange(*vectors.letter_starts[one : one + 2]) for one in stories])
    return vectors._replace(
        word_starts=np.r_[0, np.cumsum(np.diff(vectors.word_starts)[stories])],
        words=vectors.words[words],
        in_title=vectors.in_title[words],
        in_excerpt=vectors.in_excerpt[words],
        letter_starts=np.r_[0, np.cumsum(np.diff(vectors.letter_starts)[stories])],
        letters=vectors.letters[letters],
        letter_counts=vectors.letter_counts[letters],
        scales=vectors.scales[stories],
    )
