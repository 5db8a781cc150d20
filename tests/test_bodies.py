"""Bodies: no route is handed more than it takes, whatever the request says of itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_api import is_problem

from recommender.api import bodies, create_app
from recommender.settings import Settings
from recommender.store import Store

ROUTES = {
    "PUT /curation": bodies.MOST,
    "POST /curation/undo": bodies.MOST,
    "POST /events": bodies.MOST,
    "POST /related": 1_000_000,
    "POST /related/batch": 2_500_000,
    "POST /articles": 5_000_000,
}
"""Routes that have a body, and how large it may be."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client, with a key for everything, of a service that has one story."""
    address = f"sqlite:///{tmp_path_factory.mktemp('bodies')}/store.sqlite"
    with Store.open(address) as store:
        save(store, document(story("a")))
        _, secret = store.keys.add("all", ["admin"])
    with TestClient(create_app(Settings(store=address)), raise_server_exceptions=False) as client:
        client.headers |= {"X-API-Key": secret, "Content-Type": "application/json"}
        yield client


def ask(
    client: TestClient, route: str, *headers: tuple[bytes, bytes], piece: int = 65_000
) -> tuple[int, int]:
    """Send a body that never ends, beneath the test client; give the status, and how much was taken."""
    taken, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b" " * piece, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    method, path = route.split()
    secret = client.headers["X-API-Key"].encode()
    given = [(b"x-api-key", secret), (b"content-type", b"application/json"), *headers]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": given}
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    problem = orjson.loads(sent[1]["body"])
    assert problem["type"] == "urn:recommender:error:content-too-large"
    assert (b"x-content-type-options", b"nosniff") in sent[0]["headers"]
    return sent[0]["status"], taken


def test_every_route_with_a_body_is_here(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]
    with_body = {
        f"{method.upper()} {path}"
        for path, methods in described.items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert with_body == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_of_a_body_that_is_too_large_no_more_is_taken_than_tells(client: TestClient, route: str) -> None:
    most = ROUTES[route]
    assert ask(client, route) == (413, most // 65_000 + 1)
    for length in (most + 1, 50_000_000, 10**400):
        assert ask(client, route, (b"content-length", b"%d" % length)) == (413, 0), "it said how large it is"
    assert ask(client, route, (b"content-length", b"2"))[0] == 413, (
        "it is believed only where it is too large"
    )


def test_a_body_is_refused_ahead_of_any_route(client: TestClient) -> None:
    for method, path, size in (
        ("POST", "/articles", "5 MB"),
        ("DELETE", "/articles", "5 MB"),
        ("POST", "/nowhere", "64 KB"),
    ):
        response = client.request(method, path, content=b" " * 5_000_001, headers={"X-API-Key": "rec_none"})
        assert size in is_problem(response, 413, "content-too-large")["detail"]


def test_as_much_as_may_be_is_read(client: TestClient) -> None:
    order = json.dumps({"url": key("a")}).encode()
    assert client.post("/curation/undo", content=order.ljust(bodies.MOST)).status_code == 200
    response = client.post("/curation/undo", content=order.ljust(bodies.MOST + 1))
    assert "64 KB" in is_problem(response, 413, "content-too-large")["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"\xff\xfe",
        b"{",
        b"",
        b"null",
        b'"x"',
        b"1e999",
        b"\x00",
        b'{"url": "\\ud800"}',
    ],
    ids=str,
)
@pytest.mark.parametrize("route", ROUTES)
def test_what_is_no_json_or_hardly_is_the_senders_error(client: TestClient, route: str, body: bytes) -> None:
    method, path = route.split()
    response = client.request(method, path, content=body)
    assert response.json()["type"].rsplit(":", 1)[-1] in ("invalid-request", "invalid-story")
    is_problem(response, 422, response.json()["type"].rsplit(":", 1)[-1])
    assert len(response.content) < 1_000
