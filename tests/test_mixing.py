"""Weights for many newsrooms: the measure against the evaluation's, and what selection must hold to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import mixing as module
from recommender.evaluation import Scores
from recommender.mixing import BAGS, ROUNDS, START, K, Newsroom, select

# The measure

PAIR = st.tuples(st.integers(0, 3), st.booleans())
LIST = st.tuples(st.lists(PAIR, min_size=1, max_size=2 * K), st.integers(0, K + 3))
"""Candidates' scores and whether an editor linked them; and links to stories that are no candidates."""


@given(st.lists(LIST, min_size=1, max_size=6))
def test_ndcg_is_that_of_the_evaluation(lists: list[tuple[list[tuple[int, bool]], int]]) -> None:
    story = np.repeat(np.arange(len(lists)) * 7, [len(each) for each, _ in lists])
    # Scores of a story are never the same: the order of equals is nobody's promise.
    scores = np.concatenate([[s + i / 100 for i, (s, _) in enumerate(each)] for each, _ in lists])
    linked = np.array([link for each, _ in lists for _, link in each])
    right, ranked = [], []
    for each, missed in lists:
        links = [place for place, (_, link) in enumerate(each) if link]
        right.append(np.array(links + [1_000 + number for number in range(missed)] or [999]))
        order = sorted(range(len(each)), key=lambda place: -(each[place][0] + place / 100))
        ranked.append((order + [-1] * K)[:K])
    count = np.array([len(answers) for answers in right])
    room = Newsroom.of(np.zeros((len(story), 1), np.float32), story, linked, count)
    assert room.ndcg(scores) == pytest.approx(Scores.of(np.array(ranked), right, K).means()["ndcg"])


def test_equal_scores_are_in_the_order_of_rows() -> None:
    linked = np.array([False, True, True, False])
    room = Newsroom.of(np.zeros((4, 1), np.float32), np.array([3, 3, 8, 8]), linked, np.array([1, 1]))
    assert room.ndcg(np.zeros(4)) == pytest.approx((1 / np.log2(3) + 1) / 2)


# Selection

START_AT, INFORMATIVE, NOISE, HARMFUL = 0, 3, (1, 2), 4


def room_of(seed: int, *, harmed: bool = False, stories: int = 60, each: int = 20) -> Newsroom:
    """Make a newsroom: where to start from says a little, one feature much, two nothing.

    The last one tells what is linked here; where it is ``harmed``, what is not.
    """
    random = np.random.default_rng(seed)
    story = np.repeat(np.arange(stories), each)
    linked = random.random(len(story)) < 0.15
    linked[::each] = True
    matrix = random.random((len(story), 5)).astype(np.float32)
    matrix[:, START_AT] += 0.4 * linked
    matrix[:, INFORMATIVE] += 0.9 * linked
    matrix[:, HARMFUL] += -3.0 * linked if harmed else 3.0 * linked
    matrix = np.round(matrix * 1024) / 1024  # sums are exact
    return Newsroom.of(matrix, story, linked, np.add.reduceat(linked, np.arange(0, len(story), each)))


@pytest.fixture(scope="module")
def rooms() -> list[Newsroom]:
    return [room_of(0), room_of(1), room_of(2, harmed=True)]


@pytest.fixture(scope="module")
def weights(rooms: list[Newsroom]) -> NDArray[np.float64]:
    return select(rooms, START_AT)


def test_weights_are_shares(weights: NDArray[np.float64]) -> None:
    assert weights.shape == (5,)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert weights[START_AT] >= START / (START + ROUNDS)


def test_the_same_newsrooms_give_the_same_weights(
    rooms: list[Newsroom], weights: NDArray[np.float64]
) -> None:
    before = [room.matrix.copy() for room in rooms]
    assert select(rooms, START_AT).tobytes() == weights.tobytes()
    for room, matrix in zip(rooms, before, strict=True):
        np.testing.assert_array_equal(room.matrix, matrix)
    assert select(rooms, START_AT, seed=1).tolist() != weights.tolist()


def test_what_tells_links_is_found_among_noise(
    rooms: list[Newsroom], weights: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert weights[INFORMATIVE] > 2 * max(weights[list(NOISE)])
    for room in rooms:
        assert room.ndcg(room.matrix @ weights) > room.ndcg(room.matrix[:, START_AT]) + 0.02
    # Where every draw has it, it is all that is ever added.
    monkeypatch.setattr(module, "SHARE", 1.0)
    all_drawn = select(rooms, START_AT)
    assert all_drawn[INFORMATIVE] == pytest.approx(ROUNDS / (START + ROUNDS), abs=1 / (START + ROUNDS))


def test_what_helps_two_newsrooms_and_harms_the_third_is_not_chosen(
    rooms: list[Newsroom], weights: NDArray[np.float64]
) -> None:
    assert weights[HARMFUL] == 0
    friendly = select([room_of(0), room_of(1), room_of(2)], START_AT)
    assert friendly[HARMFUL] > 0.1


def slow(rooms: Sequence[Newsroom], features: Sequence[int]) -> list[float]:
    """Add features to a list one by one: always the one with which the least helped room is helped most.

    Helped is who is better off than at the start.
    """
    chosen = [START_AT] * START

    def worth(features: Sequence[int]) -> list[float]:
        return [room.ndcg(np.sum([room.matrix[:, one] for one in features], axis=0)) for room in rooms]

    before = worth(chosen)
    for _ in range(ROUNDS):
        helped = {
            feature: min(np.subtract(worth([*chosen, feature]), before).tolist()) for feature in features
        }
        chosen.append(max(helped, key=lambda feature: helped[feature]))
    return [chosen.count(feature) / len(chosen) for feature in range(5)]


def test_weights_are_the_mean_of_greedy_searches(rooms: list[Newsroom]) -> None:
    random = np.random.default_rng(5)
    half = [sorted(random.choice(5, 2, replace=False).tolist()) for _ in range(BAGS)]
    right = np.mean([slow(rooms, some) for some in half], axis=0)
    assert select(rooms, START_AT, seed=5) == pytest.approx(right)


def test_one_newsroom_is_enough_and_one_feature_too() -> None:
    assert select([room_of(0)], START_AT).sum() == pytest.approx(1)
    only = room_of(0)
    single = Newsroom(only.matrix[:, :1], only.starts, only.linked, only.ideal)
    assert select([single], 0).tolist() == [1]
