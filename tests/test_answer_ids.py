"""Ids of answers: written and read back the same, and true of what was shown."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories import document, key, packed, save, story

from recommender.errors import InvalidAnswerId
from recommender.events import SOURCES
from recommender.service import Options, Service
from recommender.service.answer_ids import MOST, AnswerId, read, write
from recommender.store import Store

NUMBERS = st.integers(1, 10**18 - 1)
ITEMS = st.lists(st.tuples(st.integers(0, len(SOURCES) - 1), NUMBERS), max_size=MOST)


@given(NUMBERS, NUMBERS, ITEMS)
def test_what_is_written_is_read(generation: int, article: int, items: list[tuple[int, int]]) -> None:
    text = write(generation, article, [f"{SOURCES[source][0]}{other}" for source, other in items])
    assert read(text) == AnswerId(generation, article, tuple(items))


@given(st.from_regex(r"[0-9]{1,3}-[0-9]{1,20}-([pcmfx][0-9]{0,3},?){0,3}", fullmatch=True))
def test_one_answer_has_one_id(text: str) -> None:
    try:
        told = read(text)
    except InvalidAnswerId:
        return
    items = [f"{SOURCES[source][0]}{other}" for source, other in told.items]
    assert write(told.generation, told.story, items) == text


@pytest.mark.parametrize(
    "text",
    ["", "12", "12-3", "-3-m1", "0-3-m1", "12-03-m1", "12-3-1", "12-3-m0", "12-3-m", "12-3-m1,", "12-3-,m1",
     "12-3-m1 ", " 12-3-m1", "12-3-m1\n", "12-3-x1", "12-3-M1", "12-3-m+1", "12-3-m1_0", "12-3-m１",
     f"12-3-m{10**18}", f"{10**18}-3-m1", f"12-{10**30}-", "12-3-" + ",".join(["m1"] * 51), "1" * 60_000],
)  # fmt: skip
def test_the_id_of_no_answer(text: str) -> None:
    with pytest.raises(InvalidAnswerId, match="GET /related"):
        read(text)


def test_an_answer_has_no_more_items_than_its_id_can_have() -> None:
    (most,) = (limit.le for limit in Options.model_fields["limit"].metadata if hasattr(limit, "le"))
    assert most == MOST
    assert len(read("1-2-" + ",".join(["m3"] * MOST)).items) == MOST


def test_first_letters_tell_the_sources_apart() -> None:
    assert len({source[0] for source in SOURCES}) == len(SOURCES)


# Of answers


@pytest.fixture
def ids(store: Store) -> dict[str, int]:
    """Stories by name, of which a generation lists two for one: the first is curated."""
    names = ("asked", "curated", "model", "pinned", "fill")
    save(store, *(document(story(name)) for name in names))
    ids = {name: found.id for name in names if (found := store.find(key(name)))}
    store.publish("m1", [(ids["asked"], packed((ids["curated"], 0.9), (ids["model"], 0.8)))])
    return ids


def test_the_id_says_what_was_shown_in_its_order(store: Store, ids: dict[str, int]) -> None:
    save(store, document(story("asked"), links=[key("curated")]))
    with_links = packed((ids["curated"], 0.9), (ids["model"], 0.8))
    curated = with_links[:12] + b"\x01" + with_links[13:]
    generation = store.publish("m1", [(ids["asked"], curated)])
    store.curate(ids["asked"], ids["pinned"], "pin", 2, by="Ada", at=1)
    answer = Service(store).related(key("asked"))
    assert [item["source"] for item in answer.items] == ["curated", "pinned", "model", "fill"]
    assert answer.id is not None
    assert read(answer.id) == AnswerId(
        generation,
        ids["asked"],
        tuple((SOURCES.index(item["source"]), ids[item["source"]]) for item in answer.items),
    )
    assert [f"Title of {item['source']}" for item in answer.items] == [item["title"] for item in answer.items]
    assert orjson.loads(answer.json())["id"] == answer.id


def test_equal_answers_have_equal_ids_and_others_have_others(store: Store, ids: dict[str, int]) -> None:
    service = Service(store)

    def ask(**options: object) -> bytes:
        return service.related(key("asked"), Options.model_validate(options)).json()

    assert ask() == ask() == ask(limit=20)
    told = {
        orjson.loads(ask(**options))["id"] for options in ({}, {"limit": 1}, {"fill": False}, {"limit": 3})
    }
    assert len(told) == 4
    assert orjson.loads(ask(limit=1, explain=True))["id"] == orjson.loads(ask(limit=1))["id"]
    assert orjson.loads(ask(fill=False, min_score=1))["id"] == f"1-{ids['asked']}-"


def test_a_story_that_no_recompute_has_seen_has_an_id(store: Store, ids: dict[str, int]) -> None:
    save(store, document(story("new")))
    answer = Service(store).related(key("new"), Options(limit=2))
    assert answer.id is not None
    assert [SOURCES[source] for source, _ in read(answer.id).items] == ["fill", "fill"]


def test_before_the_first_recompute_there_is_nothing_to_count(store: Store) -> None:
    save(store, document(story("asked")), document(story("a")))
    answer = Service(store).related(key("asked"))
    assert answer.items
    assert answer.id is None
    assert answer.json().startswith(b'{"url":"https://www.news.example/asked","id":null,"model":null,')
