"""Editors' orders in what is shown: the pinned in their places, the blocked nowhere, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories import document, key, save, story

from recommender.articles import Article
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.errors import InvalidOrder, UnknownStory
from recommender.neighbours import OWN
from recommender.service import Answer, Desk, Options, Service
from recommender.service.desk import LONGEST_NAME, MOST_SLOTS
from recommender.service.pinning import placed, places
from recommender.store import Store

NOW = datetime(2020, 3, 1, tzinfo=UTC)

Newsroom = Callable[..., Service]


@pytest.fixture
def newsroom(store: Store) -> Newsroom:
    """Make a service in which ``asked`` has these neighbours, best first; ``others`` are in no list."""

    def make(
        *related: Article,
        others: tuple[Article, ...] = (),
        curated: str = "",
        groups: dict[str, int] | None = None,
    ) -> Service:
        save(store, *(document(article) for article in (story("asked", day=10), *related, *others)))
        packed = np.zeros(len(related), NEIGHBOUR_DTYPE)
        for at, article in enumerate(related):
            name = article.key.rsplit("/", 1)[-1]
            group = (groups or {}).get(name, 0)
            packed[at] = (id_of(store, name), 0.9 - 0.1 * at, curated.find(name) + 1, group)
        store.publish("m1", [(id_of(store, "asked"), packed.tobytes())])
        return Service(store, clock=NOW.timestamp)

    return make


def id_of(store: Store, name: str) -> int:
    found = store.find(key(name))
    assert found is not None
    return found.id


def pin(service: Service, name: str, slot: int | None = None, story: str = "asked") -> None:
    service.desk.curate(key(story), key(name), "pin", slot, "Ada")


def block(service: Service, name: str) -> None:
    service.desk.curate(key("asked"), key(name), "block", None, "Bo")


def answer(service: Service, **options: Any) -> Answer:
    return service.related(key("asked"), Options(**{"fill": False} | options))


def ask(service: Service, **options: Any) -> str:
    """Names shown, of one letter each, in a word; those pinned are capitals."""
    return "".join(
        name.upper() if item["source"] == "pinned" else name
        for item in answer(service, **options).items
        for name in (item["webUrl"].rsplit("/", 1)[-1],)
    )


# Pins


def test_a_pin_comes_first_from_the_next_request_on(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcd"), curated="b")
    assert ask(service) == "bacd"
    pin(service, "c")
    assert ask(service) == "Cbad"
    item = answer(service).items[0]
    assert (item["rank"], item["score"], item["source"]) == (1, 0.7, "pinned")
    pin(service, "d")
    assert ask(service) == "CDba"
    service.desk.clear(key("asked"), key("c"))
    assert ask(service) == "Dbac"
    assert service.desk.undo(key("asked")) is not None
    assert ask(service) == "CDba"


def test_slots_are_places(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcdef"))
    pin(service, "f", 3)
    assert ask(service) == "abFcde"
    pin(service, "e")
    assert ask(service) == "EaFbcd"
    pin(service, "d", 3)  # the later order has it, the other follows
    assert ask(service) == "EaDFbc"
    pin(service, "c", 4)  # who asks for a place has it before those who were driven from theirs
    assert ask(service) == "EaDCFb"
    assert ask(service, limit=3) == "EaD"
    pin(service, "b", 50)
    assert ask(service) == "EaDCFB", "a list that is shorter ends with it"
    assert ask(service, limit=5) == "EaDCF"
    assert ask(service, limit=1) == "E"


def test_a_story_that_is_no_neighbour_is_pinned_too(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(story("a"), others=(story("x"),))
    pin(service, "x", 2)
    item = answer(service).items[1]
    assert (item["title"], item["score"], item["source"], item["alternates"]) == (
        "Title of x",
        0.0,
        "pinned",
        [],
    )
    save(store, document(story("new")))
    service.desk.curate(key("new"), key("a"), "pin")
    told = service.related(key("new"), Options(fill=False))
    assert (told.ranked, [one["source"] for one in told.items]) == (False, ["pinned"])


def test_who_is_pinned_and_not_to_be_shown_is_not(newsroom: Newsroom, store: Store) -> None:
    due = (NOW - datetime(2020, 1, 1, tzinfo=UTC)).days
    service = newsroom(*map(story, "abc"), others=(story("f", day=due + 1), story("g")))
    for name in "afg":
        pin(service, name, 1)
    assert ask(service) == "GAbc"
    assert ask(service, exclude=[key("g")]) == "Abc"
    save(store, document(story("g", removed=True)))
    assert ask(service) == "Abc"
    later = Service(store, clock=lambda: NOW.timestamp() + 2 * 86_400)
    assert ask(later) == "FAbc"


def test_filters_hold_for_pins_as_for_everybody(newsroom: Newsroom) -> None:
    service = newsroom(
        *map(story, "abc"), others=(story("old", day=-9), story("v", type="video", topics=("AI",)))
    )
    pin(service, "old")
    pin(service, "v")
    pin(service, "c")
    assert ask(service, limit=3) == "OLDVC"
    assert ask(service, since="2020-01-01") == "VCab"
    assert ask(service, type=["article"]) == "OLDCab"
    assert ask(service, topic=["ai"]) == "V"
    assert ask(service, exclude_provider=["news.example"]) == ""
    assert ask(service, min_score=0.8) == "OLDVCab", "not min_score: nobody asks the model about an order"


@pytest.mark.parametrize(("curated", "expected"), [("first", "Dbac"), ("mixed", "Dabc"), ("off", "abcd")])
def test_without_editors_links_there_are_no_pins(newsroom: Newsroom, curated: str, expected: str) -> None:
    service = newsroom(*map(story, "abcd"), curated="b")
    pin(service, "d")
    assert ask(service, curated=curated) == expected
    block(service, "a")
    assert ask(service, curated=curated) == expected.replace("a", ""), "a block is a block"


def test_pins_stand_above_what_fills(newsroom: Newsroom) -> None:
    service = newsroom(story("a"), others=(story("x", day=2), story("y", day=9), story("z", day=8)))
    pin(service, "z", 3)
    assert ask(service, fill=True) == "ayZx"
    assert ask(service, fill=True, limit=2) == "ay"
    assert ask(service, fill=True, limit=3) == "ayZ"
    assert ask(service) == "aZ"


def test_a_list_with_orders_reads_once_more_than_one_without(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = newsroom(*(story(name) for name in "abcdef"))
    read: list[int] = []
    cards = Store.cards

    def counting(store: Store, ids: Any) -> Any:
        read.append(len(ids))
        return cards(store, ids)

    monkeypatch.setattr(Store, "cards", counting)
    ask(service, limit=4)
    assert read == [4]
    pin(service, "f")
    read.clear()
    ask(service, limit=4)
    assert read == [1, 4]


# Blocks


def test_a_block_is_never_shown(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abc"), curated="a", others=(story("x"),))
    block(service, "a")
    block(service, "x")
    assert ask(service) == "bc"
    assert ask(service, fill=True) == "bc", "nor does it fill a list"
    assert "asked" in [one["webUrl"].rsplit("/", 1)[-1] for one in service.related(key("a")).items]
    service.desk.undo(key("asked"))
    assert ask(service, fill=True) == "bcx"


def test_of_copies_the_blocked_one_alone_is_not_shown(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcd"), groups={"a": 1, "b": 1, "c": 1})
    assert [len(item["alternates"]) for item in answer(service).items] == [2, 0]
    block(service, "a")
    assert ask(service) == "bd"
    assert titles(answer(service).items[0]["alternates"]) == ["c"]
    assert ask(service, duplicates="show") == "bcd"
    assert ask(service, exclude=[key("a")]) == "d", "who has read it needs no copy of it"


def titles(stories: list[dict[str, Any]]) -> list[str]:
    return [one["title"].removeprefix("Title of ") for one in stories]


def test_a_pin_stands_for_its_copies(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcdef"), groups={"a": 1, "d": 1, "f": 1, "e": OWN})
    pin(service, "d")
    pin(service, "e", 3)
    assert ask(service) == "DbEc"
    assert [titles(item["alternates"]) for item in answer(service).items] == [["a", "f"], [], [], []]
    assert [item["alternates"] for item in answer(service, duplicates="hide").items] == [[]] * 4
    assert ask(service, duplicates="hide") == "DbEc"
    assert ask(service, duplicates="show") == "DaEbcf"
    pin(service, "f")
    assert ask(service) == "DFEbc", "both are orders"
    assert titles(answer(service).items[0]["alternates"]) == ["a"]
    assert ask(service, fill=True) == "DFEbc"
    block(service, "a")
    assert answer(service).items[0]["alternates"] == []


def test_diversity_counts_pins_as_stories_above(newsroom: Newsroom) -> None:
    service = newsroom(
        story("a", title="bridge harbour mayor"),
        story("b", title="comet telescope night"),
        story("c", title="bridge harbour mayor again"),
    )
    assert ask(service, diversity=0.7) == "abc"
    pin(service, "c")
    assert ask(service, diversity=0.7) == "Cba"


# Why


def test_pins_are_explained(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(*map(story, "ab"), curated="b", others=(story("x", topics=("AI",)),))
    pin(service, "x")
    pin(service, "b")
    first, second, _ = [item["why"] for item in answer(service, explain=True).items]
    assert (first["parts"], first["curated"], first["co_curated"]) == (None, None, [])
    assert second["curated"] == {"place": 1, "by": None}
    assert first.keys() == second.keys()


# The desk


def test_orders_are_given_by_any_form_of_an_address(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "ab"))
    told = service.desk.curate(
        "http://news.example/asked/?utm_source=x", "https://www.news.example/b#f", "pin"
    )
    assert told.data() == {
        "url": "https://www.news.example/asked",
        "title": "Title of asked",
        "orders": [line := {
            "other": "https://www.news.example/b", "title": "Title of b",
            "slot": None, "by": "", "at": "2020-03-01T00:00:00Z", "kind": "pin",
        }],
        "history": [{name: value for name, value in line.items() if name != "kind"}
                    | {"action": "pin", "undone": False}],
    }  # fmt: skip
    assert service.desk.curation(key("asked")) == told
    assert service.desk.all() == [told]


def test_the_history_has_who_and_when_and_what_was_undone(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abc"))
    pin(service, "b", 2)
    block(service, "b")
    block(service, "c")
    service.desk.clear(key("asked"), key("c"), "Cy")
    service.desk.undo(key("asked"), "Di")
    service.desk.undo(key("asked"), "Di")
    pin(service, "asked", story="a")
    told = service.desk.curation(key("asked"))
    assert [
        (line.action, line.other.title[-1], line.slot, line.by, line.undone) for line in told.history
    ] == [
        ("pin", "b", 2, "Ada", False),
        ("block", "b", None, "Bo", False),
        ("block", "c", None, "Bo", True),
        ("clear", "c", None, "Cy", True),
        ("undo", "c", None, "Di", False),
        ("undo", "c", None, "Di", False),
    ]
    assert [(line.action, line.other.title[-1]) for line in told.orders] == [("block", "b")]
    assert [each.story.title for each in service.desk.all()] == ["Title of asked", "Title of a"]


def test_orders_that_cannot_be(newsroom: Newsroom, store: Store) -> None:
    desk = newsroom(story("a"), story("g", removed=True)).desk
    with pytest.raises(InvalidOrder, match="its own list"):
        desk.curate(key("asked"), "http://news.example/asked", "block")
    with pytest.raises(InvalidOrder, match="no slot"):
        desk.curate(key("asked"), key("a"), "block", 1)
    for slot in (0, MOST_SLOTS + 1):
        with pytest.raises(InvalidOrder, match="places 1 to 50"):
            desk.curate(key("asked"), key("a"), "pin", slot)
    for by in ("x" * (LONGEST_NAME + 1), "Ada\x00", "Ada\nBo"):
        with pytest.raises(InvalidOrder, match="a name has"):
            desk.curate(key("asked"), key("a"), "pin", by=by)
    for pair in ((key("asked"), key("nobody")), (key("nobody"), key("a")), (key("asked"), key("g"))):
        with pytest.raises(UnknownStory):
            desk.curate(*pair, "pin")
    assert store.curation() == []
    assert (
        max(bound.le for bound in Options.model_fields["limit"].metadata if hasattr(bound, "le"))
        == MOST_SLOTS
    )


def test_orders_about_a_story_that_was_removed_are_taken_back(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(*map(story, "ab"))
    pin(service, "b")
    save(store, document(story("b", removed=True)))
    assert ask(service) == "a"
    assert service.desk.clear(key("asked"), key("b")).orders == []
    save(store, document(story("asked", removed=True)))
    assert len(service.desk.curation(key("asked")).history) == 2
    with pytest.raises(UnknownStory):
        Desk(store).curation(key("nobody"))


# Places


SLOTS = st.lists(st.one_of(st.none(), st.integers(1, 6)), max_size=8)


@given(SLOTS, st.integers(0, 12))
def test_everyone_has_the_place_that_is_due(wanted: list[int | None], others: int) -> None:
    slots = sorted((slot for slot in wanted if slot), key=int) + [slot for slot in wanted if not slot]
    found = places(slots)
    assert len(set(found)) == len(found) == len(slots)
    first = {slot: at for at, slot in reversed(list(enumerate(slots))) if slot}
    for at, slot in enumerate(slots):
        if slot:
            assert found[at] >= slot
            assert (found[at] == slot) == (first[slot] == at)
            # Nothing free was passed by.
            assert set(range(slot, found[at])) <= set(found)
    unasked = [place for place, slot in zip(found, slots, strict=True) if slot is None]
    assert unasked == sorted(unasked)
    assert all(set(range(1, place)) <= set(found) for place in unasked)

    pins = sorted(zip(found, (f"pin {at}" for at in range(len(slots))), strict=True))
    rest = [f"other {at}" for at in range(others)]
    shown = list(placed([name for _, name in pins], [place for place, _ in pins], rest))
    assert [one for one in shown if one in rest] == rest
    assert [one for one in shown if one not in rest] == [name for _, name in pins]
    for place, name in pins:
        at = shown.index(name) + 1
        assert at == place or (at < place and not any(one in rest for one in shown[at:]))
