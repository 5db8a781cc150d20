"""Lists brought up to date: the same as those of a whole recompute, for the work of what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from made_up import MORE, NOBODY, STORIES, until
from numpy.typing import NDArray

from recommender.corpus import NEIGHBOUR_DTYPE, Corpus
from recommender.engine import local
from recommender.errors import StaleGeneration
from recommender.pipeline.recomputing import Recomputed, recompute
from recommender.pipeline.refreshing import refresh
from recommender.search import Search
from recommender.service import Service
from recommender.store import Store
from recommender.urls import canonical

Served = dict[str, tuple[list[tuple[str, float, int, int]], bytes]]


def served(store: Store) -> Served:
    """Read all lists, by the stories' addresses, and the reasons for them."""
    with store.exported() as (urls, lists):
        packed = dict(lists)
    told: Served = {}
    for article, url in urls.items():
        found = store.find(canonical(url), reasons=True)
        assert found is not None
        assert found.packed == packed.get(article)
        entries = np.frombuffer(found.packed or b"", NEIGHBOUR_DTYPE).tolist()
        told[url] = (
            [(urls[one], score, place, group) for one, score, place, group in entries],
            found.reasons or b"",
        )
    return told


def whole(store: Store) -> Served:
    """Recompute everything, and read it."""
    recompute(store, NOBODY)
    return served(store)


def test_lists_with_new_stories_are_those_of_a_whole_recompute(
    recomputed: Store, made: ModuleType, news: Corpus
) -> None:
    before = served(recomputed)
    made.save(recomputed, news)
    done = refresh(recomputed, NOBODY)
    assert (done.generation, done.stories) == (2, STORIES + MORE)
    assert MORE < done.ranked < done.stories, "some lists are as they were"
    refreshed = served(recomputed)
    assert len(refreshed) == STORIES + MORE
    assert refreshed != before
    assert refreshed == whole(recomputed)


def test_several_refreshes_are_one_recompute(recomputed: Store, made: ModuleType, news: Corpus) -> None:
    for end in (STORIES + 1, STORIES + 12, STORIES + MORE):
        made.save(recomputed, until(news, end))
        assert refresh(recomputed, NOBODY).stories == end
    assert served(recomputed) == whole(recomputed)


def test_nothing_new_publishes_nothing(recomputed: Store) -> None:
    before = served(recomputed)
    assert refresh(recomputed, NOBODY) == Recomputed(1, "default", STORIES, 0, 0)
    generation = recomputed.generation()
    assert generation is not None
    assert generation.id == 1
    assert served(recomputed) == before


def test_what_comes_and_is_taken_back_is_looked_at_once(
    recomputed: Store, made: ModuleType, news: Corpus
) -> None:
    before = served(recomputed)
    old = until(news, STORIES)
    made.save(recomputed, replace(old, titles=["Another title", *old.titles[1:]]))
    made.save(recomputed, old)
    assert refresh(recomputed, NOBODY) == Recomputed(2, "default", STORIES, 0, 0)
    generation = recomputed.generation()
    assert generation is not None
    assert generation.revision == recomputed.revision()
    assert recomputed.vocabulary(2) is not None
    assert served(recomputed) == before
    assert refresh(recomputed, NOBODY) == Recomputed(2, "default", STORIES, 0, 0)


def test_new_links_between_old_stories(recomputed: Store, made: ModuleType, news: Corpus) -> None:
    old = until(news, STORIES)
    links = np.concatenate([old.links[20:], [[5, 300], [471, 12]]])
    made.save(recomputed, replace(old, links=links[np.argsort(links[:, 0], kind="stable")]))
    done = refresh(recomputed, NOBODY)
    assert 0 < done.ranked < STORIES
    lists = served(recomputed)
    assert lists == whole(recomputed)
    assert old.urls[300] in [url for url, _, place, _ in lists[old.urls[5]][0] if place]


def test_orders_of_editors(recomputed: Store, news: Corpus) -> None:
    """A pin where no link was, one on a story's second link, and a block of another's first."""
    before = served(recomputed)
    ids, links = recomputed.corpus().ids.tolist(), recomputed.corpus().links.tolist()
    counts = np.bincount([source for source, _ in links], minlength=STORIES)
    first, second, *_ = np.flatnonzero(counts > 1).tolist()
    pinned = [target for source, target in links if source == first][1]
    blocked = next(target for source, target in links if source == second)
    recomputed.curate(ids[5], ids[300], "pin", by="", at=1)
    assert 0 < refresh(recomputed, NOBODY).ranked < STORIES
    lists = served(recomputed)
    assert news.urls[300] in [url for url, _, place, _ in lists[news.urls[5]][0] if place == 1]
    recomputed.curate(ids[first], ids[pinned], "pin", by="", at=2)
    assert refresh(recomputed, NOBODY).ranked > 0
    places = {url: place for url, _, place, _ in served(recomputed)[news.urls[first]][0]}
    assert places[news.urls[pinned]] == 1
    recomputed.curate(ids[second], ids[blocked], "block", by="", at=3)
    assert refresh(recomputed, NOBODY).ranked > 0
    lists = served(recomputed)
    assert [place for url, _, place, _ in lists[news.urls[second]][0] if url == news.urls[blocked]] in (
        [],
        [0],
    )
    assert lists == whole(recomputed)
    for story in (5, first, second):
        recomputed.undo(ids[story], by="", at=4)
    refresh(recomputed, NOBODY)
    assert served(recomputed) == before


def test_a_new_headline_and_a_story_that_is_gone(recomputed: Store, made: ModuleType, news: Corpus) -> None:
    told = until(news, STORIES)
    changed, gone = 450, 460
    told.titles[changed], told.excerpts[changed] = told.titles[40], told.excerpts[40]
    made.save(recomputed, told)
    entry = next(each for each in made.entries(told) if each.origin == told.urls[gone])
    recomputed.save([replace(entry, versions=(replace(entry.versions[0], removed=True, digest="gone"),))])
    done = refresh(recomputed, NOBODY)
    assert (done.stories, done.generation) == (STORIES - 1, 2)
    lists = served(recomputed)
    assert told.urls[gone] not in lists
    assert all(told.urls[gone] != url for list_, _ in lists.values() for url, *_ in list_)
    right = whole(recomputed)
    assert lists[told.urls[changed]] == right[told.urls[changed]]
    # Whose places were counted by a list that changed itself may be a place off until a whole recompute.
    assert {url: {one for one, *_ in list_} for url, (list_, _) in lists.items()} == {
        url: {one for one, *_ in list_} for url, (list_, _) in right.items()
    }


def test_a_story_that_comes_late_is_put_where_it_belongs(
    store: Store, made: ModuleType, news: Corpus
) -> None:
    late = 430
    made.save(store, until(news, STORIES, without=[late]))
    recompute(store, NOBODY)
    made.save(store, until(news, STORIES))
    refresh(store, NOBODY)
    lists, right = served(store), whole(store)
    assert lists[news.urls[late]] == right[news.urls[late]]

    def naming(told: Served) -> set[str]:
        return {url for url, (list_, _) in told.items() if any(news.urls[late] == one for one, *_ in list_)}

    assert naming(lists) == naming(right) != set()


@pytest.mark.parametrize(
    "why",
    [
        "nothing kept",
        "kept is damaged",
        "another length",
        "a tenth more",
        "another search",
        "another version",
    ],
)
def test_where_it_cannot_be_done_everything_is_recomputed(
    store: Store, made: ModuleType, news: Corpus, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = 400 if why == "a tenth more" else STORIES
    made.save(store, until(news, first))
    recompute(store, NOBODY)
    made.save(store, news)
    if why == "nothing kept":
        monkeypatch.setattr(Store, "kept", lambda _: {})
    if why == "kept is damaged":
        kept = store.kept()
        monkeypatch.setattr(Store, "kept", lambda _: kept | {"lists": kept["lists"][:-9]})
    if why == "another search":
        monkeypatch.setattr("recommender.pipeline.recomputing.SEARCH", Search(before=40))
    if why == "another version":
        monkeypatch.setattr("recommender.known.__version__", "0.0.1")
    done = refresh(store, NOBODY, k=40 if why == "another length" else 50)
    assert (done.ranked, done.generation) == (STORIES + MORE, 2)


def test_a_refresh_that_fails_leaves_the_old_lists(recomputed: Store, made: ModuleType, news: Corpus) -> None:
    before, kept = served(recomputed), recomputed.kept()
    made.save(recomputed, news)

    def failing(
        function: Callable[[object, object], object], shared: object, blocks: Sequence[NDArray[np.int64]]
    ) -> Iterator[object]:
        results = local(function, shared, blocks)
        if function.__name__ == "_pack":
            yield next(iter(results))
            raise RuntimeError("the worker is gone")
        yield from results

    with pytest.raises(RuntimeError, match="the worker is gone"):
        refresh(recomputed, NOBODY, engine=failing)  # type: ignore[arg-type]
    now = served(recomputed)
    assert {url: now[url] for url in before} == before
    assert recomputed.kept() == kept
    assert refresh(recomputed, NOBODY).ranked > 0
    assert served(recomputed) == whole(recomputed)


def test_lists_that_are_served_no_more_are_not_amended(recomputed: Store) -> None:
    recompute(recomputed, NOBODY)
    with pytest.raises(StaleGeneration, match="generation 1 is not the one that is served"):
        recomputed.amend(1, [], [])


def test_texts_of_old_stories_are_not_written_again(
    recomputed: Store, made: ModuleType, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.known.PART", 100)
    recompute(recomputed, NOBODY)
    made.save(recomputed, news)
    written: list[str] = []
    amend = Store.amend

    def watched(self: Store, *arguments: object, **options: object) -> int:
        parts = list(options["kept"])  # type: ignore[call-overload]
        written.extend(name for name, _ in parts)
        return amend(self, *arguments, **(options | {"kept": parts}))  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "amend", watched)
    refresh(recomputed, NOBODY)
    assert written == ["lists", "texts 000004", "texts 000005"]
    kept = recomputed.kept()
    recompute(recomputed, NOBODY)
    assert recomputed.kept() == kept


def test_earlier_neighbours_that_changed_are_written_again(
    store: Store, made: ModuleType, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A story as old as the others, imported last, is an earlier neighbour of some of the first part.
    monkeypatch.setattr("recommender.known.PART", 100)
    late = 40
    order = np.r_[np.delete(np.arange(STORIES), late), late]
    row = np.argsort(order)
    names = ("urls", "titles", "excerpts", "providers", "types", "topics", "tags")
    told = replace(
        until(news, STORIES),
        published=news.published[order],
        quality=news.quality[order],
        links=np.empty((0, 2), np.int64),
        **{name: [getattr(news, name)[story] for story in order] for name in names},
    )
    assert row[late] == STORIES - 1
    made.save(store, until(told, STORIES - 1))
    recompute(store, NOBODY)
    before = store.kept()
    made.save(store, told)
    refresh(store, NOBODY)
    kept = store.kept()
    assert kept["texts 000000"] != before["texts 000000"]
    recompute(store, NOBODY)
    right = store.kept()
    assert [name for name in kept if name.startswith("texts") and kept[name] != right[name]] == []


def test_a_reader_is_given_the_new_story_at_once(recomputed: Store, made: ModuleType, news: Corpus) -> None:
    service = Service(recomputed, clock=lambda: 4e9)
    made.save(recomputed, news)
    refresh(recomputed, NOBODY)
    answer = service.related(news.urls[-1])
    assert (answer.generation, answer.ranked) == (2, True)
    assert answer.items[0]["source"] != "fill"


def test_a_story_that_is_removed_meanwhile_is_as_if_it_had_never_come(
    recomputed: Store, made: ModuleType, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.save(recomputed, news)
    gone = canonical(news.urls[STORIES + 3])
    read = Store.versions

    def removed(store: Store) -> object:
        told = read(store)
        monkeypatch.undo()
        assert store.remove(gone)
        return told

    monkeypatch.setattr(Store, "versions", removed)
    assert refresh(recomputed, NOBODY).stories == STORIES + MORE - 1
    lists = served(recomputed)
    assert news.urls[STORIES + 3] not in lists
    assert lists == whole(recomputed)
