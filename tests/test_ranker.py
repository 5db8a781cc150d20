"""The loss against a slow LambdaRank, the trees against scikit-learn's, and what a ranker must hold to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from corpora import EVENT, Learned, learned, newsroom
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from recommender import default
from recommender import ranker as module
from recommender.errors import ModelCorrupt, NothingToLearn
from recommender.evaluation import Scores
from recommender.features import FEATURES, GROUPS, NAMES
from recommender.ranker import MIN_STORIES, TREES, Ranker
from recommender.ranking_loss import BATCH, DEPTH, LambdaRank
from recommender.trees import _STEP, LEAVES, NODE

# The loss


def judge(scores: list[float], linked: list[int]) -> tuple[list[float], list[float]]:
    """LambdaRank of one story, pair by pair: (gradients, hessians) in the order of the candidates.

    There is no function whose finite differences these could be compared
    with: a pair's pull is weighed by the nDCG that swapping it would change,
    which is constant between swaps and jumps at them, so the gradients are
    those of no loss (Burges 2010, section 4).
    """
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    ideal = sum(1 / math.log2(place + 2) for place in range(min(sum(linked), DEPTH)))
    gradient, hessian, total = [0.0] * len(scores), [0.0] * len(scores), 0.0
    for upper, lower in itertools.combinations(range(len(scores)), 2):
        i, j = order[upper], order[lower]
        if upper >= DEPTH or linked[i] == linked[j]:
            continue
        better, worse = (i, j) if linked[i] else (j, i)
        swapped = abs(1 / math.log2(upper + 2) - 1 / math.log2(lower + 2)) / ideal
        swapped /= 0.01 + abs(scores[i] - scores[j])
        wrong = 1 / (1 + math.exp(min(30, max(-30, scores[better] - scores[worse]))))
        gradient[better] -= swapped * wrong
        gradient[worse] += swapped * wrong
        for place in (better, worse):
            hessian[place] += swapped * wrong * (1 - wrong)
        total += 2 * swapped * wrong
    norm = math.log2(1 + total) / total if total else 1.0
    return [each * norm for each in gradient], [max(each * norm, 1e-7) for each in hessian]


def lambdas(
    story: NDArray[np.int64], linked: NDArray[np.float64], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    loss = LambdaRank(story, linked)
    gradient, hessian = loss.init_gradient_and_hessian(len(story))
    loss.gradient_hessian(
        y_true=linked, raw_prediction=scores[:, None], gradient_out=gradient, hessian_out=hessian
    )
    return gradient, hessian


LIST = st.lists(st.tuples(st.sampled_from([-40.0, -1.5, -0.25, 0, 0.125, 1, 7]), st.booleans()), min_size=1)


@settings(deadline=None)
@given(st.lists(LIST, min_size=1, max_size=4))
def test_gradients_are_those_of_a_slow_lambdarank(lists: list[list[tuple[float, bool]]]) -> None:
    story = np.repeat(np.arange(len(lists)) * 3, [len(each) for each in lists])
    scores = np.array([score for each in lists for score, _ in each])
    linked = np.array([float(link) for each in lists for _, link in each])
    gradient, hessian = lambdas(story, linked, scores)
    right = [judge([score for score, _ in each], [int(link) for _, link in each]) for each in lists]
    assert gradient == pytest.approx([value for each, _ in right for value in each], rel=2e-4, abs=1e-6)
    assert hessian == pytest.approx([value for _, each in right for value in each], rel=2e-4, abs=1e-6)


def test_gradients_of_long_lists_and_many_stories() -> None:
    # Lists longer than DEPTH, of many lengths, and more of them than BATCH.
    random = np.random.default_rng(1)
    sizes = random.integers(1, 3 * DEPTH, BATCH + 11)
    story = np.repeat(np.arange(len(sizes)), sizes)
    linked = (random.random(len(story)) < 0.2).astype(float)
    scores = random.normal(size=len(story))
    gradient, hessian = lambdas(story, linked, scores)
    for row in (0, 1, BATCH - 1, BATCH, len(sizes) - 1):
        own = story == row
        right = judge(scores[own].tolist(), linked[own].astype(int).tolist())
        assert gradient[own] == pytest.approx(right[0], rel=2e-4, abs=1e-6)
        assert hessian[own] == pytest.approx(right[1], rel=2e-4, abs=1e-6)


def test_a_list_is_not_pulled_by_its_neighbours_or_its_padding() -> None:
    alone = lambdas(np.zeros(3, np.int64), np.array([0.0, 1, 0]), np.array([0.3, 0.2, 0.1]))
    story = np.repeat([0, 1, 2], [3, 40, 1])
    linked = np.r_[[0.0, 1, 0], np.arange(40) % 2, [1]]
    beside = lambdas(story, linked, np.r_[[0.3, 0.2, 0.1], np.linspace(5, -5, 40), [9]])
    assert beside[0][:3] == pytest.approx(alone[0])
    assert beside[1][:3] == pytest.approx(alone[1])
    assert beside[0][-1] == 0


def test_scikit_learn_still_takes_the_loss_and_lowers_it() -> None:
    random = np.random.default_rng(2)
    story = np.repeat(np.arange(40), 25)
    matrix = random.normal(size=(1_000, 2))
    linked = (matrix[:, 0] + 0.3 * random.normal(size=1_000) > 1).astype(float)
    booster = HistGradientBoostingRegressor(
        loss=LambdaRank(story, linked), max_iter=20, early_stopping=False, random_state=0
    ).fit(matrix, linked)
    learned = booster.predict(matrix)
    assert learned[linked > 0].mean() - learned[linked == 0].mean() > 2 * learned.std()
    before, _ = lambdas(story, linked, np.zeros(1_000))
    after, _ = lambdas(story, linked, learned)
    assert np.abs(after).sum() < 0.5 * np.abs(before).sum()


# Learning

STORIES, LIST_LENGTH = 70, 30
Pairs = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]


def made_up(seed: int = 0, stories: int = STORIES) -> Pairs:
    """Make pairs with (days apart, similarity, noise, mostly untold): linked where near and alike."""
    random = np.random.default_rng(seed)
    story = np.repeat(np.arange(stories), LIST_LENGTH)
    matrix = random.random((len(story), 4)).astype(np.float32)
    matrix[:, 0] *= 20
    linked = (matrix[:, 0] < 6) & (matrix[:, 1] > 0.6)
    matrix[random.random(len(story)) < 0.7, 3] = np.nan
    return matrix, story, linked


DIRECTIONS = [-1, 1, 0, 0]
NOTHING = np.zeros(4)
WEIGHTS = np.array([0.0, 0.5, 0.0, 0.0])


@pytest.fixture(scope="module")
def boosters() -> Iterator[list[HistGradientBoostingRegressor]]:
    """Keep what scikit-learn fits, in order."""
    kept: list[HistGradientBoostingRegressor] = []

    class Kept(HistGradientBoostingRegressor):  # type: ignore[misc]
        def fit(self, *data: Any) -> Any:
            kept.append(self)
            return super().fit(*data)

    with patch.object(module, "HistGradientBoostingRegressor", Kept):
        yield kept


@pytest.fixture(scope="module")
def fitted(boosters: list[HistGradientBoostingRegressor]) -> tuple[Ranker, HistGradientBoostingRegressor]:
    """A ranker and the booster it was copied from."""
    return Ranker.fit(*made_up(), DIRECTIONS, WEIGHTS), boosters[-1]


@pytest.fixture(scope="module")
def ranker(fitted: tuple[Ranker, HistGradientBoostingRegressor]) -> Ranker:
    """A ranker of four features."""
    return fitted[0]


def ndcg(scores: NDArray[np.float32], story: NDArray[np.int64], linked: NDArray[np.bool_]) -> float:
    """Mean nDCG@10 over the stories that have links among their candidates."""
    lists = [np.flatnonzero(story == one) for one in np.unique(story[linked])]
    ranked = np.array([each[np.argsort(-scores[each], kind="stable")][:10] for each in lists])
    return Scores.of(ranked, [each[linked[each]] for each in lists]).means()["ndcg"]


def test_an_obvious_rule_is_learned(ranker: Ranker) -> None:
    matrix, story, linked = made_up(seed=1)
    assert ndcg(ranker.score(matrix), story, linked) > 0.99
    assert ndcg(matrix[:, 1], story, linked) < 0.8  # no feature alone does it
    assert ndcg(-matrix[:, 0], story, linked) < 0.8


@pytest.fixture(scope="module")
def room() -> Learned:
    """A newsroom of 240 stories, learned from the first 180."""
    return learned(newsroom(), taught=180)


def test_a_newsrooms_habit_is_learned_and_holds_for_later_stories(room: Learned) -> None:
    room.ranker.check()
    late = room.pairs.story >= 180 + EVENT
    matrix, story, linked = room.matrix[late], room.pairs.story[late], room.linked[late]
    ours = ndcg(room.ranker.score(matrix), story, linked)
    untaught = ndcg(default.ranker().score(matrix), story, linked)
    assert ours > 0.98
    assert untaught < 0.92


def test_scores_are_chances() -> None:
    # Linked by chance, the more likely the more alike; what is said is compared with what was.
    random = np.random.default_rng(3)
    story = np.repeat(np.arange(400), LIST_LENGTH)
    matrix = random.random((len(story), 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(7 - 8 * matrix[:, 0]))
    linked = random.random(len(story)) < chance
    taught, rehearsed, asked = story < 240, (story >= 240) & (story < 300), story >= 300
    fitted = Ranker.fit(matrix[taught], story[taught], linked[taught], [1, 0, 0], np.array([0.0, 2.0, 0.0]))
    ranker = fitted.calibrated(matrix[rehearsed], linked[rehearsed], by=2)
    said, was = ranker.score(matrix[asked]), linked[asked]
    assert said.mean() == pytest.approx(was.mean(), abs=0.02)
    assert (said > 0).all()
    assert (said < 1).all()
    for low, high in itertools.pairwise([0, 0.1, 0.3, 0.5, 0.7, 1]):
        among = (said >= low) & (said < high)
        assert among.sum() > 30
        assert said[among].mean() == pytest.approx(was[among].mean(), abs=0.09)


def test_scores_keep_the_order_of_the_trees(ranker: Ranker) -> None:
    matrix = made_up(seed=4)[0]
    order = np.argsort(ranker.raw(matrix))
    assert (np.diff(ranker.score(matrix)[order]) >= 0).all()
    # And tell apart nearly all that the trees tell apart, the best included.
    best = ranker.raw(matrix)[order][-200:]
    assert len(np.unique(ranker.score(matrix)[order][-200:])) > 0.9 * len(np.unique(best))


def test_calibration_changes_how_sure_and_not_the_order(ranker: Ranker) -> None:
    matrix, story, linked = made_up(seed=7)
    # A column that is the same for all pairs of a story, and tells how many of them are linked.
    matrix[:, 3] = (story % 2).astype(np.float32)
    linked &= (story % 2 == 1) | (matrix[:, 1] > 0.9)
    sure = ranker.calibrated(matrix, linked, by=3)
    assert (sure.slope, sure.offset) != (ranker.slope, ranker.offset)
    for one in np.unique(story):
        rows = story == one
        assert (np.diff(sure.score(matrix[rows])[np.argsort(ranker.raw(matrix[rows]))]) >= 0).all()
    for half in (0, 1):
        rows = story % 2 == half
        assert abs(sure.score(matrix[rows]).mean() - linked[rows].mean()) < 0.01
    np.testing.assert_array_equal(np.delete(sure.weights, 3), np.delete(ranker.weights, 3))
    # Of nothing linked, or nothing else, there is nothing to learn.
    for part in (linked, ~linked):
        assert ranker.calibrated(matrix[part], linked[part], by=3) is ranker
    assert ranker.calibrated(matrix[:0], linked[:0], by=3) is ranker


def test_calibration_does_not_turn_the_order_round(ranker: Ranker) -> None:
    matrix, _, linked = made_up(seed=8)
    wrong = ranker.calibrated(matrix, ~linked, by=3)
    wrong.check()
    assert wrong.slope > 0


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_most_extreme_sums_are_scores_without_a_warning(ranker: Ranker, sign: int) -> None:
    assert replace(ranker, offset=sign * 1e4).score(made_up()[0][:1]).tolist() == [max(sign, 0)]


def test_too_few_stories_teach_nothing() -> None:
    matrix, story, linked = made_up(stories=MIN_STORIES - 1)
    assert linked.reshape(-1, LIST_LENGTH).any(axis=1).all()
    with pytest.raises(NothingToLearn, match=f"^{MIN_STORIES - 1} stories .* needs {MIN_STORIES}"):
        Ranker.fit(matrix, story, linked, DIRECTIONS, WEIGHTS)
    with pytest.raises(NothingToLearn, match=r"^0 stories"):
        Ranker.fit(matrix[:0], story[:0], linked[:0], DIRECTIONS, WEIGHTS)


def test_stories_whose_candidates_are_all_linked_or_none_teach_nothing() -> None:
    matrix, story, linked = made_up(stories=3 * MIN_STORIES)
    linked[story >= MIN_STORIES - 1] = True
    linked[story >= 2 * MIN_STORIES] = False
    with pytest.raises(NothingToLearn, match=f"^{MIN_STORIES - 1} stories"):
        Ranker.fit(matrix, story, linked, DIRECTIONS, WEIGHTS)


def test_just_enough_stories_teach_something() -> None:
    matrix, story, linked = made_up(stories=MIN_STORIES)
    assert ndcg(Ranker.fit(matrix, story, linked, DIRECTIONS, WEIGHTS).score(matrix), story, linked) > 0.95


def test_the_same_data_make_the_same_bytes_with_one_thread_or_two() -> None:
    made = [Ranker.fit(*made_up(stories=25), DIRECTIONS, WEIGHTS)]
    for threads in (1, 2):
        with patch.object(module, "threadpool_limits", lambda *_, n=threads, **__: threadpool_limits(n)):
            made.append(Ranker.fit(*made_up(stories=25), DIRECTIONS, WEIGHTS))
    for other in made[1:]:
        assert other.nodes.tobytes() == made[0].nodes.tobytes()
        assert other.roots.tobytes() == made[0].roots.tobytes()
        assert other.weights.tobytes() == made[0].weights.tobytes()


def test_a_feature_nobody_tells_is_no_obstacle() -> None:
    matrix, story, linked = made_up(stories=30)
    matrix[:, 2] = np.nan
    ranker = Ranker.fit(matrix, story, linked, DIRECTIONS, WEIGHTS)
    ranker.check()
    assert ndcg(ranker.score(matrix), story, linked) > 0.95
    # And it does not come back to life when somebody tells it later.
    told = matrix.copy()
    told[:, 2] = 1
    np.testing.assert_array_equal(ranker.raw(matrix), ranker.raw(told))


# The trees


def test_the_trees_say_what_scikit_learn_predicts(
    fitted: tuple[Ranker, HistGradientBoostingRegressor],
) -> None:
    ranker, booster = replace(fitted[0], weights=NOTHING), fitted[1]
    assert len(ranker.roots) == TREES + 1
    random = np.random.default_rng(5)
    matrix = made_up(seed=5)[0]
    matrix[random.random(matrix.shape) < 0.2] = np.nan
    # At and beside every threshold, too.
    inner = ranker.nodes[~ranker.nodes["leaf"]]
    edges = np.tile(np.nanmean(matrix, axis=0), (3 * len(inner), 1)).astype(np.float32)
    for row, node in enumerate(inner):
        for side, way in enumerate((-np.inf, 0, np.inf)):
            near = node["threshold"] if way == 0 else np.nextafter(node["threshold"], np.float32(way))
            edges[3 * row + side, node["feature"]] = near
    for part in (matrix, edges, np.full((1, 4), np.nan, np.float32), matrix[:0]):
        right = booster.predict(part) if len(part) else []
        np.testing.assert_array_equal(ranker.raw(part), right)


def test_thresholds_between_neighbouring_numbers_decide_as_in_scikit_learn(
    boosters: list[HistGradientBoostingRegressor],
) -> None:
    # A threshold is half way between two values: of neighbouring float32 that is no float32.
    matrix, story, linked = made_up(stories=30)
    matrix[:, 1] = np.float32(1) + np.float32(2**-23) * np.round(matrix[:, 1] * 8)
    ranker = Ranker.fit(matrix, story, linked, DIRECTIONS, NOTHING)
    thresholds = [
        node["num_threshold"]
        for (predictor,) in boosters[-1]._predictors
        for node in predictor.nodes
        if node["feature_idx"] == 1 and not node["is_leaf"]
    ]
    assert any(np.float32(threshold) != threshold for threshold in thresholds)
    np.testing.assert_array_equal(ranker.raw(matrix), boosters[-1].predict(matrix))


@pytest.mark.parametrize("pairs", [1, 13, _STEP - 1, _STEP, _STEP + 1, 2 * _STEP + 7])
def test_a_score_does_not_depend_on_its_block(ranker: Ranker, pairs: int) -> None:
    matrix = made_up(seed=6, stories=80)[0]
    assert len(matrix) > 2 * _STEP + 7
    whole = ranker.score(matrix)
    np.testing.assert_array_equal(ranker.score(matrix[:pairs]), whole[:pairs])
    np.testing.assert_array_equal(ranker.score(matrix[-pairs:]), whole[-pairs:])
    np.testing.assert_array_equal(ranker.score(matrix[::-2]), whole[::-2])


@given(st.lists(st.floats(0, 20, width=32), min_size=4, max_size=4), st.floats(0, 20, width=32))
def test_nearer_or_more_alike_is_never_less_related(ranker: Ranker, row: list[float], other: float) -> None:
    both = np.array([row, row], np.float32)
    both[1, 0] = other
    far, near = np.argsort(-both[:, 0], kind="stable")
    assert ranker.raw(both)[near] >= ranker.raw(both)[far]
    both = np.array([row, row], np.float32) / 20
    both[1, 1] = other / 20
    unlike, alike = np.argsort(both[:, 1], kind="stable")
    assert ranker.raw(both)[alike] >= ranker.raw(both)[unlike]


def test_directions_are_held_on_a_real_index(room: Learned) -> None:
    matrix = room.matrix[:300].copy()
    matrix[:, NAMES.index("words×7d")] *= 1.3
    matrix[:, NAMES.index("days apart")] /= 2
    matrix[:, NAMES.index("rank")] -= 1
    matrix[:, NAMES.index("link path")] += 0.5
    assert (room.ranker.raw(matrix) >= room.ranker.raw(room.matrix[:300])).all()


# The weighted sum, and what a score is made of


def test_the_weighted_sum_is_added_to_the_trees(ranker: Ranker) -> None:
    matrix = made_up(seed=9)[0]
    trees = replace(ranker, weights=NOTHING)
    assert trees.raw(matrix).std() > 0.1
    for weights in (WEIGHTS, np.array([-0.1, 0.0, 3.0, 0.0])):
        right = trees.raw(matrix) + np.nansum(matrix * weights, axis=1)
        assert replace(ranker, weights=weights).raw(matrix) == pytest.approx(right, abs=1e-6)
        assert Ranker.linear(weights).raw(matrix) == pytest.approx(right - trees.raw(matrix), abs=1e-6)


def test_a_missing_value_adds_nothing_to_the_sum() -> None:
    ranker = Ranker.linear(np.array([1.0, 2.0]), slope=0.5, offset=-1.0)
    matrix = np.array([[3, np.nan], [np.nan, 4], [np.nan, np.nan]], np.float32)
    assert ranker.raw(matrix).tolist() == [3, 8, 0]
    assert ranker.score(matrix) == pytest.approx(1 / (1 + np.exp([-0.5, -3, 1])))
    assert ranker.parts(matrix, np.array([0, 1])).tolist() == [[1.5, 0, -1], [0, 4, -1], [0, 0, -1]]


def test_a_ranker_without_trees_is_its_sum(ranker: Ranker) -> None:
    linear = Ranker.linear(WEIGHTS, 2.0, -1.0)
    linear.check()
    assert (len(linear.nodes), linear.roots.tolist()) == (0, [0])
    matrix = made_up(stories=2)[0]
    assert linear.score(matrix) == pytest.approx(1 / (1 + np.exp(1 - matrix[:, 1])), abs=1e-6)
    assert linear.score(matrix[:0]).shape == (0,)


def test_the_weights_do_not_change_what_trees_learn(ranker: Ranker) -> None:
    other = Ranker.fit(*made_up(), DIRECTIONS, NOTHING)
    assert other.nodes.tobytes() == ranker.nodes.tobytes()
    assert other.weights is NOTHING
    assert (other.slope, other.offset) == (1, 0)


VALUE = st.floats(-3, 3)
SPLIT = st.tuples(st.integers(0, 3), st.sampled_from([-1.0, 0.0, 0.5, 2.0]), st.booleans())
Node = Any  # a value; or a value, a split, and two nodes
TREE: st.SearchStrategy[Node] = st.recursive(
    VALUE, lambda below: st.tuples(VALUE, SPLIT, below, below), max_leaves=LEAVES
)


def planted(trees: list[Node], weights: list[float], slope: float, offset: float) -> Ranker:
    """Write trees as nodes."""
    found: list[tuple[Any, ...]] = []
    roots = [0]

    def plant(node: Node) -> int:
        at = len(found)
        found.append(())
        if isinstance(node, tuple):
            value, (feature, threshold, missing_left), left, right = node
            sides = plant(left) - roots[-1], plant(right) - roots[-1]
            found[at] = (feature, threshold, *sides, missing_left, False, value)
        else:
            found[at] = (0, 0, 0, 0, False, True, node)
        return at

    for tree in trees:
        plant(tree)
        roots.append(len(found))
    return Ranker(np.array(weights), np.array(found, NODE), np.array(roots), slope, offset)


def descend(node: Node, row: list[float], groups: list[int]) -> tuple[float, list[float]]:
    """Walk down a tree: where it ends, and what each group was worth on the way, the root's value last."""
    parts = [0.0] * (max(groups) + 2)
    parts[-1] = node[0] if isinstance(node, tuple) else node
    while isinstance(node, tuple):
        value, (feature, threshold, missing_left), left, right = node
        to_left = missing_left if math.isnan(row[feature]) else row[feature] <= threshold
        node = left if to_left else right
        parts[groups[feature]] += (node[0] if isinstance(node, tuple) else node) - value
    return node, parts


CELL = st.sampled_from([np.nan, -5.0, -1.0, 0.0, 0.25, 0.5, 2.0, 7.0])


@settings(deadline=None)
@given(
    st.lists(TREE, max_size=4),
    st.lists(VALUE, min_size=4, max_size=4),
    st.floats(0.1, 3),
    VALUE,
    st.lists(st.lists(CELL, min_size=4, max_size=4), min_size=1, max_size=6),
    st.sampled_from([[0, 0, 0, 0], [0, 1, 2, 3], [1, 0, 1, 1]]),
)
def test_parts_are_what_walking_down_finds_and_add_up_to_the_log_odds(
    trees: list[Node],
    weights: list[float],
    slope: float,
    offset: float,
    table: list[list[float]],
    groups: list[int],
) -> None:
    ranker = planted(trees, weights, slope, offset)
    ranker.check()
    matrix = np.array(table, np.float32)
    raw, parts, score = ranker.raw(matrix), ranker.parts(matrix, np.array(groups)), ranker.score(matrix)
    assert parts.shape == (len(table), max(groups) + 2)
    for place, row in enumerate(table):
        right = [0.0] * (max(groups) + 2)
        for column, value in enumerate(row):
            right[groups[column]] += 0.0 if math.isnan(value) else weights[column] * value
        total = sum(right)
        for tree in trees:
            leaf, way = descend(tree, row, groups)
            assert leaf == pytest.approx(sum(way))
            right = [one + other for one, other in zip(right, way, strict=True)]
            total += leaf
        assert raw[place] == pytest.approx(total, abs=1e-9)
        right = [slope * value for value in right]
        right[-1] += offset
        assert parts[place] == pytest.approx(right, abs=1e-9)
        odds = parts[place].sum()
        assert odds == pytest.approx(slope * raw[place] + offset, abs=1e-9)
        assert score[place] == pytest.approx(1 / (1 + math.exp(-odds)), rel=1e-6)


def test_parts_of_a_real_ranker_add_up_to_its_log_odds(room: Learned) -> None:
    groups = np.array([GROUPS.index(feature.group) for feature in FEATURES])
    ranker = room.ranker.calibrated(room.matrix, room.linked, NAMES.index("linked near"))
    parts = ranker.parts(room.matrix, groups)
    assert parts.shape == (len(room.matrix), len(GROUPS) + 1)
    assert parts.sum(axis=1) == pytest.approx(ranker.slope * ranker.raw(room.matrix) + ranker.offset)
    score = ranker.score(room.matrix).astype(float)
    sure = (score > 0.001) & (score < 0.999)  # float32 says no more of the others
    assert parts.sum(axis=1)[sure] == pytest.approx(np.log(score / (1 - score))[sure], abs=1e-3)
    # What every pair has is the same for all; nobody told of topics.
    assert np.ptp(parts[:, -1]) == 0
    assert not parts[:, GROUPS.index("topics")].any()
    assert (parts[:, GROUPS.index("time")].std(), parts[:, GROUPS.index("likeness")].std()) > (0.01, 0.01)


def test_an_inner_node_is_worth_what_the_pairs_there_were_given(ranker: Ranker) -> None:
    matrix, story, linked = made_up()
    useful = matrix[np.isin(story, np.intersect1d(story[linked], story[~linked]))].tolist()
    for start, end in itertools.pairwise(ranker.roots[:4]):
        nodes = ranker.nodes[start:end]
        given: list[list[float]] = [[] for _ in nodes]
        for row in useful:
            way = [0]
            while not (node := nodes[way[-1]])["leaf"]:
                value = row[node["feature"]]
                to_left = node["missing_left"] if math.isnan(value) else value <= node["threshold"]
                way.append(int(node["left" if to_left else "right"]))
            for at in way:
                given[at].append(float(nodes[way[-1]]["value"]))
        assert len(nodes) > 3
        assert nodes["value"] == pytest.approx([np.mean(values) for values in given])


# Checking


def changed(ranker: Ranker, field: str, value: object, *, leaf: bool = False) -> Ranker:
    """Change one field of the first inner node (or leaf) that is not a root."""
    nodes = ranker.nodes.copy()
    places = np.flatnonzero(nodes["leaf"] == leaf)
    place = int(places[~np.isin(places, ranker.roots)][0])
    nodes[field][place] = value
    return replace(ranker, nodes=nodes)


def with_roots(ranker: Ranker, roots: list[int]) -> Ranker:
    return replace(ranker, roots=np.array(roots, np.int64))


BAD = {
    "a feature that is not there": lambda r: changed(r, "feature", 4),
    "a feature below 0": lambda r: changed(r, "feature", -1),
    "a child outside": lambda r: changed(r, "left", 1000),
    "a child in the next tree": lambda r: changed(r, "right", int(r.roots[1])),
    "a child below 0": lambda r: changed(r, "right", -3),
    "the root as a child": lambda r: changed(r, "left", 0),
    "itself as a child": lambda r: changed(r, "left", _place(r)),
    "a child of two": lambda r: changed(r, "left", int(r.nodes[_place(r)]["right"])),
    "a leaf too many": lambda r: changed(r, "leaf", True),
    "a leaf with children": lambda r: changed(r, "leaf", False, leaf=True),
    "an infinite value": lambda r: changed(r, "value", np.inf, leaf=True),
    "a value that is no number": lambda r: changed(r, "value", np.nan, leaf=True),
    "a threshold that is no number": lambda r: changed(r, "threshold", np.nan),
    "no roots": lambda r: with_roots(r, []),
    "one root": lambda r: with_roots(r, [0]),
    "a root cut off": lambda r: with_roots(r, r.roots[:-1].tolist()),
    "a first root cut off": lambda r: with_roots(r, r.roots[1:].tolist()),
    "roots beyond the nodes": lambda r: with_roots(r, [*r.roots.tolist(), int(r.roots[-1]) + 1]),
    "roots that go back": lambda r: with_roots(r, [0, int(r.roots[2]), int(r.roots[1]), len(r.nodes)]),
    "an empty tree": lambda r: with_roots(r, [0, *r.roots.tolist()]),
    "roots that overflow": lambda r: with_roots(r, [0, -(2**63), 2**63 - 1, len(r.nodes)]),
    "two trees as one": lambda r: with_roots(r, [0, *r.roots[2:].tolist()]),
    "a tree with too many leaves": lambda r: chain(LEAVES + 1),
    "a tree that is a ladder": lambda r: ladder(2 * LEAVES - 1),
    "nodes cut off": lambda r: replace(r, nodes=r.nodes[:-1]),
    "no nodes": lambda r: replace(r, nodes=r.nodes[:0]),
    "a slope of 0": lambda r: replace(r, slope=0.0),
    "a slope that turns the order round": lambda r: replace(r, slope=-1.0),
    "an infinite slope": lambda r: replace(r, slope=np.inf),
    "an offset that is no number": lambda r: replace(r, offset=np.nan),
    "fewer weights": lambda r: replace(r, weights=r.weights[:1]),
    "no weights": lambda r: replace(r, weights=r.weights[:0]),
    "a weight that is no number": lambda r: replace(r, weights=r.weights * np.nan),
    "an infinite weight": lambda r: replace(r, weights=np.array([0, 0, -np.inf, 0])),
    "nodes without roots": lambda r: replace(r, roots=np.zeros(1, np.int64)),
}


def _place(ranker: Ranker) -> int:
    places = np.flatnonzero(~ranker.nodes["leaf"])
    return int(places[~np.isin(places, ranker.roots)][0])


def chain(leaves: int) -> Ranker:
    """One tree, each inner node's left child a leaf."""
    nodes = np.zeros(2 * leaves - 1, NODE)
    for inner in range(leaves - 1):
        nodes[2 * inner]["left"], nodes[2 * inner]["right"] = 2 * inner + 1, 2 * inner + 2
        nodes[2 * inner + 1]["leaf"] = True
    nodes[-1]["leaf"] = True
    return Ranker(NOTHING, nodes, np.array([0, len(nodes)]))


def ladder(length: int) -> Ranker:
    """Each node twice the child of the one before: 2 ** length leaves in a few bytes."""
    nodes = np.zeros(length, NODE)
    nodes["left"] = nodes["right"] = np.arange(1, length + 1)
    nodes[-1]["leaf"] = True
    return Ranker(NOTHING, nodes, np.array([0, length]))


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_array_is_refused(ranker: Ranker, kind: str) -> None:
    with pytest.raises(ModelCorrupt):
        BAD[kind](ranker).check()


def test_the_largest_tree_is_not_refused(ranker: Ranker) -> None:
    ranker.check()
    largest = chain(LEAVES)
    largest.check()
    largest.nodes["value"] = np.arange(len(largest.nodes))
    # 0 is not above the threshold of 0, 1 is above all of them.
    assert largest.raw(np.array([[0, 0, 0, 0], [1, 0, 0, 0]], np.float32)).tolist() == [1, 2 * LEAVES - 2]


NUMBER = st.sampled_from([-1, 0, 1, 2, 3, 4, 28, 29, 255, -(2**31), 2**31 - 1])
REAL = st.floats(width=32)
FIELD = st.one_of(
    st.tuples(st.sampled_from(["feature", "left", "right"]), NUMBER),
    st.tuples(st.sampled_from(["threshold", "value"]), REAL),
    st.tuples(st.sampled_from(["leaf", "missing_left"]), st.booleans()),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), FIELD), max_size=4), st.data())
def test_what_passes_the_check_can_be_scored(
    ranker: Ranker, changes: list[tuple[int, tuple[str, object]]], data: st.DataObject
) -> None:
    small = ranker.roots[:6].copy()
    nodes = ranker.nodes[: small[-1]].copy()
    for place, (field, value) in changes:
        nodes[field][place % len(nodes)] = value
    if data.draw(st.booleans()):
        small[data.draw(st.integers(0, 5))] = data.draw(st.integers(-2, len(nodes) + 2))
    broken = replace(ranker, nodes=nodes, roots=small)
    try:
        broken.check()
    except ModelCorrupt:
        return
    matrix = np.array([[np.nan] * 4, [0] * 4, [np.finfo(np.float32).max] * 4, [3, 0.7, 0, 0]], np.float32)
    assert np.isfinite(broken.raw(matrix)).all()
    assert ((broken.score(matrix) >= 0) & (broken.score(matrix) <= 1)).all()
