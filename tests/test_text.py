"""TF-IDF against scikit-learn's own, and what it does with words it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize

from recommender.text import BLEND, VIEWS, TextSpace, Vectors

WORDS = [
    "rain",
    "Rain",
    "flood",
    "FLOOD",
    "river",
    "bank",
    "banks",
    "café",
    "the",
    "of",
    "2020",
    "x",
    "–",
    "東京",
    "co-op",
    "",
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
STORIES = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=9)
WEIGHT = st.sampled_from([0.0, 0.25, 0.6, 1.0])

Story = tuple[str, str]


def views(stories: Sequence[Story], title_weight: float = 0.6) -> dict[str, NDArray[np.float32]]:
    titles, excerpts = [title for title, _ in stories], [excerpt for _, excerpt in stories]
    made = TextSpace(title_weight).fit_transform(titles, excerpts)
    return dense(made)


def dense(vectors: Vectors) -> dict[str, NDArray[np.float32]]:
    return {name: vectors.view(name).toarray() for name in VIEWS}


def length(row: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(row.astype(np.float64)))


# Against scikit-learn


def words_of(story: Story) -> list[str]:
    """Words and word pairs, within a field."""
    analyse: Callable[[str], list[str]] = CountVectorizer(
        ngram_range=(1, 2), stop_words="english"
    ).build_analyzer()
    return [*analyse(story[0]), *analyse(story[1])]


def judge(stories: Sequence[Story], analyzer: object, **options: object) -> TfidfVectorizer:
    """Fit scikit-learn's TF-IDF on the same analysis."""
    try:
        return TfidfVectorizer(analyzer=analyzer, sublinear_tf=True, dtype=np.float64, **options).fit(stories)
    except ValueError:  # no words at all
        assume(False)


def others(similar: NDArray[np.floating]) -> NDArray[np.floating]:
    """Leave out each story's similarity with itself: only there do words of one story count."""
    return similar[~np.eye(len(similar), dtype=bool)]


@given(STORIES)
def test_cosines_of_a_field_are_those_of_scikit_learn(stories: list[Story]) -> None:
    ours = views(stories)
    vectorizer = judge(stories, words_of)
    for name, field in (("title", [(t, "") for t, _ in stories]), ("excerpt", [("", e) for _, e in stories])):
        right = vectorizer.transform(field).toarray()
        np.testing.assert_allclose(others(ours[name] @ ours[name].T), others(right @ right.T), atol=1e-5)


@given(STORIES, WEIGHT)
def test_words_is_the_mixture_of_the_fields_over_terms_that_stories_share(
    stories: list[Story], weight: float
) -> None:
    vectorizer = judge(stories, words_of)
    shared = (vectorizer.transform(stories) > 0).sum(axis=0).A1 > 1
    title = vectorizer.transform([(title, "") for title, _ in stories]).toarray()
    excerpt = vectorizer.transform([("", excerpt) for _, excerpt in stories]).toarray()
    right = normalize((weight * title + (1 - weight) * excerpt)[:, shared]) if shared.any() else title[:, :0]
    ours = views(stories, weight)["words"]
    np.testing.assert_allclose(ours @ ours.T, right @ right.T, atol=1e-5)


@given(STORIES)
def test_cosines_of_trigrams_and_letters_are_those_of_scikit_learn(stories: list[Story]) -> None:
    ours = views(stories)
    titles = [title for title, _ in stories]
    right = judge(titles, "char_wb", ngram_range=(3, 3)).transform(titles).toarray()
    np.testing.assert_allclose(
        others(ours["trigrams"] @ ours["trigrams"].T), others(right @ right.T), atol=1e-5
    )
    flat = normalize((right > 0).astype(float))
    np.testing.assert_allclose(others(ours["letters"] @ ours["letters"].T), others(flat @ flat.T), atol=1e-5)


@given(STORIES)
def test_cosines_of_both_fields_read_as_one_are_those_of_scikit_learn(stories: list[Story]) -> None:
    # No pair of words reaches from the title into the excerpt.
    ours = views(stories)["text"]
    right = judge(stories, words_of).transform(stories).toarray()
    np.testing.assert_allclose(others(ours @ ours.T), others(right @ right.T), atol=1e-5)


def test_read_as_one_a_word_in_both_fields_is_said_twice() -> None:
    stories = [("rain", "rain flood"), ("rain", ""), ("flood", ""), ("rain flood", "")]
    rain, flood, both = np.log(5 / 4) + 1, np.log(5 / 4) + 1, np.log(5 / 3) + 1
    row = np.array([(1 + np.log(2)) * rain, flood, both])
    made = views(stories)["text"]
    assert sorted(made[0]) == pytest.approx(sorted(row / np.linalg.norm(row)))


@given(STORIES, WEIGHT)
def test_likeness_in_the_blend_is_the_mean_of_four(stories: list[Story], weight: float) -> None:
    assert BLEND == ("words", "text", "trigrams", "letters")
    ours = views(stories, weight)
    mean = sum(ours[view] @ ours[view].T for view in BLEND) / 4
    np.testing.assert_allclose(ours["blend"] @ ours["blend"].T, mean, atol=1e-5)


@given(STORIES)
def test_idf_is_scikit_learns_smoothed_one(stories: list[Story]) -> None:
    vectorizer = judge(stories, words_of)
    frequency = (vectorizer.transform(stories) > 0).sum(axis=0).A1
    space = TextSpace().fit(*zip(*stories, strict=True))
    np.testing.assert_allclose(sorted(space.words_.idf), sorted(vectorizer.idf_[frequency > 1]), rtol=1e-6)
    if (frequency == 1).any():
        assert space.words_.unseen == pytest.approx(vectorizer.idf_[frequency == 1][0])


# Lengths


@given(STORIES, WEIGHT)
def test_no_row_is_longer_than_1(stories: list[Story], weight: float) -> None:
    for name, view in views(stories, weight).items():
        for row in view:
            assert length(row) <= 1 + 1e-5
            if name == "words":
                assert length(row) == pytest.approx(1 if row.any() else 0, abs=1e-5)


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_rows_are_of_length_1_where_every_term_is_shared(titles: list[str]) -> None:
    twice = [(title, "") for title in titles] * 2
    for name in ("title", "words", "text", "trigrams", "letters"):
        for row in views(twice)[name]:
            assert length(row) == pytest.approx(1 if row.any() else 0, abs=1e-5)


def test_a_term_of_one_story_counts_in_its_length_only() -> None:
    # "flood" is shared; "rain" and "rain flood" are the first story's own.
    ours = views([("rain flood", ""), ("flood", "")])["title"]
    shared, own = 1.0, np.log(3 / 2) + 1
    assert ours.shape == (2, 1)
    assert ours[0, 0] == pytest.approx(shared / np.sqrt(shared**2 + 2 * own**2))
    assert ours[1, 0] == pytest.approx(1)


def test_counts_weigh_by_their_logarithm() -> None:
    ours = views([("flood", ""), ("flood", ""), ("rain rain rain, flood", ""), ("rain", "")])["title"]
    space = TextSpace().fit(["flood", "flood", "rain", "rain"], [""] * 4)
    assert len(space.words_.hashes) == 2
    # idf of "flood" (3 of 4) and "rain" (2 of 4); "rain rain" and "rain flood" are the third story's own.
    flood, rain, own = np.log(5 / 4) + 1, np.log(5 / 3) + 1, np.log(5 / 2) + 1
    whole = np.sqrt(flood**2 + ((1 + np.log(3)) * rain) ** 2 + ((1 + np.log(2)) * own) ** 2 + own**2)
    assert sorted(ours[2]) == pytest.approx(sorted([flood / whole, (1 + np.log(3)) * rain / whole]))


# Fields and words not seen


def test_the_title_weight_decides_which_field_counts() -> None:
    # The first story has its title in common with the second, its excerpt with the third.
    stories = [("rain", "market"), ("rain", "harvest"), ("tide", "market"), ("tide", "harvest")]
    by_title, by_excerpt, evenly = (views(stories, weight)["words"] for weight in (1.0, 0.0, 0.5))
    assert (by_title[0] @ by_title[1], by_title[0] @ by_title[2]) == pytest.approx((1, 0))
    assert (by_excerpt[0] @ by_excerpt[1], by_excerpt[0] @ by_excerpt[2]) == pytest.approx((0, 1))
    assert evenly[0] @ evenly[1] == pytest.approx(evenly[0] @ evenly[2]) == pytest.approx(0.5)
    default = views(stories)["words"]
    assert default[0] @ default[1] > default[0] @ default[2] > 0


def test_words_not_seen_make_a_row_shorter_and_nothing_else() -> None:
    space = TextSpace().fit(["rain flood", "rain flood", "rain"], [""] * 3)
    seen, more = (
        space.transform([title], [""]).view("title").toarray()[0] for title in ("rain", "rain zebra")
    )
    rain, unseen = 1.0, np.log(4 / 2) + 1
    assert seen.max() == pytest.approx(1)
    # "zebra" and "rain zebra".
    assert more.max() == pytest.approx(rain / np.sqrt(rain**2 + 2 * unseen**2))
    assert np.flatnonzero(seen).tolist() == np.flatnonzero(more).tolist()


@given(STORIES)
def test_transform_gives_the_rows_that_fitting_gave(stories: list[Story]) -> None:
    titles, excerpts = zip(*stories, strict=True)
    space = TextSpace()
    fitted = space.fit_transform(titles, excerpts)
    again = space.transform(titles, excerpts)
    for one, other in zip(fitted, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in VIEWS:
        assert fitted.view(name).dtype == np.float32
        assert fitted.view(name).has_sorted_indices
        np.testing.assert_array_equal(fitted.view(name).toarray(), again.view(name).toarray())


@given(STORIES, st.randoms(use_true_random=False))
def test_another_order_of_stories_is_another_order_of_rows(stories: list[Story], random: object) -> None:
    order = list(range(len(stories)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight, shuffled = views(stories), views([stories[row] for row in order])
    for name in VIEWS:
        np.testing.assert_array_equal(straight[name][order], shuffled[name])


@pytest.mark.parametrize("texts", [[], [""], ["", "", ""], ["the", "of the"], ["a", "b"]])
def test_stories_without_words_are_rows_of_zeros(texts: list[str]) -> None:
    made = views([("", text) for text in texts])
    for view in made.values():
        assert view.shape == (len(texts), 0)
    # Nothing fitted, something new.
    space = TextSpace().fit([""] * len(texts), texts)
    assert space.transform(["rain"], ["flood"]).view("words").shape == (1, 0)
