"""What is shown of a story's neighbours, in which order, on both databases."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import ValidationError
from stories import document, key, save, story

from recommender.articles import Article, Provider, card
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.errors import InvalidURL, UnknownStory
from recommender.neighbours import OWN
from recommender.service import Answer, Options, Service
from recommender.store import Store

NOW = datetime(2020, 3, 1, tzinfo=UTC)

Newsroom = Callable[..., Service]


def rows(*neighbours: tuple[int, float, int] | tuple[int, float, int, int]) -> bytes:
    """Pack (id, score, place, group of copies) of neighbours; without a group they have no copies."""
    return np.array([(*one, 0)[:4] for one in neighbours], dtype=NEIGHBOUR_DTYPE).tobytes()


@pytest.fixture
def newsroom(store: Store) -> Newsroom:
    """Make a service in which the story ``asked`` has these neighbours: best first, all scores different.

    ``groups`` tells their groups of copies by name.
    """

    def make(
        *related: Article,
        curated: tuple[str, ...] = (),
        asked: Article | None = None,
        groups: dict[str, int] | None = None,
    ) -> Service:
        first = asked or story("asked", day=10)
        save(store, *(document(article) for article in (first, *related)))
        ids = [_id(store, article.key) for article in related]
        places = [curated.index(name) + 1 if name in curated else 0 for name in map(_name, related)]
        step = 0.1 if len(related) < 10 else 0.01
        scores = [0.9 - step * n for n in range(len(related))]
        numbers = [(groups or {}).get(name, 0) for name in map(_name, related)]
        packed = rows(*zip(ids, scores, places, numbers, strict=True))
        store.publish("m1", [(_id(store, first.key), packed)])
        return Service(store, clock=NOW.timestamp)

    return make


def _id(store: Store, key: str) -> int:
    found = store.find(key)
    assert found is not None
    return found.id


def _name(article: Article) -> str:
    return article.key.rsplit("/", 1)[-1]


def ask(service: Service, **options: Any) -> list[str]:
    """Names of the stories shown, in their order, nothing filled unless asked for."""
    return names(service.related(key("asked"), Options(**{"fill": False} | options)))


def names(answer: Answer) -> list[str]:
    return [item["webUrl"].rsplit("/", 1)[-1] for item in answer.items]


# The answer


def test_an_answer_has_the_cards_with_rank_score_and_source(newsroom: Newsroom) -> None:
    full = story(
        "b",
        title='<b>"Ünï" & \u2028</b>',
        topics=("AI",),
        quality=81.0,
        excerpt="An excerpt.",
        amp_web_url="https://amp.example/b",
    )
    answer = newsroom(story("a"), full, curated=("b",)).related(key("asked"))
    assert (answer.url, answer.model) == ("https://www.news.example/asked", "m1")
    assert isinstance(answer.generation, int)
    assert answer.items == [
        {"rank": 1, "score": 0.8, "source": "curated", **card(full), "alternates": []},
        {"rank": 2, "score": 0.9, "source": "model", **card(story("a")), "alternates": []},
    ]
    assert answer.age == (NOW - datetime(2020, 1, 11, tzinfo=UTC)).total_seconds()
    assert orjson.loads(answer.json()) == {
        "url": answer.url,
        "id": answer.id,
        "model": "m1",
        "generation": answer.generation,
        "items": answer.items,
    }


def test_any_form_of_the_address_gives_the_same(newsroom: Newsroom) -> None:
    asked = story(
        "asked", amp_web_url="https://amp.elsewhere.example/id9", original_url="http://old.example/x/"
    )
    service = newsroom(story("a"), asked=asked)
    expected = service.related(key("asked")).json()
    for form in (
        "http://www.news.example/asked/?utm_source=x#frag",
        "https://news-example.cdn.ampproject.org/c/s/www.news.example/asked",
        "https://amp.elsewhere.example/id9",
        "https://old.example/x",
    ):
        assert service.related(form).json() == expected, form


def test_before_the_first_recompute_and_after_it(store: Store) -> None:
    save(store, document(story("asked")))
    service = Service(store)
    answer = service.related(key("asked"))
    assert (answer.model, answer.generation, answer.items) == (None, None, [])
    generation = store.publish("m1", [])
    answer = service.related(key("asked"))
    assert (answer.model, answer.generation, answer.items) == ("m1", generation, [])


def test_who_is_unknown(newsroom: Newsroom) -> None:
    service = newsroom(story("gone", removed=True))
    for url in (key("nobody"), key("gone"), key("x" * 1_000)):
        for question in (service.related, service.story):
            with pytest.raises(UnknownStory, match="no story") as caught:
                question(url)
            assert len(str(caught.value)) < 160
    with pytest.raises(InvalidURL):
        service.related("javascript:alert(1)")


def test_a_story_is_shown_with_its_card(newsroom: Newsroom) -> None:
    service = newsroom(story("undated", day=None))
    shown = service.story("http://news.example/undated?utm_source=x")
    assert (shown.url, shown.age) == ("https://www.news.example/undated", None)
    expected = {"url": shown.url, "generation": shown.generation, **card(story("undated", day=None))}
    assert orjson.loads(shown.json()) == expected
    assert service.related(key("undated")).age is None


# What is never shown


def test_never_itself_nor_removed_nor_before_it_is_due(newsroom: Newsroom) -> None:
    due = (NOW - datetime(2020, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    related = (
        story("asked", day=10),
        story("removed", removed=True),
        story("future", day=due + 0.1),
        story("now", day=due),
        story("undated", day=None),
    )
    for curated in ((), ("asked", "removed", "future")):
        assert ask(newsroom(*related, curated=curated)) == ["now", "undated"]


def test_a_story_that_was_deleted_vanishes(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(story("a"), story("b"))
    found = store.find(key("asked"))
    assert found is not None
    unknown = (10**6, 0.95, 1)
    store.publish("m2", [(found.id, rows(unknown, (_id(store, key("b")), 0.5, 0)))])
    assert ask(service) == ["b"]


def test_lists_are_full_although_some_are_never_shown(newsroom: Newsroom) -> None:
    # Every second neighbour is removed: more cards are needed than are shown.
    service = newsroom(*(story(f"s{n}", removed=n % 2 == 0) for n in range(40)))
    for limit in (1, 7, 10, 20):
        assert ask(service, limit=limit) == [f"s{n}" for n in range(1, 40, 2)][:limit]
    assert len(ask(service, limit=50)) == 20


def test_only_as_many_cards_are_read_as_are_shown(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = newsroom(*(story(f"s{n}") for n in range(40)))
    read: list[int] = []
    cards = Store.cards

    def counting(store: Store, ids: Any) -> Any:
        read.append(len(ids))
        return cards(store, ids)

    monkeypatch.setattr(Store, "cards", counting)
    ask(service, limit=5)
    ask(service, limit=5, topic=["x"])
    assert read == [5, 40]


# Order


@pytest.mark.parametrize(
    ("curated", "expected", "sources"),
    [
        ("first", ["d", "b", "a", "c"], ["curated", "curated", "model", "model"]),
        ("mixed", ["a", "b", "c", "d"], ["model", "curated", "model", "curated"]),
        ("off", ["a", "b", "c", "d"], ["model"] * 4),
    ],
)
def test_how_the_editors_links_are_ordered(
    newsroom: Newsroom, curated: str, expected: list[str], sources: list[str]
) -> None:
    service = newsroom(*map(story, "abcd"), curated=("d", "b"))
    answer = service.related(key("asked"), Options(curated=curated))  # type: ignore[arg-type]
    assert names(answer) == expected
    assert [item["source"] for item in answer.items] == sources
    assert [item["rank"] for item in answer.items] == [1, 2, 3, 4]


def test_an_editors_place_may_be_greater_than_the_list_is_long(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(*map(story, "ab"))
    a, b, asked = (_id(store, key(name)) for name in ("a", "b", "asked"))
    store.publish("m2", [(asked, rows((a, 0.9, 0), (b, 0.1, 60)))])
    assert ask(service) == ["b", "a"]


def test_equal_scores_stay_in_the_order_of_the_recompute(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(*map(story, "abc"))
    asked, *ids = (_id(store, key(name)) for name in ("asked", "c", "a", "b"))
    store.publish("m2", [(asked, rows(*((article, 0.5, 0) for article in ids)))])
    assert ask(service) == ["c", "a", "b"]


def test_min_score_spares_what_an_editor_linked(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcd"), curated=("d",))  # 0.9, 0.8, 0.7, 0.6
    assert ask(service, min_score=0.8) == ["d", "a", "b"]  # 0.8 as shown, less as float32
    assert ask(service, min_score=0.8, curated="mixed") == ["a", "b", "d"]
    assert ask(service, min_score=0.8, curated="off") == ["a", "b"]
    assert ask(service, min_score=1) == ["d"]


# Copies


def alternates(answer: Answer) -> list[list[str]]:
    return [[one["webUrl"].rsplit("/", 1)[-1] for one in item["alternates"]] for item in answer.items]


def collapsed(service: Service, **options: Any) -> list[tuple[str, list[str]]]:
    answer = service.related(key("asked"), Options(**{"fill": False} | options))
    return list(zip(names(answer), alternates(answer), strict=True))


def test_of_copies_the_best_placed_is_shown(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcdef"), groups={"b": 1, "d": 1, "e": 1, "c": 2, "f": 2})
    assert collapsed(service) == [("a", []), ("b", ["d", "e"]), ("c", ["f"])]
    assert collapsed(service, duplicates="hide") == [("a", []), ("b", []), ("c", [])]
    assert collapsed(service, duplicates="show") == [(name, []) for name in "abcdef"]
    # The list is cut after copies are gone, and alternates may come from beyond the cut.
    assert collapsed(service, limit=2) == [("a", []), ("b", ["d", "e"])]
    assert collapsed(service, duplicates="hide", limit=3) == [("a", []), ("b", []), ("c", [])]


def test_an_alternate_is_a_small_card(newsroom: Newsroom) -> None:
    full = story("b", amp_web_url="https://amp.example/b", excerpt="An excerpt.", topics=("AI",))
    service = newsroom(story("a"), full, groups={"a": 1, "b": 1})
    (item,) = service.related(key("asked"), Options(fill=False)).items
    assert item["alternates"] == [
        {
            "title": "Title of b",
            "publishedDateTime": "2020-01-02T00:00:00Z",
            "webUrl": "https://www.news.example/b",
            "ampWebUrl": "https://amp.example/b",
            "provider": {"name": "News", "domain": "news.example"},
        }
    ]


def test_of_copies_an_editors_choice_is_shown(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcd"), curated=("c",), groups={"a": 1, "c": 1, "d": 1})
    assert collapsed(service) == [("c", ["a", "d"]), ("b", [])]
    assert collapsed(service, curated="mixed") == [("b", []), ("c", ["a", "d"])]
    assert collapsed(service, curated="off") == [("a", ["c", "d"]), ("b", [])]


def test_copies_are_those_that_pass(newsroom: Newsroom) -> None:
    service = newsroom(
        story("a", type="video"), story("b", removed=True), *map(story, "cd"), groups=dict.fromkeys("abcd", 1)
    )
    assert collapsed(service) == [("a", ["c", "d"])]
    assert collapsed(service, type=["article"]) == [("c", ["d"])]
    assert collapsed(service, min_score=0.65) == [("a", ["c"])]


def test_copies_of_the_story_itself_are_not_shown_unless_an_editor_linked_them(newsroom: Newsroom) -> None:
    groups = dict.fromkeys("bcd", OWN)
    service = newsroom(*map(story, "abcd"), curated=("c",), groups=groups)
    assert collapsed(service) == [("c", ["b", "d"]), ("a", [])]
    assert collapsed(service, duplicates="hide") == [("c", []), ("a", [])]
    assert collapsed(service, exclude=[key("c")]) == [("a", [])]
    assert collapsed(service, curated="off") == [("a", [])]
    assert ask(service, duplicates="show") == ["c", "a", "b", "d"]


def test_copies_of_what_is_on_the_page_are_on_it_too(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcd"), groups={"a": 1, "c": 1})
    assert ask(service, exclude=[key("c")]) == ["b", "d"]
    assert ask(service, exclude=[key("c")], duplicates="show") == ["a", "b", "d"]


def test_lists_are_full_although_copies_are_collapsed(newsroom: Newsroom) -> None:
    groups = {f"s{n}": 1 + n // 10 for n in range(40)}
    service = newsroom(*(story(f"s{n}") for n in range(50)), groups=groups)
    assert ask(service, limit=6) == ["s0", "s10", "s20", "s30", "s40", "s41"]
    assert len(ask(service, limit=50)) == 14


# Diversity


def test_diversity_prefers_what_is_unlike_the_stories_above(newsroom: Newsroom) -> None:
    titles = {
        "a": "Harbour bridge closes after cracks found",
        "b": "Harbour bridge closes after cracks",
        "c": "Five candidates for mayor debate trams",
    }
    service = newsroom(*(story(name, title=title) for name, title in titles.items()))
    # Scores 0.9, 0.8 and 0.7; b has all but one of the words of a, c none.
    assert ask(service) == ask(service, diversity=0.05) == ["a", "b", "c"]
    assert ask(service, diversity=0.2) == ["a", "c", "b"]
    assert ask(service, diversity=1) == ["a", "c", "b"]


def test_diversity_leaves_the_editors_order_but_looks_at_it(newsroom: Newsroom) -> None:
    titles = {
        "a": "Mayor wins",
        "b": "Mayor wins again",
        "c": "Bridge cracks",
        "d": "Bridge cracks again",
        "e": "Comet comes",
    }
    related = [story(name, title=title) for name, title in titles.items()]
    service = newsroom(*related, curated=("d", "c"))
    assert ask(service, diversity=0.9)[:2] == ["d", "c"]
    assert ask(service, diversity=0.9)[2:] == ["a", "e", "b"]
    assert ask(service, diversity=0.9, curated="mixed") == ["a", "c", "e", "b", "d"]


# Filling


def test_a_short_list_is_filled_with_the_nearest_in_time(newsroom: Newsroom, store: Store) -> None:
    others = {"d1": 1, "d7": 7, "d9": 9, "d12": 12, "d13": 13}
    save(store, *(document(story(name, day=day)) for name, day in others.items()))
    service = newsroom(story("a", day=1))
    answer = service.related(key("asked"))
    assert names(answer) == ["a", "d9", "d12", "d13", "d7", "d1"]
    assert [item["rank"] for item in answer.items] == [1, 2, 3, 4, 5, 6]
    assert [(item["source"], item["score"]) for item in answer.items] == [("model", 0.9)] + [
        ("fill", 0.0)
    ] * 5
    assert answer.items[1] == {
        "rank": 2, "score": 0.0, "source": "fill", **card(story("d9", day=9)), "alternates": []
    }  # fmt: skip
    assert ask(service, fill=True, limit=3) == ["a", "d9", "d12"]
    assert ask(service) == ["a"]


def test_a_story_that_no_recompute_has_seen_gets_a_list(store: Store) -> None:
    due = (NOW - datetime(2020, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    asked = story("asked", day=due - 0.1, topics=("Transport",))
    others = (
        story("newest", day=due - 0.01),
        story("undated", day=None, topics=("transport",)),
        story("old", day=1, topics=("transport",)),
        story("older", day=0.5, topics=("Transport", "Law")),
        story("video", day=due - 0.1, type="video"),
        story("removed", day=due - 0.1, removed=True),
        story("future", day=due + 0.1, topics=("transport",)),
        story("again", day=due - 0.2, title="title  of ASKED"),
        story("twin", day=due - 5, title="Title of newest"),
    )
    save(store, document(asked), *map(document, others))
    service = Service(store, clock=NOW.timestamp)
    answer = service.related(key("asked"))
    assert names(answer) == ["old", "older", "newest", "video"]
    assert (answer.ranked, answer.generation) == (False, None)
    assert ask(service, fill=True, topic=["law"]) == ["older"]
    assert ask(service, fill=True, type=["video"]) == ["video"]
    assert ask(service, fill=True, provider=["elsewhere"]) == []
    assert ask(service, fill=True, exclude_provider=["news"]) == []
    assert ask(service, fill=True, exclude=[key("old"), key("newest")]) == ["older", "twin", "video"]
    assert ask(service, fill=True, direction="followup") == ["newest"]
    assert ask(service, fill=True, direction="background") == ["old", "older", "twin"]
    assert ask(service, fill=True, until="2020-01-01") == ["older"]
    assert ask(service, fill=True, since="2020-02-01") == ["newest", "video"]
    assert ask(service, fill=True, since="2030-01-01") == []


def test_the_newest_fill_the_list_of_a_story_without_a_date(newsroom: Newsroom, store: Store) -> None:
    save(store, *(document(story(f"d{day}", day=day)) for day in (3, 1, 2)))
    service = newsroom(asked=story("asked", day=None))
    assert ask(service, fill=True) == ["d3", "d2", "d1"]
    assert ask(service, fill=True, direction="followup") == []


def test_what_fills_is_neither_shown_nor_a_copy(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abcde"), groups={"a": 1, "b": 1, "c": OWN})
    assert ask(service, fill=True) == ["a", "d", "e"]
    assert ask(service, fill=True, duplicates="hide") == ["a", "d", "e"]
    assert ask(service, fill=True, exclude=[key("a")]) == ["d", "e"]
    # Copies with too low a score are copies still.
    assert ask(service, fill=True, min_score=0.85) == ["a", "d", "e"]


def test_what_fills_needs_no_score(newsroom: Newsroom) -> None:
    service = newsroom(*map(story, "abc"))
    answer = service.related(key("asked"), Options(min_score=0.85))
    assert [item["source"] for item in answer.items] == ["model", "fill", "fill"]
    assert ask(service, min_score=0.85) == ["a"]


def test_filters_let_more_stories_be_looked_at(newsroom: Newsroom, store: Store) -> None:
    far = [story(f"s{n}", day=9 - n / 1_000, topics=("x",) if n == 300 else ()) for n in range(301)]
    save(store, *map(document, far))
    service = newsroom()
    assert ask(service, fill=True, topic=["x"]) == ["s300"]
    assert len(ask(service, fill=True, limit=50)) == 50


# Filters


def test_filters_on_time(newsroom: Newsroom) -> None:
    days = (5, 9, 10, 11, 20)
    service = newsroom(*(story(f"d{day}", day=day) for day in days), story("undated", day=None))
    everything = [f"d{day}" for day in days]
    assert ask(service) == [*everything, "undated"]
    assert ask(service, direction="background") == ["d5", "d9"]
    assert ask(service, direction="followup") == ["d11", "d20"]
    # Day 9 is the 10th of January, at midnight.
    assert ask(service, since="2020-01-10") == ["d9", "d10", "d11", "d20"]
    assert ask(service, since="2020-01-10T00:00:01Z") == ["d10", "d11", "d20"]
    assert ask(service, until="2020-01-10") == ["d5", "d9"]
    assert ask(service, until="2020-01-10T00:00:00+01:00") == ["d5"]
    assert ask(service, since="2020-01-10", until="2020-01-12", direction="background") == ["d9"]
    assert ask(service, since="2021-01-01") == []


def test_a_date_is_a_whole_day(newsroom: Newsroom) -> None:
    service = newsroom(story("morning", day=1), story("night", day=2 - 1 / 86_400), story("next", day=2))
    assert ask(service, since="2020-01-02", until="2020-01-02") == ["morning", "night"]
    assert ask(service, since=date(2020, 1, 2), until=date(2020, 1, 2)) == ["morning", "night"]


def test_nothing_is_before_or_after_an_undated_story(newsroom: Newsroom) -> None:
    service = newsroom(story("a"), asked=story("asked", day=None))
    assert ask(service) == ["a"]
    assert ask(service, direction="background") == []
    assert ask(service, direction="followup") == []


def test_filters_on_provider_topic_and_type(newsroom: Newsroom) -> None:
    one = Provider(name="Ones Daily", domain="one.example")
    service = newsroom(
        story("a", provider=one, topics=("AI", "Law")),
        story("b", topics=("law",), type="video"),
        story("c", provider=Provider()),
    )
    assert ask(service, provider=["ONE.example"]) == ["a"]
    assert ask(service, provider=["ones daily"]) == ["a"]
    assert ask(service, provider=["one"]) == []
    assert ask(service, provider=["one.example", "news"]) == ["a", "b"]
    assert ask(service, exclude_provider=["One.example"]) == ["b", "c"]
    assert ask(service, topic=["LAW"]) == ["a", "b"]
    assert ask(service, topic=["law", "ai"], exclude_provider=["news"]) == ["a"]
    assert ask(service, type=["Video"]) == ["b"]
    assert ask(service, type=["gallery"]) == []


def test_what_is_on_the_page_is_left_out_by_any_address(newsroom: Newsroom) -> None:
    amp = "https://amp.elsewhere.example/id9"
    service = newsroom(story("a", amp_web_url=amp), *map(story, "bcd"), curated=("b",))
    assert ask(service, exclude=[amp, key("nobody")]) == ["b", "c", "d"]
    assert ask(service, exclude=["http://www.news.example/b/?utm_source=x", key("c")], limit=2) == ["a", "d"]


def test_filters_come_before_the_cut(newsroom: Newsroom) -> None:
    service = newsroom(*(story(f"s{n}", topics=("x",) if n >= 30 else ()) for n in range(50)))
    assert ask(service, topic=["x"], limit=10) == [f"s{n}" for n in range(30, 40)]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("limit", 0),
        ("limit", 51),
        ("since", "2020"),  # no number of seconds since 1970
        ("since", "2020-06-15T18:03:00"),  # no zone
        ("until", "2020-13-01"),
        ("until", "yesterday"),
        ("provider", [""]),
        ("topic", ["x" * 201]),
        ("type", ["x"] * 51),
        ("exclude", ["javascript:alert(1)"]),
        ("direction", "sideways"),
        ("curated", "last"),
        ("min_score", 1.01),
        ("min_score", float("nan")),
        ("duplicates", "merge"),
        ("diversity", 1.01),
        ("diversity", float("nan")),
        ("fill", "perhaps"),
        ("explain", "perhaps"),
        ("model", "x"),  # of a later version
    ],
)
def test_options_that_cannot_be(option: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Options(**{option: value})  # type: ignore[arg-type]
    assert caught.value.errors()[0]["loc"][0] == option


def test_a_range_of_time_that_ends_before_it_begins() -> None:
    with pytest.raises(ValidationError, match="since is later than until"):
        Options(since="2020-01-03", until="2020-01-02")  # type: ignore[arg-type]


# Readiness, and many readers


def test_what_is_missing_is_told(store: Store) -> None:
    service = Service(store)
    assert list(service.missing()) == ["stories", "generation"]
    save(store, document(story("a", removed=True)))
    assert list(service.missing()) == ["stories", "generation"]
    save(store, document(story("b")))
    assert list(service.missing()) == ["generation"]
    store.publish("m1", [])  # of a store that was empty then: answers are short, but right
    assert service.missing() == {}
    store.publish("m2", [(_id(store, key("b")), b"")])
    assert service.missing() == {}


def test_an_answer_under_a_publish_is_of_one_generation(newsroom: Newsroom, store: Store) -> None:
    related = [story(f"s{n}") for n in range(20)]
    service = newsroom(*related)
    asked, *ids = (_id(store, key(name)) for name in ("asked", *(f"s{n}" for n in range(20))))

    # Generation g shows ten stories from the g-th on, with a score that is g's too.
    def publish(number: int) -> int:
        chosen = [ids[(number + n) % 20] for n in range(10)]
        return store.publish(
            f"m{number}", [(asked, rows(*((article, number / 100, 0) for article in chosen)))]
        )

    first = publish(0)
    stop = threading.Event()

    def read() -> list[Answer]:
        seen = [service.related(key("asked"))]
        while not stop.is_set():
            seen.append(service.related(key("asked")))
        return seen

    with ThreadPoolExecutor(40) as pool:
        readers = [pool.submit(read) for _ in range(40)]
        try:
            last = [publish(number) for number in range(1, 6)][-1]
        finally:
            stop.set()
        answers = list(itertools.chain.from_iterable(reader.result() for reader in readers))
    for answer in answers:
        assert answer.generation is not None
        number = answer.generation - first
        assert answer.model == f"m{number}"
        assert {item["score"] for item in answer.items} == {number / 100}
        assert names(answer) == [f"s{(number + n) % 20}" for n in range(10)]
    assert len({answer.generation for answer in answers}) > 1
    assert service.related(key("asked")).generation == last
