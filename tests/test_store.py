"""Importing, on both databases: which version of a story wins, what it is found by, what is linked."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import orjson
import pytest
from sqlalchemy import event
from stories import content, document, key, save, story, wipe

from recommender import urls
from recommender.articles import Document, card
from recommender.errors import InvalidStory
from recommender.store import AliasKind, Saved, Store, encode, share


def title(store: Store, name: str) -> str:
    found = store.find(key(name))
    assert found is not None
    return str(orjson.loads(found.card)["title"])


def answers(store: Store, alias: str) -> str | None:
    found = store.find(alias)
    return None if found is None else found.key


# Which version wins


def test_what_is_saved_is_found_as_it_was(store: Store) -> None:
    article = story("a", day=2.5, excerpt="ünïcode \u2028 \x00 <b>", quality=81.0, topics=("x",))
    save(store, document(article))
    found = store.find(article.key)
    assert found is not None
    assert (found.key, found.url, found.removed) == (article.key, article.url, False)
    assert found.published_at == datetime(2020, 1, 3, 12, tzinfo=UTC).timestamp()
    assert orjson.loads(found.card) == card(article)
    assert (found.generation, found.model, found.packed) == (None, None, None)


OLD = story("a", day=1, title="old")
NEW = story("a", day=2, title="new")
UNDATED = story("a", day=None, title="undated")


def embedding(article: Any, origin: str) -> Document:
    return document(story(f"host-{origin}"), article, origin=origin)


@pytest.mark.parametrize(
    ("documents", "winner"),
    [
        ([document(OLD, origin="1"), document(NEW, origin="2")], "new"),
        ([document(UNDATED, origin="1"), document(OLD, origin="2")], "old"),
        ([document(UNDATED, origin="1"), embedding(OLD, "2")], "undated"),
        ([document(OLD, origin="1"), embedding(NEW, "2")], "old"),
        ([embedding(OLD, "1"), embedding(NEW, "2")], "new"),
        ([document(OLD, origin="1"), embedding(replace(OLD, title="embedded"), "2")], "old"),
        ([document(OLD, origin="1"), document(replace(OLD, title="taken back", removed=True), origin="2")],
         "taken back"),
        ([document(OLD, embedding(NEW, "2").related[0], origin="1")], "old"),
    ],
    ids=["newest", "dated", "a mention is no document", "nor is a newer one", "newest mention",
         "own document", "removal", "embeds itself"],
)  # fmt: skip
def test_the_winner_does_not_depend_on_order_or_batches(
    store: Store, documents: list[Document], winner: str
) -> None:
    for order in permutations(documents):
        wipe(store)
        save(store, *order)
        assert title(store, "a") == winner
        wipe(store)
        for each in order:
            save(store, each)
        assert title(store, "a") == winner


def test_of_origins_that_say_the_same_the_first_by_name_holds_the_story(store: Store) -> None:
    ends = []
    same = [document(OLD, origin="1"), document(OLD, origin="2")]
    for batches in ([same], [same[::-1]], [same[:1], same[1:]], [same[1:], same[:1]]):
        wipe(store)
        for batch in batches:
            save(store, *batch)
        ends.append(content(store)["articles"][key("a")])
    assert ends == [ends[0]] * 4
    assert ends[0][-1] == "1"


def test_the_origin_of_a_version_may_replace_it_by_any_other(store: Store) -> None:
    save(store, document(NEW, origin="1"))
    save(store, document(replace(OLD, title="corrected"), origin="1"))
    assert title(store, "a") == "corrected"
    save(store, document(replace(UNDATED, title="elsewhere"), origin="2"))
    assert title(store, "a") == "corrected"


def test_an_edit_and_a_better_version_in_one_batch(store: Store) -> None:
    save(store, document(story("a", day=9, title="first"), origin="1"))
    save(store, document(OLD, origin="1"), document(NEW, origin="2"))
    assert title(store, "a") == "new"


def test_a_batch_that_names_an_origin_twice_takes_the_last(store: Store) -> None:
    save(store, document(NEW, origin="1", links=["x"]), document(OLD, origin="1", links=["y"]))
    assert title(store, "a") == "old"
    assert content(store)["links"] == {("1", 0): (key("a"), "y")}


def test_only_its_own_document_removes_a_story_and_brings_it_back(store: Store) -> None:
    def removed() -> bool:
        found = store.find(key("a"))
        assert found is not None
        return found.removed

    save(store, embedding(replace(OLD, removed=True), "1"))
    assert not removed()
    save(store, document(replace(OLD, removed=True), origin="2"))
    assert removed()
    save(store, embedding(NEW, "3"))
    assert removed(), "a mention brings nothing back"
    save(store, document(OLD, origin="2"))
    assert not removed()


# Counting, and importing again


def test_counts_say_what_changed(store: Store) -> None:
    first = [document(story("a"), story("b"), story("c")), document(story("b"), story("c"))]
    assert save(store, *first) == Saved(new=3, links_added=3)
    assert save(store, *first) == Saved(unchanged=3)
    edited = [document(story("a", title="edited"), story("c")), document(story("d"), story("x"))]
    assert save(store, *edited) == Saved(new=2, changed=1, unchanged=1, links_added=1, links_removed=1)
    assert Saved(1, 2, 3, 4, 5) + Saved(1, 1, 1, 1, 1) == Saved(2, 3, 4, 5, 6)
    assert save(store) == Saved()


def test_importing_again_writes_nothing(store: Store) -> None:
    batch = [document(story("a", original_url="https://o.example/a-story"), story("b")), document(story("b"))]
    save(store, *batch, fingerprint="same")
    with store.writing("test"):
        connection = store._writer._connection
        assert connection is not None
        statements: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2]))
        save(store, *batch, fingerprint="same")
    assert {statement.split()[0] for statement in statements} - {"BEGIN"} == {"SELECT"}


def test_fingerprints_are_those_of_the_last_import(store: Store) -> None:
    save(store, document(story("a")), document(story("b")), fingerprint="1")
    save(store, document(story("b")), fingerprint="2")
    assert store.fingerprints() == {"a": "1", "b": "2"}


def test_a_failure_leaves_nothing_of_a_batch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power")

    monkeypatch.setattr("recommender.store.importing._save_links", fail)
    with pytest.raises(RuntimeError, match="power"):
        save(store, document(story("a")))
    assert content(store) == {"origins": {}, "articles": {}, "aliases": {}, "links": {}}


# Aliases


def test_every_address_of_a_story_leads_to_it(store: Store) -> None:
    article = story(
        "a",
        original_url="http://www.origin.example/a-story/?utm_source=x#top",
        amp_web_url="https://phone.news.example/a-story-for-phones",
        cdn_amp_web_url="https://cdn.example/c/s/a-story",
    )
    save(store, document(article))
    for address in (article.original_url, article.amp_web_url, article.cdn_amp_web_url, article.url):
        assert answers(store, urls.canonical(address)) == key("a")
    assert answers(store, urls.story_key(article.title, article.published_at, "news.example")) == key("a")
    assert answers(store, "https://news.example/other") is None


def test_an_address_that_is_none_is_no_alias(store: Store) -> None:
    save(store, document(story("a", original_url="javascript:alert(1)")))
    assert [kind for _, kind in content(store)["aliases"].values()] == [AliasKind.OWN, AliasKind.STORY_KEY]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_storys_own_key_beats_other_claims(store: Store, order: Sequence[int]) -> None:
    own = document(story("a"))
    original = document(story("z", original_url=key("a")))
    amp = document(story("b", amp_web_url=key("a")))
    batch = [own, original, amp]
    for place in order:
        save(store, batch[place])
    assert answers(store, key("a")) == key("a")
    assert store.status().stories == 3


def test_of_other_claims_the_stronger_kind_then_the_lesser_key_wins(store: Store) -> None:
    claimed = "https://news.example/shared-address"
    save(store, document(story("a", amp_web_url=claimed)))
    assert answers(store, claimed) == key("a")
    save(store, document(story("z", original_url=claimed)))
    assert answers(store, claimed) == key("z")
    save(store, document(story("y", original_url=claimed)))
    assert answers(store, claimed) == key("y")
    save(store, document(story("b", original_url=claimed, title="B"), story("c", cdn_amp_web_url=claimed)))
    assert answers(store, claimed) == key("b")


def test_an_address_a_story_once_had_still_leads_to_it(store: Store) -> None:
    save(store, document(story("a", title="First title", amp_web_url="https://amp.example/first")))
    save(store, document(story("a", title="Second title")))
    assert answers(store, "https://amp.example/first") == key("a")
    assert answers(store, urls.story_key("First title", story("a").published_at, "news.example")) == key("a")


# Links


def test_links_of_one_origin_are_replaced_and_of_several_united(store: Store) -> None:
    save(
        store,
        document(story("a"), origin="1", links=["x", "y"]),
        document(story("a"), origin="2", links=["x"]),
    )
    assert content(store)["links"] == {
        ("1", 0): (key("a"), "x"),
        ("1", 1): (key("a"), "y"),
        ("2", 0): (key("a"), "x"),
    }
    save(store, document(story("a"), origin="1", links=["y", "z"]))
    assert content(store)["links"] == {
        ("1", 0): (key("a"), "y"),
        ("1", 1): (key("a"), "z"),
        ("2", 0): (key("a"), "x"),
    }
    assert store.status().links == 3


def test_an_origin_that_is_about_another_story_now_takes_its_links_along(store: Store) -> None:
    save(store, document(story("a"), origin="1", links=["x"]))
    assert save(store, document(story("b"), origin="1", links=["x"])).links_removed == 1
    assert content(store)["links"] == {("1", 0): (key("b"), "x")}


def test_a_link_may_come_before_its_story(store: Store) -> None:
    nameless = story("b")
    by_name = urls.story_key(nameless.title, nameless.published_at, "news.example")
    save(store, document(story("a"), links=[key("c"), by_name]))
    assert store.status().dead_links == 2
    assert store.corpus().links.tolist() == []
    save(store, document(story("b")), document(story("c")))
    assert store.status().dead_links == 0
    corpus = store.corpus()
    ends = [tuple(corpus.urls[row].rsplit("/", 1)[-1] for row in pair) for pair in corpus.links]
    assert ends == [("a", "c"), ("a", "b")]


def test_a_repeated_link_counts_once(store: Store) -> None:
    save(store, document(story("a"), links=["x", "y", "x"]))
    assert [target for _, target in content(store)["links"].values()] == ["x", "y"]


def test_a_forgotten_origin_keeps_its_story_and_loses_its_links(store: Store) -> None:
    save(store, document(story("a"), story("b"), origin="f#1"), document(story("a"), origin="f#2"))
    assert store.forget(["f#1", "never seen"]) == 1
    assert store.fingerprints().keys() == {"f#2"}
    assert store.status().links == 0
    assert answers(store, key("a")) == key("a")
    assert save(store, document(story("a"), story("b"), origin="f#1")).links_added == 1
    assert store.fingerprints().keys() == {"f#1", "f#2"}


# Preparing


def test_entries_travel_between_processes_and_equal_versions_once() -> None:
    entries = [
        encode(document(story(f"s{n}"), story("linked", excerpt="word " * 200)), "f") for n in range(20)
    ]
    shared = share(entries)
    assert pickle.loads(pickle.dumps(shared)) == entries
    assert len(pickle.dumps(shared)) < len(pickle.dumps(entries)) / 2


def test_order_of_unknown_fields_is_no_difference() -> None:
    one, other = (
        encode(document(story("a", extra=extra)), "") for extra in ({"x": 1, "y": 2}, {"y": 2, "x": 1})
    )
    assert one == other


def test_seconds_are_whole_and_rounded_down() -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert encode(document(story("a", day=None, published_at=moment)), "").versions[0].published_at == -1
    east = datetime(1970, 1, 1, 2, tzinfo=UTC) - timedelta(hours=2)
    assert encode(document(story("a", day=None, published_at=east)), "").versions[0].published_at == 0


@pytest.mark.parametrize(
    "broken",
    [
        document(story("a", title="\ud800")),
        document(story("a", extra={"n": 10**30})),
        document(story("a", url="https://news.example/\0")),
        document(story("a"), origin="caf\udce9.md"),
        document(story("a"), links=["\0"]),
    ],
    ids=["surrogate", "number", "NUL", "file name", "link"],
)
def test_what_no_database_keeps_is_refused_by_name(broken: Document) -> None:
    with pytest.raises(InvalidStory, match=r"news\.example|caf|\\x00"):
        encode(broken, "")
