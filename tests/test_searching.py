"""Stories found by what an editor types, by the service, over HTTP and on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_api import is_problem
from test_cli import run_in

from recommender.api import create_app
from recommender.api.searching import LONGEST, Hits
from recommender.service import Service
from recommender.settings import Settings
from recommender.store import Store
from recommender.urls import MAX_LENGTH

NOW = datetime(2020, 3, 1, tzinfo=UTC)
LONG = f"https://news.example/{'long-' * 80}"


def fill(store: Store) -> None:
    """Save a story about a bridge, one about ferries, one of tomorrow, and one that is removed."""
    save(
        store,
        document(
            story("bridge", day=2, title="Old bridge reopens", amp_web_url="https://amp.news.example/x/1")
        ),
        document(story("ferry", day=3, title="Ferries \x1b[31mlate", excerpt="The bridge is closed")),
        document(
            story("tomorrow", title="A bridge of tomorrow", published_at=datetime(2999, 1, 1, tzinfo=UTC))
        ),
        document(story("gone", title="A bridge that fell", removed=True)),
        document(story("long", day=1, key=LONG, url=LONG)),
    )


def names(found: list[dict[str, Any]]) -> list[str]:
    return [item["url"].rsplit("/", 1)[-1] for item in found]


@pytest.fixture
def service(store: Store) -> Service:
    fill(store)
    return Service(store, clock=NOW.timestamp)


@pytest.fixture
def address(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(url) as store:
        fill(store)
    return url


@pytest.fixture
def client(address: str) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(store=address)), raise_server_exceptions=False) as client:
        yield client


# The service


def test_words_find_stories_as_they_are_shown(service: Service) -> None:
    hits = service.search("bridge")
    assert names(hits.items) == ["ferry", "bridge"]
    for item in hits.items:
        shown = service.story(item["url"])
        assert item == {"url": shown.url, **shown.card}
    assert json.loads(hits.json()) == {"items": hits.items}
    assert names(service.search("bridge", 1).items) == ["ferry"]


@pytest.mark.parametrize(
    "q",
    [
        key("bridge"),
        "http://www.news.example/bridge/?utm_source=x#f",
        "https://amp.news.example/x/1",
        " https://news.example/bridge ",
    ],
)
def test_an_address_finds_its_story_alone(service: Service, q: str) -> None:
    assert names(service.search(q).items) == ["bridge"]


def test_an_address_finds_a_story_of_the_future_too(service: Service) -> None:
    assert names(service.search(key("tomorrow")).items) == ["tomorrow"]


@pytest.mark.parametrize("q", [key("nobody"), key("gone"), "https://", "javascript:bridge(1)", "", "…"])
def test_what_finds_nothing(service: Service, q: str) -> None:
    assert service.search(q).json() == b'{"items":[]}'


def test_an_address_of_nobody_is_words(service: Service, store: Store) -> None:
    save(store, document(story("guide", title="How https works", excerpt="Example: news.example/nobody")))
    assert names(service.search(key("nobody")).items) == ["guide"]


# Over HTTP


def test_an_answer_is_that_of_the_service_and_kept_by_nobody(client: TestClient, address: str) -> None:
    response = client.get("/search", params={"q": "bri", "limit": 1})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    with Store.open(address) as store:
        assert response.content == Service(store).search("bri", 1).json()
        (hit,) = Hits.model_validate(response.json()).items
        assert hit.url == "https://www.news.example/ferry"
        save(store, document(story("new", day=9, title="Bridge")))
    assert names(client.get("/search", params={"q": "bri", "limit": 1}).json()["items"]) == ["new"]


@pytest.mark.parametrize(
    "q",
    ["...", " ", '"', "bridge\0", '" OR 1', "NEAR(bridge ferry, 2)", "words:*", "b* & !c | d:*",
     "x" * LONGEST, "\ud800".encode("utf-8", "surrogatepass"), b"\xff\xfe",
     "a b c d e f g h i j k l m n o p", "🌉"],
)  # fmt: skip
def test_hostile_words_are_no_error(client: TestClient, q: Any) -> None:
    response = client.get("/search", params={"q": q})
    assert response.status_code == 200
    Hits.model_validate(response.json())


def test_a_long_address_may_be_asked_for(client: TestClient) -> None:
    assert len(LONG) > LONGEST
    assert len(client.get("/search", params={"q": LONG}).json()["items"]) == 1
    assert client.get("/search", params={"q": f"{LONG}x"}).json() == {"items": []}
    many = "/".join(f"{n:x}" for n in range(400))
    assert client.get("/search", params={"q": f"https://news.example/{many}"}).json() == {"items": []}


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "x" * (LONGEST + 1)}, "q"),
        ({"q": f"https://news.example/{'x' * MAX_LENGTH}"}, "q"),
        ({"q": "x", "limit": 0}, "limit"),
        ({"q": "x", "limit": 51}, "limit"),
        ({"q": "x", "page": 2}, "page"),
    ],
)
def test_parameters_that_cannot_be(client: TestClient, parameters: dict[str, Any], wrong: str) -> None:
    response = client.get("/search", params=parameters)
    told = is_problem(response, 422, "invalid-request")
    assert [error["name"] for error in told["errors"]] == [wrong]
    assert len(response.content) < 600


def test_a_store_that_does_not_answer(tmp_path: Path) -> None:
    app = create_app(Settings(store=f"sqlite:///{tmp_path}/none.sqlite"))
    with TestClient(app, raise_server_exceptions=False) as client:
        is_problem(client.get("/search", params={"q": "x"}), 503, "store-unavailable")


def test_who_answers_needs_no_numpy(address: str) -> None:
    program = f"""
import sys
from recommender.service import Service
service = Service.open({address!r})
assert len(service.search("bri").texts) == 2
print('numpy' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


# On the command line


def test_the_command_prints_a_table(address: str, tmp_path: Path) -> None:
    found = run_in(tmp_path, "--store", address, "search", "Bri", "clos")
    assert (found.returncode, found.stderr) == (0, "")
    head, line = found.stdout.splitlines()
    assert head.split() == ["story", "provider", "published", "url"]
    assert line.split("  ")[0] == "Ferries [31mlate"
    assert line.split()[-5:] == ["News", "4", "Jan", "2020", "https://www.news.example/ferry"]


def test_the_command_prints_json(address: str, tmp_path: Path) -> None:
    found = run_in(tmp_path, "--store", address, "search", "bridge", "-k", "1", "--json")
    assert names(json.loads(found.stdout)["items"]) == ["ferry"]


def test_the_command_says_that_there_is_none(address: str, tmp_path: Path) -> None:
    found = run_in(tmp_path, "--store", address, "search", "walrus")
    assert (found.returncode, found.stdout) == (0, "No story has all of these words.\n")
