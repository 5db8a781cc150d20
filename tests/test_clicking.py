"""What readers chose: which pairs those are, what they teach, and what must not know of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from corpora import EVENT, corpus_of, newsroom
from numpy.typing import NDArray
from readers import NOTHING, events_of, read
from typer.testing import CliRunner

from recommender import default, models
from recommender.cli import app
from recommender.cli.training import learned_from
from recommender.corpus import Corpus
from recommender.engine import local
from recommender.evaluation import Split, cold, warm
from recommender.events import Events
from recommender.index import Index, prepare
from recommender.pipeline import promoting
from recommender.pipeline.clicking import FEWEST, NO_CHOICES, Choices, choices, choices_before
from recommender.pipeline.evaluating import OURS, WITHOUT_CLICKS, ask
from recommender.pipeline.learning import learn
from recommender.pipeline.progress import silent
from recommender.pipeline.ranking import best
from recommender.pipeline.training import train
from recommender.ranker import Ranker
from recommender.store import Store

STORIES = corpus_of(["x"] * 12, published=range(12))
"""Their ids are their rows and one."""


def shelf(*more: tuple[int, int, int, int, int], day: int = 0) -> Events:
    """Show stories 3 to 7 with 1 and 2 at two ranks, and more: (story, other, rank, shown, clicked)."""
    usual = [
        (story, other, rank, 1_000, 100 // rank)
        for story in (1, 2)
        for other in range(3, 8)
        for rank in (1, 2)
    ]
    article, other, rank, shown, clicked = zip(*usual, *more, strict=True)
    return events_of(article, other, rank, shown, clicked, day=day)


def pairs(found: NDArray[np.int64]) -> list[list[int]]:
    """Give rows as ids."""
    return (found + 1).tolist()


# Which they are


def liked(events: Events, corpus: Corpus = STORIES) -> list[list[int]]:
    return pairs(choices(events, corpus).liked)


def test_what_is_clicked_more_than_its_rank_explains_is_liked() -> None:
    # At the second rank 50 of 1,000 are usual, at the first one 100.
    more = (8, 9, 2, 100, 20), (8, 10, 1, 100, 20), (8, 11, 1, 100, 11), (8, 12, 2, 100, 5)
    found = choices(shelf(*more), STORIES)
    assert pairs(found.liked) == [[8, 9], [8, 10]]
    usual = [[story, other] for story in (1, 2) for other in range(3, 8)]
    assert pairs(found.passed) == [*usual, [8, 11], [8, 12]]


def test_it_takes_some_clicks_and_some_looks() -> None:
    for clicked, expected in ((FEWEST, [[8, 9]]), (FEWEST - 1, [])):
        assert liked(shelf((8, 9, 1, clicked, clicked))) == expected
    # Half as many look at the second rank.
    for shown, rank, passed in ((4, 1, False), (6, 1, True), (8, 2, False), (12, 2, True)):
        found = choices(shelf((8, 9, rank, shown, 0)), STORIES)
        assert ([8, 9] in pairs(found.passed)) == passed, (shown, rank)


def test_clicks_both_ways_and_at_all_ranks_count_together() -> None:
    parts = [(8, 9, 1, 10, 3), (9, 8, 1, 10, 2), (8, 9, 2, 10, 2)]
    assert liked(shelf(*parts)) == [[8, 9]]
    for part in parts:
        assert liked(shelf(part)) == []


def test_what_editors_said_is_left_out() -> None:
    events = shelf((8, 9, 1, 100, 50), (10, 8, 1, 100, 50), (11, 8, 1, 100, 50))
    known = replace(STORIES, links=np.array([[8, 7], [1, 3]]), blocks=np.array([[7, 9], [4, 0]]))
    found = choices(events, known)
    assert pairs(found.liked) == [[8, 11]]
    assert len(found.passed) == 10 - 2


def test_stories_that_are_gone_are_nobodys_pair() -> None:
    there = replace(corpus_of(["x"] * 3), ids=np.array([8, 9, 12]))
    events = shelf((8, 9, 1, 100, 50), (8, 10, 1, 100, 50), (11, 12, 1, 100, 50), (12, 12, 1, 100, 50))
    found = choices(events, there)
    assert (found.liked.tolist(), found.passed.tolist()) == ([[0, 1]], [])


@pytest.mark.parametrize("events", [NOTHING, events_of([8], [9], [1], 0, 9), events_of([8], [9], [1], 9, 0)])
def test_no_clicks_no_choices(events: Events) -> None:
    found = choices(events, STORIES)
    for each in (found.liked, found.passed):
        assert (each.shape, each.dtype) == ((0, 2), np.int64)


# What an evaluation may know


def test_only_clicks_of_days_that_were_over_at_the_cut_are_known() -> None:
    linked = replace(STORIES, links=np.array([[0, 1], [11, 2]]))
    for cut, expected in ((7.99, []), (8.0, [[3, 4]]), (9.5, [[3, 4]])):
        events = shelf((3, 4, 1, 900, 500), day=7)
        assert pairs(choices_before(events, cold(linked, cut)).liked) == expected, cut
    # What is clicked after the cut does not even say where readers look.
    late = replace(shelf(), day=np.full(20, 8), clicked=np.arange(20) * 40)
    both = choices_before(joined(shelf((3, 4, 1, 900, 500), day=7), late), cold(linked, 8.0))
    assert pairs(both.liked) == [[3, 4]]
    assert pairs(both.passed) == pairs(choices_before(shelf(day=7), cold(linked, 8.0)).passed)


def test_clicks_of_another_day_than_their_impressions_count_up_to_the_cut() -> None:
    linked = replace(STORIES, links=np.array([[0, 1], [11, 2]]))
    later = events_of([3], [4], [1], 0, 500, day=8)
    events = joined(shelf((3, 4, 1, 900, 0), day=7), later)
    assert liked(events, linked) == [[3, 4]]
    for cut, expected in ((8.5, []), (9.0, [[3, 4]])):
        assert pairs(choices_before(events, cold(linked, cut)).liked) == expected, cut


def joined(one: Events, other: Events) -> Events:
    columns = ("article", "other", "rank", "shown", "clicked", "source", "generation", "day")
    return events_of(**{name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in columns})


def test_no_pair_is_of_a_query_or_of_a_story_after_the_cut() -> None:
    linked = replace(STORIES, links=np.array([[0, 1], [11, 2]]))
    # Clicks of the day before on what is dated later: a clock may be wrong.
    events = shelf((12, 5, 1, 900, 500), (10, 4, 1, 900, 500), (5, 6, 1, 900, 500), (11, 4, 1, 90, 0), day=7)
    split = cold(linked, 8.5)
    assert split.queries.tolist() == [11]
    found = choices_before(events, split)
    assert pairs(found.liked) == [[5, 6]]
    assert not np.isin(found.passed, [9, 10, 11]).any()
    asked = warm(linked, share=0.5)
    found = choices_before(shelf(*((int(query) + 1, 5, 1, 900, 500) for query in asked.queries)), asked)
    assert len(asked.queries) > 0
    assert len(found.passed) > 0
    assert not np.isin(np.concatenate([found.liked, found.passed]), asked.queries).any()


# What they teach


@pytest.fixture(scope="module")
def unseen(made: ModuleType) -> tuple[Corpus, Index, Split, Events]:
    """Made-up news most of whose links are drawn by nobody, and readers who like what they would be."""
    corpus: Corpus = made.news(6_000, seed=4)
    _, index = prepare(corpus)
    split = cold(corpus)
    linked = np.unique(split.corpus.links)
    undrawn = np.random.default_rng(0).choice(linked, int(0.7 * len(linked)), replace=False)
    left = split.corpus.links[~np.isin(split.corpus.links, undrawn).any(axis=1)]
    known = replace(split, corpus=replace(split.corpus, links=left))
    lists = best(index, default.ranker(), np.arange(len(corpus)), 10, local)
    return corpus, index, known, read(corpus, lists, corpus.links, int(split.cut or 0) - 1)


def test_readers_who_know_the_links_that_nobody_drew_make_lists_better(
    unseen: tuple[Corpus, Index, Split, Events],
) -> None:
    corpus, index, split, events = unseen
    found = choices_before(events, split).liked
    keys = np.sort(corpus.links, axis=1) @ [len(corpus), 1]
    assert len(found) > 300
    assert np.isin(found @ [len(corpus), 1], keys).mean() > 0.9
    systems = ask(index, split, events=events).summary().systems
    assert list(systems) == [OURS, WITHOUT_CLICKS]
    assert systems[WITHOUT_CLICKS]["ahead"]["interval"][0] > 0
    assert systems[OURS]["ndcg"] > systems[WITHOUT_CLICKS]["ndcg"] + 0.005


def test_clicks_after_the_cut_change_nothing(unseen: tuple[Corpus, Index, Split, Events]) -> None:
    _, index, split, events = unseen
    late = replace(events, day=events.day + 2)
    systems = ask(index, split, events=late).summary().systems
    ahead = systems[WITHOUT_CLICKS].pop("ahead")
    assert systems[OURS] == systems[WITHOUT_CLICKS]
    assert ahead == {"mean": 0.0, "interval": (0.0, 0.0)}


def test_readers_lists_stand_beside_those_of_editors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Editors' lists, link features, calibration and the default's weight are as they are without clicks."""
    corpus = newsroom(40)
    _, index = prepare(corpus)
    drawn = corpus.links[:, 0] // EVENT % 2 == 0
    links, others = corpus.links[drawn], np.unique(np.sort(corpus.links[~drawn], axis=1), axis=0)
    first = others[others[:, 0] % EVENT == 0]
    passed = np.array([[story, story + 2 * EVENT] for story in range(120)])
    fitted: list[tuple[Any, ...]] = []
    calibrated: list[tuple[Any, ...]] = []
    known: list[Any] = []
    fit, calibrate, knowing = Ranker.fit, Ranker.calibrated, Index.knowing

    def watched_fit(*arguments: Any) -> Ranker:
        fitted.append(arguments)
        return fit(*arguments)

    def watched_calibration(self: Ranker, *arguments: Any) -> Ranker:
        calibrated.append(arguments)
        return calibrate(self, *arguments)

    def watched_index(self: Index, given: Any) -> Index:
        known.append(given)
        return knowing(self, given)

    monkeypatch.setattr(Ranker, "fit", watched_fit)
    monkeypatch.setattr(Ranker, "calibrated", watched_calibration)
    monkeypatch.setattr(Index, "knowing", watched_index)
    for given in (NO_CHOICES, Choices(first, passed)):
        learn(index, links, default.ranker(), local, silent, choices=given)
    for without, with_ in zip(fitted[:2], fitted[2:], strict=True):
        editors = len(without[1])
        for one, other in zip(without[:3], with_[:3], strict=True):
            np.testing.assert_array_equal(one, other[:editors])
        query, label = with_[1][editors:], with_[2][editors:]
        assert len(query) > 0
        assert (query >= len(corpus)).all(), "a list of its own"
        assert set((query - len(corpus)).tolist()) <= set(np.unique(first).tolist())
        assert 0 < label.sum() < len(label)
    for one, other in zip(*calibrated, strict=True):
        np.testing.assert_array_equal(one, other)
    assert max(map(len, known)) == len(links), "no link feature counts what readers like"
    # Of a story's list, what readers liked and passed over, and nothing that they were not shown.
    candidates = index.knowing(links).pairs(np.unique(first))
    keys = {tuple(sorted(pair)) for pair in np.concatenate([first, passed]).tolist()}
    shown = [
        pair
        for pair in zip(candidates.story.tolist(), candidates.candidate.tolist(), strict=True)
        if tuple(sorted(pair)) in keys
    ]
    final = fitted[3]
    assert (final[1][len(fitted[1][1]) :] - len(corpus)).tolist() == [story for story, _ in shown]
    right = {tuple(pair) for pair in first.tolist()}
    told = final[2][len(fitted[1][1]) :].tolist()
    assert told == [tuple(sorted(pair)) in right for pair in shown]


# What train makes of it


@pytest.fixture
def store(tmp_path: Path, made: ModuleType) -> Any:
    corpus = newsroom(60)
    dated = replace(corpus, published=np.floor(corpus.published * 86_400) / 86_400 + 18_000)
    with Store.open(f"sqlite:///{tmp_path}/news.sqlite") as opened:
        made.save(opened, dated)
        yield opened


def counted(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    monkeypatch.setattr(Store, "events", lambda self, since_day=0: events)


def test_without_clicks_the_model_is_the_same_to_the_bit(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(monkeypatch, NOTHING)
    without, with_none = (train(store, tmp_path / str(clicks), clicks=clicks) for clicks in (False, True))
    one, other = (trained.model.manifest for trained in (without, with_none))
    assert one["files"] == other["files"]
    assert one["ranker"] == other["ranker"]
    assert "clicks" not in one["report"]
    assert WITHOUT_CLICKS not in one["report"]["systems"]
    assert other["report"]["clicks"] == {"pairs": 0, "before_cut": 0}
    assert other["report"]["systems"][WITHOUT_CLICKS]["ahead"]["mean"] == 0


def test_the_report_says_how_many_there_were_and_what_they_were_worth(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = store.corpus()
    # At every story the same four of one event, and two of them are somebody's favourites.
    lists = np.tile(np.arange(4, 8), (len(corpus), 1))
    lists[4:8] = -1
    favourites = np.array([[40, 4], [41, 5]])
    day = int(corpus.published.min())
    counted(monkeypatch, read(corpus, lists, favourites, day, shown=4_000))
    expected = len(choices(store.events(), corpus).liked)
    assert 2 <= expected < 20
    before = len(choices_before(store.events(), cold(corpus)).liked)
    trained = train(store, tmp_path / "models", clicks=True)
    manifest = models.load(tmp_path / "models", trained.model.id).manifest
    assert manifest["report"]["clicks"] == {"pairs": expected, "before_cut": before}
    assert trained.clicks == store.events().clicked.sum()
    assert set(manifest["report"]["systems"]) >= {OURS, WITHOUT_CLICKS, default.NAME}
    assert manifest["data"]["links"] == len(corpus.links)
    assert store.corpus().links.tolist() == corpus.links.tolist()


def test_the_new_recipe_is_compared_with_the_active_model_as_it_learns(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def watched(events: Events, split: Split) -> Choices:
        told.append((events, split.cut))
        return choices_before(events, split)

    counted(monkeypatch, NOTHING)
    train(store, tmp_path / "models")
    monkeypatch.setattr(promoting, "choices_before", watched)
    monkeypatch.setattr(promoting, "FEWEST", 1)
    corpus = store.corpus()
    monkeypatch.setattr(promoting, "days", lambda moment: float(np.quantile(corpus.published, 0.7)))
    train(store, tmp_path / "models", activate=False)
    assert told == []
    train(store, tmp_path / "models", activate=False, clicks=True)
    assert told == [(NOTHING, pytest.approx(np.quantile(corpus.published, 0.7)))]


def test_what_is_said() -> None:
    assert learned_from({"pairs": 1_200, "before_cut": 800}, 90_000) == (
        "Clicks: 1,200 pairs that readers like and no editor linked. What they are worth is told by 800, "
        "of days before the cut: see `without clicks`."
    )
    assert learned_from({"pairs": 1, "before_cut": 0}, 90_000) == (
        "Clicks: 1 pair that readers like and no editor linked. None is of days before the cut, so "
        "nothing tells what they are worth."
    )
    assert learned_from({"pairs": 0, "before_cut": 0}, 1_234) == (
        "Clicks: of 1,234 counted, no pair that no editor linked has clearly more than its rank explains, so "
        "they taught nothing."
    )
    assert learned_from({"pairs": 0, "before_cut": 0}, 0) == (
        "Clicks: no clicks were counted yet, so they taught nothing."
    )


def test_by_command(store: Store, tmp_path: Path) -> None:
    options = ["--store", store.name, "--models", str(tmp_path / "models"), "-q"]
    result = CliRunner().invoke(app, [*options, "train", "--clicks"])
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "without clicks" in words
    assert "Clicks: no clicks were counted yet" in words
