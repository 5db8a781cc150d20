"""The client, sync and async alike: what it asks, what it makes of answers, and when it asks again."""

from __future__ import annotations

import asyncio
import inspect
import json
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import httpx2
import pytest
from starlette.testclient import TestClient
from stories import document, key, packed, save, story
from test_newsroom_day import serving
from test_posting import told

from recommender import __version__, service
from recommender.api import auditing, create_app, curation_schemas, learned, responses, schemas, searching
from recommender.client import (
    AsyncClient,
    Client,
    ClientError,
    Forbidden,
    NotFound,
    ProblemError,
    Reason,
    RelatedOptions,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    answers,
    reports,
)
from recommender.client import curation as orders
from recommender.client.attempts import FIRST, LONGEST, retry_after
from recommender.client.calls import MOST, MOST_BYTES, MOST_RELATED
from recommender.client.options import parameters
from recommender.pipeline.recomputing import recompute
from recommender.service.auditing import Why
from recommender.settings import Settings
from recommender.store import Store

Answer = Callable[[httpx2.Request], httpx2.Response]
Make = Callable[..., Any]


class Awaited:
    """An async client by its methods' names, each run to its end."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._made = arguments, named

    def __getattr__(self, name: str) -> Callable[..., Any]:
        arguments, named = self._made

        async def run(*given: Any, **options: Any) -> Any:
            async with AsyncClient(*arguments, **named) as client:
                return await getattr(client, name)(*given, **options)

        return lambda *given, **options: asyncio.run(run(*given, **options))


class Clock:
    """A clock that only waiting moves, and how long was waited."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def awaited(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meeting(kind: str, clock: Clock) -> Make:
    """Make a client whose requests are answered by a function, and whose waits take no time."""

    def make(answer: Answer, **named: Any) -> Any:
        named |= {"transport": httpx2.MockTransport(answer), "clock": clock}
        if kind == "sync":
            return Client("http://service.test/base", sleep=clock.sleep, **named)
        return Awaited("http://service.test/base", sleep=clock.awaited, **named)

    return make


@pytest.fixture
def address(tmp_path: Path) -> str:
    """URL of a store of three stories and one recompute."""
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(url) as store:
        save(store, document(story("asked")), document(story("a")), document(story("b")))
        asked, a, b = (found.id for name in ("asked", "a", "b") if (found := store.find(key(name))))
        store.publish("m1", [(asked, packed((a, 0.75), (b, 0.5)))])
    return url


@pytest.fixture
def keyed(address: str) -> str:
    """A key that may do everything."""
    with Store.open(address) as store:
        return store.keys.add("tests", ["admin"])[1]


@pytest.fixture
def client(kind: str, address: str, keyed: str) -> Iterator[Any]:
    """A client of the application itself, in this process."""
    app = create_app(Settings(store=address))
    with TestClient(app) as inside:
        if kind == "sync":
            with Client("http://service.test", keyed, transport=inside._transport) as opened:
                yield opened
        else:
            yield Awaited("http://service.test", keyed, transport=httpx2.ASGITransport(app))


# Against the service


def test_the_list_of_a_story(client: Any) -> None:
    answer = client.related(
        key("asked"), limit=1, provider=["news", "nobody"], fill=False, since=date(2020, 1, 1)
    )
    assert (answer.url, answer.model, answer.generation) == ("https://www.news.example/asked", "m1", 1)
    (item,) = answer.items
    assert (item.rank, item.score, item.source, item.title) == (1, 0.75, "model", "Title of a")
    assert item.published_date_time == datetime(2020, 1, 2, tzinfo=UTC)
    assert (item.web_url, item.provider.domain) == ("https://www.news.example/a", "news.example")
    assert item.why is None
    assert answer.raw["items"] == [item.raw]


def test_an_explained_list(client: Any) -> None:
    (item, _) = client.related(key("asked"), explain=True).items
    assert item.why.days_apart == 0
    assert item.why.curated is None


def test_the_lists_of_many_stories(client: Any) -> None:
    urls = [key("asked"), key("nowhere"), "no url", key("a")]
    first, unknown, wrong, other = client.related_many(
        iter(urls), limit=1, provider=["news"], since=date(2020, 1, 1), fill=True, type=None
    )
    assert first == client.related(key("asked"), limit=1)
    assert other == client.related(key("a"), limit=1)
    assert isinstance(unknown, NotFound)
    assert key("nowhere") in unknown.detail
    assert (type(wrong), wrong.status, wrong.errors[0].name) == (ProblemError, 422, "url")
    assert client.related_many([]) == []
    with pytest.raises(ProblemError, match="limit"):
        client.related_many(urls, limit=0)


def test_one_story(client: Any) -> None:
    answer = client.story("http://news.example/a?utm_source=x")
    assert (answer.url, answer.title, answer.generation) == ("https://www.news.example/a", "Title of a", 1)


def test_stories_are_found_by_words(client: Any) -> None:
    assert [(hit.url, hit.title) for hit in client.search("titl B").items] == [
        ("https://www.news.example/b", "Title of b")
    ]
    assert [hit.title for hit in client.search("http://news.example/a?utm_source=x").items] == ["Title of a"]
    assert len(client.search("of", limit=2).items) == 2
    assert client.search("*").items == ()
    with pytest.raises(ProblemError, match="422"):
        client.search("")


def test_stories_are_published_and_taken_back(client: Any) -> None:
    posted = client.publish([told("new"), told("a", title="Other"), {"title": "No address"}])
    assert (posted.new, posted.changed, posted.unchanged, posted.rejected) == (1, 1, 0, 1)
    assert [one.status for one in posted.items] == ["new", "changed", "rejected"]
    assert "address" in posted.items[2].reason
    assert client.story(key("a")).title == "Other"
    assert client.remove(key("new")) is None
    with pytest.raises(NotFound):
        client.story(key("new"))
    with pytest.raises(NotFound):
        client.remove(key("new"))


def test_stories_that_are_none_are_told_of_and_no_error(client: Any) -> None:
    posted = client.publish([{"title": "No address"}, {"webUrl": "https://news.example/x"}])
    assert (posted.new, posted.rejected) == (0, 2)
    assert [(one.url, one.status, one.reason) for one in posted.items] == [
        (None, "rejected", "neither webUrl nor originalUrl is an address"),
        ("https://news.example/x", "rejected", "no title"),
    ]
    assert client.publish([]).items == ()


def test_an_editor_s_orders(client: Any) -> None:
    pinned = client.pin(key("asked"), key("b"), 1, by="Ada")
    assert [(order.kind, order.slot, order.by) for order in pinned.orders] == [("pin", 1, "Ada")]
    assert [item.source for item in client.related(key("asked")).items] == ["pinned", "model"]
    client.block(key("asked"), key("a"))
    assert [order.kind for order in client.curation(key("asked")).orders] == ["pin", "block"]
    client.clear(key("asked"), key("a"), by="Ada")
    told = client.clear(key("asked"), key("b"))
    assert told.orders == ()
    assert [line.action for line in told.history] == ["pin", "block", "clear", "clear"]
    assert told.history[0].at.tzinfo is not None
    assert [order.other for order in client.undo(key("asked")).orders] == ["https://www.news.example/b"]


def test_what_deserves_a_look(client: Any, address: str) -> None:
    with Store.open(address) as store:
        save(store, document(story("links"), links=[key("links"), key("nowhere")]))
    found = client.audit()
    assert (found.generation, found.links, found.counts["dead"], found.counts["itself"]) == (1, 2, 1, 1)
    assert [one.reason for one in found.items][:2] == ["dead", "itself"]
    (dead,) = client.audit("dead", limit=1).items
    assert (dead.source.title, dead.target, dead.key) == ("Title of links", None, key("nowhere"))
    with pytest.raises(ProblemError, match="limit"):
        client.audit(limit=0)


def test_what_readers_did_is_counted(client: Any) -> None:
    shown = client.related(key("asked"))
    assert shown.id is not None
    client.count(
        [{"answer": shown.id, "kind": "impression"}, {"answer": shown.id, "kind": "click", "rank": 1}]
    )
    with pytest.raises(ProblemError, match="0 of 1 events") as caught:
        client.count([{"answer": shown.id, "kind": "click", "rank": 3}])
    assert [fault.name for fault in caught.value.errors] == ["events[0]"]


def test_models_evaluation_and_readiness(client: Any) -> None:
    assert client.models().served == "m1"
    assert client.evaluation().generation == 1
    assert client.evaluation().report is None
    assert client.ready()
    assert client.ready().missing == ()


def test_a_service_that_is_not_ready_says_what_is_missing(kind: str, tmp_path: Path, clock: Clock) -> None:
    app = create_app(Settings(store=f"sqlite:///{tmp_path}/none.sqlite"))
    with TestClient(app) as inside:
        client: Any = (
            Client("http://service.test", transport=inside._transport, sleep=clock.sleep)
            if kind == "sync"
            else Awaited("http://service.test", transport=httpx2.ASGITransport(app), sleep=clock.awaited)
        )
        answer = client.ready()
        assert not answer
        assert [fault.name for fault in answer.missing] == ["store"]
        assert clock.waits == []
        with pytest.raises(ProblemError) as caught:
            client.related(key("asked"))
    assert caught.value.type == "urn:recommender:error:store-unavailable"
    assert len(clock.waits) == 3
    assert all(5 <= wait <= 5 + LONGEST for wait in clock.waits)


def test_what_the_service_refuses(client: Any) -> None:
    with pytest.raises(NotFound, match=r"^404 Unknown story: no story in the store answers to"):
        client.related(key("nobody"))
    with pytest.raises(ProblemError) as caught:
        client.related(key("asked"), limit=51)
    error = caught.value
    assert (error.status, error.type) == (422, "urn:recommender:error:invalid-request")
    assert [(fault.name, "50" in fault.reason) for fault in error.errors] == [("limit", True)]
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.errors) == (ProblemError, str(error), error.errors)


def test_a_draft(kind: str, address: str, tmp_path: Path) -> None:
    with Store.open(address) as store:
        recompute(store, tmp_path / "models")
    app = create_app(Settings(store=address, models=str(tmp_path / "models")))
    with TestClient(app) as inside:
        client: Any = (
            Client("http://service.test", transport=inside._transport)
            if kind == "sync"
            else Awaited("http://service.test", transport=httpx2.ASGITransport(app))
        )
        answer = client.drafted("Title of a", draft={"webUrl": key("a"), "publishedDateTime": "2020-01-03"})
    assert answer.url == key("a")
    assert {item.title for item in answer.items} == {"Title of asked", "Title of b"}


def test_a_server_of_processes(address: str, keyed: str, tmp_path: Path) -> None:
    async def both(url: str) -> tuple[Any, Any]:
        async with AsyncClient(url) as client:
            return await asyncio.gather(client.related(key("asked")), client.ready())

    with serving(address, tmp_path / "models", keyed) as room, Client(room.address, keyed) as client:
        assert client.publish([told("new")]).new == 1
        assert client.story(key("new")).title == "Title of new"
        answer, ready = asyncio.run(both(room.address))
        assert (answer.url, bool(ready)) == ("https://www.news.example/asked", True)
        with Client(room.address) as nobody, pytest.raises(Unauthorized):
            nobody.remove(key("a"))


def test_an_address_where_nobody_listens(kind: str, clock: Clock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client: Any = (
            Client(url, retries=1, sleep=clock.sleep)
            if kind == "sync"
            else Awaited(url, retries=1, sleep=clock.awaited)
        )
        with pytest.raises(
            Unreachable, match=r"^GET /related: no answer to 2 attempts .* ConnectError"
        ) as caught:
            client.related(key("asked"))
    assert isinstance(caught.value.__cause__, httpx2.ConnectError)


# What is sent


def test_requests_are_as_the_api_has_them(meeting: Make) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(404)

    client = meeting(answer, key="rec_x")
    asked = [
        (
            "related",
            (key("a b&c"),),
            {"since": datetime(2020, 1, 2, 3, tzinfo=UTC), "topic": "x", "model": None},
        ),
        (
            "drafted",
            ("A title",),
            {"excerpt": "text", "draft": {"topics": ["x"]}, "exclude": (key("a"), key("b"))},
        ),
        ("remove", (key("a"),), {}),
        ("block", (key("a"), key("b")), {"by": "Ada"}),
        ("ready", (), {}),
    ]
    for name, given, options in asked:
        with pytest.raises(ProblemError):
            getattr(client, name)(*given, **options)
    assert [(request.method, request.url.path) for request in seen] == [
        ("GET", "/base/related"),
        ("POST", "/base/related"),
        ("DELETE", "/base/articles"),
        ("PUT", "/base/curation"),
        ("GET", "/base/health/ready"),
    ]
    first = ("url", key("a b&c")), ("since", "2020-01-02T03:00:00+00:00"), ("topic", "x")
    assert seen[0].url.params.multi_items() == [*first]
    assert seen[1].url.params.multi_items() == [("exclude", key("a")), ("exclude", key("b"))]
    assert json.loads(seen[1].content) == {"topics": ["x"], "title": "A title", "excerpt": "text"}
    assert json.loads(seen[3].content) == {
        "url": key("a"), "other": key("b"), "kind": "block", "slot": None, "by": "Ada",
    }  # fmt: skip
    for request in seen:
        assert request.headers["x-api-key"] == "rec_x"
        assert request.headers["user-agent"] == f"recommender-client/{__version__}"
        assert request.headers.get("content-type") == ("application/json" if request.content else None)


def test_without_a_key_none_is_sent(meeting: Make) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert "x-api-key" not in request.headers
        return httpx2.Response(200, json={"active": None, "served": None, "models": []})

    assert meeting(answer).models().models == ()


def saved(request: httpx2.Request) -> httpx2.Response:
    """Answer as a service that takes whatever is no larger than it may be."""
    stories = json.loads(request.content)
    assert 1 <= len(stories) <= MOST
    assert len(request.content) <= MOST_BYTES
    assert sum(len(one.get("related", ())) for one in stories) <= MOST_RELATED
    items = [{"url": one["webUrl"], "status": "new"} for one in stories]
    counts = {"new": len(items), "changed": 0, "unchanged": 0, "rejected": 0}
    return httpx2.Response(200, json={**counts, "items": items})


@pytest.mark.parametrize(
    ("stories", "length", "parts"),
    [(500, 0, 1), (501, 0, 2), (1_200, 0, 3), (4, 2_400_000, 2), (3, 4_999_900, 3)],
)
def test_many_stories_are_sent_in_parts(meeting: Make, stories: int, length: int, parts: int) -> None:
    sent = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(len(request.content))
        return saved(request)

    urls = [key(str(number)) for number in range(stories)]
    posted = meeting(answer).publish({"webUrl": url, "excerpt": "x" * length} for url in urls)
    assert len(sent) == parts
    assert posted.new == stories
    assert [one.url for one in posted.items] == urls


def test_stories_with_many_links_are_posted_in_more_parts(meeting: Make) -> None:
    sent: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(len(json.loads(request.content)))
        return saved(request)

    links = [{"title": "x"}] * 1_500
    posted = meeting(answer).publish({"webUrl": key(str(number)), "related": links} for number in range(14))
    assert (sent, posted.new) == ([6, 6, 2], 14)


def test_many_stories_are_asked_for_in_parts(meeting: Make) -> None:
    asked: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert (request.method, request.url.path) == ("POST", "/base/related/batch")
        told = json.loads(request.content)
        assert told["exclude"] == [key("x")]
        asked.append(len(told["urls"]))
        answers = [responses._RELATED | {"url": url} for url in told["urls"]]
        return httpx2.Response(200, json={"answers": answers})

    urls = [key(f"n{number}") for number in range(2_001)]
    found = meeting(answer).related_many(urls, exclude=(key("x"),))
    assert asked == [1_000, 1_000, 1]
    assert [one.url for one in found] == urls


@pytest.mark.parametrize(
    "told", [{}, [], {"answers": {}}, {"answers": []}, {"answers": [1]}, {"answers": [{"status": 404}]}]
)
def test_lists_that_are_none_of_this_api_s(meeting: Make, told: Any) -> None:
    client = meeting(lambda _: httpx2.Response(200, json=told))
    with pytest.raises(UnexpectedAnswer):
        client.related_many([key("a")])


def test_options_are_those_of_the_service() -> None:
    assert get_args(Reason) == get_args(Why)
    assert set(get_type_hints(RelatedOptions)) == {*service.Options.model_fields, "model"}
    given = {"fill": False, "diversity": 0.5, "until": date(2020, 1, 2), "topic": ("a", "b"), "type": None}
    assert list(parameters(given)) == [
        ("fill", "false"),
        ("diversity", "0.5"),
        ("until", "2020-01-02"),
        ("topic", "a"),
        ("topic", "b"),
    ]


# What is read


def test_answers_have_the_fields_that_the_api_describes() -> None:
    described = {
        name: model
        for module in (schemas, auditing, curation_schemas, learned, searching)
        for name, model in vars(module).items()
        if inspect.isclass(model) and hasattr(model, "model_fields") and not name.startswith("_")
    }
    asked = {"AuditQuery", "Problem", "Fault", "Health", "Order", "PairQuery", "SearchQuery", "Undone"}
    own = {
        name: kind
        for module in (answers, orders, reports)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, answers.Answer) and kind is not answers.Answer
    }
    assert set(own) - {"Ready"} == set(described) - asked - {"BaseModel"}
    for name in set(own) & set(described):
        fields = {each for each in get_type_hints(own[name]) if each != "raw"}
        assert fields == set(described[name].model_fields), name


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        (answers.Related, responses._RELATED),
        (
            orders.Curation,
            curation_schemas.CURATION_RESPONSES[200]["content"]["application/json"]["example"],
        ),
        (answers.Hits, searching._EXAMPLE),
        (orders.Audit, auditing._EXAMPLE),
        (reports.Models, learned._MODELS),
        (reports.Evaluation, learned._EVALUATION),
    ],
)
def test_examples_are_read_and_what_is_new_is_kept(kind: Any, example: dict[str, Any]) -> None:
    answer = answers.read(kind, {**example, "invented": [1]})
    assert answer.raw["invented"] == [1]
    assert not hasattr(answer, "invented")
    assert answer == answers.read(kind, example)
    with pytest.raises(AttributeError):
        answer.url = "x"
    if isinstance(answer, reports.Evaluation):
        assert answer.report.systems["recommender"].p_at_1 == 0.62
        assert answer.report.comparison.ahead.interval == (0.038, 0.074)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"html": "<h1>Sign in</h1>"}, r"200 with what is not JSON \(text/html"),
        ({"json": {"url": "x"}}, "model: Field required"),
        ({"json": ["x"]}, "all of it: "),
        ({"json": {"url": 1, "model": None, "generation": 1, "items": []}}, "url: "),
    ],
)
def test_an_answer_that_is_none_of_this_api_s(meeting: Make, body: dict[str, Any], says: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=says):
        meeting(lambda _: httpx2.Response(200, **body)).related(key("asked"))


@pytest.mark.parametrize(
    "body", [{"json": []}, {"json": ["x"]}, {"json": {"status": "well"}}, {"html": "<h1>Hello</h1>"}]
)
@pytest.mark.parametrize(("name", "given"), [("ready", ()), ("count", ([{}],)), ("remove", (key("a"),))])
def test_what_is_done_is_said_as_the_api_says_it(
    meeting: Make, name: str, given: tuple[Any, ...], body: dict[str, Any]
) -> None:
    with pytest.raises(UnexpectedAnswer):
        getattr(meeting(lambda _: httpx2.Response(200, **body)), name)(*given)


PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.mark.parametrize("errors", [None, 5, "x", {}, ["a"], [None], [[]]])
@pytest.mark.parametrize("type_", ["invalid-request", "invalid-story", "not-ready"])
def test_a_problem_that_is_told_wrongly_is_an_error_of_the_client(
    meeting: Make, errors: object, type_: str
) -> None:
    told = {"type": f"urn:recommender:error:{type_}", "title": None, "detail": 5, "errors": errors}
    response = httpx2.Response(422, content=json.dumps(told).encode(), headers=PROBLEM)
    client = meeting(lambda _: response)
    with pytest.raises(ProblemError, match=r"^422 $") as caught:
        client.related(key("asked"))
    assert caught.value.errors == ()
    with pytest.raises(UnexpectedAnswer if type_ == "invalid-story" else ProblemError):
        client.publish(STORIES)
    if type_ == "not-ready":
        assert client.ready().missing == ()


def test_counts_of_posted_stories_are_numbers(meeting: Make) -> None:
    counts = {"new": "1", "changed": 0, "unchanged": 0, "rejected": 0}
    items = [{"url": key("a"), "status": "new"}]
    posted = meeting(lambda _: httpx2.Response(200, json={**counts, "items": items})).publish(STORIES)
    assert posted.new == 1


@pytest.mark.parametrize(
    ("detail", "errors", "says"),
    [
        (
            "What was asked is not understood: limit.",
            {"limit": "Input should be less than or equal to 50"},
            "422 No: What was asked is not understood: limit: Input should be less than or equal to 50",
        ),
        ("Not understood.", {"a": "x", "b": "y"}, "422 No: Not understood: a: x; b: y"),
        ("", {"a": "x"}, "422 No: a: x"),
        ("Not ready: no store.", {"store": "no store"}, "422 No: Not ready: no store."),
        ("Above the quota.", {"a": "x"}, "422 No: Above the quota: a: x"),
        ("So", {"a": "x" * 999}, f"422 No: So: a: {'x' * 196}…"),
    ],
)
def test_a_problem_says_what_is_wrong_and_why(
    meeting: Make, detail: str, errors: dict[str, str], says: str
) -> None:
    faults = [{"name": name, "reason": reason} for name, reason in errors.items()]
    told = {"type": "urn:x", "title": "No", "detail": detail, "errors": faults}
    response = httpx2.Response(422, content=json.dumps(told).encode(), headers=PROBLEM)
    with pytest.raises(ProblemError) as caught:
        meeting(lambda _: response).related(key("asked"))
    assert str(caught.value) == says


@pytest.mark.parametrize("base", ["/sites/nope", "/nope"])
def test_a_base_url_that_is_wrong_is_no_story_that_is_not_found(address: str, base: str) -> None:
    with TestClient(create_app(Settings(store=address))) as inside:
        client = Client(f"http://service.test{base}", transport=inside._transport)
        with client, pytest.raises(ProblemError, match="404") as caught:
            client.related(key("asked"))
    assert type(caught.value) is ProblemError


@pytest.mark.parametrize(
    ("status", "error", "type_"),
    [
        (401, Unauthorized, "unauthorized"),
        (403, Forbidden, "forbidden"),
        (404, NotFound, "unknown-story"),
        (404, NotFound, "model-not-found"),
        (404, ProblemError, "not-found"),
    ],
)
def test_problems_have_classes_of_their_own(meeting: Make, status: int, error: Any, type_: str) -> None:
    told = {"type": f"urn:recommender:error:{type_}", "title": "No", "status": status, "detail": "so"}
    content = httpx2.Response(status, json=told).content
    response = httpx2.Response(status, content=content, headers=PROBLEM)
    with pytest.raises(error, match=f"^{status} No: so$") as caught:
        meeting(lambda _: response).related(key("asked"))
    assert isinstance(caught.value, ClientError)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("status", "title"),
    [(404, "Not Found"), (301, "Moved Permanently"), (418, "I'm a Teapot"), (599, "Unknown")],
)
def test_who_else_says_no_says_nothing_of_stories(meeting: Make, status: int, title: str) -> None:
    response = httpx2.Response(status, html="<h1>No</h1>", headers={"Location": "http://other.test/"})
    with pytest.raises(ProblemError) as caught:
        meeting(lambda _: response).related(key("asked"))
    assert type(caught.value) is ProblemError
    assert (caught.value.status, caught.value.type, caught.value.title) == (status, "about:blank", title)


# Again


def failing(*outcomes: int | Exception, **headers: str) -> tuple[Answer, list[httpx2.Request]]:
    """Fail in these ways, one after the other, and then save what is sent."""
    left, seen = list(outcomes), list[httpx2.Request]()

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if not left:
            return saved(request) if request.method == "POST" else httpx2.Response(204)
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return httpx2.Response(outcome, headers=headers)

    return answer, seen


STORIES = [{"webUrl": key("a")}]


@pytest.mark.parametrize(
    "outcome",
    [429, 502, 503, 504, httpx2.ConnectError("x"), httpx2.ReadTimeout("x"), httpx2.RemoteProtocolError("x")],
)
def test_what_passes_is_tried_again(meeting: Make, clock: Clock, outcome: int | Exception) -> None:
    answer, seen = failing(outcome, outcome, outcome)
    assert meeting(answer).publish(STORIES).new == 1
    assert len(seen) == 4
    assert len({request.content for request in seen}) == 1
    assert len(clock.waits) == 3
    assert all(0 <= wait <= FIRST * 2**place for place, wait in enumerate(clock.waits))


@pytest.mark.parametrize("name", ["undo", "count"])
@pytest.mark.parametrize("outcome", [503, httpx2.ReadTimeout("x")])
def test_what_would_happen_twice_is_sent_once(
    meeting: Make, clock: Clock, outcome: int | Exception, name: str
) -> None:
    answer, seen = failing(outcome)
    with pytest.raises(ClientError):
        getattr(meeting(answer), name)(key("a") if name == "undo" else [{}])
    assert (len(seen), clock.waits) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422, 500, 501])
def test_what_does_not_pass_is_not(meeting: Make, clock: Clock, status: int) -> None:
    answer, seen = failing(status)
    with pytest.raises(ProblemError):
        meeting(answer).publish(STORIES)
    assert (len(seen), clock.waits) == (1, [])


def test_retries_end(meeting: Make, clock: Clock) -> None:
    answer, seen = failing(*[502] * 9)
    with pytest.raises(ProblemError, match=r"^502 Bad Gateway$"):
        meeting(answer, retries=2).publish(STORIES)
    assert len(seen) == 3
    answer, seen = failing(httpx2.ConnectError("refused"))
    with pytest.raises(
        Unreachable, match=r"^POST /articles: no answer to 1 attempt in 0\.0 s: ConnectError: refused$"
    ):
        meeting(answer, retries=0).publish(STORIES)


def test_waits_are_drawn_from_bounds_that_double_and_end(meeting: Make, clock: Clock) -> None:
    answer, _ = failing(*[502] * 2_000)
    with pytest.raises(ProblemError):
        meeting(answer, retries=1_500, deadline=1e9).publish(STORIES)
    assert all(wait <= min(LONGEST, FIRST * 2 ** min(place, 20)) for place, wait in enumerate(clock.waits))
    late = clock.waits[10:]
    assert max(late) > LONGEST * 0.8
    assert min(late) < LONGEST * 0.2


def test_the_service_says_when_to_come_again(meeting: Make, clock: Clock) -> None:
    answer, _ = failing(503, **{"Retry-After": "5"})
    assert meeting(answer).publish(STORIES).new == 1
    assert 5 <= clock.waits[0] <= 5 + FIRST
    answer, seen = failing(503, **{"Retry-After": "60"})
    with pytest.raises(ProblemError, match="503"):
        meeting(answer).publish(STORIES)
    assert len(seen) == 1, "the deadline would pass before"


def test_when_to_come_again_is_read_as_seconds_or_a_date() -> None:
    def read(told: str) -> float:
        return retry_after(httpx2.Response(503, headers={"Retry-After": told}))

    later = datetime.now(UTC) + timedelta(seconds=60)
    assert 55 < read(format_datetime(later, usegmt=True)) <= 60
    assert read(format_datetime(later - timedelta(days=1), usegmt=True)) == 0
    assert [read(told) for told in ("7", "", "soon", "-1", "9" * 400)] == [7, 0, 0, 0, 0]
    assert read(f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT") == 0
    assert retry_after(httpx2.Response(503)) == 0


def test_an_attempt_takes_no_longer_than_is_left(meeting: Make, clock: Clock) -> None:
    timeouts = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        timeouts.append(request.extensions["timeout"]["read"])
        clock.now += 7
        raise httpx2.ReadTimeout("x")

    with pytest.raises(Unreachable, match="no answer to 3 attempts"):
        meeting(answer, timeout=10, deadline=20, retries=9).publish(STORIES)
    assert timeouts[0] == 10
    assert timeouts[2] <= 6


def test_a_story_that_is_gone_after_a_failure_was_taken_back(meeting: Make) -> None:
    def gone(before: list[Exception], **told: Any) -> Answer:
        def answer(_: httpx2.Request) -> httpx2.Response:
            if before:
                raise before.pop()
            return httpx2.Response(404, **told)

        return answer

    unknown = {"content": b'{"type": "urn:recommender:error:unknown-story"}', "headers": PROBLEM}
    meeting(gone([httpx2.ReadTimeout("x")], **unknown)).remove(key("a"))
    with pytest.raises(NotFound, match="404"):
        meeting(gone([], **unknown)).remove(key("a"))
    with pytest.raises(ProblemError, match="404 Not Found"):  # of somebody between, it says nothing
        meeting(gone([httpx2.ReadTimeout("x")])).remove(key("a"))


@pytest.mark.parametrize("stories", [["x"], [told("a"), None], {"webUrl": "x"}])
def test_what_is_no_story_is_not_sent(meeting: Make, stories: Any) -> None:
    with pytest.raises(TypeError, match=r"stories\[[01]\] is of type \w+: expected a mapping"):
        meeting(lambda _: httpx2.Response(500)).publish(stories)


def test_an_error_ends_what_is_published_after_the_parts_before(meeting: Make) -> None:
    sizes = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sizes.append(len(json.loads(request.content)))
        return saved(request) if len(sizes) == 1 else httpx2.Response(401)

    with pytest.raises(ProblemError):
        meeting(answer).publish({"webUrl": key("a")} for _ in range(1_500))
    assert sizes == [500, 500]


# The two


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("wrong", [{"retries": -1}, {"timeout": 0}, {"deadline": 0}])
def test_a_client_that_cannot_be(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="have to be"):
        kind("http://service.test", **wrong)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "url",
    ["service.test", "", "http://h:x", "http://[::1", "http://h\n", "http://é..x", "http://", "http://."],
)
def test_an_address_where_no_service_can_be(kind: Any, url: str) -> None:
    with pytest.raises(ValueError, match="is not where a service is: ") as caught:
        kind(url)
    assert str(caught.value).startswith(repr(url))


def test_what_is_longer_than_an_address_can_be_is_not_sent(meeting: Make) -> None:
    with pytest.raises(ValueError, match=r"^GET /related: this cannot be asked: .*too long"):
        meeting(lambda _: httpx2.Response(500)).related(key("asked"), exclude=[key("x" * 70_000)])


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "given", ["rec_secret\nX-Other: 1", "rec_secret\0", "rec_sécret", "rec_secret…", " \n"]
)
def test_a_key_that_cannot_be_is_refused_and_not_told(kind: Any, given: str) -> None:
    with pytest.raises(ValueError, match=r"^key ") as caught:
        kind("http://service.test", given)
    assert "rec_" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_whitespace_around_a_key_is_left_out(meeting: Make) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["x-api-key"] == "rec_secret"
        return httpx2.Response(204)

    meeting(answer, key=" rec_secret\r\n").remove(key("a"))


def test_both_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, Any]:
        found = {name: each for name, each in vars(kind).items() if not name.startswith("_")}
        return {name: inspect.signature(each) for name, each in found.items()}

    assert methods(Client) == methods(AsyncClient)
    assert all(inspect.iscoroutinefunction(getattr(AsyncClient, name)) for name in methods(Client))
    names = set(inspect.signature(Client).parameters)
    assert names == set(inspect.signature(AsyncClient).parameters)


def test_the_client_loads_nothing_heavy() -> None:
    heavy = {"numpy", "sqlalchemy", "fastapi", "starlette", "scipy", "sklearn"}
    told = (
        "import recommender.client, sys; "
        "print(sorted(name for name in sys.modules if name.startswith('recommender.') "
        f"and not name.startswith('recommender.client')), sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert done.stdout == "[] []\n"


def test_without_httpx2_it_says_what_to_install() -> None:
    told = "import sys; sys.modules['httpx2'] = None; import recommender.client"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert re.search(r"ImportError: .*recommender\[client\]", done.stderr)
