"""TF-IDF against scikit-learn's own, and what it does with words it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize

from recommender import analysis as module
from recommender.analysis import MOST, _hash
from recommender.terms import hashed, murmur
from recommender.text import TextSpace
from recommender.vectors import BLEND, VIEWS, Vectors

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
def test_words_is_the_mixture_of_the_fields(stories: list[Story], weight: float) -> None:
    vectorizer = judge(stories, words_of)
    title = vectorizer.transform([(title, "") for title, _ in stories]).toarray()
    excerpt = vectorizer.transform([("", excerpt) for _, excerpt in stories]).toarray()
    right = normalize(weight * title + (1 - weight) * excerpt)
    ours = views(stories, weight)["words"]
    np.testing.assert_allclose(others(ours @ ours.T), others(right @ right.T), atol=1e-5)


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


# Taken apart as scikit-learn does

ODD = [
    "",
    "ab",
    "AB\u3000cd",  # a space that is none of ASCII's
    "İstanbul ISTANBUL ıstanbul",  # one letter, in lower case two
    "STRASSE straße ẞ",
    "ﬁne ſet",
    "don't co-op a.b x_y __ _1",
    "e\u0301te\u0301 été",
    "naïve\u200bword zero\u200djoin",
    "東京 東京都 京",
    "😀😀 👩\u200d👩\u200d👧",
    "\x00\x01 nul\x00nul",
    "line\nbreak\ttab\x0bfeed\x1cunit\x85next\u2028last",
    "الحرب والسلام",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ①②",
    "the of and a I",
    "of flood the rain the",
    "१२३ 42 4² ½",
    "ΌΣΟΣ όσος ΣΑΣ",  # a sigma at the end of a word has a form of its own
    "   spaces   around   ",
]
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ODD_TEXT = st.one_of(
    TEXT, ANY, st.sampled_from(ODD), st.lists(st.sampled_from(ODD), max_size=3).map(" ".join)
)
ODD_STORIES = st.lists(st.tuples(ODD_TEXT, ODD_TEXT), max_size=6)

Counts = dict[int, tuple[int, ...]]


def columns(stories: Sequence[Story]) -> tuple[list[str], list[str]]:
    return [title for title, _ in stories], [excerpt for _, excerpt in stories]


def taken_apart(stories: Sequence[Story]) -> tuple[list[Counts], list[Counts]]:
    """Count every word and trigram of every story: each comes twice, so that no term is of one alone."""
    titles, excerpts = columns(stories)
    space = TextSpace()
    made = space.fit_transform(titles * 2, excerpts * 2)
    words = counts(made.word_starts, space.words_.hashes[made.words], made.in_title, made.in_excerpt)
    letters = counts(made.letter_starts, space.trigrams_.hashes[made.letters], made.letter_counts)
    n = len(stories)
    assert words[:n] == words[n:]
    assert letters[:n] == letters[n:]
    return words[:n], letters[:n]


def counts(starts: NDArray[np.int64], terms: NDArray[np.int32], *fields: NDArray[np.uint8]) -> list[Counts]:
    found = []
    for begin, end in pairwise(starts.tolist()):
        assert (np.diff(terms[begin:end]) > 0).all()
        told = zip(*(field[begin:end].tolist() for field in fields), strict=True)
        found.append(dict(zip(terms[begin:end].tolist(), told, strict=True)))
    return found


def judge_words(story: Story) -> Counts:
    """Count words and pairs of words in each field, up to ``MOST``."""
    analyse = CountVectorizer(ngram_range=(1, 2), stop_words="english").build_analyzer()
    fields = [Counter(map(hashed, analyse(text))) for text in story]
    return {term: tuple(min(field[term], MOST) for field in fields) for term in set().union(*fields)}


def judge_trigrams(story: Story) -> Counts:
    # A space in one does not make it a pair of words.
    analyse = CountVectorizer(analyzer="char_wb", ngram_range=(3, 3)).build_analyzer()
    return {term: (min(count, MOST),) for term, count in Counter(map(murmur, analyse(story[0]))).items()}


@settings(max_examples=300)
@given(ODD_STORIES)
@example([(text, text) for text in ODD])
@example([(text, other) for text, other in zip(ODD, reversed(ODD), strict=True)])
def test_terms_and_their_counts_are_those_of_scikit_learn(stories: list[Story]) -> None:
    words, letters = taken_apart(stories)
    assert words == list(map(judge_words, stories))
    assert letters == list(map(judge_trigrams, stories))


def test_very_long_texts_are_taken_apart_and_counts_end_at_255() -> None:
    random = np.random.default_rng(0)
    stock = ["".join(letters) for letters in random.choice(list("abcdéö"), (3_000, 5))]
    novel = " ".join(random.choice(stock, 40_000))
    stories = [
        ("rain " * 254, "rain " * 255),
        ("rain " * 256, "flood rain " * 300),
        (novel, novel[: len(novel) // 2]),
        ("", novel),
        ("x" * 100_000, "y" * 100_000),
        ("the " * 10_000, "of\n" * 10_000),
    ]
    words, letters = taken_apart(stories)
    assert words == list(map(judge_words, stories))
    assert letters == list(map(judge_trigrams, stories))
    assert words[0][hashed("rain")] == (254, 255)
    assert words[1][hashed("rain")] == (MOST, MOST)
    assert words[1][hashed("rain flood")] == (0, MOST)


def test_a_word_said_more_often_than_can_be_counted_weighs_as_the_last_count() -> None:
    stories = [("rain tide " * 300 + "flood", "rain " * 300), ("rain tide flood", "flood"), ("flood", "tide")]
    space = TextSpace()
    made = space.fit_transform(*columns(stories))
    idf = dict(zip(space.words_.hashes.tolist(), space.words_.idf.tolist(), strict=True))
    told = {term: judge_words(stories[0]).get(term, (0, 0)) for term in idf}
    assert told[hashed("rain")] == (MOST, MOST)
    for view, count in (("title", lambda both: both[0]), ("text", sum)):
        row = made.view(view).toarray()[0]
        weights = np.array([1 + np.log(count(told[term])) for term in idf]) * list(idf.values())
        assert row / row[0] == pytest.approx(weights / weights[0], rel=1e-5)


@given(ODD_STORIES, st.integers(1, 4), WEIGHT)
def test_stories_taken_apart_in_blocks_are_the_same(stories: list[Story], size: int, weight: float) -> None:
    whole = TextSpace(weight)
    right = whole.fit_transform(*columns(stories))
    with patch.object(module, "_STORIES", size):
        space = TextSpace(weight)
        ours = space.fit_transform(*columns(stories))
        again = whole.transform(*columns(stories))
    for one, other, third in zip(ours, right, again, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(third, other)
    assert space.vocabulary().to_bytes() == whole.vocabulary().to_bytes()


@given(ODD_STORIES, ODD_STORIES)
def test_terms_of_new_stories_are_found_among_those_known(known: list[Story], new: list[Story]) -> None:
    space = TextSpace().fit(*columns(known))
    made = space.transform(*columns(new))
    words = counts(made.word_starts, space.words_.hashes[made.words], made.in_title, made.in_excerpt)
    letters = counts(made.letter_starts, space.trigrams_.hashes[made.letters], made.letter_counts)
    for found, judge_, hashes in (
        (words, judge_words, space.words_.hashes),
        (letters, judge_trigrams, space.trigrams_.hashes),
    ):
        there = set(hashes.tolist())
        for story, row in zip(new, found, strict=True):
            assert row == {term: count for term, count in judge_(story).items() if term in there}


def test_hashes_in_c_are_those_in_python() -> None:
    for word in [*ODD, "rain", "a" * 1_000, *map(chr, range(1, 0x3000, 97))]:
        assert _hash(word) == murmur(word)


def test_there_is_no_other_view() -> None:
    made = TextSpace().fit_transform(["rain"] * 2, [""] * 2)
    with pytest.raises(ValueError, match="no view 'sounds'; there are: words, title, excerpt, text"):
        made.view("sounds")


# Lengths


@given(STORIES, WEIGHT)
def test_no_row_is_longer_than_1(stories: list[Story], weight: float) -> None:
    for name, view in views(stories, weight).items():
        for row in view:
            assert length(row) <= 1 + 1e-5, name


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
