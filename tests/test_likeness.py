"""Stories compared in all views at once, against products of the views' rows and sets of words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from test_text import STORIES, WEIGHT, Story, dense

from recommender.likeness import (
    ALIKE,
    MARKS,
    NUMBERS,
    RAREST,
    SHARED_IDF,
    SHARED_TITLE_IDF,
    blank,
    compare,
    compare_pairs,
    cosines,
    lay_out,
    take_up,
)
from recommender.terms import Text, hashed
from recommender.text import TextSpace
from recommender.vectors import VIEWS, Vectors


def compared(vectors: Vectors, stories: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
    numbers = np.full((len(stories), NUMBERS), np.nan, np.float32)
    compare_pairs(vectors, stories, others, numbers)
    return numbers


def every_pair(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs, those of a story together, that of a story with itself too."""
    story, other = np.divmod(np.arange(n * n), max(n, 1))
    return story, other


def judge_words(space: TextSpace, one: Story, other: Story) -> list[float]:
    """Sum the idf of what two stories share, of what their titles share, and find the rarest."""
    idf = dict(zip(space.words_.hashes.tolist(), space.words_.idf.tolist(), strict=True))

    def known(*fields: str) -> set[int]:
        terms = [hashed(term) for field in fields for term in Text.of(field, "", ENGLISH_STOP_WORDS).places]
        return {term for term in terms if term in idf}

    both, titles = known(*one) & known(*other), known(one[0]) & known(other[0])
    return [
        sum(idf[term] for term in both),
        sum(idf[term] for term in titles),
        max((idf[term] for term in both), default=0.0),
    ]


def fitted(stories: Sequence[Story], weight: float = 0.6) -> tuple[TextSpace, Vectors]:
    space = TextSpace(weight)
    titles, excerpts = [title for title, _ in stories], [excerpt for _, excerpt in stories]
    return space, space.fit_transform(titles, excerpts)


@given(STORIES, WEIGHT)
def test_numbers_are_products_of_rows_and_sums_over_shared_words(stories: list[Story], weight: float) -> None:
    space, vectors = fitted(stories, weight)
    views = dense(vectors)
    story, other = every_pair(len(stories))
    numbers = compared(vectors, story, other)
    assert len(VIEWS) == ALIKE
    for column, name in enumerate(VIEWS):
        right = (views[name][story].astype(float) * views[name][other]).sum(axis=1)
        np.testing.assert_allclose(numbers[:, column], right, atol=2e-6, err_msg=name)
    right = np.array(
        [judge_words(space, stories[a], stories[b]) for a, b in zip(story, other, strict=True)], float
    )
    told = numbers[:, [SHARED_IDF, SHARED_TITLE_IDF, RAREST]]
    np.testing.assert_allclose(told, right.reshape(-1, 3), rtol=1e-5)
    np.testing.assert_array_equal(cosines(vectors, story, other), numbers[:, :ALIKE])


@given(STORIES, STORIES)
def test_stories_that_the_space_has_not_seen_are_compared_by_what_it_has(
    stories: list[Story], new: list[Story]
) -> None:
    space, _ = fitted(stories)
    vectors = space.transform(*map(list, zip(*new, strict=True)))
    views = dense(vectors)
    story, other = every_pair(len(new))
    numbers = compared(vectors, story, other)
    for column, name in enumerate(VIEWS):
        right = (views[name][story].astype(float) * views[name][other]).sum(axis=1)
        np.testing.assert_allclose(numbers[:, column], right, atol=2e-6, err_msg=name)
    told = [judge_words(space, new[a], new[b])[0] for a, b in zip(story, other, strict=True)]
    np.testing.assert_allclose(numbers[:, SHARED_IDF], told, rtol=1e-5)


@given(STORIES, st.data())
def test_a_comparison_does_not_depend_on_those_before_it(stories: list[Story], data: st.DataObject) -> None:
    _, vectors = fitted(stories)
    n = len(stories)
    whole = compared(vectors, *every_pair(n)).reshape(n, n, NUMBERS)
    row = st.integers(0, n - 1)
    drawn = data.draw(st.lists(st.tuples(row, row), max_size=12))
    some = np.array(drawn, np.int64).reshape(-1, 2)
    np.testing.assert_array_equal(
        compared(vectors, some[:, 0].copy(), some[:, 1].copy()), whole[some[:, 0], some[:, 1]]
    )


@given(STORIES)
def test_what_was_taken_up_leaves_nothing(stories: list[Story]) -> None:
    _, vectors = fitted(stories)
    query = blank(vectors)
    every = np.arange(len(stories))
    numbers = np.full((len(stories), NUMBERS), np.nan, np.float32)
    for story in range(len(stories)):
        lay_out(query, vectors, story)
        take_up(query, vectors, story)
        for table in (query.marks, query.slots, query.letter_marks, query.letter_slots):
            assert not table.any()
        compare(query, vectors, every, numbers)
        assert not numbers.any()


def test_likeness_is_the_same_from_both_sides() -> None:
    _, vectors = fitted([("rain flood", "river bank rain"), ("flood rain", "river"), ("bank", "rain flood")])
    story, other = every_pair(3)
    there, back = compared(vectors, story, other), compared(vectors, other, story)
    np.testing.assert_allclose(there, back, rtol=1e-6)
    assert there[1, SHARED_TITLE_IDF] > 0


def test_terms_whose_last_bits_are_the_same_are_told_apart() -> None:
    # Each word is in two stories, and there are more of them than marks: marks say yes to many wrong ones.
    random = np.random.default_rng(0)
    words = [f"w{number}" for number in range(MARKS + 4_000)]
    dealt = np.concatenate([random.permutation(words), random.permutation(words)])
    stories = [(" ".join(some[:9]), " ".join(some[9:])) for some in np.array_split(dealt, 300)]
    space, vectors = fitted(stories)
    assert len(space.words_.hashes) > MARKS
    assert len({term & MARKS - 1 for term in range(len(space.words_.hashes))}) == MARKS
    story, other = every_pair(len(stories))
    numbers = compared(vectors, story, other)
    for column, name in enumerate(VIEWS):
        view = vectors.view(name).astype(np.float64)
        right = (view @ view.T).toarray().ravel()
        np.testing.assert_allclose(numbers[:, column], right, atol=5e-6, err_msg=name)
    for row in random.choice(len(story), 200):
        right = judge_words(space, stories[story[row]], stories[other[row]])
        assert numbers[row, [SHARED_IDF, SHARED_TITLE_IDF, RAREST]].tolist() == pytest.approx(right, rel=1e-5)


def test_no_stories_and_no_pairs() -> None:
    _, vectors = fitted([])
    assert compared(vectors, *every_pair(0)).shape == (0, NUMBERS)
    _, vectors = fitted([("rain", ""), ("rain", "")])
    assert cosines(vectors, *every_pair(0)).shape == (0, ALIKE)
