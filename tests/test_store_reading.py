"""Publishing and reading, on both databases: one generation or the other, the corpus, the numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from sqlalchemy import exc, func, select
from stories import document, key, packed, save, story

from recommender.articles import Provider
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.neighbours import in_order
from recommender.store import Status, Store, answering, schema


@pytest.fixture
def ids(store: Store) -> list[int]:
    """Ids of three stories, a, b and c."""
    save(store, *(document(story(name)) for name in "abc"))
    return store.corpus().ids.tolist()


def served(store: Store, name: str = "a") -> Any:
    found = store.find(key(name))
    assert found is not None
    return found


# Generations


def test_published_neighbours_come_back_as_they_were(store: Store, ids: list[int]) -> None:
    lists = [(ids[0], packed((ids[1], 0.9), (ids[2], 0.1))), (ids[1], b"")]
    generation = store.publish("m1", iter(lists))
    a, b, c = (served(store, name) for name in "abc")
    assert (a.generation, a.model, a.packed) == (generation, "m1", lists[0][1])
    assert np.frombuffer(a.packed, NEIGHBOUR_DTYPE)["article"].tolist() == ids[1:]
    assert (b.packed, c.packed) == (b"", None)
    assert (c.generation, c.model) == (generation, "m1")


def test_the_last_generation_is_served_and_the_one_before_kept(store: Store, ids: list[int]) -> None:
    assert store.generation() is None
    numbers = [store.publish(f"m{n}", [(ids[0], packed((ids[1], n)))]) for n in range(4)]
    assert numbers == sorted(set(numbers))
    active = store.generation()
    assert active is not None
    assert (active.id, active.model, active.stories) == (numbers[-1], "m3", 1)
    assert served(store).packed == packed((ids[1], 3))
    with store._database.snapshot() as connection:
        kept = connection.scalars(select(schema.neighbours.c.generation).distinct())
        assert sorted(kept) == numbers[-2:]


def test_reasons_are_read_only_by_who_asks(store: Store, ids: list[int]) -> None:
    two = packed((ids[1], 0.9), (ids[2], 0.1))
    lists: list[Any] = [(ids[0], two, b"because!"), (ids[1], packed((ids[0], 0.9))), (ids[2], b"", b"")]
    number = store.publish("m1", lists, parts='{"a": 1}', vocabulary=b"\0words\xff")
    assert (served(store).packed, served(store).reasons, served(store).parts) == (two, None, None)
    a, b, c = (store.find(key(name), reasons=True) for name in "abc")
    assert a == served(store)._replace(reasons=b"because!", parts='{"a": 1}')
    assert b == served(store, "b")._replace(parts='{"a": 1}')
    assert c is not None
    assert (c.packed, c.reasons) == (b"", b"")
    assert store.vocabulary(number) == b"\0words\xff"
    assert store.vocabulary(number + 1) is None
    with store.exported() as (_, exported):
        assert dict(exported)[ids[0]] == two


def test_the_words_of_the_last_generation_and_the_one_before_are_kept(store: Store, ids: list[int]) -> None:
    numbers = [store.publish("m", [], vocabulary=b"words") for _ in range(3)]
    numbers.append(store.publish("m", []))
    assert [store.vocabulary(number) for number in numbers] == [None, None, b"words", None]
    assert store.publish("m", []) == (active.id if (active := store.generation()) else None)


def test_an_empty_generation_replaces_the_old_one(store: Store, ids: list[int]) -> None:
    store.publish("m1", [(ids[0], packed((ids[1], 1)))])
    store.publish("m2", [])
    assert (served(store).model, served(store).packed) == ("m2", None)


def test_readers_see_the_old_generation_until_the_last_row(store: Store, ids: list[int]) -> None:
    old = store.publish("old", [(ids[0], packed((ids[1], 1)))])
    seen = []

    def rows() -> Iterator[tuple[int, bytes]]:
        for article in ids:
            yield article, packed((article, 0.5))
            with ThreadPoolExecutor(1) as other:
                found = other.submit(served, store).result()
            seen.append((found.generation, found.model, found.packed))

    new = store.publish("new", rows())
    assert seen == [(old, "old", packed((ids[1], 1)))] * 3
    assert (served(store).generation, served(store).packed) == (new, packed((ids[0], 0.5)))


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (RuntimeError("ranker"), RuntimeError),
        ((10**6, b""), exc.IntegrityError),
        ((1, b"123"), ValueError),
        ((1, packed((1, 0.5), (2, 0.25)), b"why"), ValueError),
    ],
    ids=["iterable fails", "unknown story", "not neighbours", "not their reasons"],
)
def test_a_failed_publish_leaves_the_old_generation(
    store: Store, ids: list[int], last: Any, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.store.publishing._CHUNK", 1)
    old = store.publish("old", [(ids[0], packed((ids[1], 1)))])

    def rows() -> Iterator[tuple[int, bytes]]:
        yield ids[0], packed((ids[2], 0.5))
        if isinstance(last, Exception):
            raise last
        yield last

    with pytest.raises(error):
        store.publish("new", rows(), vocabulary=b"words")
    assert (served(store).generation, served(store).packed) == (old, packed((ids[1], 1)))
    with store._database.snapshot() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.neighbours)) == 1
        assert connection.scalar(select(func.count()).select_from(schema.vocabularies)) == 0
    assert store.publish("newer", []) > old


def test_forty_readers_never_see_a_mix(store: Store, ids: list[int]) -> None:
    """Every list says in its scores which generation it is of."""
    numbers = [store.publish("0", [(article, packed((ids[0], 0))) for article in ids])]
    done = threading.Event()

    def read(name: str) -> int:
        reads = 0
        while not done.is_set() or not reads:
            found = served(store, name)
            score = np.frombuffer(found.packed, NEIGHBOUR_DTYPE)["score"][0]
            assert found.model == str(int(score))
            assert len(store.cards(ids)) == 3
            reads += 1
        return reads

    with ThreadPoolExecutor(40) as readers:
        reading = [readers.submit(read, "abc"[n % 3]) for n in range(40)]
        try:
            for n in range(1, 9):
                lists = [(article, packed((ids[0], n))) for article in ids]
                numbers.append(store.publish(str(n), lists))
        finally:
            done.set()
        assert all(each.result() for each in reading)
    assert numbers == sorted(set(numbers))


# States


def test_a_state_is_another_once_anybody_has_written(store: Store, store_url: str, ids: list[int]) -> None:
    states = [store.state()]

    def changed() -> bool:
        states.append(store.state())
        return states[-1] not in states[:-1]

    assert store.immediate == store_url.startswith("sqlite")
    store.publish("m1", [(ids[0], packed((ids[1], 1)))])
    assert changed()
    with Store.open(store_url) as other:
        save(other, document(story("d")))
        assert changed()
        other.publish("m2", [])
        assert changed()
    served(store)
    store.cards(ids)
    store.corpus()
    assert store.state() == store.state() == states[-1]


def test_a_state_is_seen_before_what_is_read_in_it(store: Store, ids: list[int]) -> None:
    """Whoever reads after a look reads what was looked at, or newer."""
    done = threading.Event()
    seen: dict[Any, set[str]] = {}

    def read() -> None:
        while not done.is_set():
            state = store.state()
            seen.setdefault(state, set()).add(served(store).model)

    store.publish("0", [])
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read)
        try:
            for n in range(1, 20):
                store.publish(str(n), [])
                last = store.state()
        finally:
            done.set()
        reading.result()
    seen.setdefault(last, set()).add(served(store).model)
    assert seen[last] == {"19"}


def test_scores_are_rounded_as_python_rounds_them() -> None:
    drawn = np.random.default_rng(0)
    scores = np.concatenate([drawn.random(20_000), np.arange(20_001) / 20_000, drawn.random(5_000) ** 9])
    rows = np.zeros(len(scores), NEIGHBOUR_DTYPE)
    rows["score"] = scores
    rounded = [round(score, 4) for score in rows["score"].tolist()]
    assert [one.score for one in in_order(rows.tobytes())] == rounded


# Cards


def test_cards_come_by_id_and_unknown_ids_are_left_out(store: Store) -> None:
    save(store, document(story("a", day=0)), document(story("b", day=None, removed=True)))
    a, b = served(store, "a").id, served(store, "b").id
    cards = store.cards([b, a, 10**9])
    assert cards.keys() == {a, b}
    assert orjson.loads(cards[a].card)["webUrl"] == "https://www.news.example/a"
    assert (cards[a].published_at, cards[a].removed) == (datetime(2020, 1, 1, tzinfo=UTC).timestamp(), False)
    assert (cards[b].published_at, cards[b].removed) == (None, True)
    assert store.cards([]) == {}


def test_more_cards_than_a_statement_takes(store: Store, ids: list[int]) -> None:
    assert store.cards([*range(10**6, 10**6 + 40_000), *ids]).keys() == set(ids)


# Stories near in time


DAY = 86_400
NEW_YEAR = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())


def near(store: Store, day: int, earliest: int | None, latest: int, rows: int) -> list[str]:
    found = store.near(
        NEW_YEAR + day * DAY,
        None if earliest is None else NEW_YEAR + earliest * DAY,
        NEW_YEAR + latest * DAY,
        rows,
    )
    for article, card in found:
        assert store.cards([article]) == {article: card}
    return sorted(orjson.loads(card.card)["webUrl"].rsplit("/", 1)[-1] for _, card in found)


def test_the_nearest_in_time_are_those_on_both_sides(store: Store) -> None:
    save(
        store,
        *(document(story(f"d{day}", day=day)) for day in (1, 2, 3, 5, 6, 9)),
        document(story("undated", day=None)),
        document(story("gone", day=4, removed=True)),
    )
    assert near(store, 4, None, 9, 2) == ["d2", "d3", "d5", "d6"]
    assert near(store, 3, None, 9, 1) == ["d3", "d5"]
    assert near(store, 4, 3, 5, 9) == ["d3", "d5"]
    assert near(store, 4, 6, 9, 9) == ["d6", "d9"]
    assert near(store, 4, None, 0, 9) == []
    assert near(store, 4, 5, 3, 9) == []
    assert near(store, 99, None, 99, 1) == ["d9"]


def test_of_one_second_the_same_are_read_every_time(store: Store) -> None:
    save(store, *(document(story(name, day=1)) for name in "dacb"))
    ids = sorted(store.corpus().ids.tolist())
    moment = NEW_YEAR + DAY
    assert {article for article, _ in store.near(moment, None, moment, 2)} == set(ids[-2:])
    assert {article for article, _ in store.near(moment - 1, None, moment, 2)} == set(ids[:2])


def test_the_nearest_in_time_are_read_along_the_index(store: Store) -> None:
    """However many stories there are: neither database goes through all of them."""
    save(store, *(document(story(f"s{n}", day=n)) for n in range(50)))
    values = {"moment": NEW_YEAR, "earliest": 0, "latest": NEW_YEAR, "rows": 2}
    with store._database.snapshot() as connection:
        statement = answering._NEAR.params(values).compile(
            connection, compile_kwargs={"literal_binds": True, "render_postcompile": True}
        )
        if connection.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
        else:
            # For so few stories it would read them all.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}".replace("%%", "%")).all()
    assert str(plan).count("ix_articles_published_at") == 2
    assert "TEMP B-TREE" not in str(plan)


# The corpus


def test_the_corpus_has_every_column_of_what_is_not_removed(store: Store) -> None:
    save(
        store,
        document(
            story("a", day=2.5, excerpt="E", quality=81.0, topics=("x", "y"), tags=("t",), type="video")
        ),
        document(story("gone", removed=True)),
        document(story("b", day=None, provider=Provider(name="Name only"))),
        document(story("c", provider=Provider())),
    )
    corpus = store.corpus()
    assert len(corpus) == 3
    assert corpus.ids.dtype == np.int64
    assert (np.diff(corpus.ids) > 0).all()
    assert corpus.urls == [f"https://www.news.example/{name}" for name in "abc"]
    assert corpus.titles == ["Title of a", "Title of b", "Title of c"]
    assert corpus.excerpts == ["E", "", ""]
    np.testing.assert_array_equal(corpus.published, [18_262 + 2.5, np.nan, 18_263])
    np.testing.assert_array_equal(corpus.quality, [81, np.nan, np.nan])
    assert corpus.providers == ["news.example", "Name only", ""]
    assert corpus.types == ["video", "article", "article"]
    assert corpus.topics == [("x", "y"), (), ()]
    assert corpus.tags == [("t",), (), ()]


def test_links_are_unique_rows_in_the_editors_order(store: Store) -> None:
    save(store, document(story("gone", removed=True)), *(document(story(name)) for name in "abcd"))
    given = {
        "1": ("b", "d", "a", "c", "b", "gone", "nowhere"),
        "2": ("a", "b"),
        "3": ("a", "d", "c"),  # again, and now d comes before c
        "4": ("gone", "a"),
    }
    for origin, (source, *targets) in given.items():
        removed = source == "gone"
        save(store, document(story(source, removed=removed), origin=origin, links=[key(t) for t in targets]))
    corpus = store.corpus()
    assert corpus.links.dtype == np.int64
    names = [url.rsplit("/", 1)[-1] for url in corpus.urls]
    assert [(names[source], names[target]) for source, target in corpus.links] == [
        ("a", "b"), ("a", "d"), ("a", "c"), ("b", "d"), ("b", "a"), ("b", "c"),
    ]  # fmt: skip


def test_an_empty_store_has_an_empty_corpus(store: Store) -> None:
    corpus = store.corpus()
    assert len(corpus) == 0
    assert corpus.links.shape == (0, 2)
    assert corpus.ids.shape == corpus.published.shape == (0,)
    assert store.status() == Status(0, 0, 0, 0, None, None)
    assert store.find(key("a")) is None


def test_the_corpus_is_one_moment(store: Store, ids: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A story and a link that arrive while stories are read are in neither half."""
    from recommender.store import corpus

    read_links = corpus.links_between

    def late(*arguments: Any) -> Any:
        with ThreadPoolExecutor(1) as other:
            other.submit(save, store, document(story("c"), story("a"))).result()
        return read_links(*arguments)

    monkeypatch.setattr(corpus, "links_between", late)
    assert store.corpus().links.tolist() == []
    assert store.corpus().links.tolist() == [[2, 0]]


# The numbers


def test_status_counts_stories_links_and_dead_ends(store: Store) -> None:
    save(
        store,
        document(story("a", day=1), origin="1", links=[key("b"), "https://nowhere.example/"]),
        document(story("a", day=1), origin="2", links=[key("b")]),
        document(story("b", day=9, removed=True)),
        document(story("c", day=None)),
    )
    number = store.publish("m", [])
    status = store.status()
    assert status.generation == store.generation()
    assert status == Status(
        stories=3,
        removed=1,
        links=2,
        dead_links=1,
        newest=int(datetime(2020, 1, 2, tzinfo=UTC).timestamp()),
        generation=status.generation,
    )
    assert status.generation is not None
    assert status.generation.id == number


def test_models_are_recorded_newest_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for moment, model in ((100.9, "one"), (200.9, "two")):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        store.record_model(model, {"ndcg": 0.5, "note": model})
    assert store.models() == [
        ("two", 200, {"ndcg": 0.5, "note": "two"}),
        ("one", 100, {"ndcg": 0.5, "note": "one"}),
    ]
    store.record_model("one", {"ndcg": 0.6})
    assert store.models()[1] == ("one", 100, {"ndcg": 0.6})
