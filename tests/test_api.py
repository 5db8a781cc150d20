"""The service over HTTP: answers, errors in one shape, caching, and a description that is true."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from scipy.special import expit
from starlette.testclient import TestClient
from stories import document, key, save, story

from recommender.api import (
    app_factory,
    auditing,
    batch,
    create_app,
    curation,
    curation_schemas,
    learned,
    responses,
    schemas,
    searching,
)
from recommender.api.caching import control, max_age
from recommender.api.opening import Opening
from recommender.articles import Article
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.errors import SettingsError, StoreLocked, StoreUnavailable
from recommender.service import Options, Service
from recommender.settings import Settings
from recommender.store import Store

EXAMPLE = replace(story("example"), key=responses.EXAMPLE_URL, url=responses.EXAMPLE_URL)
HOSTILE = '</script><script>alert(1)</script>"\\ \u2028\x00\x1b[31m{{7*7}}'
NO_MODELS = Path("no-models")
ASKED = {"url": key("asked")}


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite"


@pytest.fixture
def client(address: str) -> Iterator[TestClient]:
    """A client of a service that has a few stories and one recompute."""
    with Store.open(address) as store:
        fill(store, story("asked"), story("a", title=HOSTILE), story("b"), EXAMPLE)
        app = create_app(Settings(store=address))
        app.dependency_overrides[curation.allowed] = lambda: None
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client


def fill(store: Store, *articles: Article) -> None:
    """Save stories, and publish the others as neighbours of each; the first of them is curated."""
    save(store, *map(document, articles))
    found = [store.find(article.key) for article in articles]
    ids = [each.id for each in found if each is not None]

    def packed(article: int) -> bytes:
        others = [other for other in ids if other != article]
        return np.array(
            [(other, 0.9 - n / 10, int(n == 0), 0) for n, other in enumerate(others)], dtype=NEIGHBOUR_DTYPE
        ).tobytes()

    store.publish("m1", [(article, packed(article)) for article in ids])


def is_problem(response: Any, status: int, name: str) -> dict[str, Any]:
    """Assert that a response is an error in the one shape, and return its document."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    document: dict[str, Any] = response.json()
    schemas.Problem.model_validate(document)
    assert document["status"] == status
    assert document["type"] == f"urn:recommender:error:{name}"
    assert document["title"]
    assert document["detail"]
    return document


# Answers


def test_related_is_what_the_service_answers(client: TestClient, address: str) -> None:
    response = client.get("/related", params={"url": "http://news.example/asked/?utm_source=x#f", "limit": 2})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    service = Service.open(address)
    assert response.content == service.related(key("asked"), Options(limit=2)).json()
    service.close()
    answer = response.json()
    assert [(item["source"], item["title"]) for item in answer["items"]] == [
        ("curated", HOSTILE),
        ("model", "Title of b"),
    ]


def test_every_option_is_a_parameter(client: TestClient) -> None:
    def shown(**parameters: Any) -> list[str]:
        response = client.get("/related", params={**ASKED, **parameters})
        assert response.status_code == 200, response.text
        return [item["webUrl"].rsplit("/", 1)[-1] for item in response.json()["items"]]

    everything = shown()
    assert len(everything) == 3
    values: dict[str, tuple[Any, list[str]]] = {
        "limit": (1, everything[:1]),
        "since": ("2021-01-01", []),
        "until": ("2019-01-01T00:00:00Z", []),
        "provider": (["nobody", "NEWS.example"], everything),
        "exclude_provider": (["news"], []),
        "topic": (["x"], []),
        "type": (["video"], []),
        "exclude": ([key("a"), key("b")], everything[2:]),
        "direction": ("background", []),
        "curated": ("off", everything),
        "duplicates": ("show", everything),
        "diversity": (1, everything),
        "min_score": (0.85, everything[:1]),
        "fill": ("true", everything),
        "explain": ("true", everything),
    }
    assert set(values) == set(Options.model_fields)
    for name, (value, expected) in values.items():
        assert shown(**{"fill": "false", name: value}) == expected, name
    assert sorted(shown(min_score=0.85)) == sorted(everything)


def test_one_story(client: TestClient) -> None:
    answer = client.get("/articles", params={"url": "http://news.example/a"}).json()
    assert (answer["url"], answer["title"]) == ("https://www.news.example/a", HOSTILE)
    assert answer["generation"] == 1


def test_amp_lists_read_an_answer_as_it_is(client: TestClient) -> None:
    """amp-list takes a list at the top, by its name, of objects whose fields a template names."""
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"<amp-list.*?</amp-list>", page, re.DOTALL)
    (name,) = re.findall(r' items="(\w+)"', example)
    (asked,) = re.findall(r' src="https://related\.example([^"]+)"', example)
    parameters = {each: values for each, values in parse_qs(urlsplit(asked).query).items() if each != "url"}
    response = client.get(urlsplit(asked).path, params={**ASKED, **parameters})
    assert response.headers["content-type"] == "application/json"
    items = response.json()[name]
    assert len(items) == 3
    fields = re.findall(r"{{(\w+)}}", example)
    assert fields == ["webUrl", "title"]
    # A template writes text as text, and has no words for null.
    assert all(isinstance(item[field], str) for item in items for field in fields)
    assert all(item["webUrl"].startswith("https://") for item in items)


def test_head_is_get_without_the_body(client: TestClient) -> None:
    for path in (
        f"/related?url={key('asked')}",
        "/health/ready",
        "/docs",
        "/openapi.json",
        "/nowhere",
        "/related",
    ):
        got, head = (
            client.request(method, path, headers={"X-Request-Id": "one"}) for method in ("GET", "HEAD")
        )
        assert (head.status_code, head.headers, head.content) == (got.status_code, got.headers, b""), path


def test_head_sends_no_body(client: TestClient) -> None:
    # Clients and servers drop the body of a HEAD by themselves, so this looks underneath them.
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    path = {"path": "/health/live", "raw_path": b"/health/live", "query_string": b"", "headers": []}
    scope = {"type": "http", "http_version": "1.1", "scheme": "http", "method": "HEAD", **path}
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 200
    assert [message["body"] for message in sent[1:]] == [b""]


def test_the_start_is_the_page_which_asks_whether_it_is_still_the_same(client: TestClient) -> None:
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    for path, kept in (
        ("/", "no-cache"),
        ("/web/page.js", "no-cache"),
        ("/widget.js", "public, max-age=3600"),
    ):
        first = client.get(path)
        assert first.headers["cache-control"] == kept
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.head(path).headers["content-length"] == str(len(first.content))


# Errors


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": f"https://news.example/{'x' * 2_048}"}, "url"),
        (ASKED | {"limit": "0"}, "limit"),
        (ASKED | {"limit": "-1"}, "limit"),
        (ASKED | {"limit": "51"}, "limit"),
        (ASKED | {"limit": "1000000000"}, "limit"),
        (ASKED | {"limit": "9" * 5_000}, "limit"),
        (ASKED | {"limit": "x"}, "limit"),
        (ASKED | {"since": "2020"}, "since"),
        (ASKED | {"since": "2020-06-15T18:03:00"}, "since"),
        (ASKED | {"until": "0000-00-00"}, "until"),
        (ASKED | {"since": "2020-02-02", "until": "2020-02-01"}, "query"),
        (ASKED | {"provider": ""}, "provider"),
        (ASKED | {"topic": ["x"] * 51}, "topic"),
        (ASKED | {"exclude": "javascript:alert(1)"}, "exclude"),
        (ASKED | {"exclude": [key("a")] * 51}, "exclude"),
        (ASKED | {"direction": "sideways"}, "direction"),
        (ASKED | {"curated": "FIRST"}, "curated"),
        (ASKED | {"min_score": "nan"}, "min_score"),
        (ASKED | {"min_score": "1.1"}, "min_score"),
        (ASKED | {"diversity": "1.5"}, "diversity"),
        (ASKED | {"duplicates": "merge"}, "duplicates"),
        (ASKED | {"fill": "perhaps"}, "fill"),
        (ASKED | {"explain": "perhaps"}, "explain"),
        (ASKED | {"model": ""}, "model"),
        (ASKED | {"model": "x" * 65}, "model"),
        (ASKED | {"modell": "x"}, "modell"),
        (ASKED | {"x" * 5_000: "1"}, "x" * 79 + "…"),
    ],
)
def test_parameters_that_cannot_be(client: TestClient, parameters: dict[str, Any], wrong: str) -> None:
    response = client.get("/related", params=parameters)
    document = is_problem(response, 422, "invalid-request")
    assert [error["name"] for error in document["errors"]] == [wrong]
    assert len(response.content) < 600  # input is not echoed at length


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "not a url", "https://user@news.example/a", "https://news.exa\u200bmple/a"]
)
@pytest.mark.parametrize("path", ["/related", "/articles"])
def test_an_address_no_story_can_have(client: TestClient, path: str, url: str) -> None:
    document = is_problem(client.get(path, params={"url": url}), 422, "invalid-url")
    assert document["errors"][0]["name"] == "url"


def test_thousands_of_wrong_parameters_are_not_listed(client: TestClient) -> None:
    response = client.get("/related", params={f"p{n}": "" for n in range(5_000)})
    assert len(is_problem(response, 422, "invalid-request")["errors"]) == 20


@pytest.mark.parametrize("path", ["/related", "/articles"])
def test_an_unknown_story(client: TestClient, path: str) -> None:
    url = key("x" * 1_900)
    response = client.get(path, params={"url": url})
    assert len(is_problem(response, 404, "unknown-story")["detail"]) < 160


def test_unknown_paths_and_methods(client: TestClient) -> None:
    for path in ("/nowhere", "/related/", "/%2e%2e/%2e%2e/etc/passwd", "/docs/x"):
        is_problem(client.get(path, follow_redirects=False), 404, "not-found")
    for method in ("PUT", "DELETE", "OPTIONS", "BREW"):
        for path, allowed in (("/related", "GET, HEAD, POST"), ("/articles", "DELETE, GET, HEAD, POST")):
            if method in allowed:
                continue
            response = client.request(method, path, params=ASKED)
            is_problem(response, 405, "method-not-allowed")
            assert response.headers["allow"] == allowed


def test_an_unexpected_error_tells_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(Service, "related", fail)
    response = client.get("/related", params=ASKED)
    is_problem(response, 500, "internal-error")
    assert "secret" not in response.text


def test_a_locked_store(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreLocked("process 7 on db.internal writes")

    monkeypatch.setattr(Service, "related", fail)
    response = client.get("/related", params=ASKED)
    is_problem(response, 503, "store-locked")
    assert int(response.headers["retry-after"]) > 0
    assert "db.internal" not in response.text


def test_what_is_put_around_the_application_is_around_every_route(address: str) -> None:
    class Counting:
        def __init__(self, app: Any, seen: list[str]) -> None:
            self.app, self.seen = app, seen

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                self.seen.append(scope["path"])
            await self.app(scope, receive, send)

    seen: list[str] = []
    app = create_app(Settings(store=address))
    app.add_middleware(Counting, seen=seen)
    paths = ["/related", "/articles", "/health/live", "/nowhere"]
    with TestClient(app) as client:
        for path in paths:
            client.get(path, params=ASKED)
    assert seen == paths


# Health


def test_ready_says_what_is_missing_and_comes_by_itself(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> list[str]:
        response = reader.get("/health/ready")
        assert int(response.headers["retry-after"]) > 0
        return [error["name"] for error in is_problem(response, 503, "not-ready")["errors"]]

    with (
        caplog.at_level(logging.WARNING, "recommender.api"),
        TestClient(create_app(Settings(store=address)), raise_server_exceptions=False) as reader,
    ):
        assert missing() == ["store"]
        response = reader.get("/related", params=ASKED)
        is_problem(response, 503, "store-unavailable")
        assert int(response.headers["retry-after"]) > 0
        assert address not in response.text
        assert address in caplog.text  # who runs the service is told which store
        assert not Path(address.removeprefix("sqlite:///")).exists()
        with Store.open(address) as store:
            assert missing() == ["stories", "generation"]
            save(store, document(story("a")))
            assert missing() == ["generation"]
            fill(store, story("asked"), story("a"))
        assert reader.get("/health/ready").json() == {"status": "ready"}
        assert reader.get("/related", params=ASKED).status_code == 200


def test_nobody_queues_for_a_store_that_is_being_opened(address: str) -> None:
    opening = Opening(address, NO_MODELS)
    with opening._attempt, pytest.raises(StoreUnavailable, match="opening"):
        opening()
    with pytest.raises(StoreUnavailable, match="no such file"):
        opening()
    Store.open(address).close()
    assert opening() is opening()
    opening.close()


def test_live_needs_no_store(address: str) -> None:
    with TestClient(create_app(Settings(store=address))) as client:
        response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})
    assert response.headers["cache-control"] == "no-store"


def test_a_store_that_cannot_be_ends_the_start() -> None:
    with pytest.raises(SettingsError), TestClient(create_app(Settings(store="oracle://x"))):
        pass


def test_a_worker_reads_its_settings_from_the_environment(
    client: TestClient, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in Settings(store=address).environment().items():
        monkeypatch.setenv(variable, value)
    with TestClient(app_factory()) as worker:
        assert worker.get("/related", params=ASKED).content == client.get("/related", params=ASKED).content


# Caching


@pytest.mark.parametrize(
    ("condition", "fresh"),
    [
        ("{etag}", True),
        ("W/{etag}", True),
        ('"other", W/"more" ,{etag}', True),
        ("*", True),
        ('"other"', False),
        ("W/*", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/related", "/articles"])
def test_what_the_reader_has_is_not_sent_again(
    client: TestClient, path: str, condition: str, fresh: bool
) -> None:
    full = client.get(path, params=ASKED)
    assert re.fullmatch(r'"[0-9a-f]{32}"', full.headers["etag"])
    headers = {"If-None-Match": condition.format(etag=full.headers["etag"])}
    response = client.get(path, params=ASKED, headers=headers)
    if not fresh:
        assert (response.status_code, response.content) == (200, full.content)
        return
    assert (response.status_code, response.content) == (304, b"")
    for name in ("etag", "cache-control", "x-content-type-options"):
        assert response.headers[name] == full.headers[name]
    assert "content-type" not in response.headers


def test_the_tag_is_of_the_body(client: TestClient, address: str) -> None:
    def ask(**parameters: Any) -> Any:
        return client.get("/related", params={**ASKED, **parameters})

    first = ask()
    assert ask(limit=10).headers["etag"] == first.headers["etag"]
    assert ask(limit=1).headers["etag"] != first.headers["etag"]
    with Store.open(address) as store:
        store.publish("m2", [])
    after = client.get("/related", params=ASKED, headers={"If-None-Match": first.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["model"] == "m2"


HOUR, DAY = 3_600, 86_400


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (-HOUR, 900),
        (0, 900),
        (6 * HOUR - 1, 900),
        (6 * HOUR, HOUR),
        (3 * DAY - 1, HOUR),
        (3 * DAY, 12 * HOUR),
        (15 * DAY - 1, 12 * HOUR),
        (15 * DAY, 7 * DAY),
        (10**9, 7 * DAY),
        (None, HOUR),
    ],
)
def test_an_answer_keeps_longer_the_older_the_story(age: float | None, seconds: int) -> None:
    assert max_age(age) == seconds


def test_the_age_is_that_of_the_story_asked_for(address: str) -> None:
    now = datetime.now(UTC)
    ages = {
        "new": timedelta(hours=1),
        "day": timedelta(days=1),
        "week": timedelta(days=7),
        "old": timedelta(days=99),
    }
    with Store.open(address) as store, TestClient(create_app(Settings(store=address))) as client:
        fill(
            store,
            story("none", day=None),
            *(story(name, published_at=now - age) for name, age in ages.items()),
        )
        for name, seconds in zip(("none", *ages), (3_600, 900, 3_600, 43_200, 604_800), strict=True):
            for path in ("/related", "/articles"):
                response = client.get(path, params={"url": key(name)})
                assert response.headers["cache-control"] == control(seconds)


def test_an_answer_without_a_list_keeps_for_a_minute_only(address: str) -> None:
    with Store.open(address) as store, TestClient(create_app(Settings(store=address))) as client:
        save(store, document(story("old", published_at=datetime(2020, 1, 1, tzinfo=UTC))))
        response = client.get("/related", params={"url": key("old")})
        assert response.json()["items"] == []
        assert response.headers["cache-control"] == control(60)
        save(store, document(story("other")))
        filled = client.get("/related", params={"url": key("old")})
        assert [item["source"] for item in filled.json()["items"]] == ["fill"]
        assert filled.headers["cache-control"] == control(60)
        assert filled.headers["etag"] != response.headers["etag"]
        schemas.Related.model_validate(filled.json())


def test_copies_come_as_alternates(address: str) -> None:
    with Store.open(address) as store, TestClient(create_app(Settings(store=address))) as client:
        fill(store, story("asked"), story("a"), story("b"))
        asked, a, b = (found.id for name in ("asked", "a", "b") if (found := store.find(key(name))))
        packed = np.array([(a, 0.9, 0, 1), (b, 0.8, 0, 1)], dtype=NEIGHBOUR_DTYPE).tobytes()
        store.publish("m2", [(asked, packed)])
        answer = client.get("/related", params=ASKED).json()
        assert [[one["title"] for one in item["alternates"]] for item in answer["items"]] == [["Title of b"]]
        schemas.Related.model_validate(answer)


def test_an_explanation_is_as_described_and_has_a_tag_of_its_own(client: TestClient) -> None:
    plain = client.get("/related", params=ASKED)
    assert client.get("/related", params=ASKED | {"explain": "false"}).content == plain.content
    told = client.get("/related", params=ASKED | {"explain": "true"})
    assert told.headers["etag"] != plain.headers["etag"]
    assert client.get("/related", params=ASKED | {"explain": "1"}).headers["etag"] == told.headers["etag"]
    for item in told.json()["items"]:
        assert set(item["why"]) == set(schemas.Why.model_fields)
    schemas.Related.model_validate(told.json())
    assert all("why" not in item for item in plain.json()["items"])
    cached = client.get(
        "/related", params=ASKED | {"explain": "true"}, headers={"If-None-Match": told.headers["etag"]}
    )
    assert cached.status_code == 304


def test_the_parts_of_the_example_add_up() -> None:
    (item,) = responses._RELATED["items"]
    assert expit(sum(item["why"]["parts"].values())) == pytest.approx(item["score"], abs=1e-4)


# The description


@pytest.fixture
def openapi(client: TestClient) -> dict[str, Any]:
    description: dict[str, Any] = client.get("/openapi.json").json()
    return description


STATUSES = {
    "GET /related": {"200", "404", "422", "503"},
    "POST /related": {"200", "413", "422", "503"},
    "POST /related/batch": {"200", "413", "422", "503"},
    "GET /articles": {"200", "404", "422", "503"},
    "GET /search": {"200", "422", "503"},
    "PUT /curation": {"200", "401", "403", "404", "413", "422", "503"},
    "DELETE /curation": {"200", "401", "403", "404", "422", "503"},
    "POST /curation/undo": {"200", "401", "403", "404", "413", "422", "503"},
    "GET /curation": {"200", "401", "403", "404", "422", "503"},
    "GET /curation/audit": {"200", "401", "403", "422", "503"},
    "POST /articles": {"200", "401", "403", "413", "422", "503"},
    "POST /events": {"204", "401", "403", "413", "422", "503"},
    "DELETE /articles": {"204", "401", "403", "404", "422", "503"},
    "GET /models": {"200", "503"},
    "GET /evaluation": {"200", "503"},
    "GET /health/live": {"200"},
    "GET /health/ready": {"200", "503"},
    "GET /metrics": {"200"},
    "GET /related.html": {"200", "422", "503"},
}


PLAIN = {"/metrics": ("text/plain", "# HELP "), "/related.html": ("text/html", "<section ")}
"""Paths that answer in text, not in JSON: of which type, and how it begins."""

EITHER = {"/evaluation": ("text/html", "<!doctype html>")}
"""Paths that answer browsers in text, and programs in JSON."""


def operations(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_path_answers_as_described_with_its_examples(
    client: TestClient, openapi: dict[str, Any]
) -> None:
    named = dict(operations(openapi))
    assert set(named) == set(STATUSES)
    for name, operation in named.items():
        method, path = name.split()
        if method != "GET":
            continue  # what else there is has tests of its own
        examples = {
            parameter["name"]: parameter["schema"]["examples"][0]
            for parameter in operation.get("parameters", ())
            if "examples" in parameter["schema"]
        }
        response = client.get(path, params=examples)
        assert response.status_code == 200, response.text
        if path in PLAIN:
            kind, begins = PLAIN[path]
            assert response.headers["content-type"].startswith(kind)
            assert response.text.startswith(begins)
            continue
        model(openapi, operation, "200").model_validate(response.json())


def model(openapi: dict[str, Any], operation: dict[str, Any], status: str) -> Any:
    content, *_ = operation["responses"][status]["content"].values()
    name = content["schema"]["$ref"].removeprefix("#/components/schemas/")
    assert name in openapi["components"]["schemas"]
    described = (schemas, batch, curation_schemas, auditing, learned, searching)
    return next(getattr(one, name) for one in described if hasattr(one, name))


def test_every_response_is_described_with_an_example_of_it(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        assert set(operation["responses"]) == STATUSES[name]
        for status, response in operation["responses"].items():
            if status == "204":
                assert "content" not in response
                continue
            if name.split()[1] in PLAIN and status == "200":
                kind, begins = PLAIN[name.split()[1]]
                assert list(response["content"]) == [kind]
                assert response["content"][kind]["example"].startswith(begins)
                continue
            media = "application/json" if status == "200" else "application/problem+json"
            kinds = [media]
            if name.split()[1] in EITHER and status == "200":
                kind, begins = EITHER[name.split()[1]]
                assert response["content"][kind]["example"].startswith(begins)
                kinds.append(kind)
            assert list(response["content"]) == kinds
            model(openapi, operation, status).model_validate(response["content"][media]["example"])


def test_the_description_names_the_parameters_and_holds_together(openapi: dict[str, Any]) -> None:
    described = {name: operation.get("parameters", []) for name, operation in operations(openapi)}
    assert [parameter["name"] for parameter in described["GET /related"]] == [
        "url",
        *Options.model_fields,
        "model",
    ]
    assert [parameter["name"] for parameter in described["POST /related"]] == [*Options.model_fields]
    assert all(parameter["description"] for parameters in described.values() for parameter in parameters)
    required = [parameter["name"] for parameter in described["GET /related"] if parameter["required"]]
    assert required == ["url"]
    text = str(openapi)
    for reference in re.findall(r"#/components/schemas/(\w+)", text):
        assert reference in openapi["components"]["schemas"]
    # Nobody's real site is sent the visitors of an example.
    assert all(host.endswith(".example") for host in re.findall(r"https?://([\w.-]+)", text))
    names = [operation["operationId"] for _, operation in operations(openapi)]
    assert sorted(names) == [
        "articles", "audit", "batch", "clear", "count", "curate", "curation", "drafted", "evaluation",
        "fragment", "live", "metrics", "models", "publish", "ready", "related", "remove", "search", "undo",
    ]  # fmt: skip


def test_the_reference_page_loads_nothing_and_shows_everything(
    client: TestClient, openapi: dict[str, Any]
) -> None:
    response = client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    tags: list[tuple[str, dict[str, str | None]]] = []
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, dict(attrs)))

        def handle_data(self, data: str) -> None:
            words.append(data)

    Reader().feed(response.text)
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "form"}
    assert [attributes["href"] for tag, attributes in tags if tag == "a"] == ["openapi.json"]
    text = " ".join(words)
    for name, operation in operations(openapi):
        parameters = [parameter["name"] for parameter in operation.get("parameters", ())]
        for said in (name, operation["summary"], *parameters):
            assert said in text
    assert all(field in text for field in openapi["components"]["schemas"]["Draft"]["properties"])
