"""What is logged: a line a record, with the request it belongs to, and nothing that opens anything."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from stories import document, key, packed, save, story

from recommender import logs
from recommender.api import create_app
from recommender.logs import JSONLines, Lines, request_id
from recommender.settings import Settings
from recommender.store import Store

FORMS = {"text": Lines, "json": JSONLines}


@pytest.fixture(params=sorted(FORMS))
def told(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the program logs in a test, in each form."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMS[request.param]())
    ours = logging.getLogger("recommender")
    access = logging.getLogger(logs.ACCESS)
    ours.addHandler(handler)
    access.setLevel(logging.INFO)
    yield stream
    ours.removeHandler(handler)
    access.setLevel(logging.NOTSET)


@pytest.fixture
def address(tmp_path: Path) -> str:
    """A store of two stories that is served."""
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(url) as store:
        save(store, document(story("a")), document(story("b")))
        store.publish("m", [(1, packed((2, 0.9)))])
    return url


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("recommender.x", logging.WARNING, "x.py", 1, message, args, None)
    made.__dict__.update(more)
    return made


def raised(said: str) -> tuple[object, ...]:
    error = ValueError(said)
    return ValueError, error, error.__traceback__


def test_a_record_is_an_object_on_a_line() -> None:
    made = record("%s is away", "it", fields={"status": 503}, created=1_790_000_000.25)
    line = JSONLines().format(made)
    assert "\n" not in line
    moment = datetime.fromtimestamp(1_790_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.250Z")
    assert json.loads(line) == {
        "time": moment,
        "level": "warning",
        "logger": "recommender.x",
        "message": "it is away",
        "status": 503,
        "process": made.process,
    }
    assert Lines().format(made) == f"{moment} WARNING recommender.x: it is away status=503"


def test_an_error_has_its_traceback_in_its_record() -> None:
    made = record("failed", exc_info=raised("wrong"))
    written = json.loads(JSONLines().format(made))
    assert written["error"] == "ValueError: wrong"
    assert Lines().format(made).endswith("ValueError: wrong")


KEY = "rec_" + "aB3_-" * 8
SECRETS = [
    f"POST /events?key={KEY}&x=1",
    "/events?a=1&key=made%20up1",
    f"headers: [(b'x-api-key', b'{KEY}')]",
    "X-API-Key: hunter2secret",
    "postgresql+psycopg://news:hunter2secret@db.example/news",
    "postgresql://news:hunter2secret@with@ats@db.example/news",
    "postgresql://host/news?user=news&password=hunter2secret",
    "postgresql://news:with/hunter2secret@db.example/news",
    "postgresql://news:with'hunter2secret@db.example/news",
    "connection to host=db user=news password=hunter2secret failed",
    "connection to host=db password='with spaces hunter2secret' failed",
    "{'headers': [(b'x-api-key', b'hunter2secret')]}",
]


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_logged(form: str, secret: str) -> None:
    """Not in a message, what it is made of, a field, or a traceback."""
    made = record("%s", secret, fields={"path": secret}, exc_info=raised(secret))
    line = FORMS[form]().format(made)
    for part in (KEY, "hunter2", "made%20up1", "made up1"):
        assert part not in line
    assert line.count("***") >= 3
    assert "x=1" in line or "x=1" not in secret  # what stands beside it stays


@pytest.mark.parametrize("form", sorted(FORMS))
def test_no_secret_is_logged_for_an_id(form: str) -> None:
    token = request_id.set(KEY.encode())
    try:
        assert KEY not in FORMS[form]().format(record("x"))
    finally:
        request_id.reset(token)


def test_every_answer_has_an_id(address: str) -> None:
    with TestClient(create_app(Settings(store=address)), raise_server_exceptions=False) as client:
        asked = {"url": key("a")}
        first = client.get("/related", params=asked)
        answers = [
            first,
            client.get("/related", params=asked),
            client.get("/related", params=asked, headers={"If-None-Match": first.headers["etag"]}),
            client.head("/related", params=asked),
            client.get("/related"),
            client.get("/related", params={"url": key("none")}),
            client.post("/related", json={"title": "A draft"}),
            client.get("/none"),
            client.get("/health/live"),
            client.get("/"),
        ]
        assert {answer.status_code for answer in answers} == {200, 304, 404, 422, 503}
        ids = [answer.headers.get_list("x-request-id") for answer in answers]
        assert all(len(each) == 1 and re.fullmatch("[0-9a-f]{8}-[0-9a-f]+", each[0]) for each in ids)
        assert len({each[0] for each in ids}) == len(answers)
        # One that is kept is the same answer but for its id.
        again = client.get("/related", params=asked)
        assert dict(again.headers) | {"x-request-id": ""} == dict(first.headers) | {"x-request-id": ""}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("abc-123", True),
        ("~" * 128, True),
        ("", False),
        ("~" * 129, False),
        ("a b", False),
        ("a\tb", False),
        ("é", False),
    ],
)
def test_an_id_that_looks_like_one_is_taken(address: str, given: str, taken: bool) -> None:
    with TestClient(create_app(Settings(store=address))) as client:
        header = {b"X-Request-Id": given.encode("latin-1")}
        answer = client.get("/health/live", headers=header)  # type: ignore[arg-type]
    assert (answer.headers["x-request-id"] == given) is taken


def test_what_goes_wrong_in_a_request_is_logged_with_its_id(tmp_path: Path, told: io.StringIO) -> None:
    """In the event loop, and in a thread."""
    app = create_app(Settings(store=f"sqlite:///{tmp_path}/none.sqlite"))
    with TestClient(app) as client:
        assert "started without a store" in told.getvalue()
        told.truncate(0)
        for number, path in enumerate((f"/related?url={key('a')}", "/search?q=a", "/health/ready")):
            assert client.get(path, headers={"X-Request-Id": f"mine-{number}"}).status_code == 503
    lines = [line for line in told.getvalue().strip("\x00\n").splitlines() if "no such file" in line]
    assert [next(iter(re.findall(r"mine-\d", line)), None) for line in lines] == [
        "mine-0",
        "mine-1",
        "mine-2",
    ]
    assert request_id.get() == b""


def test_requests_are_logged_where_that_is_asked_for(address: str, told: io.StringIO) -> None:
    with TestClient(create_app(Settings(store=address, access_log=True))) as client:
        client.get("/related", params={"url": key("a")}, headers={"X-Request-Id": "mine"})
        client.post(f"/events?key={KEY}", content=b"{}")
        client.post("/events?%6bey=made%20up1", content=b"{}")
        client.get("/a%0Ab?c=%0Ad")
    lines = told.getvalue().splitlines()
    assert len(lines) == 4  # nobody's line end is ours
    assert KEY not in told.getvalue()
    assert "made" not in told.getvalue()
    assert all(part in lines[0] for part in ("mine", "GET", "/related?url=", "200"))
    assert '"ms":' in lines[0] or "ms=" in lines[0]
    if lines[0].startswith("{"):
        first = json.loads(lines[0])
        assert (first["method"], first["status"], first["request"]) == ("GET", 200, "mine")
        assert first["path"] == f"/related?url={key('a')}"


def test_requests_are_not_logged_otherwise(address: str, told: io.StringIO) -> None:
    with TestClient(create_app(Settings(store=address))) as client:
        client.get("/related", params={"url": key("a")})
    assert told.getvalue() == ""
