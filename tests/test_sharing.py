"""Answers that pages of other origins may read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from stories import document, save, story
from test_api import is_problem

from recommender.api.hosting import host
from recommender.errors import SettingsError
from recommender.settings import Settings, load
from recommender.store import Store

ASKED = {"url": "https://www.news.example/a"}
ALLOWED = "access-control-allow-origin"


@pytest.fixture
def serving(tmp_path: Path) -> Callable[..., TestClient]:
    store = f"sqlite:///{tmp_path}/news.sqlite"
    with Store.open(store) as opened:
        save(opened, document(story("a")))
        opened.publish("default", [(1, b"")])

    def serve(*origins: str) -> TestClient:
        return TestClient(host(Settings(store=store, cors=origins)), raise_server_exceptions=False)

    return serve


def allowed(client: TestClient, origin: str, path: str = "/related") -> str | None:
    return client.get(path, params=ASKED, headers={"Origin": origin}).headers.get(ALLOWED)


def test_no_page_of_another_origin_reads_answers_unless_it_is_named(
    serving: Callable[..., TestClient],
) -> None:
    with serving() as client:
        assert allowed(client, "https://news.example") is None


def test_pages_of_origins_that_are_named(serving: Callable[..., TestClient]) -> None:
    with serving("https://news.example", "https://*.cdn.ampproject.org") as client:
        for _ in range(2):  # the second time from what was answered lately
            assert allowed(client, "https://news.example") == "https://news.example"
        assert allowed(client, "https://news-example.cdn.ampproject.org") is not None
        assert allowed(client, "https://news.example", "/nothing") == "https://news.example", "errors too"
        for origin in (
            "http://news.example",
            "https://news.example.evil.example",
            "https://evil.example",
            "https://newsXexample",
            "https://a.b.cdn.ampproject.org",
            "https://cdn.ampproject.org",
            "https://evil.example/.cdn.ampproject.org",
            "null",
        ):
            assert allowed(client, origin) is None, origin


def test_caches_keep_answers_for_different_origins_apart(serving: Callable[..., TestClient]) -> None:
    with serving("https://news.example") as client:
        for headers in ({}, {"Origin": "https://news.example"}, {"Origin": "https://evil.example"}):
            assert client.get("/related", params=ASKED, headers=headers).headers["vary"] == "Origin"


def test_every_page(serving: Callable[..., TestClient]) -> None:
    with serving("*") as client:
        assert allowed(client, "https://anybody.example") == "*"
        assert client.get("/related", params=ASKED).status_code == 200


def test_a_page_may_ask_whether_it_may_post(serving: Callable[..., TestClient]) -> None:
    asked = {
        "Origin": "https://news.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    with serving("https://news.example") as client:
        told = client.options("/related", headers=asked)
        assert (told.status_code, told.headers[ALLOWED]) == (200, "https://news.example")
        assert "access-control-allow-credentials" not in told.headers


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"Origin": "https://evil.example"}, "origin"),
        ({"Access-Control-Request-Method": "BREW"}, "method"),
        ({"Access-Control-Request-Headers": "x-evil"}, "headers"),
    ],
)
def test_a_page_that_may_not_is_told_in_the_shape_of_all_errors(
    serving: Callable[..., TestClient], wrong: dict[str, str], named: str
) -> None:
    asked = {"Origin": "https://news.example", "Access-Control-Request-Method": "POST"}
    with serving("https://news.example") as client:
        told = client.options("/related", headers=asked | wrong)
    assert is_problem(told, 400, "cross-origin-refused")["detail"].endswith(f" {named}.")
    assert told.headers["vary"].startswith("Origin")
    assert (ALLOWED in told.headers) == (named != "origin")


def test_the_same_bytes_and_headers_beside(serving: Callable[..., TestClient]) -> None:
    with serving() as closed, serving("*") as open_:
        named = {"X-Request-Id": "one"}
        one = closed.get("/related", params=ASKED, headers=named)
        two = open_.get("/related", params=ASKED, headers={"Origin": "https://news.example", **named})
    assert one.content == two.content
    added = {ALLOWED: "*", "access-control-expose-headers": "ETag", "vary": "Origin"}
    assert dict(two.headers) == {**one.headers, **added}


def test_what_the_amp_runtime_adds_to_a_request_changes_nothing(serving: Callable[..., TestClient]) -> None:
    with serving() as client:
        plain = client.get("/related", params=ASKED)
        asked = client.get("/related", params={**ASKED, "__amp_source_origin": "https://news.example"})
    assert asked.content == plain.content
    assert isinstance(asked.json()["items"], list), "what amp-list looks for"


@pytest.mark.parametrize("origin", ["news.example", "https://news.example/", "ftp://x", "https://a b", ""])
def test_what_is_no_origin(origin: str) -> None:
    with pytest.raises(ValueError, match="cors"):
        Settings(cors=(origin,))


def test_origins_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOMMENDER_CORS", "https://a.example, https://b.example:8443,")
    settings = load()
    assert settings.cors == ("https://a.example", "https://b.example:8443")
    assert settings.environment()["RECOMMENDER_CORS"] == "https://a.example,https://b.example:8443"
    monkeypatch.setenv("RECOMMENDER_CORS", "a.example")
    with pytest.raises(SettingsError, match="RECOMMENDER_CORS"):
        load()
