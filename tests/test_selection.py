"""What holds of every answer, whatever the neighbours and the options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories import key, story

from recommender.articles import Provider, card
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.neighbours import OWN, Neighbour, in_order
from recommender.service import Answer, Options, Service
from recommender.service.choosing import Chosen, diversified
from recommender.service.pinning import places
from recommender.service.selection import Filters, Window
from recommender.store import Card, Found, Orders, Store

ASKED = 0
NOW = 1_577_836_800 + 20 * 86_400
"""Twenty days into 2020; stories are of its first thirty."""


@dataclass(frozen=True)
class Shelf:
    """A store of a few stories, by id from 0, and the list of the first of them."""

    stories: Sequence[Card]
    neighbours: Sequence[Neighbour] | None
    orders: Orders | None = None

    @property
    def packed(self) -> bytes | None:
        if self.neighbours is None:
            return None
        return np.array(list(self.neighbours), NEIGHBOUR_DTYPE).tobytes()

    def find(self, name: str, *, listed: bool = True, reasons: bool = False) -> Found | None:
        article = int(name.rsplit("/", 1)[-1])
        if article >= len(self.stories):
            return None
        one = self.stories[article]
        orders = None if self.orders is None else self.orders.pack()
        return Found(
            article, name, name, one.published_at, one.removed, one.card, 1, "m1", self.packed, orders
        )

    def cards(self, ids: Sequence[int]) -> dict[int, Card]:
        return {article: self.stories[article] for article in ids if article < len(self.stories)}

    def near(self, moment: int, earliest: int | None, latest: int, rows: int) -> list[tuple[int, Card]]:
        def away(one: tuple[int, Card]) -> int:
            return abs((one[1].published_at or 0) - moment)

        inside = [
            (article, one)
            for article, one in enumerate(self.stories)
            if not one.removed
            and one.published_at is not None
            and (earliest is None or earliest <= one.published_at)
            and one.published_at <= latest
        ]
        before = [one for one in inside if (one[1].published_at or 0) <= moment]
        after = [one for one in inside if (one[1].published_at or 0) > moment]
        return [*sorted(before, key=away)[:rows], *sorted(after, key=away)[:rows]]

    def ask(self, options: Options) -> Answer:
        return Service(cast("Store", self), clock=lambda: NOW).related(key(str(ASKED)), options)


WORDS = st.lists(st.sampled_from(["bridge", "harbour", "mayor", "tram", "comet"]), min_size=1, max_size=4)


@st.composite
def cards(draw: st.DrawFn, article: int) -> Card:
    day = draw(st.one_of(st.none(), st.integers(0, 30)))
    removed = article != ASKED and draw(st.booleans()) and draw(st.booleans())
    told = story(
        str(article),
        day=day,
        title=" ".join(draw(WORDS)),
        type=draw(st.sampled_from(["article", "video"])),
        topics=tuple(draw(st.lists(st.sampled_from(["Law", "AI"]), max_size=2))),
        provider=Provider(*draw(st.sampled_from([("One", "one.example"), ("Two", "two.example"), ("", "")]))),
    )
    published = None if told.published_at is None else int(told.published_at.timestamp())
    return Card(orjson.dumps(card(told)).decode(), published, removed)


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    stories = [draw(cards(article)) for article in range(draw(st.integers(1, 12)))]
    if draw(st.integers(0, 9)) == 0:
        return Shelf(stories, None)
    # Now and then the story itself, or one that was deleted: a list may be older than the store.
    listed = draw(st.lists(st.integers(0, len(stories)), unique=True))
    scores = sorted(draw(st.lists(st.sampled_from([0.1, 0.4, 0.5, 0.9]), min_size=13, max_size=13)))[::-1]
    places = draw(st.permutations([0] * 9 + [1, 2, 3, 60]))
    groups = draw(st.lists(st.sampled_from([OWN, 0, 0, 1, 1, 2]), min_size=13, max_size=13))
    return Shelf(stories, [Neighbour(*one) for one in zip(listed, scores, places, groups, strict=False)])


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.one_of(st.just([]), st.lists(st.sampled_from(values), max_size=2))


@st.composite
def asked(draw: st.DrawFn, **fixed: Any) -> Options:
    values: dict[str, Any] = {
        "limit": draw(st.integers(1, 14)),
        "since": draw(st.sampled_from([None, None, "2020-01-05"])),
        "until": draw(st.sampled_from([None, None, "2020-01-15"])),
        "provider": draw(some("one", "two.example")),
        "exclude_provider": draw(some("one.example")),
        "topic": draw(some("law")),
        "type": draw(some("article", "video")),
        "exclude": [key(name) for name in draw(some("1", "2", "5", "77"))],
        "direction": draw(st.sampled_from(["any", "any", "background", "followup"])),
        "curated": draw(st.sampled_from(["first", "mixed", "off"])),
        "duplicates": draw(st.sampled_from(["collapse", "hide", "show"])),
        "diversity": draw(st.sampled_from([0, 0, 0.3, 1])),
        "min_score": draw(st.sampled_from([0, 0, 0.5])),
        "fill": draw(st.booleans()),
    }
    return Options(**{**values, **fixed})


def ids(items: Sequence[dict[str, Any]]) -> list[int]:
    return [int(item["webUrl"].rsplit("/", 1)[-1]) for item in items]


def passing(shelf: Shelf, options: Options) -> set[int]:
    """Find who may be shown at all, one story after the other."""
    filters = Filters(options, Window.of(options, shelf.stories[ASKED].published_at), NOW)
    left_out = {ASKED, *(int(url.rsplit("/", 1)[-1]) for url in options.exclude)}
    return filters.passing(dict(enumerate(shelf.stories))).keys() - left_out


def ranked(shelf: Shelf, options: Options) -> list[Neighbour]:
    """Neighbours that pass, in the order they are ranked in, copies and all."""
    may = passing(shelf, options)
    listed = in_order(shelf.packed or b"", options.curated)
    return [one for one in listed if one.article in may and (one.curated or one.score >= options.min_score)]


@given(shelves(), asked())
def test_all_that_is_shown_passes_and_is_shown_once(shelf: Shelf, options: Options) -> None:
    answer = shelf.ask(options)
    may = passing(shelf, options)
    assert len(answer.items) <= options.limit
    assert [item["rank"] for item in answer.items] == list(range(1, len(answer.items) + 1))
    shown = ids(answer.items) + ids([one for item in answer.items for one in item["alternates"]])
    assert Counter(shown) == Counter(set(shown) & may)
    for item in answer.items:
        if item["source"] == "model":
            assert item["score"] >= options.min_score


@given(shelves(), asked())
def test_sources_come_in_order_and_tell_the_truth(shelf: Shelf, options: Options) -> None:
    items = shelf.ask(options).items
    filled = [item["source"] == "fill" for item in items]
    assert filled == sorted(filled)
    assert options.fill or not any(filled)
    by_id = {one.article: one for one in in_order(shelf.packed or b"", options.curated)}
    for article, item in zip(ids(items), items, strict=True):
        if item["source"] == "fill":
            assert (item["score"], item["alternates"]) == (0.0, [])
        else:
            one = by_id[article]
            assert (item["score"], item["source"]) == (one.score, "curated" if one.curated else "model")


@given(shelves(), asked())
def test_of_copies_one_is_shown_and_it_is_the_best_placed(shelf: Shelf, options: Options) -> None:
    items = [item for item in shelf.ask(options).items if item["source"] != "fill"]
    group = {one.article: one.group for one in shelf.neighbours or ()}
    if options.duplicates == "show":
        assert not any(item["alternates"] for item in items)
        return
    shown = Counter(group[article] for article in ids(items))
    assert all(count == 1 for number, count in shown.items() if number)
    candidates = ranked(shelf, options)
    for article, item in zip(ids(items), items, strict=True):
        members = [one for one in candidates if one.group and one.group == group[article]]
        members.sort(key=lambda one: not one.curated)
        assert not members or members[0].article == article
        told = [one.article for one in members[1:]] if options.duplicates == "collapse" else []
        assert ids(item["alternates"]) == told


@given(shelves(), asked())
def test_what_a_reader_has_read_is_not_shown_again(shelf: Shelf, options: Options) -> None:
    items = [item for item in shelf.ask(options).items if item["source"] != "fill"]
    left_out = {int(url.rsplit("/", 1)[-1]) for url in options.exclude} | {ASKED}
    listed = in_order(shelf.packed or b"", options.curated)
    read = {OWN} | {one.group for one in listed if one.group and one.article in left_out}
    group = {one.article: one.group for one in listed}
    if options.duplicates != "show":
        for article, item in zip(ids(items), items, strict=True):
            assert item["source"] == "curated" or group[article] not in read


@given(shelves(), asked(fill=False))
def test_lists_are_full_if_enough_pass(shelf: Shelf, options: Options) -> None:
    shown = len(shelf.ask(options).items)
    candidates = ranked(shelf, options)
    if options.duplicates == "show":
        assert shown == min(options.limit, len(candidates))
    else:
        alone = sum(one.group == 0 for one in candidates)
        groups = {one.group for one in candidates if one.group > 0}
        excluded = {int(url.rsplit("/", 1)[-1]) for url in options.exclude} | {ASKED}
        groups -= {one.group for one in shelf.neighbours or () if one.article in excluded}
        assert shown >= min(options.limit, alone + len(groups))


@given(shelves(), asked(fill=True, duplicates="show"))
def test_a_filled_list_is_short_only_if_too_few_stories_pass(shelf: Shelf, options: Options) -> None:
    items = shelf.ask(options).items
    listed = {one.article for one in ranked(shelf, options)}
    titles = {orjson.loads(shelf.stories[article].card)["title"] for article in (ASKED, *ids(items))}
    if len(items) < options.limit:
        for article in passing(shelf, options) - listed:
            one = shelf.stories[article]
            # Not shown: undated, or under the title of one that is.
            assert (
                article in ids(items) or one.published_at is None or orjson.loads(one.card)["title"] in titles
            )


@given(shelves(), asked(diversity=0, duplicates="show", fill=False))
def test_without_diversity_the_order_is_the_ranking(shelf: Shelf, options: Options) -> None:
    expected = [one.article for one in ranked(shelf, options)][: options.limit]
    assert ids(shelf.ask(options).items) == expected


@given(shelves(), asked(limit=14, fill=False), st.sampled_from([0.1, 0.5, 1]))
def test_diversity_only_reorders_and_spares_the_editors_choice(
    shelf: Shelf, options: Options, diversity: float
) -> None:
    plain = shelf.ask(options.model_copy(update={"diversity": 0})).items
    mixed = shelf.ask(options.model_copy(update={"diversity": diversity})).items
    assert sorted(ids(plain)) == sorted(ids(mixed))
    if options.curated == "first":
        led = [item["source"] == "curated" for item in plain]
        assert ids(mixed)[: sum(led)] == ids(plain)[: sum(led)]


@given(shelves(), asked())
def test_the_same_question_has_the_same_answer(shelf: Shelf, options: Options) -> None:
    assert shelf.ask(options).json() == shelf.ask(options).json()


def told(score: float, title: str, place: int = 0) -> Chosen:
    return Chosen(Neighbour(0, score, place), {"title": title, "excerpt": ""})


@given(
    st.lists(st.builds(told, st.sampled_from([0.1, 0.5, 0.5, 0.9]), WORDS.map(" ".join)), max_size=6),
    st.sampled_from([0.2, 0.5, 0.8, 1.0]),
)
def test_diversity_is_maximal_marginal_relevance(chosen: list[Chosen], diversity: float) -> None:
    """Judged by the definition, every similarity anew."""

    def alike(one: Chosen, other: Chosen) -> float:
        mine, theirs = (set(each.card["title"].split()) for each in (one, other))
        return len(mine & theirs) / (len(mine) * len(theirs)) ** 0.5

    expected: list[Chosen] = []
    left = list(range(len(chosen)))
    while left:

        def gain(at: int) -> float:
            seen = max((alike(chosen[at], one) for one in expected), default=0.0)
            return chosen[at].neighbour.score ** (1 - diversity) * max(0.0, 1 - seen) ** diversity

        best = max(left, key=lambda at: (round(gain(at), 9), -at))
        left.remove(best)
        expected.append(chosen[best])
    found = list(diversified(chosen, Options(diversity=diversity, curated="off")))
    assert [one.neighbour.score for one in found] == pytest.approx([one.neighbour.score for one in expected])
    assert [one.card for one in found] == [one.card for one in expected]


# Editors' orders


@st.composite
def ordered(draw: st.DrawFn) -> Shelf:
    """A shelf about whose first story somebody ordered something, in the order of the store."""
    shelf = draw(shelves())
    about = draw(st.lists(st.integers(1, 12), unique=True, max_size=6))
    pinned = draw(st.integers(0, len(about)))
    slots = sorted(draw(st.lists(st.integers(1, 6), max_size=pinned)))
    pins = list(zip(about, [*slots, *[None] * (pinned - len(slots))], strict=False))
    return replace(shelf, orders=Orders(pins, frozenset(about[pinned:])))


def orders_of(shelf: Shelf) -> Orders:
    assert shelf.orders is not None
    return shelf.orders


@given(ordered(), asked())
def test_with_orders_all_that_is_shown_passes_and_none_is_blocked(shelf: Shelf, options: Options) -> None:
    items = shelf.ask(options).items
    may = passing(shelf, options) - orders_of(shelf).blocks
    shown = ids(items) + ids([one for item in items for one in item["alternates"]])
    assert len(items) <= options.limit
    assert Counter(shown) == Counter(set(shown) & may)
    wanted = {article for article, _ in orders_of(shelf).pins} if options.curated != "off" else set()
    assert {article for article in ids(items) if article in wanted} == {
        article for article, item in zip(ids(items), items, strict=True) if item["source"] == "pinned"
    }


@given(ordered(), asked())
def test_pins_that_pass_stand_where_they_should(shelf: Shelf, options: Options) -> None:
    items = shelf.ask(options).items
    may = passing(shelf, options)
    pins = [(article, slot) for article, slot in orders_of(shelf).pins if article in may]
    if options.curated == "off":
        pins = []
    at = dict(zip((article for article, _ in pins), places([slot for _, slot in pins]), strict=True))
    shown = ids(items)
    assert [one for one in shown if one in at] == sorted(set(at) & set(shown), key=lambda one: at[one])
    for article, place in at.items():
        if article not in shown:
            assert place > options.limit
            assert len(items) == options.limit
        elif shown.index(article) + 1 != place:
            # The list is too short for it: only pins come after it.
            assert shown.index(article) + 1 < place
            assert all(one in at for one in shown[shown.index(article) :])


@given(ordered(), asked(diversity=0, duplicates="show", fill=False))
def test_beside_pins_the_order_is_the_ranking(shelf: Shelf, options: Options) -> None:
    orders = orders_of(shelf)
    pinned = {article for article, _ in orders.pins} if options.curated != "off" else set()
    expected = [one.article for one in ranked(shelf, options) if one.article not in orders.blocks | pinned]
    shown = [one for one in ids(shelf.ask(options).items) if one not in pinned]
    assert shown == expected[: len(shown)]
    if len(shelf.ask(options).items) < options.limit:
        assert shown == expected


@given(ordered(), asked())
def test_orders_about_others_change_nothing(shelf: Shelf, options: Options) -> None:
    """Who is neither listed nor shown is blocked for nothing; so is nobody."""
    plain = replace(shelf, orders=None)
    shown = plain.ask(options)
    nobody = replace(shelf, orders=Orders([], frozenset([99])))
    assert nobody.ask(options).json() == shown.json()
