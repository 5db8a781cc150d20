"""Answers given again: the same to the byte, never of an older store, never more than there is room for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from stories import document, key, packed, save, story

from recommender.api import create_app
from recommender.api.caching import STALE, Answered
from recommender.api.lately import BESIDE, KEEPS, LONGEST, LOOKS, MOST, Lately
from recommender.errors import StoreUnavailable
from recommender.settings import Settings
from recommender.store import Store

ASKED = {"url": key("asked")}


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite"


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """A store with a generation, open for writing beside those who answer."""
    with Store.open(address) as opened:
        save(opened, *(document(story(name)) for name in ("asked", "a", "b")))
        publish(opened, "m1")
        yield opened


def publish(store: Store, model: str) -> None:
    asked, a, b = (found.id for name in ("asked", "a", "b") if (found := store.find(key(name))))
    store.publish(model, [(asked, packed((a, 0.9), (b, 0.8)))])


@pytest.fixture
def client(store: Store, address: str) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(store=address)), raise_server_exceptions=False) as client:
        yield client


def lately(client: TestClient) -> Lately:
    kept: Lately = client.app.state.lately  # type: ignore[attr-defined]
    return kept


# Over HTTP


@pytest.mark.parametrize("path", ["/related", "/articles"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("condition", [None, "{etag}", '"other"', "W/{etag}, *"])
def test_an_answer_given_again_is_the_same(
    client: TestClient, address: str, path: str, method: str, condition: str | None
) -> None:
    with TestClient(create_app(Settings(store=address, cache=0))) as fresh:
        etag = fresh.get(path, params=ASKED).headers["etag"]
        headers = {"X-Request-Id": "one"}  # all that differs between two answers, if nobody gives it
        if condition is not None:
            headers["If-None-Match"] = condition.format(etag=etag)
        expected = fresh.request(method, path, params=ASKED, headers=headers)
        assert (len(lately(fresh)), lately(fresh).again) == (0, 0)
    for again in range(3):
        response = client.request(method, path, params=ASKED, headers=headers)
        assert lately(client).again == again
        assert response.status_code == expected.status_code
        assert response.headers.raw == expected.headers.raw
        assert response.content == expected.content
    assert client.get(path, params=ASKED).json()["url"] == "https://www.news.example/asked"
    assert lately(client).again == 3


def test_what_is_written_shows_in_the_next_answer(client: TestClient, store: Store) -> None:
    def ask() -> dict[str, Any]:
        answer: dict[str, Any] = client.get("/related", params=ASKED).json()
        return answer

    assert ask() == ask()
    publish(store, "m2")
    assert ask()["model"] == "m2"
    assert ask()["items"][0]["title"] == "Title of a"
    save(store, document(story("a", day=2, title="A better title")))
    assert ask()["items"][0]["title"] == "A better title"
    save(store, document(story("a", day=3, removed=True)))
    assert [item["title"] for item in ask()["items"]] == ["Title of b"]
    assert lately(client).again == 2


def test_errors_and_explanations_are_not_kept(client: TestClient, store: Store) -> None:
    for parameters, status in (
        ({"url": key("nobody")}, 404),
        ({"url": "nothing"}, 422),
        (ASKED | {"limit": "0"}, 422),
        (ASKED | {"explain": "true"}, 200),
    ):
        for _ in range(2):
            assert client.get("/related", params=parameters).status_code == status
    assert client.get("/health/ready").status_code == 200
    assert client.get("/nowhere", params=ASKED).status_code == 404
    assert (len(lately(client)), lately(client).again) == (0, 0)
    assert client.get("/related", params=ASKED).status_code == 200
    assert client.put("/related", params=ASKED).status_code == 405
    assert (len(lately(client)), lately(client).again) == (1, 0)
    save(store, document(story("nobody")))
    assert client.get("/related", params={"url": key("nobody")}).status_code == 200


def test_requests_are_told_apart_by_all_they_ask(client: TestClient) -> None:
    one = client.get("/related", params=ASKED | {"limit": "1"}).json()
    two = client.get("/related", params=ASKED | {"limit": "2"}).json()
    assert (len(one["items"]), len(two["items"])) == (1, 2)
    assert client.get("/articles", params=ASKED).json().keys() != one.keys()
    assert client.get("/related", params=ASKED | {"limit": "1"}).json() == one
    assert lately(client).again == 1


def test_what_takes_long_is_asked_in_a_thread_and_kept(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    find = Store.find

    def watched(store: Store, *values: Any, **more: Any) -> Any:
        threads.append(threading.current_thread().name)
        return find(store, *values, **more)

    monkeypatch.setattr(Store, "find", watched)
    for parameters in (ASKED, ASKED | {"topic": "x"}, ASKED | {"explain": "true"}):
        first, again = (client.get("/related", params=parameters) for _ in range(2))
        assert first.content == again.content
    assert len(threads) == 4
    loop, *others = threads
    assert loop not in others
    assert lately(client).again == 2


# By itself


class Clock:
    """Tells the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A service, open, of a store in a state that it is set to."""

    def __init__(self, *, immediate: bool = True) -> None:
        self.opened = self
        self.immediate = immediate
        self.away = False
        self.looks = 0
        self.now: Any = 1

    def state(self) -> Any:
        self.looks += 1
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


def make(room: int = 10**6, *, immediate: bool = True) -> tuple[Lately, Watched, Clock]:
    clock, watched = Clock(), Watched(immediate=immediate)
    return Lately(room, watched, clock), watched, clock  # type: ignore[arg-type]


def scope(name: str, path: str = "/related") -> dict[str, Any]:
    return {"type": "http", "path": path, "query_string": name.encode(), "headers": []}


def found(kept: Lately, name: str) -> bytes | None:
    answer = asyncio.run(kept.find(scope(name)))
    return None if answer is None else bytes(answer.body)


def keep(kept: Lately, name: str, size: int = 100) -> None:
    """Do what a route does for an answer of that many bytes."""
    if found(kept, name) is None:
        kept.keep(scope(name), Answered(name.encode().ljust(size), 0.0), kept.state)


def test_nothing_is_kept_longer_than_a_minute() -> None:
    kept, _, clock = make()
    keep(kept, "a")
    clock.now = KEEPS - 1
    assert found(kept, "a") is not None
    clock.now = KEEPS
    assert found(kept, "a") is None
    keep(kept, "a")
    assert found(kept, "a") is not None
    assert len(kept) == 1
    assert kept.bytes == 100 + len("/related?a") + BESIDE


def test_an_answer_from_an_older_store_is_not_kept() -> None:
    kept, watched, _ = make()
    assert kept.state is None
    kept.keep(scope("a"), Answered(b"{}", 0.0), kept.state)  # nobody has looked yet
    assert found(kept, "a") is None
    before = kept.state
    watched.now = 2
    assert found(kept, "b") is None  # another request has seen the change
    kept.keep(scope("a"), Answered(b"{}", 0.0), before)
    assert len(kept) == 0


def test_a_change_ends_all_that_was_kept() -> None:
    kept, watched, _ = make()
    for name in "abc":
        keep(kept, name)
        assert found(kept, name) is not None
    watched.now = 2
    assert found(kept, "a") is None
    assert (len(kept), kept.bytes) == (0, 0)


@pytest.mark.parametrize("size", [0, 1_000])
def test_readers_who_ask_for_thousands_take_no_more_than_the_room(size: int) -> None:
    kept, _, _ = make(room=50_000)
    for n in range(10_000):
        keep(kept, f"{n}".rjust(n % (LONGEST + 50), "x"), size)
        assert kept.bytes <= 50_000
    assert 0 < len(kept) < 50_000 / BESIDE
    keep(kept, "large", 60_000)
    assert found(kept, "large") is None


def test_there_are_never_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST < 10**5
    monkeypatch.setattr("recommender.api.lately.MOST", 5)
    kept, _, _ = make()
    for n in range(20):
        keep(kept, str(n))
        assert found(kept, str(n)) is not None
    assert len(kept) == 5


def test_a_query_that_is_too_long_is_answered_anew() -> None:
    kept, _, _ = make()
    for length, expected in ((LONGEST, 1), (LONGEST + 1, 1)):
        keep(kept, "x" * length)
        assert len(kept) == expected


def test_what_is_read_often_stays_when_many_are_read_once() -> None:
    kept, _, _ = make(room=10 * (BESIDE + 110))
    for name in ("often", "too"):
        keep(kept, name)
        assert found(kept, name) is not None
    for n in range(100):
        keep(kept, str(n))
    assert None not in (found(kept, "often"), found(kept, "too"), found(kept, "99"))
    assert found(kept, "50") is None
    for n in range(100, 120):  # read twice each, these are read as often
        keep(kept, str(n))
        assert found(kept, str(n)) is not None
    assert found(kept, "often") is None
    assert kept.bytes <= 10 * (BESIDE + 110)


def test_without_room_nobody_looks() -> None:
    kept, watched, _ = make(room=0)
    keep(kept, "a")
    assert (found(kept, "a"), watched.looks, kept.state) == (None, 0, None)


def test_other_paths_are_not_looked_for() -> None:
    kept, watched, _ = make()
    assert asyncio.run(kept.find(scope("", "/health/ready"))) is None
    assert watched.looks == 0


def test_a_store_that_does_not_answer_is_not_answered_for() -> None:
    kept, watched, _ = make()
    keep(kept, "a")
    watched.now = StoreUnavailable("away")
    assert found(kept, "a") is None
    watched.now = 1
    assert found(kept, "a") is not None
    watched.opened = None  # type: ignore[assignment]
    assert found(kept, "a") is None


def test_a_server_is_looked_at_four_times_a_second() -> None:
    kept, watched, clock = make(immediate=False)
    keep(kept, "a")
    watched.now = 2
    clock.now = LOOKS / 2
    assert found(kept, "a") is not None
    assert watched.looks == 1
    clock.now = LOOKS
    assert found(kept, "a") is None
    assert watched.looks == 2
    assert LOOKS < 1


def test_nothing_is_given_while_somebody_looks() -> None:
    kept, watched, clock = make(immediate=False)
    keep(kept, "a")
    clock.now = LOOKS
    looking, go_on = threading.Event(), threading.Event()
    state = watched.state

    def slow() -> Any:
        looking.set()
        assert go_on.wait(10)
        return state()

    watched.state = slow  # type: ignore[method-assign]

    async def both() -> tuple[Answered | None, Answered | None]:
        first = asyncio.create_task(kept.find(scope("a")))
        await asyncio.to_thread(looking.wait, 10)
        second = await kept.find(scope("a"))
        go_on.set()
        return await first, second

    first, second = asyncio.run(both())
    assert first is not None
    assert second is None
    assert found(kept, "a") is not None


# While the store is away


def test_what_is_kept_is_given_stale_until_the_store_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.api.lately.AGAIN", 0.01)
    kept, watched, clock = make(immediate=False)
    keep(kept, "a")
    clock.now = 5 * KEEPS
    watched.now = StoreUnavailable("away")

    async def day() -> None:
        for _ in range(2):
            answer = await kept.find(scope("a"))
            assert answer is not None
            headers = await sent(answer)
            assert headers[b"age"] == b"300"
            assert headers[b"cache-control"] == f"public, max-age=305, stale-if-error={STALE}".encode()
            assert headers[b"cache-status"] == b"recommender; hit; detail=store-unavailable"
            assert headers[b"etag"] == (await sent(Answered(bytes(answer.body), None)))[b"etag"]
            assert watched.away
        assert await kept.find(scope("b")) is None
        assert kept.staled == 2
        clock.now = STALE
        assert await kept.find(scope("a")) is None
        looks, watched.now = watched.looks, 1
        while watched.away:  # nobody asks: it looks by itself
            await asyncio.sleep(0.01)
        assert watched.looks > looks
        keep_again = Answered(b"new", None)
        kept.keep(scope("a"), keep_again, kept.state)
        assert await kept.find(scope("a")) is keep_again

    asyncio.run(day())


async def sent(answer: Answered) -> dict[bytes, bytes]:
    """Send an answer, and give its headers."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    await answer({"headers": []}, None, send)  # type: ignore[arg-type]
    return dict(messages[0]["headers"])


def test_readers_do_not_wait_for_a_look_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.api.lately.SLOW", 0.05)
    kept, watched, clock = make(immediate=False)
    keep(kept, "a")
    clock.now = LOOKS
    go_on = threading.Event()
    watched.state = lambda: go_on.wait(10) and 1  # type: ignore[method-assign]

    async def both() -> None:
        for _ in range(2):
            stale = await kept.find(scope("a"))
            assert stale is not None
            assert b"age" in await sent(stale)
        assert not watched.away, "what is slow may answer others yet"
        go_on.set()
        while (answer := await kept.find(scope("a"))) is None or b"age" in await sent(answer):
            await asyncio.sleep(0.01)

    asyncio.run(both())


def test_a_file_that_cannot_be_read_is_answered_for_by_what_is_kept(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = client.get("/related", params=ASKED)

    def fail(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("disk I/O error")

    lately(client)._clock = lambda: time.monotonic() + KEEPS
    monkeypatch.setattr(Store, "find", fail)
    stale = client.get("/related", params=ASKED)
    assert (stale.status_code, stale.content) == (200, fresh.content)
    assert (stale.headers["age"], stale.headers["etag"]) == (str(int(KEEPS)), fresh.headers["etag"])
    assert client.get("/related", params=ASKED | {"limit": "3"}).status_code == 503
    monkeypatch.undo()
    assert "age" not in client.get("/related", params=ASKED).headers


# Both


def test_an_answer_is_kept_once_however_many_made_it() -> None:
    kept, _, _ = make()
    found(kept, "a")
    for _ in range(3):
        kept.keep(scope("a"), Answered(b"x" * 100, 0.0), kept.state)
    assert (len(kept), kept.bytes) == (1, 100 + len("/related?a") + BESIDE)


def test_a_server_database_keeps_too(store_url: str) -> None:
    with Store.open(store_url) as store:
        save(store, *(document(story(name)) for name in ("asked", "a", "b")))
        publish(store, "m1")
        with TestClient(create_app(Settings(store=store_url))) as client:
            clock = Clock()
            lately(client)._clock = clock
            clock.now = 100.0
            first = [client.get("/related", params=ASKED).json() for _ in range(3)]
            assert first[0] == first[1] == first[2]
            assert lately(client).again == 2
            publish(store, "m2")
            clock.now += LOOKS
            assert client.get("/related", params=ASKED).json()["model"] == "m2"
