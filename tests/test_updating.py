"""Lists that follow as stories come: as a recompute would make them, within a step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from made_up import MORE, NOBODY, STORIES, until
from stories import document, key, save, story

from recommender.corpus import NEIGHBOUR_DTYPE, Corpus
from recommender.live.updating import NOTHING, Updater
from recommender.neighbours import OWN
from recommender.pipeline.refreshing import refresh
from recommender.service import Options, Service
from recommender.store import Store
from recommender.urls import canonical


@pytest.fixture
def updater(store: Store) -> Iterator[Updater]:
    updater = Updater(store, NOBODY)
    yield updater
    updater.close()


Lists = dict[str, list[tuple[str, float, int, int]]]


def lists(store: Store) -> Lists:
    """Read all lists, by the stories' addresses."""
    with store.exported() as (urls, packed):
        return {
            urls[article]: [
                (urls[one], score, place, group)
                for one, score, place, group in np.frombuffer(bytes_, NEIGHBOUR_DTYPE).tolist()
            ]
            for article, bytes_ in packed
        }


def overlap(one: Lists, other: Lists, k: int = 10) -> float:
    """Share of the first ``k`` of one's lists that are the other's too."""
    same = [len({a[0] for a in one[url][:k]} & {b[0] for b in other[url][:k]}) / k for url in other]
    return float(np.mean(same))


def settle(updater: Updater) -> int:
    """Step until nothing is left; how many stories were ranked."""
    ranked = 0
    while (done := updater.step()) != NOTHING:
        ranked += done.ranked
    return ranked


# As a recompute


def test_new_stories_have_lists_and_are_in_those_of_others(
    recomputed: Store, updater: Updater, made: ModuleType, news: Corpus
) -> None:
    before = lists(recomputed)
    assert updater.step() == NOTHING
    made.save(recomputed, news)
    assert settle(updater) >= MORE, "and some whose links are new"
    live = lists(recomputed)
    assert len(live) == STORIES + MORE
    generation = recomputed.generation()
    assert generation is not None
    assert generation.id == 1, "lists follow inside of a generation"
    refresh(recomputed, NOBODY)
    whole = lists(recomputed)
    assert overlap(live, whole) > 0.995
    assert overlap(before, {url: whole[url] for url in before}) < 0.995
    new = set(news.urls[STORIES:])
    for url, list_ in whole.items():
        assert {one[0] for one in live[url][:10]} & new == {one[0] for one in list_[:10]} & new
    for url in new:
        scores = {one[0]: one[1] for one in whole[url]}
        told = [(one[1], scores[one[0]]) for one in live[url] if one[0] in scores]
        assert len(told) > 40
        assert [live for live, _ in told] == pytest.approx([right for _, right in told], abs=1e-5)


@pytest.mark.parametrize("step", [1, 7])
def test_one_after_the_other_they_are_as_all_at_once(
    recomputed: Store, updater: Updater, made: ModuleType, news: Corpus, step: int
) -> None:
    updater.step()
    for end in range(STORIES + step, STORIES + 15, step):
        made.save(recomputed, until(news, end))
        assert settle(updater) >= step
    made.save(recomputed, until(news, STORIES + 14))
    settle(updater)
    live = lists(recomputed)
    refresh(recomputed, NOBODY)
    assert overlap(live, lists(recomputed)) > 0.995


def test_reasons_are_those_of_a_recompute(
    recomputed: Store, updater: Updater, made: ModuleType, news: Corpus
) -> None:
    updater.step()
    made.save(recomputed, until(news, STORIES + 5))
    settle(updater)
    service = Service(recomputed, NOBODY)
    whys = {
        url: [
            (item["webUrl"], item["why"])
            for item in service.related(url, Options(explain=True, limit=5)).items
        ]
        for url in news.urls[STORIES - 30 : STORIES + 5]
    }
    refresh(recomputed, NOBODY)
    for url, told in whys.items():
        again = service.related(url, Options(explain=True, limit=5)).items
        assert [(item["webUrl"], item["why"]) for item in again] == told


# What may happen to a story


def test_a_story_that_changes_is_ranked_anew(
    recomputed: Store, updater: Updater, made: ModuleType, news: Corpus
) -> None:
    updater.step()
    row, like = 100, 400
    texts = replace(
        news,
        titles=[*news.titles[:row], news.titles[like], *news.titles[row + 1 :]],
        excerpts=[*news.excerpts[:row], news.excerpts[like], *news.excerpts[row + 1 :]],
    )
    made.save(recomputed, until(texts, STORIES))
    assert settle(updater) == 1
    live = lists(recomputed)
    refresh(recomputed, NOBODY)
    whole = lists(recomputed)
    url = news.urls[row]
    assert [one[0] for one in live[url][:5]] == [one[0] for one in whole[url][:5]]
    assert live[news.urls[like]][0][0] == whole[news.urls[like]][0][0] == url


def test_links_of_a_new_story_lead_its_list_and_stand_in_the_other(
    recomputed: Store, updater: Updater, made: ModuleType, news: Corpus
) -> None:
    updater.step()
    linked = replace(news, links=np.vstack([news.links, [[STORIES, 7], [9, STORIES]]]))
    order = np.argsort(linked.links[:, 0], kind="stable")
    made.save(recomputed, until(replace(linked, links=linked.links[order]), STORIES + 1))
    settle(updater)
    live = lists(recomputed)
    places = {one[0]: one[2] for one in live[news.urls[STORIES]] if one[2]}
    assert places[news.urls[7]] == 1
    assert news.urls[9] in places
    assert news.urls[STORIES] in {one[0] for one in live[news.urls[7]] if one[2]}


def test_a_removed_story_is_nobodys_candidate(recomputed: Store, updater: Updater) -> None:
    updater.step()
    twin = {"title": "Zorblax wins the zither cup", "excerpt": "A zorblax has won the zither cup at last."}
    save(recomputed, document(story("first", day=30_000, **twin)))
    settle(updater)
    save(recomputed, document(story("first", day=30_000, removed=True, **twin)))
    assert settle(updater) == 0
    save(recomputed, document(story("second", day=30_000, **twin)))
    settle(updater)
    found = recomputed.find(key("second"))
    first = recomputed.find(key("first"))
    assert found is not None
    assert first is not None
    assert first.id not in np.frombuffer(found.packed or b"", NEIGHBOUR_DTYPE)["article"]


def test_words_that_were_never_seen_bring_stories_together(recomputed: Store, updater: Updater) -> None:
    updater.step()
    save(recomputed, document(story("first", title="Zorblax quux", day=30_000)))
    settle(updater)
    save(recomputed, document(story("second", title="Zorblax flirb", day=30_001)))
    settle(updater)
    live = lists(recomputed)
    first, second = "https://www.news.example/first", "https://www.news.example/second"
    assert live[second][0][0] == first
    assert live[first][0][0] == second


def test_copies_are_told(recomputed: Store, updater: Updater, news: Corpus) -> None:
    updater.step()
    text = {"title": news.titles[470], "excerpt": news.excerpts[470]}
    day = news.published[470] - 18_262
    save(recomputed, document(story("copy", day=day, **text)))
    settle(updater)
    live = lists(recomputed)
    assert (news.urls[470], OWN) in {(one[0], one[3]) for one in live["https://www.news.example/copy"]}
    assert ("https://www.news.example/copy", OWN) in {(one[0], one[3]) for one in live[news.urls[470]]}


# What may happen to the store


def test_an_empty_store_is_recomputed_when_stories_come(
    store: Store, updater: Updater, made: ModuleType, news: Corpus
) -> None:
    assert updater.step() == NOTHING
    made.save(store, until(news, 50))
    settle(updater)
    assert len(lists(store)) == 50
    made.save(store, until(news, 60))
    assert settle(updater) >= 10
    assert len(lists(store)) == 60


def test_a_recompute_by_somebody_else_loses_nothing(
    recomputed: Store, updater: Updater, made: ModuleType, news: Corpus
) -> None:
    updater.step()
    made.save(recomputed, until(news, STORIES + 3))
    settle(updater)
    # It read the store before these came, and serves its lists after they have theirs.
    revision, kept = recomputed.revision(), recomputed.kept()
    made.save(recomputed, until(news, STORIES + 6))
    settle(updater)
    generation = recomputed.generation()
    assert generation is not None
    with recomputed.exported() as (_, packed):
        old = [one for one in packed if one[0] <= STORIES]
    vocabulary = recomputed.vocabulary(generation.id)
    recomputed.publish("default", old, parts="", vocabulary=vocabulary, kept=kept.items(), revision=revision)
    assert news.urls[STORIES + 5] not in lists(recomputed)
    settle(updater)
    assert news.urls[STORIES + 5] in lists(recomputed)
    updater.close()


def test_much_that_is_new_is_brought_up_to_date_aside(
    recomputed: Store, updater: Updater, made: ModuleType, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.live.loading.SPARE", 0)
    monkeypatch.setattr("recommender.live.updating.MUCH", 0.01)
    updater.step()
    for end in range(STORIES + 5, STORIES + MORE + 1, 5):
        made.save(recomputed, until(news, end))
        settle(updater)
    deadline = time.monotonic() + 60
    while settle(updater) or updater._loading is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    generation = recomputed.generation()
    assert generation is not None
    assert generation.id > 1
    live = lists(recomputed)
    assert len(live) == STORIES + MORE
    refresh(recomputed, NOBODY)
    assert overlap(live, lists(recomputed)) > 0.995


def test_stories_found_by_any_address(recomputed: Store, updater: Updater) -> None:
    updater.step()
    save(recomputed, document(story("new", title="Zorblax", day=30_000)))
    settle(updater)
    assert recomputed.find(canonical("http://news.example/new/?utm_source=x")) is not None


def test_editors_orders_are_links_and_the_want_of_them_as_in_a_recompute(
    recomputed: Store, updater: Updater, news: Corpus
) -> None:
    updater.step()
    ids = recomputed.corpus().ids.tolist()
    row, other = next((one, other) for one, other in news.links.tolist() if max(one, other) < STORIES)
    recomputed.curate(ids[100], ids[7], "pin", by="", at=1)
    recomputed.curate(ids[row], ids[other], "block", by="", at=2)
    settle(updater)
    live = lists(recomputed)
    assert {one[0]: one[2] for one in live[news.urls[100]]}[news.urls[7]] == 1
    assert not {one[0]: one[2] for one in live[news.urls[row]]}.get(news.urls[other])
    refresh(recomputed, NOBODY)
    whole = lists(recomputed)
    for url in (news.urls[100], news.urls[row]):
        assert [one[0] for one in live[url] if one[2]] == [one[0] for one in whole[url] if one[2]]
