"""Stories that come in over HTTP: posted, posted again, taken back; and what files say of them meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient
from stories import content, document, key, save, story
from test_api import is_problem

from recommender.api import create_app, schemas
from recommender.api.bodies import LARGER
from recommender.api.posting import MOST, MOST_RELATED
from recommender.entries import posted
from recommender.service.posting import post, remove
from recommender.settings import Settings
from recommender.store import Store, locking


def told(name: str, **fields: Any) -> dict[str, Any]:
    """Write the story of ``stories.story(name)`` as somebody posts it."""
    return {
        "title": f"Title of {name}",
        "webUrl": f"https://www.news.example/{name}",
        "publishedDateTime": "2020-01-02T00:00:00Z",
        "provider": {"name": "News", "domain": "news.example"},
        **fields,
    }


def title(store: Store, name: str) -> str | None:
    found = store.find(key(name))
    return None if found is None or found.removed else str(orjson.loads(found.card)["title"])


def statuses(store: Store, *stories: Any) -> list[str]:
    return [one.status for one in post(store, stories)]


# What becomes of a story


def test_each_story_is_told_of_by_itself_and_in_order(store: Store) -> None:
    assert statuses(store, told("a"), told("b")) == ["new", "new"]
    several = [told("c"), {"webUrl": "https://news.example/x"}, told("b", title="Other"), told("a"), 7]
    results = post(store, several)
    assert [one.status for one in results] == ["new", "rejected", "changed", "unchanged", "rejected"]
    assert [one.url for one in results] == [
        "https://www.news.example/c",
        "https://news.example/x",
        "https://www.news.example/b",
        "https://www.news.example/a",
        None,
    ]
    assert [one.reason for one in results] == [None, "no title", None, None, "not a JSON object"]
    assert (title(store, "b"), title(store, "c")) == ("Other", "Title of c")


def test_a_story_posted_again_is_replaced_whatever_its_date_and_address(store: Store) -> None:
    post(store, [told("a")])
    other_form = "http://news.example/a/?utm_source=x"
    older = told("a", webUrl=other_form, title="Older", publishedDateTime="1999-01-01T00:00:00Z")
    assert statuses(store, older) == ["changed"]
    assert statuses(store, older) == ["unchanged"]
    assert title(store, "a") == "Older"
    assert store.status().stories == 1


def test_links_are_replaced_with_the_story_and_make_it_changed(store: Store) -> None:
    assert statuses(store, told("a", related=[told("b"), told("c")])) == ["new"]
    links = content(store)["links"]
    assert [target for _, target in links.values()] == [key("b"), key("c")]
    assert statuses(store, told("a", related=[told("c")])) == ["changed"]
    assert statuses(store, told("a", related=[told("c")])) == ["unchanged"]
    assert list(content(store)["links"].values()) == [(key("a"), key("c"))]
    assert statuses(store, told("b")) == ["changed"], "it was only mentioned so far"


def test_of_a_story_told_twice_the_last_counts(store: Store) -> None:
    first, other, last = post(store, [told("a", title="First"), told("b"), told("a", title="Last")])
    assert (first.status, other.status, last.status) == ("unchanged", "new", "new")
    assert first.reason is not None
    assert "further down" in first.reason
    assert title(store, "a") == "Last"


def test_what_was_not_understood_is_told(store: Store) -> None:
    (result,) = post(store, [told("a", quality="high", related=[{"title": ""}] * 99)])
    assert result.status == "new"
    assert result.warnings[0].startswith("quality")
    assert len(result.warnings) == 20


def test_revisions_count_what_is_posted_and_taken_back(store: Store) -> None:
    post(store, [told("a")])
    first = store.revision()
    post(store, [told("a")])
    assert store.revision() == first
    post(store, [told("a", title="Other")])
    second = store.revision()
    remove(store, key("a"))
    assert first < second < store.revision()
    assert [change.removed for change in store.changes(second)] == [True]


# What files say of it


NEWER = story("a", day=700, title="From a file, newer")


@pytest.mark.parametrize("file_first", [True, False])
def test_what_is_posted_outranks_files(store: Store, file_first: bool) -> None:
    if file_first:
        save(store, document(NEWER, origin="/f.md"))
    assert statuses(store, told("a")) == ["changed" if file_first else "new"]
    save(store, document(NEWER, origin="/f.md"), document(NEWER, origin="/g.md"))
    assert title(store, "a") == "Title of a"


def test_a_mention_in_what_is_posted_outranks_nothing(store: Store) -> None:
    save(store, document(story("a", title="Its own"), origin="/f.md"))
    save(store, document(story("host"), story("m", day=5, title="Newer mention"), origin="/h.md"))
    post(store, [told("b", related=[told("a", title="In passing"), told("m", title="Older mention")])])
    assert (title(store, "a"), title(store, "m")) == ("Its own", "Newer mention")


# Taking back


def test_a_story_is_taken_back_by_any_form_of_its_address(store: Store) -> None:
    amp = "https://amp.news.example/a-1"
    for form in (key("a"), "http://www.news.example/a/?utm_source=x#f", amp):
        post(store, [told("a", ampWebUrl=amp)])
        remove(store, form)
        found = store.find(key("a"))
        assert found is not None
        assert found.removed
        assert found.card
    assert statuses(store, told("a", ampWebUrl=amp)) == ["changed"]
    assert title(store, "a") == "Title of a"
    assert store.status().stories == 1


def test_no_file_brings_back_what_was_taken_back_but_a_post_does(store: Store) -> None:
    save(store, document(story("a"), origin="/f.md"))
    remove(store, key("a"))
    save(store, document(story("a", title="Touched"), origin="/f.md"), document(NEWER, origin="/g.md"))
    assert title(store, "a") is None
    assert statuses(store, told("a")) == ["changed"]
    assert title(store, "a") == "Title of a"


def test_a_story_that_was_only_mentioned_is_taken_back(store: Store) -> None:
    host = document(story("host"), story("a"), origin="/h.md")
    save(store, host)
    remove(store, key("a"))
    save(store, host)
    assert title(store, "a") is None


def test_links_that_were_posted_leave_with_the_story_and_come_again(store: Store) -> None:
    post(store, [told("a", related=[told("b")])])
    remove(store, key("a"))
    assert content(store)["links"] == {}
    assert content(store)["articles"][key("a")][-1] == posted(key("a"))
    post(store, [told("a", related=[told("b")])])
    assert list(content(store)["links"].values()) == [(key("a"), key("b"))]


# Over HTTP


class Newsroom:
    """A service with an empty store, and somebody who may publish."""

    def __init__(self, client: TestClient, store: Store) -> None:
        self.client, self.store = client, store
        self.headers = {"X-API-Key": store.keys.add("cms", ["publish"])[1]}

    def post(self, body: Any, **headers: str) -> Any:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post("/articles", content=sent, headers=self.headers | headers)

    def delete(self, url: str) -> Any:
        return self.client.delete("/articles", params={"url": url}, headers=self.headers)

    def read(self, name: str) -> Any:
        return self.client.get("/articles", params={"url": key(name)})


@pytest.fixture
def newsroom(store: Store, store_url: str) -> Iterator[Newsroom]:
    app = create_app(Settings(store=store_url, cache=0))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Newsroom(client, store)


def test_a_story_is_posted_read_and_taken_back(newsroom: Newsroom) -> None:
    response = newsroom.post(told("a"))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "new": 1,
        "changed": 0,
        "unchanged": 0,
        "rejected": 0,
        "items": [{"url": "https://www.news.example/a", "status": "new"}],
    }
    assert newsroom.read("a").json()["title"] == "Title of a"
    gone = newsroom.delete("http://news.example/a?utm_source=x")
    assert (gone.status_code, gone.content) == (204, b"")
    is_problem(newsroom.read("a"), 404, "unknown-story")
    is_problem(newsroom.delete(key("a")), 404, "unknown-story")
    assert newsroom.post(told("a")).json()["changed"] == 1
    assert newsroom.read("a").status_code == 200


@pytest.mark.parametrize(
    "shape", [lambda stories: stories, lambda stories: {"articles": stories}], ids=["list", "articles"]
)
def test_one_bad_story_of_a_list_stops_none_of_the_others(newsroom: Newsroom, shape: Any) -> None:
    hostile = {"title": "</script>\x1b[31m", "webUrl": "javascript:alert(1)"}
    answer = newsroom.post(shape([told("a", heat="x"), hostile, None, told("b")])).json()
    schemas.Posted.model_validate(answer)
    assert [item["status"] for item in answer["items"]] == ["new", "rejected", "rejected", "new"]
    assert (answer["new"], answer["rejected"]) == (2, 2)
    assert "warnings" in answer["items"][0]
    assert "webUrl" in answer["items"][1]["reason"]
    assert newsroom.read("b").status_code == 200


def test_where_nothing_is_a_story_it_is_an_error(newsroom: Newsroom) -> None:
    before = newsroom.store.revision()
    problem = is_problem(newsroom.post([{"title": "x"}, {}]), 422, "invalid-story")
    assert [error["name"] for error in problem["errors"]] == ["articles[0]", "articles[1]"]
    assert problem["errors"][1]["reason"] == "no title"
    assert newsroom.store.revision() == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"title": NaN}', "not JSON"),
        (b"[" * 2_000, "not JSON"),
        (b"[]", "there are 0"),
        (b'{"articles": []}', "there are 0"),
        (json.dumps([{}] * (MOST + 1)).encode(), "there are 501"),
        (json.dumps([{"related": [1] * 1_000}] * 11).encode(), "there are 11,000"),
    ],
)
def test_a_body_that_cannot_be(newsroom: Newsroom, body: bytes, said: str) -> None:
    problem = is_problem(newsroom.post(body), 422, "invalid-request")
    (error,) = problem["errors"]
    assert error["name"] == "body"
    assert said in error["reason"]


def test_as_many_as_may_be_are_taken(newsroom: Newsroom) -> None:
    answer = newsroom.post([told(f"n{number}") for number in range(MOST)]).json()
    assert answer["new"] == MOST


def test_a_list_of_links_that_is_cut_counts_as_what_is_left_of_it(newsroom: Newsroom) -> None:
    assert newsroom.post(told("a") | {"related": [None] * (MOST_RELATED + 1)}).json()["new"] == 1


def test_a_body_that_is_too_large_is_refused(newsroom: Newsroom) -> None:
    whole = json.dumps(told("a")).encode()
    assert newsroom.post(whole + b" " * (LARGER["/articles"] - len(whole))).status_code == 200
    response = newsroom.post(whole + b" " * (LARGER["/articles"] - len(whole) + 1))
    assert "5 MB" in is_problem(response, 413, "content-too-large")["detail"]


def test_only_who_may_publish_posts_and_takes_back(newsroom: Newsroom) -> None:
    newsroom.post(told("a"))
    newsroom.headers = {}
    is_problem(newsroom.post(told("b")), 401, "unauthorized")
    is_problem(newsroom.delete(key("a")), 401, "unauthorized")
    newsroom.headers = {"X-API-Key": newsroom.store.keys.add("desk", ["curate"])[1]}
    is_problem(newsroom.post(told("b")), 403, "forbidden")
    is_problem(newsroom.delete(key("a")), 403, "forbidden")
    assert newsroom.read("a").status_code == 200
    is_problem(newsroom.read("b"), 404, "unknown-story")


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({}, "invalid-request"),
        ({"url": key("a"), "x": "1"}, "invalid-request"),
        ({"url": "javascript:x"}, "invalid-url"),
    ],
)
def test_taking_back_what_no_story_is(newsroom: Newsroom, parameters: dict[str, str], name: str) -> None:
    response = newsroom.client.delete("/articles", params=parameters, headers=newsroom.headers)
    is_problem(response, 422, name)


def test_posting_waits_for_a_transaction_and_gives_up_in_time(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with newsroom.store._writer.transaction("test"):
            inside.set()
            leave.wait(30)

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold)
        inside.wait()
        monkeypatch.setattr(locking, "TURN", 0.05)
        response = newsroom.post(told("a"))
        is_problem(response, 503, "store-locked")
        assert int(response.headers["retry-after"]) > 0
        is_problem(newsroom.delete(key("a")), 503, "store-locked")
        monkeypatch.setattr(locking, "TURN", 15.0)
        posting = pool.submit(newsroom.post, told("a"))
        leave.set()
        assert posting.result().json()["new"] == 1
        holding.result()


def test_stories_are_posted_while_long_work_is_done(newsroom: Newsroom) -> None:
    with newsroom.store.writing("recompute"):
        assert newsroom.post(told("a")).status_code == 200
