"""Learning from links: what is too few, what each story may know of links, and what calibration sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from corpora import newsroom
from numpy.typing import NDArray

from recommender import default
from recommender.candidates import Pairs
from recommender.corpus import Corpus
from recommender.engine import local
from recommender.errors import NothingToLearn
from recommender.features import FEATURES, NAMES, features
from recommender.graph import LinkGraph
from recommender.index import Index, prepare
from recommender.pipeline import learning as module
from recommender.pipeline.learning import BLOCKED, EVEN_LINKS, FEW_LINKS, PERIODS, learn
from recommender.pipeline.progress import silent
from recommender.pipeline.ranking import describe, linked
from recommender.ranker import Ranker

LINKS = slice(NAMES.index("linked near"), NAMES.index("link path") + 1)
BEFORE = default.ranker()


@dataclass
class Seen:
    """What was fitted and calibrated with, in order."""

    fits: list[dict[str, Any]] = field(default_factory=list)
    calibrations: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Look over the shoulder of ``Ranker.fit`` and ``Ranker.calibrated``."""
    found = Seen()
    fit, calibrated = Ranker.fit, Ranker.calibrated

    def watched_fit(
        matrix: Any, story: Any, labels: Any, directions: Any, weights: Any, *more: Any
    ) -> Ranker:
        found.fits.append(
            {
                "matrix": matrix.copy(),
                "story": story,
                "labels": labels,
                "directions": list(directions),
                "weights": weights,
            }
        )
        return fit(matrix, story, labels, directions, weights, *more)

    def watched_calibrated(self: Ranker, matrix: Any, labels: Any, by: int) -> Ranker:
        assert NAMES[by] == "linked near"
        sure = calibrated(self, matrix, labels, by)
        found.calibrations.append({"matrix": matrix.copy(), "labels": labels, "ranker": self, "sure": sure})
        return sure

    with (
        patch.object(Ranker, "fit", watched_fit),
        patch.object(Ranker, "calibrated", watched_calibrated),
    ):
        yield found


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """160 stories, a few of them undated; links between events as well, so that they reach across time."""
    made = newsroom(40)
    made.published[::23] = np.nan
    across = [(story, story + 8) for story in range(0, len(made) - 8, 3)]
    return replace(made, links=np.concatenate([made.links, across]))


@pytest.fixture(scope="module")
def index(corpus: Corpus) -> Index:
    return prepare(corpus)[1]


def taught(index: Index, links: NDArray[np.int64], before: Ranker = BEFORE) -> Ranker:
    return learn(index, links, before, local, silent)


# What is too few


def test_few_links_teach_nothing_and_it_says_what_ranks_instead(corpus: Corpus, index: Index) -> None:
    each = np.unique(np.sort(corpus.links, axis=1), axis=0)
    few = each[: FEW_LINKS - 1]
    message = (
        f"^{FEW_LINKS - 1} curated links; {FEW_LINKS} are needed to learn more than the default ranker "
        r"knows. Import more stories with `related` links\.$"
    )
    # A link in both directions is one link.
    for links in (few, few[:, ::-1], np.concatenate([few, few[:, ::-1], few])):
        with pytest.raises(NothingToLearn, match=message):
            taught(index, links)
    with pytest.raises(NothingToLearn, match=r"^0 curated links"):
        taught(index, few[:0])
    assert len(taught(index, each[:FEW_LINKS]).nodes) > 0


def test_links_among_a_handful_of_stories_teach_nothing(corpus: Corpus, index: Index) -> None:
    # Enough links, of too few stories.
    some = np.array([(one, other) for one in range(15) for other in range(one)])
    assert len(some) > FEW_LINKS
    with pytest.raises(NothingToLearn, match="stories have candidates with a curated link and others"):
        taught(index, some)


# What stories know of links


def periods(corpus: Corpus) -> NDArray[np.int64]:
    """Number the sixths of the linked stories by date; undated ones go first."""
    stories = np.unique(corpus.links)
    dates = sorted(float(day) for day in corpus.published[stories] if not np.isnan(day))
    edges = np.quantile(dates, [part / PERIODS for part in range(1, PERIODS)])
    return np.array(
        [0 if np.isnan(day) else sum(day > edge for edge in edges) for day in corpus.published], np.int64
    )


def test_periods_have_as_many_linked_stories_each(corpus: Corpus) -> None:
    found = module._periods(corpus.published, np.unique(corpus.links))
    assert found.tolist() == periods(corpus).tolist()
    dated = ~np.isnan(corpus.published)
    assert set(found[~dated]) == {0}
    sizes = np.bincount(found[dated])
    assert len(sizes) == PERIODS
    assert np.ptp(sizes) <= 2
    for now in range(1, PERIODS):
        assert corpus.published[dated & (found == now)].min() > corpus.published[dated & (found < now)].max()


def known(index: Index, links: NDArray[np.int64], pairs: Pairs) -> NDArray[np.float32]:
    return features(index.knowing(links), pairs)[:, LINKS]


def test_half_the_stories_know_the_archive_and_half_what_came_out_before(
    corpus: Corpus, index: Index, seen: Seen
) -> None:
    taught(index, corpus.links)
    final = seen.fits[-1]
    stories = np.unique(corpus.links)
    pairs = index.knowing(corpus.links).pairs(stories)
    np.testing.assert_array_equal(final["story"], pairs.story)
    np.testing.assert_array_equal(final["labels"], linked(pairs, corpus.links, len(corpus)))
    archive = known(index, corpus.links, pairs)
    period = periods(corpus)
    young = np.zeros_like(archive)
    for now in range(PERIODS):
        rows = period[pairs.story] == now
        earlier = corpus.links[[period[one] < now and period[other] < now for one, other in corpus.links]]
        young[rows] = known(index, earlier, Pairs(pairs.story[rows], pairs.candidate[rows]))
    # Each story is one or the other, all of it, and either by half.
    told: list[int] = []
    for story in stories:
        rows = pairs.story == story
        ways = [np.array_equal(final["matrix"][rows, LINKS], one[rows]) for one in (archive, young)]
        assert any(ways), story
        if not all(ways):
            told.append(ways.index(True))
    assert len(told) > 0.9 * len(stories)
    assert 0.35 < np.mean(told) < 0.65
    # All else is the same, whoever is asked.
    rest = np.delete(features(index, pairs), np.r_[LINKS], axis=1)
    np.testing.assert_array_equal(np.delete(final["matrix"], np.r_[LINKS], axis=1), rest)
    assert final["directions"] == [feature.direction for feature in FEATURES]


def test_no_link_of_a_later_or_the_same_period_is_known_on_the_day(
    corpus: Corpus, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[tuple[NDArray[np.int64], LinkGraph, list[NDArray[np.int64]]]] = []
    knowing, columns = Index.knowing, LinkGraph.columns

    def watched_knowing(self: Index, links: NDArray[np.int64]) -> Index:
        made = knowing(self, links)
        graphs.append((links, made.graph, []))
        return made

    def watched_columns(self: LinkGraph, story: NDArray[np.int64], other: NDArray[np.int64]) -> Any:
        (asked,) = (asked for _, graph, asked in graphs if graph is self)
        asked.append(story)
        return columns(self, story, other)

    monkeypatch.setattr(Index, "knowing", watched_knowing)
    monkeypatch.setattr(LinkGraph, "columns", watched_columns)
    taught(index, corpus.links)
    period = periods(corpus)
    # First what the archive knows, which is all, then what the rehearsal's may: nothing of the last period.
    (known, *_), (known_before, *_), *days = graphs
    assert known.tolist() == corpus.links.tolist()
    assert not (period[known_before] == PERIODS - 1).any()
    assert len(days) == PERIODS
    for now, (links, _, asked) in enumerate(days):
        stories = np.concatenate(asked)
        assert set(period[stories].tolist()) == {now}
        assert not (period[links] >= now).any()
        earlier = (period[corpus.links] < now).all(axis=1)
        assert links.tolist() == corpus.links[earlier].tolist()
        if now > 2:
            assert len(links) > 0


# Calibration


def test_calibration_is_on_the_last_period_and_what_is_calibrated_has_not_seen_it(
    corpus: Corpus, index: Index, seen: Seen
) -> None:
    ranker = taught(index, corpus.links)
    period = periods(corpus)
    pairs = index.knowing(corpus.links).pairs(np.unique(corpus.links))
    late = period[pairs.story] == PERIODS - 1
    rehearsal, final = seen.fits
    (calibration,) = seen.calibrations
    assert set(period[rehearsal["story"]].tolist()) == set(range(PERIODS - 1))
    assert len(rehearsal["story"]) == (~late).sum()
    # To those that came before, no story of the last period is known to be related.
    labels = linked(pairs, corpus.links, len(corpus))
    right = labels[~late] & (period[pairs.candidate[~late]] < PERIODS - 1)
    np.testing.assert_array_equal(rehearsal["labels"], right)
    assert right.sum() < labels[~late].sum()
    # The same pairs twice: as in the archive, and as on the day.
    np.testing.assert_array_equal(calibration["labels"], np.r_[labels[late], labels[late]])
    assert len(calibration["matrix"]) == 2 * late.sum() < 2 * len(final["story"])
    archive, day_ = np.split(calibration["matrix"], 2)
    rest = [place for place in range(len(NAMES)) if place not in range(len(NAMES))[LINKS]]
    np.testing.assert_array_equal(archive[:, rest], day_[:, rest])
    last = Pairs(pairs.story[late], pairs.candidate[late])
    np.testing.assert_array_equal(archive[:, LINKS], known(index, corpus.links, last))
    earlier = corpus.links[(period[corpus.links] < PERIODS - 1).all(axis=1)]
    np.testing.assert_array_equal(day_[:, LINKS], known(index, earlier, last))
    assert calibration["ranker"].nodes.tobytes() != ranker.nodes.tobytes()
    assert (ranker.slope, ranker.offset) == (calibration["sure"].slope, calibration["sure"].offset)
    assert (ranker.slope, ranker.offset) != (1, 0)
    ranker.check()


# What editors blocked


def test_a_blocked_pair_is_among_the_pairs_and_counts_for_several(
    corpus: Corpus, index: Index, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    stories = np.unique(corpus.links)
    candidates = couples(index.knowing(corpus.links).pairs(stories))
    links = {tuple(link) for link in corpus.links.tolist()}
    near = next(pair for pair in sorted(candidates) if links.isdisjoint({pair, pair[::-1]}))
    everyone = ((one, other) for one in stories.tolist() for other in stories.tolist() if one != other)
    far = next(pair for pair in everyone if candidates.isdisjoint({pair, pair[::-1]}))
    described: list[Pairs] = []

    def watched(*arguments: Any) -> Any:
        pairs, matrix = describe(*arguments)
        described.append(pairs)
        return pairs, matrix

    monkeypatch.setattr(module, "describe", watched)
    learn(index, corpus.links, BEFORE, local, silent, blocks=np.array([near, far]))
    (pairs,) = described
    blocked = {near, near[::-1], far, far[::-1]}
    assert couples(pairs) == candidates | blocked
    times = [BLOCKED if pair in blocked else 1 for pair in zip(*both(pairs), strict=True)]
    assert sum(times) == len(pairs) + 4 * (BLOCKED - 1)
    rehearsal, final = seen.fits
    np.testing.assert_array_equal(final["story"], np.repeat(pairs.story, times))
    np.testing.assert_array_equal(final["labels"], np.repeat(linked(pairs, corpus.links, len(corpus)), times))
    early = periods(corpus)[pairs.story] < PERIODS - 1
    np.testing.assert_array_equal(rehearsal["story"], np.repeat(pairs.story, np.where(early, times, 0)))
    (calibration,) = seen.calibrations
    assert len(calibration["labels"]) == 2 * (~early).sum(), "how sure a score is, pairs tell once each"


def both(pairs: Pairs) -> tuple[list[int], list[int]]:
    return pairs.story.tolist(), pairs.candidate.tolist()


def couples(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(*both(pairs), strict=True))


def test_blocks_of_stories_without_links_teach_nothing(corpus: Corpus, index: Index) -> None:
    alone = np.array([0, 1])
    links = corpus.links[~np.isin(corpus.links, alone).any(axis=1)]
    assert same(learn(index, links, BEFORE, local, silent, blocks=alone[None]), taught(index, links))


# The default ranker's share


@pytest.mark.parametrize("many", [FEW_LINKS, 200])
def test_the_default_ranker_counts_the_less_the_more_links_there_are(
    corpus: Corpus, index: Index, many: int
) -> None:
    each = np.unique(np.sort(corpus.links, axis=1), axis=0)[:many]
    ranker = taught(index, np.concatenate([each, each[:, ::-1]]))
    near = NAMES.index("linked near")  # calibration's own
    right = BEFORE.weights / (1 + many / EVEN_LINKS)
    assert np.delete(ranker.weights, near) == pytest.approx(np.delete(right, near))
    assert EVEN_LINKS / (EVEN_LINKS + EVEN_LINKS) == 0.5
    other = taught(index, each, Ranker.linear(np.zeros(len(NAMES))))
    assert not np.delete(other.weights, near).any()
    assert len(other.nodes) > 0


# Again, and in odd newsrooms


def same(one: Ranker, other: Ranker) -> bool:
    arrays = ((one.weights, other.weights), (one.nodes, other.nodes), (one.roots, other.roots))
    return all(a.tobytes() == b.tobytes() for a, b in arrays) and (one.slope, one.offset) == (
        other.slope,
        other.offset,
    )


def test_the_same_links_in_any_order_teach_the_same(corpus: Corpus, index: Index) -> None:
    first = taught(index, corpus.links)
    shuffled = corpus.links[np.random.default_rng(0).permutation(len(corpus.links))]
    # What the index knew before is forgotten.
    assert same(taught(index.knowing(corpus.links[:9]), shuffled[:, ::-1]), first)


@pytest.mark.parametrize(
    "dates",
    [
        lambda published: np.full(len(published), np.nan),
        lambda published: np.full(len(published), 7.0),
        lambda published: np.where(np.arange(len(published)) < 4, 7.0, np.nan),
    ],
    ids=["no dates", "one date", "four dates"],
)
def test_where_dates_tell_no_periods_it_learns_all_the_same(
    dates: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> None:
    made = newsroom(30)
    made = replace(made, published=dates(made.published))
    ranker = taught(prepare(made)[1], made.links)
    ranker.check()
    assert len(ranker.nodes) > 0
    assert np.isfinite([ranker.slope, ranker.offset]).all()
