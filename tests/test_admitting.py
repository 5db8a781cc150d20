"""Who is let in: as often as limits allow, and with a key where reading needs one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_api import STATUSES, is_problem

from recommender.api import admitting, create_app, limiting
from recommender.api.application import Application
from recommender.api.hosting import host
from recommender.api.limiting import Limit, Limits, network
from recommender.errors import TooManyRequests
from recommender.settings import Settings
from recommender.store import Store

ASKED = {"url": key("a")}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


# Buckets


def taken(limit: Limit, who: str = "x", most: int = 1_000) -> int:
    """Count how many requests are let through, one right after the other."""
    for number in range(most):
        try:
            limit.take(who)
        except TooManyRequests:
            return number
    return most


@pytest.mark.parametrize("a_minute", [1, 2, 3, 7, 59, 60, 61, 600])
def test_a_minutes_worth_is_let_through_at_once_and_then_one_by_one(a_minute: int) -> None:
    clock = Clock()
    limit = Limit(a_minute, clock)
    assert taken(limit) == a_minute
    assert taken(limit) == 0, "to be refused is not counted"
    with pytest.raises(TooManyRequests) as refused:
        limit.take("x")
    assert refused.value.wait == pytest.approx(60 / a_minute)
    clock.now += refused.value.wait
    assert taken(limit) == 1
    clock.now += 60
    assert taken(limit) == a_minute
    clock.now += 10**6
    assert taken(limit) == a_minute, "no more is saved up than a minute's worth"


def test_each_has_a_bucket_of_its_own() -> None:
    limit = Limit(5, Clock())
    assert (taken(limit, "x"), taken(limit, "y"), taken(limit, "x")) == (5, 5, 0)


def test_what_counts_for_several_is_let_through_and_paid_off() -> None:
    clock = Clock()
    limit = Limit(60, clock)
    limit.take("x", 100)
    assert taken(limit) == 0
    clock.now += 40
    assert taken(limit) == 0
    clock.now += 1
    assert taken(limit) == 1


def test_memory_is_bounded_and_who_asks_all_the_time_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiting, "MOST", 100)
    limit = Limit(3, Clock())
    assert taken(limit, "busy") == 3
    for number in range(1_000):
        limit.take(f"n{number}")
        assert taken(limit, "busy") == 0
    assert len(limit) == 100


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_whose_an_address_is(address: str, whose: str) -> None:
    assert network(address) == whose


@pytest.mark.parametrize(
    ("proxies", "said", "counted"),
    [
        (0, ["1.1.1.1"], "9.9.9.9"),
        (1, ["1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6, 1.1.1.1,2.2.2.2"], "1.1.1.1"),
        (2, ["2.2.2.2"], "2.2.2.2"),
        (1, [], "9.9.9.9"),
        (1, [" , "], "9.9.9.9"),
        (1, ["x" * 9_000], "x" * 64),
        (1, ["6.6.6.6, 1.1.1.1:50123"], "1.1.1.1"),
        (1, ["[2001:db8::9]:50123"], "2001:db8::/64"),
        (1, ["[2001:db8::9]"], "2001:db8::/64"),
        (1, ["2001:db8::9"], "2001:db8::/64"),
    ],
)
def test_behind_proxies_it_is_the_address_that_the_first_of_them_saw(
    proxies: int, said: list[str], counted: str
) -> None:
    limits = Limits(1, 0, proxies, Clock())
    headers = [(b"x-forwarded-for", each.encode()) for each in said]
    limits.address({"client": ("9.9.9.9", 1), "headers": headers}, writes=False)
    assert limits._reads is not None
    assert list(limits._reads._full) == [counted]
    limits.address({"client": None, "headers": []}, writes=False)


# Over HTTP


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., TestClient]:
    """Make a client of a service that has one story, with settings."""
    address = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(address) as store:
        save(store, document(story("a")))

    def make(**settings: Any) -> TestClient:
        app = create_app(Settings(store=address, **settings))
        return TestClient(app, raise_server_exceptions=False)

    return make


@pytest.fixture
def keys(tmp_path: Path, serve: Callable[..., TestClient]) -> dict[str, str]:
    """A key of each scope."""
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        return {scope: store.keys.add(scope, [scope])[1] for scope in ("read", "publish", "events", "admin")}


def statuses(client: TestClient, method: str, path: str, times: int, **options: Any) -> list[int]:
    return [client.request(method, path, **options).status_code for _ in range(times)]


def test_nothing_is_limited_unless_it_is_said(serve: Callable[..., TestClient]) -> None:
    with serve() as client:
        assert set(statuses(client, "GET", "/related", 100, params=ASKED)) == {200}
        assert isinstance(client.app, Application)
        assert client.app.state.gate is None


def test_who_reads_too_often_is_told_when_to_come_again(serve: Callable[..., TestClient]) -> None:
    with serve(read_limit=3) as client:
        for path in (
            "/related",
            "/articles",
            "/related",
        ):  # from the store, and from what was answered lately
            assert client.get(path, params=ASKED).status_code == 200
        for path in ("/related", "/articles", "/search", "/related.html", "/nowhere", "/docs"):
            response = client.get(path, params=ASKED)
            is_problem(response, 429, "too-many-requests")
            assert 1 <= int(response.headers["retry-after"]) <= 20
        assert set(statuses(client, "GET", "/health/live", 9)) == {200}, "whoever watches is let in"
        for file in ("/", "/widget.js", "/web/page.js"):
            assert client.get(file).status_code == 200, "of a page all files come, or it is none"
        assert client.head("/related", params=ASKED).status_code == 429
        assert client.post("/articles", json={}).status_code == 401, "to write is counted apart"


def test_another_address_has_a_limit_of_its_own(serve: Callable[..., TestClient]) -> None:
    with serve(read_limit=1, proxies=1) as client:
        for address, status in (("192.0.2.1", 200), ("192.0.2.1", 429), ("192.0.2.2", 200)):
            headers = {"X-Forwarded-For": f"203.0.113.9, {address}"}
            assert client.get("/related", params=ASKED, headers=headers).status_code == status


def test_who_guesses_keys_is_limited_by_address(serve: Callable[..., TestClient]) -> None:
    with serve(write_limit=2) as client:
        guesses = statuses(client, "POST", "/articles", 4, json={}, headers={"X-API-Key": "rec_guess"})
        assert guesses == [401, 401, 429, 429]
        assert set(statuses(client, "GET", "/related", 9, params=ASKED)) == {200}


def test_a_key_is_limited_wherever_it_is_used_from(
    serve: Callable[..., TestClient], keys: dict[str, str]
) -> None:
    def post(scope: str, number: int) -> int:
        headers = {"X-API-Key": keys[scope], "X-Forwarded-For": f"192.0.2.{number}"}
        return client.post("/articles", json={}, headers=headers).status_code

    with serve(write_limit=2, proxies=1) as client:
        assert [post("publish", number) for number in range(4)] == [422, 422, 429, 429]
        assert post("admin", 9) == 422


def test_the_key_of_a_page_is_limited_by_the_address_of_who_reads_it(
    serve: Callable[..., TestClient], keys: dict[str, str]
) -> None:
    def send(number: int) -> int:
        headers = {"X-API-Key": keys["events"], "X-Forwarded-For": f"192.0.2.{number}"}
        return client.post("/events", content=b"{}", headers=headers).status_code

    with serve(write_limit=1, proxies=1) as client:
        assert [send(number) for number in (1, 2, 3, 3)] == [422, 422, 422, 429]


# Read with a key


def test_with_keyed_reading_every_path_of_stories_needs_a_key(
    serve: Callable[..., TestClient], keys: dict[str, str]
) -> None:
    def status(name: str, secret: str) -> int:
        method, path = name.split()
        return client.request(method, path, params=ASKED, headers={"X-API-Key": secret}).status_code

    with serve(read="keyed") as client:
        for name in (*STATUSES, "GET /nowhere", "GET /related/x", "HEAD /related", "PATCH /articles"):
            if "/health/" in name:
                assert status(name, "") in (200, 503)
            elif tuple(name.split()) in admitting.OWN:
                assert status(name, keys["read"]) in (403, 422), name
            else:
                assert [status(name, secret) for secret in ("", "rec_x", keys["events"])] == [
                    401,
                    401,
                    403,
                ], name
                assert status(name, keys["read"]) not in (401, 403), name
        for path in admitting.OPEN - {"/health/ready"} | {"/web/page.js"}:
            assert client.get(path).status_code == 200, path


def test_the_routes_with_a_key_of_their_own_are_those_that_say_so(serve: Callable[..., TestClient]) -> None:
    """No route is open for being in the list by mistake, or needs two keys for not being in it."""
    with serve() as client:
        paths = client.get("/openapi.json").json()["paths"]
    own = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, one in methods.items()
        if "security" in one
    }
    assert own == admitting.OWN


def test_no_cache_between_keeps_what_was_read_with_a_key(
    serve: Callable[..., TestClient], keys: dict[str, str]
) -> None:
    headers = {"X-API-Key": keys["read"]}
    with serve(read="keyed") as client, serve() as open_:
        for path in ("/related", "/articles", "/related.html"):
            for _ in range(2):  # the second time from what was answered lately
                response = client.get(path, params=ASKED, headers=headers)
                assert response.status_code == 200
                kept = response.headers["cache-control"]
                assert re.fullmatch(r"private, max-age=\d+(, stale-if-error=\d+)?", kept)
                assert response.headers["vary"] == "X-API-Key"
            assert response.content == open_.get(path, params=ASKED).content
            assert client.get(path, params=ASKED).status_code == 401
        tag = {"If-None-Match": client.get("/related", params=ASKED, headers=headers).headers["etag"]}
        again = client.get("/related", params=ASKED, headers=headers | tag)
        assert (again.status_code, again.headers["cache-control"].split(",")[0]) == (304, "private")
        assert open_.get("/related", params=ASKED).headers["cache-control"].startswith("public")


def test_a_key_that_reads_may_nothing_else(serve: Callable[..., TestClient], keys: dict[str, str]) -> None:
    headers = {"X-API-Key": keys["read"]}
    with serve(read="keyed") as client:
        is_problem(client.post("/articles", json={}, headers=headers), 403, "forbidden")
        is_problem(client.get("/curation", params=ASKED, headers=headers), 403, "forbidden")


def test_a_key_that_reads_is_limited_too(serve: Callable[..., TestClient], keys: dict[str, str]) -> None:
    with serve(read="keyed", read_limit=2, proxies=1) as client:
        asked = []
        for number in range(3):
            headers = {"X-API-Key": keys["read"], "X-Forwarded-For": f"192.0.2.{number}"}
            asked.append(client.get("/related", params=ASKED, headers=headers).status_code)
    assert asked == [200, 200, 429]


def test_what_a_key_asks_for_at_once_counts_for_the_key(
    serve: Callable[..., TestClient], keys: dict[str, str]
) -> None:
    """Or a key that is used from many addresses is limited to a thousand times as much."""
    with serve(read="keyed", read_limit=5, proxies=1) as client:
        asked = []
        for number in range(2):
            headers = {"X-API-Key": keys["read"], "X-Forwarded-For": f"192.0.2.{number}"}
            asked.append(client.post("/related/batch", json={"urls": [key("a")] * 5}, headers=headers))
        other = client.get("/related", params=ASKED, headers={"X-API-Key": keys["admin"]})
    assert [answer.status_code for answer in asked] == [200, 429]
    assert other.status_code == 200


def test_the_description_says_what_is_asked_for(serve: Callable[..., TestClient]) -> None:
    with serve(read="keyed", read_limit=9) as client:
        paths = client.get("/openapi.json").json()["paths"]
        shown = client.get("/docs").text
    related = paths["/related"]["get"]
    assert related["security"] == [{"key": []}]
    assert {"401", "403", "429"} <= set(related["responses"])
    assert "429" in paths["/articles"]["post"]["responses"]
    assert set(paths["/health/live"]["get"]["responses"]) == {"200"}
    assert "ask again in" in shown


def test_each_newsroom_has_limits_and_keys_of_its_own(tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:///{tmp_path}/news.sqlite", sites=("mic",), read_limit=1)
    with TestClient(host(settings)) as client:
        paths = ("/docs", "/sites/mic/docs", "/docs", "/sites/mic/docs")
        assert [client.get(path).status_code for path in paths] == [200, 200, 429, 429]
