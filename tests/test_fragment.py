"""A list as HTML: what a server puts into a page, of stories that are not to be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from stories import document, packed, save, story

from recommender.api import create_app
from recommender.api.caching import control
from recommender.settings import Settings
from recommender.store import Store
from recommender.web.listing import listing

ASKED = {"url": "http://news.example/asked/?utm_source=x"}
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    address = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(address) as store:
        save(
            store,
            document(story("asked")),
            document(story("a", title=HOSTILE)),
            document(story("b", day=None)),
        )
        store.publish("m1", [(1, packed((2, 0.9), (3, 0.8)))])
    with TestClient(create_app(Settings(store=address))) as client:
        yield client


class Seen(HTMLParser):
    """Tags, with their attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_stories_are_links_and_what_they_say_is_text(client: TestClient) -> None:
    response = client.get("/related.html", params=ASKED)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"].startswith("public, max-age=")
    seen = Seen(response.text)
    assert [tag for tag, _ in seen.tags] == [
        "section",
        "h2",
        "ul",
        *["li", "a", "small", "time"],
        *["li", "a", "small"],
    ]
    assert [attributes["href"] for tag, attributes in seen.tags if tag == "a"] == [
        "https://www.news.example/a",
        "https://www.news.example/b",
    ]
    assert HOSTILE in seen.text
    assert "Related stories" in seen.text


def test_how_many_and_under_what_heading(client: TestClient) -> None:
    response = client.get("/related.html", params={**ASKED, "limit": 1, "heading": HOSTILE})
    seen = Seen(response.text)
    assert [tag for tag, _ in seen.tags].count("li") == 1
    assert dict(seen.tags)["section"]["aria-label"] == HOSTILE


def test_nothing_is_shown_of_nothing(client: TestClient) -> None:
    response = client.get("/related.html", params={"url": "https://news.example/nobody"})
    assert (response.status_code, response.text) == (200, "")
    assert response.headers["cache-control"] == control(60)
    assert listing([], "Related stories") == ""


def test_an_address_that_is_none_of_the_web_s_is_no_link() -> None:
    item = {"webUrl": "javascript:alert(1)", "title": "x", "publishedDateTime": None, "provider": {}}
    assert listing([item], "Related stories") == ""


def test_what_is_asked_wrongly(client: TestClient) -> None:
    for wrong in (
        {},
        {"url": "x"},
        {**ASKED, "limit": 51},
        {**ASKED, "heading": ""},
        {**ASKED, "fill": "no"},
    ):
        assert client.get("/related.html", params=wrong).status_code == 422
