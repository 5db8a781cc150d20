"""Reading curated links as documents give them, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from stories import document, key, packed, save, story

from recommender.store import CuratedLink, Store

NOWHERE = "story:0123456789abcdef0123456789abcdef"


def ids_of(store: Store, *names: str) -> list[int]:
    found = [store.find(key(name)) for name in names]
    return [one.id for one in found if one is not None]


def test_links_come_story_by_story_with_where_they_are_from_and_what_they_lead_to(store: Store) -> None:
    other = "https://b.example/first"
    save(
        store,
        document(story("a"), origin="z.md", links=[key("b"), NOWHERE]),
        document(story("b", day=2, original_url=other), origin="b.md", links=[key("b"), key("gone")]),
        document(story("gone", day=None, removed=True), origin="gone.md", links=[key("a")]),
        document(story("a"), origin="a.md", links=[other]),
    )
    a, b, gone = ids_of(store, "a", "b", "gone")
    days = {name: 1_577_836_800 + 86_400 * day for name, day in (("a", 1), ("b", 2))}
    with store.audited() as read:
        links = list(read.links())
        targets = read.targets()
    assert links == sorted(links, key=lambda link: link.source)
    assert set(links) == {
        CuratedLink(a, False, "a.md", key("b"), b, days["b"], False, "z.md", 0),
        CuratedLink(a, False, "a.md", NOWHERE, None, None, False, "z.md", 1),
        CuratedLink(a, False, "a.md", other, b, days["b"], False, "a.md", 0),
        CuratedLink(b, False, "b.md", key("b"), b, days["b"], False, "b.md", 0),
        CuratedLink(b, False, "b.md", key("gone"), gone, None, True, "b.md", 1),
        CuratedLink(gone, True, "gone.md", key("a"), a, days["a"], False, "gone.md", 0),
    }
    assert targets == {a: {b}, b: {b, gone}, gone: {a}}


def test_links_of_one_document_come_in_its_order(store: Store) -> None:
    names = ["e", "b", "d", "c"]
    save(store, document(story("a"), *map(story, names)))
    with store.audited() as read:
        assert [(link.place, link.key) for link in read.links()] == list(enumerate(map(key, names)))


def test_stories_are_named_and_unknown_ids_left_out(store: Store) -> None:
    save(store, document(story("a")), document(story("gone", day=None, removed=True)))
    a, gone = ids_of(store, "a", "gone")
    with store.audited() as read:
        assert read.stories([gone, a, 10**9]) == {
            a: ("https://www.news.example/a", "Title of a", 1_577_836_800 + 86_400, False),
            gone: ("https://www.news.example/gone", "Title of gone", None, True),
        }
        assert read.stories([]) == {}


def test_what_is_served_comes_with_it(store: Store) -> None:
    save(store, document(story("a")), document(story("b")))
    a, b = ids_of(store, "a", "b")
    with store.audited() as read:
        assert read.generation() is None
        assert list(read.lists()) == []
    for model, score in (("old", 0.25), ("new", 0.5)):
        store.publish(model, [(a, packed((b, score))), (b, b"")])
    with store.audited() as read:
        active = read.generation()
        assert active is not None
        assert active.model == "new"
        assert list(read.lists()) == [(a, packed((b, 0.5))), (b, b"")]


def test_an_empty_store_has_no_links(store: Store) -> None:
    with store.audited() as read:
        assert list(read.links()) == []
        assert read.targets() == {}


def test_it_is_one_moment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that arrives between two reads is in neither."""
    save(store, document(story("a"), story("b")))
    a, b = ids_of(store, "a", "b")
    with store.audited() as read:
        assert read.targets() == {a: {b}}
        with ThreadPoolExecutor(1) as other:
            other.submit(save, store, document(story("b"), story("a"), story("c"))).result()
        assert [(link.source, link.target) for link in read.links()] == [(a, b)]
        assert len(read.stories(range(1, 10))) == 2
    with store.audited() as read:
        assert read.targets().keys() == {a, b}
