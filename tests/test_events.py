"""What readers were shown and clicked, over HTTP: taken at once, added up, written soon, and not lost."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from stories import document, key, packed, save, story
from test_api import is_problem
from test_store_events import rows

from recommender.api import bodies, create_app
from recommender.api import counting as schedule
from recommender.api.counting import Counting
from recommender.api.events import MOST
from recommender.api.keys import KEEPS, Keyring
from recommender.api.opening import Opening
from recommender.errors import InvalidEvent, StoreUnavailable
from recommender.service.answer_ids import AnswerId
from recommender.service.counting import Counts, Observed, observed
from recommender.settings import Settings
from recommender.store import Count, Store, locking
from recommender.store.keys import Keys

ID = "1-1-m2,m3"
"""The id of the answer that ``newsroom`` gives for its first story."""

DAY = 20_000
NOW = DAY * 86_400 + 43_200.0


def shown(answer: str = ID, **fields: Any) -> dict[str, Any]:
    return {"answer": answer, "kind": "impression", **fields}


def clicked(rank: Any, answer: str = ID) -> dict[str, Any]:
    return {"answer": answer, "kind": "click", "rank": rank}


def count(other: int, rank: int, times: tuple[int, int], day: int = DAY) -> Count:
    return Count(day, 1, 1, other, 2, rank, *times)


# What an event says


def test_an_event_says_which_places() -> None:
    answer = AnswerId(1, 1, ((2, 2), (2, 3)))
    assert observed(shown()) == Observed(answer, {1, 2}, clicked=False)
    assert observed(shown(ranks=[2])) == Observed(answer, {2}, clicked=False)
    assert observed(shown(ranks=[2, 2, 2])).ranks == {2}, "once an event"
    assert observed(shown(ranks=[])).ranks == set()
    assert observed(clicked(1)) == Observed(answer, {1}, clicked=True)
    assert observed(shown("1-1-")).ranks == set()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (None, "not a JSON object"),
        ("click", "not a JSON object"),
        ([], "not a JSON object"),
        ({}, "kind"),
        (shown(kind="view"), "kind has to be impression or click"),
        (shown(kind=["click"]), "kind"),
        (shown(kind="x" * 60_000), "kind"),
        ({"kind": "click", "rank": 1}, "answer"),
        (clicked(1, answer=7), "answer"),  # type: ignore[arg-type]
        (clicked(1, "12"), "GET /related"),
        (clicked(1, ID + ","), "GET /related"),
        (clicked(0), "rank has to be of 1 to 2"),
        (clicked(3), "rank has to be of 1 to 2"),
        (clicked(-1), "rank"),
        (clicked(1.0), "rank"),
        (clicked(True), "rank"),
        (clicked("1"), "rank"),
        (clicked(None), "rank"),
        (clicked([1]), "rank"),
        (clicked(1, "1-1-"), "rank has to be of 1 to 0"),
        ({"answer": ID, "kind": "click"}, "rank"),
        (clicked(1) | {"ranks": [1]}, "rank, and nothing else"),
        (shown(rank=1), "ranks, and nothing else"),
        (shown(times=1_000), "nothing else"),
        (shown(ranks=None), "ranks"),
        (shown(ranks=1), "ranks"),
        (shown(ranks=[1, 3]), "ranks has to be of 1 to 2"),
        (shown(ranks=[1, "2"]), "ranks"),
        (shown(ranks=[[]]), "ranks"),
    ],
)
def test_an_event_that_is_none(event: Any, reason: str) -> None:
    with pytest.raises(InvalidEvent, match=reason) as caught:
        observed(event)
    assert len(str(caught.value)) < 100, "nothing is echoed"


# Adding up


SEEN = [Observed(AnswerId(1, 1, ((2, 2), (3, 3), (2, 2))), ranks, kind) for ranks in ({1}, {1, 3}, {2})
        for kind in (False, True)]  # fmt: skip
STEPS = st.lists(st.one_of(st.tuples(st.integers(0, 2), st.sampled_from(SEEN)), st.integers(0, 3)))


@given(STEPS)
def test_nothing_is_lost_or_counted_twice_whatever_is_put_back(steps: list[Any]) -> None:
    counts = Counts(1_000)
    expected: Counter[Any] = Counter()
    for step in steps:
        if isinstance(step, int):
            counts.put_back(counts.take(step))
            continue
        day, seen = step
        taken = counts.take(2)
        counts.add(day, seen)
        counts.put_back(taken)
        for rank in seen.ranks:
            source, other = seen.answer.items[rank - 1]
            expected[(day, 1, 1, other, source, rank), seen.clicked] += 1
    assert len(counts) == len({row for row, _ in expected})
    told = counts.take(1_000)
    assert {(one[:6], True): one.clicked for one in told if one.clicked} | {
        (one[:6], False): one.shown for one in told if one.shown
    } == expected
    assert (len(counts), counts.dropped, counts.take(1)) == (0, 0, [])


def test_where_there_is_no_room_what_is_new_is_left_out_and_counted() -> None:
    counts = Counts(3)
    for day in range(5):
        counts.add(day, SEEN[0])
    counts.add(1, SEEN[0])  # is there already
    assert counts.dropped == 2
    taken = counts.take(2)
    assert [(one.day, one.shown) for one in taken] == [(0, 1), (1, 2)]
    counts.add(5, SEEN[0])
    counts.put_back(taken)
    assert ([one.day for one in counts.take(9)], counts.dropped) == ([0, 1, 2], 3)


# Over HTTP


class Newsroom:
    """A service with three stories and a list, and a page that may send events."""

    def __init__(self, client: TestClient, store: Store) -> None:
        self.client, self.store = client, store
        self.key, self.secret = store.keys.add("page", ["events"])
        self.counting: Counting = client.app.state.counting  # type: ignore[attr-defined]
        self.counting._clock = lambda: NOW

    def send(self, *events: Any, **asked: Any) -> Any:
        return self.post(json.dumps({"events": events}).encode(), **asked)

    def post(self, body: bytes, headers: Any = None, params: Any = None) -> Any:
        headers = {"X-API-Key": self.secret} if headers is None else headers
        return self.client.post("/events", content=body, headers=headers, params=params)

    def written(self) -> list[Count]:
        return list(rows(self.store.events()))


@pytest.fixture
def asked(store: Store) -> Store:
    save(store, *(document(story(name)) for name in "abc"))
    assert store.publish("m1", [(1, packed((2, 0.9), (3, 0.8)))]) == 1
    return store


@pytest.fixture
def client(asked: Store, store_url: str) -> TestClient:
    """A client of a service that is not started yet."""
    return TestClient(create_app(Settings(store=store_url)), raise_server_exceptions=False)


@pytest.fixture
def newsroom(client: TestClient, asked: Store) -> Iterator[Newsroom]:
    with client:
        yield Newsroom(client, asked)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_page_sends_is_in_the_store_when_the_server_has_ended(
    client: TestClient, asked: Store
) -> None:
    with client:
        newsroom = Newsroom(client, asked)
        told = client.get("/related", params={"url": key("a")}).json()["id"]
        assert told == ID
        response = newsroom.send(shown(told), clicked(2, told))
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["cache-control"] == "no-store"
        assert newsroom.send(shown(told, ranks=[1])).status_code == 204
        assert newsroom.written() == [], "nothing is written on a request"
    assert newsroom.written() == [count(2, 1, (2, 0)), count(3, 2, (1, 1))]
    with client:
        newsroom.send(clicked(1))
    assert newsroom.written() == [count(2, 1, (2, 1)), count(3, 2, (1, 1))]


def test_it_is_written_after_a_while(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "EVERY", 0.05)
    # What wakes the writer makes it look at the time again.
    newsroom.counting._wake.set()
    newsroom.send(clicked(1))
    until(lambda: newsroom.written() == [count(2, 1, (0, 1))])
    newsroom.send(clicked(1))
    until(lambda: newsroom.written() == [count(2, 1, (0, 2))])


def test_it_is_written_sooner_if_there_is_much(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "MUCH", 3)
    monkeypatch.setattr(schedule, "BATCH", 2)
    newsroom.send(shown())
    newsroom.send(clicked(2, "1-2-f1,f3"))
    until(lambda: len(newsroom.written()) == 3)
    assert len(newsroom.counting) == 0


def test_nothing_is_written_if_nothing_was_sent(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty write, too, would end all answers that are kept."""
    written: list[Any] = []
    monkeypatch.setattr(Store, "record_events", lambda store, counts: written.append(counts) or 0)
    looked: list[int] = []
    write = Counting._write
    monkeypatch.setattr(Counting, "_write", lambda counting: looked.append(1) or write(counting))
    monkeypatch.setattr(schedule, "EVERY", 0.01)
    newsroom.counting._wake.set()
    assert newsroom.send(shown("1-1-")).status_code == 204
    until(lambda: len(looked) > 3)
    assert written == []


@pytest.mark.parametrize("media", ["application/json", "text/plain;charset=UTF-8", "image/png", None])
@pytest.mark.parametrize("in_query", [True, False])
def test_any_content_type_and_a_key_in_the_query_will_do(
    newsroom: Newsroom, media: str | None, in_query: bool
) -> None:
    headers = {} if media is None else {"Content-Type": media}
    if in_query:
        response = newsroom.send(clicked(1), headers=headers, params={"key": newsroom.secret})
    else:
        response = newsroom.send(clicked(1), headers=headers | {"X-API-Key": newsroom.secret})
    assert response.status_code == 204


def test_events_that_are_none_are_named_and_stop_none_of_the_others(newsroom: Newsroom) -> None:
    response = newsroom.send(shown(), clicked(9), clicked(1), None)
    told = is_problem(response, 422, "invalid-event")
    assert [error["name"] for error in told["errors"]] == ["events[1]", "events[3]"]
    assert "1 to 2" in told["errors"][0]["reason"]
    assert "2 of 4 events were counted" in told["detail"]
    assert newsroom.counting._counts.take(9) == [count(2, 1, (1, 1)), count(3, 2, (1, 0))]
    assert "0 of 1 events" in is_problem(newsroom.send(clicked(1, "?")), 422, "invalid-event")["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b"\xff", b"{}", b'{"events": []}', b'{"events": {}}',
     b'{"events": "x"}', json.dumps({"events": [1] * (MOST + 1)}).encode(), b"[" * 60_000],
    ids=range(12),
)  # fmt: skip
def test_a_body_without_events(newsroom: Newsroom, body: bytes) -> None:
    response = newsroom.post(body)
    assert [error["name"] for error in is_problem(response, 422, "invalid-request")["errors"]] == ["body"]
    assert len(response.content) < 600
    assert len(newsroom.counting) == 0


def test_as_much_as_a_browser_sends_and_no_more(newsroom: Newsroom) -> None:
    assert newsroom.send(*[clicked(1)] * MOST).status_code == 204
    whole = json.dumps({"events": [clicked(1)]}).encode()
    assert newsroom.post(whole.ljust(bodies.MOST)).status_code == 204
    response = newsroom.post(whole.ljust(bodies.MOST + 1))
    assert "64 KB" in is_problem(response, 413, "content-too-large")["detail"]
    assert newsroom.counting._counts.take(9) == [count(2, 1, (0, MOST + 1))]


def test_only_who_may_send_events_sends_them(newsroom: Newsroom) -> None:
    for headers, params in (
        ({}, None),
        ({"X-API-Key": "rec_x"}, None),
        ({}, {"key": ""}),
        ({}, {"key": "rec_x"}),
    ):
        told = is_problem(newsroom.send(clicked(1), headers=headers, params=params), 401, "unauthorized")
        assert "?key=" in told["detail"]
    for scope, status in (("publish", 403), ("curate", 403), ("admin", 204), ("events", 204)):
        params = {"key": newsroom.store.keys.add("x", [scope])[1]}
        assert newsroom.send(clicked(1), headers={}, params=params).status_code == status, scope


def test_a_key_is_looked_up_now_and_then(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    find = Keys.find
    monkeypatch.setattr(Keys, "find", lambda keys, secret: looked.append(secret) or find(keys, secret))
    keyring: Keyring = newsroom.client.app.state.keyring  # type: ignore[attr-defined]
    now = 0.0
    keyring._clock = lambda: now
    for _ in range(5):
        assert newsroom.send(clicked(1)).status_code == 204
    assert looked == [newsroom.secret]
    newsroom.store.keys.revoke(newsroom.key.id)
    now = KEEPS - 0.01
    assert newsroom.send(clicked(1)).status_code == 204
    now = KEEPS
    is_problem(newsroom.send(clicked(1)), 401, "unauthorized")
    now = 0.0
    is_problem(newsroom.send(clicked(1)), 401, "unauthorized")


def test_what_is_made_up_is_taken_and_left_out(
    client: TestClient, asked: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with client:
        newsroom = Newsroom(client, asked)
        for answer in ("9-1-m2", "1-9-m2", "1-1-m9", "1-1-m2,m999999999999999999"):
            assert newsroom.send(shown(answer)).status_code == 204
    assert newsroom.written() == [count(2, 1, (1, 0))]
    # In one write or, where its time comes meanwhile, in two.
    assert sum(map(int, re.findall(r"(\d+) counts were left out", caplog.text))) == 4


def test_what_comes_while_others_are_written_is_for_the_next_time(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that sends all the time would have the store written all the time."""
    writes: list[list[Count]] = []

    def record(_: Store, counts: list[Count]) -> int:
        writes.append(counts)
        newsroom.counting.add(observed(clicked(1)))
        return 0

    monkeypatch.setattr(Store, "record_events", record)
    newsroom.send(clicked(2))
    asyncio.run(newsroom.counting._write())
    assert (writes, len(newsroom.counting)) == ([[count(3, 2, (0, 1))]], 1)


# A store that is away


def test_a_store_that_is_written_by_somebody_else_for_a_while_loses_nothing(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locking, "TURN", 0.02)
    monkeypatch.setattr(schedule, "EVERY", 0.02)
    monkeypatch.setattr(schedule, "BATCH", 1)
    with newsroom.store._writer.transaction("test"):
        newsroom.counting._wake.set()
        newsroom.send(shown())
        until(lambda: caplog.text.count("wait for the store") >= 2)
        newsroom.send(clicked(2), shown())
    until(lambda: newsroom.written() == [count(2, 1, (2, 0)), count(3, 2, (2, 1))])
    until(lambda: len(newsroom.counting) == 0)
    assert "lost" not in caplog.text


class Away(Opening):
    """Opens nothing as long as it is ``shut``."""

    shut = True

    def __call__(self) -> Any:
        if self.shut:
            raise StoreUnavailable("away")
        return super().__call__()


def test_a_server_that_starts_before_its_store_loses_nothing(asked: Store, store_url: str) -> None:
    opening = Away(store_url, Path("no-models"))
    counting = Counting(opening, lambda: NOW)

    async def serve() -> None:
        async with counting.running():
            counting.add(observed(shown()))
            await counting._write()
            assert (len(counting), counting._away) == (2, True)
            counting.add(observed(clicked(2)))
            opening.shut = False

    asyncio.run(serve())
    opening.close()
    assert list(rows(asked.events())) == [count(2, 1, (1, 0)), count(3, 2, (1, 1))]


def test_what_is_lost_is_told(
    asked: Store, store_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(schedule, "ROOM", 3)
    monkeypatch.setattr(schedule, "MUCH", 2)
    opening = Away(store_url, Path("no-models"))
    counting = Counting(opening, lambda: NOW)

    async def serve() -> None:
        async with counting.running():
            counting.add(observed(clicked(1)))
            await counting._write()
            for day in range(4):
                counting._clock = lambda day=day: day * 86_400.0  # type: ignore[misc]
                counting.add(observed(clicked(1)))
            counting._clock = lambda: NOW
            await asyncio.sleep(0.05)
            assert caplog.text.count("wait for the store") == 1, "it is not asked all the time"

    asyncio.run(serve())
    told = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert (logging.WARNING, "2 counts of what readers did are lost: too many waited") in told
    assert told[-1] == (
        logging.ERROR,
        "3 counts of what readers did are lost: the store does not answer",
    )


def test_counts_that_cannot_be_written_are_in_nobodys_way(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = Store.record_events

    def fail(store: Store, counts: list[Count]) -> int:
        if counts[0].rank == 1:
            raise RuntimeError("a mistake")
        return record(store, counts)

    monkeypatch.setattr(Store, "record_events", fail)
    monkeypatch.setattr(schedule, "BATCH", 1)
    newsroom.send(shown())
    newsroom.counting._wake.set()
    until(lambda: newsroom.written() == [count(3, 2, (1, 0))])
    assert "RuntimeError: a mistake" in caplog.text
    assert len(newsroom.counting) == 0
