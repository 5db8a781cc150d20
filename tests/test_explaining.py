"""Why a story is in a list, on both databases: what the cards share and what a recompute noted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from stories import document, key, save, story

from recommender.articles import Article
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.reasons import LINKED, LINKED_BACK, NOBODY, Parts
from recommender.service import Options, Service
from recommender.store import Store
from recommender.text import TextSpace

NOW = datetime(2020, 3, 1, tzinfo=UTC)
PARTS = Parts(("words", "time"), -2.0)
KEYS = ["terms", "days_apart", "topics", "curated", "co_curated", "parts"]
HOSTILE = '</script><script>alert(1)</script> \x1b[31mmayor {{7*7}} \u2028 "; DROP TABLE links; --'

Newsroom = Callable[..., Service]


@pytest.fixture
def newsroom(store: Store) -> Newsroom:
    """Make a service in which ``asked`` has these neighbours, a log-odds of 1, 2, … from words, with reasons.

    ``linked``: name → (place, sides); ``beside``: name → names of stories linked to it too.
    """

    def make(
        asked: Article,
        *related: Article,
        linked: dict[str, tuple[int, int]] | None = None,
        beside: dict[str, list[str]] | None = None,
        **published: Any,
    ) -> Service:
        save(store, *map(document, (asked, *related)))
        names = [one.key.rsplit("/", 1)[-1] for one in related]
        words = np.arange(len(related), 0, -1.0)
        parts = np.stack([words, np.full(len(words), 0.25)], axis=1)
        packed = np.zeros(len(related), NEIGHBOUR_DTYPE)
        places = np.full((len(related), 3), NOBODY, np.uint8)
        for row, name in enumerate(names):
            others = [names.index(other) for other in (beside or {}).get(name, [])]
            places[row, : len(others)] = others
            packed["curated"][row] = (linked or {}).get(name, (0, 0))[0]
        packed["article"] = [_id(store, name) for name in names]
        packed["score"] = expit(parts.sum(axis=1) + PARTS.base)
        sides = np.array([(linked or {}).get(name, (0, 0))[1] for name in names], np.uint8)
        reasons = PARTS.pack(parts, sides, places).tobytes()
        space = TextSpace().fit(*zip(*((one.title, one.excerpt) for one in (asked, *related)), strict=True))
        explained = {"parts": PARTS.to_json(), "vocabulary": space.vocabulary().to_bytes()} | published
        listed = (_id(store, "asked"), packed.tobytes(), reasons)
        store.publish("m1", [listed if published.get("parts", "") is not None else listed[:2]], **explained)
        return Service(store, clock=NOW.timestamp)

    return make


def _id(store: Store, name: str) -> int:
    found = store.find(key(name))
    assert found is not None
    return found.id


def explained(service: Service, **options: Any) -> dict[str, dict[str, Any]]:
    answer = service.related(key("asked"), Options(explain=True, **options))
    assert all(list(item)[-1] == "why" and list(item["why"]) == KEYS for item in answer.items)
    return {item["webUrl"].rsplit("/", 1)[-1]: item["why"] for item in answer.items}


def test_what_two_stories_share(newsroom: Newsroom) -> None:
    service = newsroom(
        story("asked", day=10, title="Task force meets", excerpt="A mayor speaks.", topics=("Law", "AI")),
        story("a", day=11.5, title="Mayor joins the task force", topics=("ai", "Sports", "LAW")),
        story("b", day=9.25, title="Pie contest", topics=()),
        story("c", day=None, title="Mayor to eat pie"),
    )
    why = explained(service)
    idf = {"task force": np.log(5 / 3) + 1, "mayor": np.log(5 / 4) + 1}
    assert why["a"]["terms"] == [
        {"term": "task force", "weight": round(idf["task force"], 4), "story": ["title"], "item": ["title"]},
        {"term": "mayor", "weight": round(idf["mayor"], 4), "story": ["excerpt"], "item": ["title"]},
    ]
    assert [one["term"] for one in why["c"]["terms"]] == ["mayor"]
    assert why["b"]["terms"] == []
    assert [why[name]["days_apart"] for name in "abc"] == [1.5, -0.75, None]
    assert [why[name]["topics"] for name in "abc"] == [["Law", "AI"], [], []]
    assert [why[name]["parts"] for name in "abc"] == [
        {"words": 4.0 - n, "time": 0.25, "base": -2.0} for n in (1, 2, 3)
    ]


def test_the_default_is_the_answer_without_why(newsroom: Newsroom) -> None:
    service = newsroom(story("asked"), story("a"), story("b"))
    plain = service.related(key("asked"))
    told = service.related(key("asked"), Options(explain=True))
    texts = [text[: text.index(',"why":')] + "}" for text in told.texts]
    assert told._replace(texts=texts).json() == plain.json()


def test_explaining_costs_one_read_more_at_most(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    service = newsroom(story("asked"), story("a"), story("b"), story("c"), beside={"a": ["c"], "b": ["c"]})
    read: list[str] = []
    for name in ("find", "cards", "near", "vocabulary"):
        method = getattr(Store, name)

        def reading(self: Store, *values: Any, _name: str = name, _method: Any = method, **more: Any) -> Any:
            read.append(_name)
            return _method(self, *values, **more)

        monkeypatch.setattr(Store, name, reading)
    options = {"limit": 2}
    explained(service, **options)
    assert read == ["find", "cards", "vocabulary", "cards"]
    read.clear()
    explained(service, **options)
    assert read == ["find", "cards", "cards"]
    read.clear()
    service.related(key("asked"), Options(limit=2))
    assert read == ["find", "cards"]


def test_whose_link_it_is(newsroom: Newsroom) -> None:
    linked = {"a": (2, LINKED_BACK), "b": (1, LINKED), "c": (3, LINKED | LINKED_BACK)}
    service = newsroom(story("asked"), *map(story, "abcd"), linked=linked)
    assert {name: one["curated"] for name, one in explained(service).items()} == {
        "b": {"place": 1, "by": "story"},
        "a": {"place": 2, "by": "item"},
        "c": {"place": 3, "by": "both"},
        "d": None,
    }
    assert all(one["parts"] for one in explained(service).values())
    # As if no editor had linked anything.
    assert all(one["curated"] is None for one in explained(service, curated="off").values())


def test_co_curated_stories_are_such_as_could_be_shown(newsroom: Newsroom) -> None:
    service = newsroom(
        story("asked"),
        story("a"),
        story("b"),
        story("again", title="TITLE of b"),
        story("removed", removed=True),
        story("future", day=99),
        beside={"a": ["removed", "future", "b"], "b": ["a", "again"], "again": ["b", "a"]},
    )
    why = explained(service)
    a, b = ({"title": f"Title of {n}", "webUrl": f"https://www.news.example/{n}"} for n in "ab")
    assert why["a"]["co_curated"] == [b]
    assert why["again"]["co_curated"] == [b, a]
    # Copies are told once.
    why = explained(service, exclude=[key("a")])
    assert [one["title"] for one in why["b"]["co_curated"]] == ["Title of a", "TITLE of b"]


def test_what_fills_has_no_parts(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(story("asked", title="Mayor speaks", topics=("Law",)), story("a"))
    save(store, document(story("b", day=3, title="Mayor meets", topics=("law",))))
    why = explained(service)
    assert list(why) == ["a", "b"]
    (term,) = why["b"].pop("terms")
    assert (term["term"], term["weight"]) == ("mayor", round(float(np.log(3 / 2) + 1), 4))
    assert why["b"] == {
        "days_apart": 2.0, "topics": ["Law"], "curated": None, "co_curated": [], "parts": None
    }  # fmt: skip


def test_a_story_that_no_recompute_has_seen(newsroom: Newsroom, store: Store) -> None:
    save(store, *(document(story(name, title=f"Mayor {name}")) for name in ("asked", "a")))
    service = Service(store, clock=NOW.timestamp)
    assert explained(service)["a"] == {
        "terms": None, "days_apart": 0.0, "topics": [], "curated": None, "co_curated": [], "parts": None
    }  # fmt: skip
    space = TextSpace().fit(["mayor"] * 2, [""] * 2)
    store.publish("m1", [], parts=PARTS.to_json(), vocabulary=space.vocabulary().to_bytes())
    assert [one["term"] for one in explained(service)["a"]["terms"]] == ["mayor"]


def test_a_generation_of_an_older_program(newsroom: Newsroom) -> None:
    """It has no reasons and no vocabulary: what the cards tell is told."""
    service = newsroom(
        story("asked", topics=("Law",)),
        story("a", day=2, topics=("law",)),
        linked={"a": (1, LINKED)},
        parts=None,
        vocabulary=None,
    )
    assert explained(service)["a"] == {
        "terms": None,
        "days_apart": 1.0,
        "topics": ["Law"],
        "curated": {"place": 1, "by": None},
        "co_curated": [],
        "parts": None,
    }


def test_groups_are_those_of_the_generation(newsroom: Newsroom) -> None:
    other = Parts(("letters", "weather"), -2.0)
    service = newsroom(story("asked"), story("a"), parts=other.to_json())
    assert explained(service)["a"]["parts"] == {"letters": 1.0, "weather": 0.25, "base": -2.0}


@pytest.mark.parametrize(
    ("published", "missing", "said"),
    [
        ({"vocabulary": b"terms 9\n..."}, "terms", "without shared words"),
        ({"parts": '{"groups": ["one"], "base": 0}'}, "parts", "without parts"),
        ({"parts": "{}"}, "parts", "without parts"),
    ],
)
def test_what_a_newer_program_wrote_is_left_out(
    newsroom: Newsroom,
    caplog: pytest.LogCaptureFixture,
    published: dict[str, Any],
    missing: str,
    said: str,
) -> None:
    service = newsroom(story("asked"), story("a"), **published)
    with caplog.at_level(logging.WARNING, "recommender.service"):
        why = explained(service)["a"]
    assert [name for name in ("terms", "parts") if why[name] is None] == [missing]
    assert said in caplog.text


def test_hostile_text(newsroom: Newsroom) -> None:
    service = newsroom(
        story("asked", title=HOSTILE, topics=("<b>",)), story("a", title=HOSTILE, topics=("<B>",))
    )
    answer = service.related(key("asked"), Options(explain=True, duplicates="show"))
    (item,) = answer.items
    assert all(one["term"].replace(" ", "").isalnum() for one in item["why"]["terms"])
    assert item["why"]["topics"] == ["<b>"]
    assert answer.json()


def test_many_readers_load_the_words_once(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    service = newsroom(story("asked"), story("a"))
    reads: list[int] = []
    vocabulary = Store.vocabulary

    def counting(store: Store, generation: int) -> Any:
        reads.append(generation)
        return vocabulary(store, generation)

    monkeypatch.setattr(Store, "vocabulary", counting)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: explained(service), range(40)))
    assert len(reads) == 1
    assert all(answer == answers[0] for answer in answers)


def test_the_next_generation_is_explained_in_its_own_words(newsroom: Newsroom, store: Store) -> None:
    service = newsroom(story("asked", title="Mayor"), story("a", title="Mayor"))
    before = explained(service, duplicates="show")["a"]["terms"][0]["weight"]
    save(store, document(story("asked", title="Mayor")))
    again = newsroom(story("asked", title="Mayor"), story("a", title="Mayor"), story("b"), story("c"))
    after = [explained(one, duplicates="show")["a"]["terms"][0]["weight"] for one in (service, again)]
    assert after[0] == after[1] != before
