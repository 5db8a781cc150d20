"""Keeping up with a store: what changed, lists replaced as stories come, generations written in pieces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from stories import document, packed, save, story

from recommender.errors import StaleGeneration
from recommender.store import Change, Store, publishing
from recommender.store.schema import neighbours


def ids(store: Store) -> dict[str, int]:
    corpus = store.corpus()
    return {url.rsplit("/", 1)[-1]: one for url, one in zip(corpus.urls, corpus.ids.tolist(), strict=True)}


def rows(store: Store) -> dict[int, int]:
    """Count the lists of every generation, served or not."""
    with store._database.snapshot() as connection:
        query = select(neighbours.c.generation, func.count()).group_by(neighbours.c.generation)
        return dict(map(tuple, connection.execute(query)))


# What changed


def test_stories_tell_when_they_changed(store: Store) -> None:
    assert (store.revision(), store.changes(0)) == (0, [])
    save(store, document(story("a")), document(story("b")))
    save(store, document(story("c")))
    named = ids(store)
    assert store.revision() == 2
    assert store.changes(0) == [Change(named[name], False, 1 + (name == "c")) for name in "abc"]
    assert store.changes(1) == [Change(named["c"], False, 2)]
    assert store.changes(2) == []


def test_what_says_the_same_has_not_changed(store: Store) -> None:
    save(store, document(story("a")), document(story("b")))
    save(store, document(story("a")), document(story("b", title="Another")))
    named = ids(store)
    assert store.changes(1) == [Change(named["b"], False, 2)]
    save(store, document(story("a")))
    assert store.revision() == 2


def test_links_and_removals_are_changes(store: Store) -> None:
    save(store, *(document(story(name)) for name in "abc"))
    named = ids(store)
    save(store, document(story("a"), links=["https://news.example/b"]))
    assert store.changes(1) == [Change(named["a"], False, 2)]
    save(store, document(story("c", removed=True)))
    assert store.changes(2) == [Change(named["c"], True, 3)]
    save(store, document(story("a")))
    assert store.changes(3) == [Change(named["a"], False, 4)]


def test_a_generation_tells_which_stories_it_ranked(store: Store) -> None:
    save(store, document(story("a")))
    store.publish("m1", [], revision=store.revision())
    generation = store.generation()
    assert generation is not None
    assert generation.revision == 1


# Lists replaced


def test_lists_are_put_into_the_generation_that_is_served(store: Store) -> None:
    save(store, *(document(story(name)) for name in "abc"))
    named = ids(store)
    first = store.publish("m1", [(named["a"], packed((named["b"], 0.5)))])
    store.put(first, [(named["a"], packed((named["c"], 0.9))), (named["c"], packed((named["a"], 0.8)), b"")])
    assert store.lists(first, list(named.values())) == {
        named["a"]: (packed((named["c"], 0.9)), None),
        named["c"]: (packed((named["a"], 0.8)), b""),
    }
    second = store.publish("m2", [])
    with pytest.raises(StaleGeneration, match=f"generation {first} is not the one that is served"):
        store.put(first, [(named["b"], packed())])
    assert store.lists(first, [named["a"]]) == {}
    assert store.lists(second, [named["a"]]) == {}


# Generations in pieces


def test_stories_are_saved_while_a_generation_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_CHUNK", 2)
    save(store, *(document(story(name)) for name in "abcde"))
    named = ids(store)
    before = store.publish("m1", [(named["a"], packed((named["b"], 0.5)))])

    def lists() -> Iterator[tuple[int, bytes]]:
        for number, name in enumerate("abcde"):
            save(store, document(story(f"new-{number}")))
            generation = store.generation()
            assert generation is not None
            assert generation.id == before
            yield named[name], packed((named["c"], 0.1))

    after = store.publish("m2", lists())
    assert store.status().stories == 10
    assert rows(store) == {before: 1, after: 5}
    last = store.publish("m3", [])
    assert rows(store) == {after: 5}
    assert store.publish("m4", []) == last + 1
    assert rows(store) == {}


@pytest.mark.parametrize("swept", [True, False])
def test_a_generation_that_was_given_up_is_swept_away(
    store: Store, monkeypatch: pytest.MonkeyPatch, swept: bool
) -> None:
    monkeypatch.setattr(publishing, "_CHUNK", 1)
    save(store, *(document(story(name)) for name in "abc"))
    named = ids(store)
    first = store.publish("m1", [(named["a"], packed((named["b"], 0.5)))])

    def lists() -> Iterator[tuple[int, bytes]]:
        yield named["a"], packed()
        yield named["b"], packed()
        if not swept:  # as if the process were killed
            monkeypatch.setattr(publishing, "_sweep", lambda *_: None)
        raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        store.publish("m2", lists())
    assert rows(store) == ({first: 1} if swept else {first: 1, first + 1: 2})
    generation = store.generation()
    assert generation is not None
    assert (generation.id, generation.model) == (first, "m1")
    monkeypatch.undo()
    third = store.publish("m3", [(named["c"], packed())])
    assert rows(store) == {first: 1, third: 1}
