"""The exact best candidates, judged by brute force."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse as sp
from corpora import pairs_of, rows
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import candidates
from recommender.candidates import FADED, Pairs, blocks, decayed, fading, top_k

DECAYS = st.sampled_from([np.inf, 30.0, 7.0, 0.5])
DAYS = st.sampled_from([np.nan, 0.0, 1.0, 1.5, 9.0, 40.0, 3_000.0])


@st.composite
def stories(draw: st.DrawFn, most: int = 12) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Draw a dense view of few small whole numbers, so that scores tie and products are exact, and dates."""
    n = draw(st.integers(0, most))
    row = st.lists(st.sampled_from([0, 0, 1, 2]), min_size=3, max_size=3)
    view = draw(st.lists(row, min_size=n, max_size=n))
    days = draw(st.lists(DAYS, min_size=n, max_size=n))
    return np.array(view, np.float32).reshape(n, 3), np.array(days)


def judge(
    story: int, view: NDArray[np.float32], published: NDArray[np.float64], decay: float
) -> list[tuple[int, np.float32]]:
    """Rank all the others, one pair after the other."""
    found = []
    for other in range(len(view)):
        apart = abs(published[story] - published[other])
        fade = 1.0 if np.isinf(decay) else np.exp(-1.0 if np.isnan(apart) else -min(apart / decay, FADED))
        score = np.float32(view[story] @ view[other]) * np.float32(fade)
        if other != story and score > 0:
            found.append((other, score))
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


NOTHING = (np.zeros((0, 3), np.float32), np.zeros(0))


@given(stories(), DECAYS, st.integers(1, 14), st.sampled_from([1, 5, 24, 8_000_000]), st.data())
@example(NOTHING, 7.0, 3, 8_000_000, None)
def test_top_k_is_what_brute_force_finds_whatever_the_slab(
    corpus: tuple[NDArray[np.float32], NDArray[np.float64]],
    decay: float,
    k: int,
    slab: int,
    data: st.DataObject | None,
) -> None:
    view, published = corpus
    n = len(view)
    asked = data.draw(st.permutations(range(n))) if data is not None else []
    some = np.array(asked[: len(asked) // 2 + 1], np.int64)
    with patch.object(candidates, "blocks", lambda rows, columns: blocks(rows, columns, slab)):
        found, scores = top_k(some, sp.csr_matrix(view), published, decay, k)
    assert (found.shape, found.dtype) == ((len(some), k), np.int64)
    assert (scores.shape, scores.dtype) == ((len(some), k), np.float32)
    for story, row, score in zip(some.tolist(), found, scores, strict=True):
        right = judge(story, view, published, decay)[:k]
        none = k - len(right)
        assert row.tolist() == [other for other, _ in right] + [-1] * none
        assert score.tolist() == [float(value) for _, value in right] + [0.0] * none


def test_a_checkerboard_finds_its_own_colour() -> None:
    # Eighteen stories, black and white in turn, each with a word of its own as well.
    n = 18
    board = np.zeros((n, 2 + n), np.float32)
    board[np.arange(n), np.arange(n) % 2] = 0.8
    board[np.arange(n), 2 + np.arange(n)] = 0.6
    found, scores = top_k(np.arange(n), sp.csr_matrix(board), np.zeros(n), np.inf, n)
    for story in range(n):
        colour = [other for other in range(story % 2, n, 2) if other != story]
        assert found[story].tolist() == colour + [-1] * (n - len(colour))
        assert scores[story, : len(colour)] == pytest.approx(0.64)


def test_the_nearer_of_two_equally_alike_comes_first_and_a_missing_date_is_one_decay_away() -> None:
    alike = sp.csr_matrix(np.ones((5, 1), np.float32))
    published = np.array([10.0, 3.9, np.nan, 16.0, 17.1])
    found, scores = top_k(rows(0), alike, published, 7.0, 4)
    assert found.tolist() == [[3, 1, 2, 4]]
    assert scores[0] == pytest.approx(np.exp([-6 / 7, -6.1 / 7, -1, -7.1 / 7]))
    # The undated story itself is one decay away from everyone: ties, by row.
    found, scores = top_k(rows(2), alike, published, 7.0, 4)
    assert found.tolist() == [[0, 1, 3, 4]]
    assert scores[0] == pytest.approx(np.exp(-1))


def test_a_story_from_another_age_still_finds_what_it_is_alike() -> None:
    # exp(−50 years / 7 days) is 0 in float32, and the story would be alone.
    view = sp.csr_matrix(np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [0, 1]], np.float32))
    found, scores = top_k(rows(0), view, np.array([0.0, 18_000, 18_001, 18_000]), 7.0, 3)
    assert found.tolist() == [[2, 1, -1]]
    assert scores[0, 1] > np.finfo(np.float32).tiny
    # It is still behind whatever is nearer.
    found, _ = top_k(rows(0), view, np.array([0.0, 500, 18_001, 18_000]), 7.0, 3)
    assert found.tolist() == [[1, 2, -1]]


def test_decayed() -> None:
    faded = decayed(np.array([0.0, 7.0, -7.0, 14.0, np.nan, 1e9]), 7.0)
    assert faded.dtype == np.float32
    assert faded == pytest.approx(np.exp([0, -1, -1, -2, -1, -FADED]))
    assert decayed(np.array([0.0, 1e9, np.nan]), np.inf).tolist() == [1, 1, 1]


@given(st.one_of(DAYS, st.floats(-1e6, 1e6)), DECAYS)
@example(np.nan, np.inf)
@example(1e9, np.inf)
@example(-1e9, 0.5)
def test_one_number_fades_as_many_do(days: float, decay: float) -> None:
    # To the last bit but one: numpy's exp and that of the compiled function need not round the same way.
    assert fading(days, decay) == pytest.approx(float(decayed(np.array([days]), decay)[0]), rel=2e-7)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 300))
def test_blocks_cover_the_rows_once_and_fit_the_slab(length: int, columns: int, slab: int) -> None:
    cut = blocks(length, columns, slab)
    assert [row for block in cut for row in range(block.start, block.stop)] == list(range(length))
    for block in cut:
        assert (block.stop - block.start) * columns <= slab or block.stop - block.start == 1


# Pairs

STORIES = 6
COUPLES = st.lists(st.tuples(st.integers(0, STORIES - 1), st.integers(0, STORIES - 1)), max_size=20)


def couples(pairs: Pairs) -> list[tuple[int, int]]:
    return list(zip(pairs.story.tolist(), pairs.candidate.tolist(), strict=True))


def right(drawn: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted({(story, other) for story, other in drawn if story != other})


def united(*more: Pairs) -> Pairs:
    """Pair all stories with nobody but those of ``more``."""
    return Pairs.of(np.arange(STORIES), [np.empty((STORIES, 0), np.int32)], *more)


@given(COUPLES)
def test_pairs_are_sorted_once_each_and_never_a_story_with_itself(drawn: list[tuple[int, int]]) -> None:
    pairs = united(pairs_of(*drawn))
    assert couples(pairs) == right(drawn)
    assert len(pairs) == len(right(drawn))
    assert pairs.story.dtype == pairs.candidate.dtype == np.int64


@given(COUPLES)
def test_runs_are_the_groups_of_a_story(drawn: list[tuple[int, int]]) -> None:
    pairs = united(pairs_of(*drawn))
    groups = {story: list(group) for story, group in groupby(right(drawn), lambda couple: couple[0])}
    assert {story: couples(pairs)[run] for story, run in pairs.runs()} == groups
    assert [story for story, _ in pairs.runs()] == sorted(groups)


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[int], list[NDArray[np.int32]]]:
    """Draw some stories, and up to three lists for each, all of a kind of one length, with gaps anywhere."""
    asked = sorted(draw(st.sets(st.integers(0, STORIES - 1))))
    other = st.integers(-1, STORIES - 1)
    kinds = []
    for length in draw(st.lists(st.integers(0, 4), min_size=1, max_size=3)):
        row = st.lists(other, min_size=length, max_size=length)
        kind = draw(st.lists(row, min_size=len(asked), max_size=len(asked)))
        kinds.append(np.array(kind, np.int32).reshape(len(asked), length))
    return asked, kinds


@given(lists(), st.lists(COUPLES, max_size=2))
def test_pairs_are_what_is_in_any_list_of_the_stories_asked_and_what_is_added(
    found: tuple[list[int], list[NDArray[np.int32]]], more: list[list[tuple[int, int]]]
) -> None:
    asked, kinds = found
    listed = [
        (story, int(other))
        for kind in kinds
        for story, row in zip(asked, kind, strict=True)
        for other in row
        if other >= 0
    ]
    added = [couple for each in more for couple in each if couple[0] in asked]
    pairs = Pairs.of(np.array(asked, np.int64), kinds, *(pairs_of(*each) for each in more))
    assert couples(pairs) == right([*listed, *added])


def test_pairs_of_stories_by_hand() -> None:
    first = np.array([[1, 2], [0, -1], [-1, -1]], np.int32)
    second = np.array([[2], [2], [1]], np.int32)
    expected = [(0, 1), (0, 2), (1, 0), (1, 2)]
    assert couples(Pairs.of(rows(0, 1), [first[:2], second[:2]])) == expected
    # Of what is added what is of other stories is left out, and nobody is paired with itself.
    more = pairs_of((2, 0), (0, 1), (1, 1), (0, 3))
    assert couples(Pairs.of(rows(0, 1), [first[:2], second[:2]], more)) == sorted([*expected, (0, 3)])
    assert couples(Pairs.of(rows(2), [first[2:]])) == []
    assert couples(Pairs.of(rows(), [first[:0]], more)) == []
