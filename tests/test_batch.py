"""Many stories asked about at once: what each would be answered by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_api import is_problem

from recommender.api import batch, create_app
from recommender.service import Answer, Service
from recommender.settings import Settings
from recommender.store import Store

NAMES = [f"n{number}" for number in range(12)]


@pytest.fixture
def client(store: Store, store_url: str) -> Iterator[TestClient]:
    """A client of a service with a dozen stories, on each database."""
    save(store, *(document(story(name, day=number)) for number, name in enumerate(NAMES)))
    with TestClient(create_app(Settings(store=store_url)), raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, *urls: str, **options: Any) -> Any:
    return client.post("/related/batch", json={"urls": urls, **options})


@pytest.mark.parametrize("options", [{}, {"limit": 3, "fill": True}, {"provider": ["news"], "explain": True}])
def test_each_is_answered_as_by_itself_and_in_order(client: TestClient, options: dict[str, Any]) -> None:
    urls = [
        key("n3"),
        "http://www.news.example/n1/?utm_source=x",
        key("nowhere"),
        key("n3"),
        "not a url",
        "x" * 5_000,
        "",
    ]
    response = ask(client, *urls, **options)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    answers = response.json()["answers"]
    batch.Answers.model_validate(response.json())
    asked = {name: str(value) if not isinstance(value, list) else value for name, value in options.items()}
    alone = [client.get("/related", params={"url": url, **asked}) for url in urls[:5]]
    assert [each.status_code for each in alone] == [200, 200, 404, 200, 422]
    assert answers[:5] == [each.json() for each in alone]
    assert [each["type"].rsplit(":", 1)[-1] for each in answers[5:]] == ["invalid-url"] * 2
    assert "x" * 200 not in response.text, "a long one is not repeated"


def test_as_many_as_may_be_and_no_more(client: TestClient) -> None:
    urls = [key(NAMES[number % 12]) for number in range(batch.MOST)]
    answers = ask(client, *urls, limit=1).json()["answers"]
    assert [each["url"].rsplit("/", 1)[-1] for each in answers] == [url.rsplit("/", 1)[-1] for url in urls]
    for wrong in ([], [key("n1")] * (batch.MOST + 1), [key("n1")] * 10_000):
        problem = is_problem(ask(client, *wrong), 422, "invalid-request")
        assert [each["name"] for each in problem["errors"]] == ["urls"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "urls"),
        ({"urls": "https://news.example/n1"}, "urls"),
        ({"urls": [1]}, "urls"),
        ({"urls": [None]}, "urls"),
        ({"urls": ["x"], "limit": 10**9}, "limit"),
        ({"urls": ["x"], "limit": 0}, "limit"),
        ({"urls": ["x"], "since": "2020"}, "since"),
        ({"urls": ["x"], "model": "default"}, "model"),
        ({"urls": ["x"], "url": "x"}, "url"),
        ([], "body"),
    ],
)
def test_what_cannot_be_asked(client: TestClient, body: Any, wrong: str) -> None:
    problem = is_problem(client.post("/related/batch", json=body), 422, "invalid-request")
    assert [each["name"] for each in problem["errors"]] == [wrong]


def test_readers_are_answered_meanwhile(client: TestClient) -> None:
    """A list is asked for while a thousand are: it does not wait for all of them."""
    done = threading.Event()

    def much() -> None:
        assert ask(client, *[key("n1")] * batch.MOST).status_code == 200
        done.set()

    thread = threading.Thread(target=much)
    thread.start()
    between = 0
    while not done.is_set():
        assert client.get("/related", params={"url": key("n2")}).status_code == 200
        between += not done.is_set()
        time.sleep(0.001)
    thread.join()
    assert between >= 3


@pytest.mark.parametrize("options", [{}, {"topic": ["x"]}], ids=["in the loop", "in a thread"])
def test_what_takes_too_long_is_given_up_and_who_waits_for_a_turn_with_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    related = Service.related

    def slow(*given: Any) -> Answer:
        time.sleep(0.02)
        return related(*given)

    monkeypatch.setattr(Service, "related", slow)
    assert ask(client, key("n1"), key("n2"), **options).status_code == 200
    monkeypatch.setattr(batch, "WITHIN", 0.5)
    began = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: ask(client, *[key("n1")] * batch.MOST, **options), range(3)))
    assert time.monotonic() - began < 10, "one of them would have taken twice that"
    for answer in answers:
        is_problem(answer, 503, "took-too-long")
        assert answer.headers["retry-after"] == "5"


def test_each_story_counts_against_the_limit(store: Store, store_url: str) -> None:
    save(store, document(story("n1")))
    with TestClient(create_app(Settings(store=store_url, read_limit=10))) as client:
        assert ask(client, *[key("n1")] * 9).status_code == 200
        assert ask(client, key("n1")).status_code == 200
        is_problem(ask(client, key("n1")), 429, "too-many-requests")


def test_a_store_that_is_away_is_told_once(tmp_path: Any) -> None:
    with TestClient(create_app(Settings(store=f"sqlite:///{tmp_path}/none.sqlite"))) as client:
        is_problem(ask(client, key("a"), key("b")), 503, "store-unavailable")
