"""Editors' orders over HTTP: in force for all workers on the next request, for who has a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from stories import document, key, packed, save, story

from recommender.api import create_app, curation, curation_schemas, schemas
from recommender.errors import StoreLocked
from recommender.settings import Settings
from recommender.store import Store

ASKED = {"url": key("asked")}
PIN = {"url": key("asked"), "other": key("b"), "kind": "pin"}


@pytest.fixture
def address(tmp_path: Path) -> str:
    """A store in which the story asked for has two neighbours."""
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(url) as store:
        save(store, *(document(story(name)) for name in ("asked", "a", "b", "x")))
        save(store, document(story("gone", removed=True)))
        asked, a, b = (found.id for name in ("asked", "a", "b") if (found := store.find(key(name))))
        store.publish("m1", [(asked, packed((a, 0.9), (b, 0.8)))])
    return url


@pytest.fixture
def client(address: str) -> Iterator[TestClient]:
    """A client of a service that lets everybody order."""
    app = create_app(Settings(store=address))
    app.dependency_overrides[curation.allowed] = lambda: None
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def shown(client: TestClient, **parameters: Any) -> list[tuple[str, str]]:
    answer = client.get("/related", params=ASKED | {"fill": "false"} | parameters).json()
    schemas.Related.model_validate(answer)
    return [(item["webUrl"].rsplit("/", 1)[-1], item["source"]) for item in answer["items"]]


def is_problem(response: Any, status: int, name: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    document: dict[str, Any] = response.json()
    schemas.Problem.model_validate(document)
    assert document["type"] == f"urn:recommender:error:{name}"
    return document


def test_orders_are_in_force_on_the_next_request_of_every_worker(client: TestClient, address: str) -> None:
    with TestClient(create_app(Settings(store=address))) as other:
        for worker in (client, other):
            assert shown(worker) == [("a", "model"), ("b", "model")]
        response = client.put("/curation", json=PIN | {"slot": 1, "by": "Ada"})
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.headers["cache-control"] == "no-store"
        for worker in (client, other):
            assert shown(worker) == [("b", "pinned"), ("a", "model")]
        client.put("/curation", json=PIN | {"kind": "block", "other": key("a")})
        for worker in (client, other):
            assert shown(worker) == [("b", "pinned")]
        client.delete("/curation", params=ASKED | {"other": key("b")})
        for worker in (client, other):
            assert shown(worker) == [("b", "model")]


def test_every_answer_tells_the_orders_and_their_history(client: TestClient) -> None:
    tracked = "http://news.example/asked/?utm_source=x#f"
    told = client.put("/curation", json=PIN | {"url": tracked, "slot": 2, "by": "Ada"}).json()
    curation_schemas.Curation.model_validate(told)
    assert (told["url"], told["title"]) == ("https://www.news.example/asked", "Title of asked")
    (order,) = told["orders"]
    assert {name: value for name, value in order.items() if name != "at"} == {
        "other": "https://www.news.example/b",
        "title": "Title of b",
        "kind": "pin",
        "slot": 2,
        "by": "Ada",
    }
    assert client.get("/curation", params={"url": tracked}).json() == told
    again = client.put("/curation", json=PIN | {"slot": 2, "by": "Bo"}).json()
    assert again == told, "what is so already is not ordered again"
    cleared = client.delete("/curation", params=ASKED | {"other": "https://www.news.example/b", "by": "Cy"})
    assert cleared.status_code == 200
    assert cleared.json()["orders"] == []
    assert [(one["action"], one["by"]) for one in cleared.json()["history"]] == [
        ("pin", "Ada"),
        ("clear", "Cy"),
    ]
    assert client.delete("/curation", params=ASKED | {"other": key("b")}).json() == cleared.json()
    assert client.get("/curation", params={"url": key("a")}).json()["history"] == []


def test_what_was_done_is_undone_one_after_the_other(client: TestClient) -> None:
    client.put("/curation", json=PIN | {"slot": 1})
    client.put("/curation", json=PIN | {"kind": "block"})
    for orders, seen in (
        ([("pin", 1)], [("b", "pinned"), ("a", "model")]),
        ([], [("a", "model"), ("b", "model")]),
        ([], [("a", "model"), ("b", "model")]),
    ):
        response = client.post("/curation/undo", json=ASKED | {"by": "Ada"})
        assert response.status_code == 200
        told = response.json()
        curation_schemas.Curation.model_validate(told)
        assert [(order["kind"], order["slot"]) for order in told["orders"]] == orders
        assert shown(client) == seen
    assert [(one["action"], one["by"], one["undone"]) for one in told["history"]] == [
        ("pin", "", True),
        ("block", "", True),
        ("undo", "Ada", False),
        ("undo", "Ada", False),
    ]
    assert client.get("/curation", params=ASKED).json() == told
    is_problem(client.post("/curation/undo", json={"url": key("nobody")}), 404, "unknown-story")
    is_problem(client.post("/curation/undo", json={"url": "x", "slot": 1}), 422, "invalid-request")


def test_without_a_key_nobody_orders(address: str) -> None:
    with TestClient(create_app(Settings(store=address))) as client:
        for response in (
            client.put("/curation", json=PIN),
            client.delete("/curation", params=ASKED | {"other": key("b")}),
            client.get("/curation", params=ASKED),
            client.get("/curation"),
            client.post("/curation/undo", json=ASKED),
        ):
            is_problem(response, 401, "unauthorized")
            assert response.headers["www-authenticate"]
    with Store.open(address) as store:
        assert store.curation() == []


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"kind": "like"}, "kind"),
        ({"slot": 0}, "slot"),
        ({"slot": 51}, "slot"),
        ({"slot": "first"}, "slot"),
        ({"url": ""}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"other": "not a url"}, "other"),
        ({"other": None}, "other"),
        ({"by": "x" * 201}, "by"),
        ({"since": "2020"}, "since"),
    ],
)
def test_orders_that_are_not_understood(client: TestClient, change: dict[str, Any], wrong: str) -> None:
    document = is_problem(client.put("/curation", json=PIN | change), 422, "invalid-request")
    assert [error["name"] for error in document["errors"]] == [wrong]


def test_orders_that_cannot_be(client: TestClient) -> None:
    for change in ({"other": "http://news.example/asked"}, {"kind": "block", "slot": 1}, {"by": "A\u0000"}):
        is_problem(client.put("/curation", json=PIN | change), 422, "invalid-order")
    for change in ({"url": key("nobody")}, {"other": key("nobody")}, {"other": key("gone")}):
        is_problem(client.put("/curation", json=PIN | change), 404, "unknown-story")
    for parameters in ({}, ASKED, ASKED | {"other": "x"}, ASKED | {"other": key("b"), "kind": "pin"}):
        is_problem(client.delete("/curation", params=parameters), 422, "invalid-request")
    is_problem(client.delete("/curation", params=ASKED | {"other": key("nobody")}), 404, "unknown-story")
    is_problem(client.get("/curation", params={"url": "javascript:alert(1)"}), 422, "invalid-url")
    is_problem(client.get("/curation", params={"url": key("nobody")}), 404, "unknown-story")
    for body in (b"", b"{", b"[]", b"null", b'{"url": "\\ud800"}'):
        response = client.put("/curation", content=body, headers={"Content-Type": "application/json"})
        is_problem(response, 422, "invalid-request")
    response = client.post("/curation", json=PIN)
    is_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "DELETE, GET, HEAD, PUT"


def test_a_store_that_is_written_for_too_long(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise StoreLocked("process 7 on db.internal writes")

    monkeypatch.setattr(Store, "curate", fail)
    response = client.put("/curation", json=PIN)
    is_problem(response, 503, "store-locked")
    assert int(response.headers["retry-after"]) > 0


def test_the_order_is_described(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    put = document["paths"]["/curation"]["put"]
    (body,) = put["requestBody"]["content"].values()
    order = document["components"]["schemas"][body["schema"]["$ref"].rsplit("/", 1)[-1]]
    curation_schemas.Order.model_validate(order["example"])
    assert order["required"] == ["url", "other", "kind"]
    assert all(field["description"] for field in order["properties"].values())
    page = client.get("/docs").text
    assert "PUT /curation" in page
    assert "first that is free" in page
