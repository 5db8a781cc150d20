"""Connections that keep the server waiting are cut off, and nobody else notices: on real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import programs
import pytest
import uvicorn
from stories import document, key, save, story

from recommender.api import create_app
from recommender.api.application import Application
from recommender.api.transport import HEADERS
from recommender.cli import serving
from recommender.connections import Connection
from recommender.settings import Settings
from recommender.store import Store

OPEN = Path("/proc/self/fd")
"""Where Linux lists the open files of a process."""

SOON = 0.5
"""Seconds of every deadline here."""

SLACK = 0.05
"""Seconds that the machine's other work may add to a percentile."""

GET = f"GET /related?url={key('a')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
POST = b"POST /related HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


class Hasty(Connection):
    """The connection, in a hurry."""

    headers_within: ClassVar[float] = SOON
    body_within: ClassVar[float] = SOON
    sent_within: ClassVar[float] = SOON


async def much(scope: Any, receive: Any, send: Any) -> None:
    """Answer 50 MB, in one piece or in many: more than the buffers between two sockets hold."""
    if scope["type"] == "lifespan":
        return
    pieces = 500 if scope["path"] == "/pieces" else 1
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"50000000")]})
    for left in range(pieces, 0, -1):
        body = bytes(50_000_000 // pieces)
        await send({"type": "http.response.body", "body": body, "more_body": left > 1})


@contextmanager
def listening(app: Any, http: type[Connection] = Hasty) -> Iterator[tuple[str, int]]:
    """Serve an application as ``recommender serve`` does, but for its deadlines."""
    how = serving.SERVER | {"app": app, "factory": False, "http": http}
    server = uvicorn.Server(uvicorn.Config(**how))
    with socket.create_server(("127.0.0.1", 0), backlog=2_048) as taken:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            yield taken.getsockname()
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "a connection keeps the server from its end"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """A service with a story."""
    address = f"sqlite:///{tmp_path_factory.mktemp('connections')}/store.sqlite"
    with Store.open(address) as store:
        save(store, document(story("a")), document(story("b")))
    return create_app(Settings(store=address))


@pytest.fixture
def store_key(app: Application) -> str:
    """A key for all, of its store."""
    with Store.open(app.state.settings.store) as store:
        return store.keys.add("x", ["admin"])[1]


@pytest.fixture(scope="module")
def server(app: Application) -> Iterator[tuple[str, int]]:
    """Where it listens."""
    with listening(app) as where:
        yield where


def until_closed(connection: socket.socket) -> bytes:
    """Read until the server closes; fail if it does not."""
    connection.settimeout(20)
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def trickle(connection: socket.socket, what: bytes) -> float:
    """Send byte by byte, often enough to look alive; give how long the server bore it."""
    began = time.monotonic()
    connection.setblocking(False)
    with contextlib.suppress(ConnectionError):
        for byte in what * 1_000:
            try:
                if connection.recv(1, socket.MSG_PEEK) == b"":
                    break
            except BlockingIOError:
                connection.send(bytes([byte]))
            else:
                break
            time.sleep(SOON / 20)
            assert time.monotonic() - began < SOON * 10, "it is borne forever"
    return time.monotonic() - began


def asked(connection: socket.socket) -> int:
    """Ask for a list, and read all of the answer; give its status."""
    connection.sendall(GET)
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def test_a_connection_that_says_nothing_is_closed_without_a_word(server: tuple[str, int]) -> None:
    with socket.create_connection(server) as connection:
        assert until_closed(connection) == b""


@pytest.mark.parametrize(
    ("whole", "slow"),
    [
        (b"GET /related?url=", b"x"),
        (b"GET /related HTTP/1.1\r\n", b"a: b\r\n"),
        (b"", b"\r\n"),
        (POST, b"a: b\r\n"),
        (POST + b"Content-Length: 60000\r\n\r\n", b" "),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["line", "headers", "nothing", "headers-of-a-body", "body", "chunks"],
)
@pytest.mark.parametrize("first", [False, True])
def test_who_sends_slowly_is_cut_off(server: tuple[str, int], whole: bytes, slow: bytes, first: bool) -> None:
    """On a new connection, and on one that was used before."""
    with socket.create_connection(server) as connection:
        if first:
            assert asked(connection) == 200
        connection.sendall(whole)
        assert SOON * 0.8 < trickle(connection, slow) < SOON * 6
        told = until_closed(connection)
    assert told or not whole, "who began is told, on a connection that was used before too"
    if told:
        head, _, body = told.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in head.lower()
        assert json.loads(body)["type"] == "urn:recommender:error:request-timeout"


def test_a_body_that_stops_is_told_of_and_cut_off(server: tuple[str, int]) -> None:
    with socket.create_connection(server) as connection:
        connection.sendall(POST + b"Content-Length: 60000\r\n\r\n{")
        assert until_closed(connection).startswith(b"HTTP/1.1 408 ")


def test_who_is_only_slow_is_answered(server: tuple[str, int]) -> None:
    body = json.dumps({"title": "x"}).encode()
    pieces = [POST[:30], POST[30:] + b"Content-Length: %d\r\n\r\n" % len(body), body[:4], body[4:]]
    with socket.create_connection(server) as connection:
        for _ in range(3):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(SOON / 5)
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert json.loads(response.read())["type"] == "urn:recommender:error:nothing-recomputed"
            time.sleep(SOON * 1.5)  # to be idle between two requests is uvicorn's to end, after 5 s


def test_headers_without_end_are_refused(server: tuple[str, int]) -> None:
    with socket.create_connection(server) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(10_000):
            connection.sendall(b"a: %b\r\n" % (b"b" * 1_000))
    with socket.create_connection(server) as connection:
        connection.sendall(b"GET /related HTTP/1.1\r\na: ".ljust(40_000, b"b"))
        time.sleep(0.1)
        connection.sendall(b"b" * 40_000)
        told = until_closed(connection)
    assert told.startswith(b"HTTP/1.1 431 ")
    assert len(told) < 800


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
     b"\x00" * 100, b"GET /\xff HTTP/1.1\r\n\r\n", b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * 70_000),
     b"POST /related HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     b"POST /related HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_http_is_a_problem_as_all_errors_are(server: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(server) as connection:
        connection.sendall(sent)
        head, _, body = until_closed(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 400
    assert len(body) < 300


@pytest.mark.parametrize(
    ("sent", "status", "own"),
    [
        (b"GET\r\n\r\n", 400, None),
        (GET[:-2] + b"X-Request-Id: mine\r\na", 408, "mine"),
        (POST + b"X-Request-Id: mine\r\nContent-Length: 9\r\n\r\n{", 408, "mine"),
        (POST + b"Content-Length: 9\r\n\r\n{", 408, None),
        (GET[:-2] + b"X-Request-Id: a b\r\na: ".ljust(70_000, b"b"), 431, None),
    ],
    ids=["no http", "headers", "body", "body without", "long"],
)
def test_what_is_refused_beneath_has_the_headers_that_all_answers_have(
    server: tuple[str, int], sent: bytes, status: int, own: str | None
) -> None:
    ids = []
    for _ in range(2):
        with socket.create_connection(server) as connection:
            connection.sendall(sent)
            head, _, body = until_closed(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        told = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert {*HEADERS} <= {*told.items()}
        assert int(told[b"content-length"]) == len(body)
        ids.append(told[b"x-request-id"].decode())
    assert ids == [own, own] if own else len({*ids}) == 2


def test_what_is_no_http_is_not_logged(app: Application, capfd: pytest.CaptureFixture[str]) -> None:
    """Or whoever likes fills a disk with it."""
    upgrade = GET.replace(b"\r\n\r\n", b"\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n\r\n")
    with listening(app) as where:
        for sent in (b"GET\r\n\r\n", upgrade):
            with socket.create_connection(where) as connection:
                connection.sendall(sent)
                assert until_closed(connection)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (POST + b"Content-Length: 50000000\r\n\r\n", b"413"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"413"),
        (GET[:-2] + b"Content-Length: 50000000\r\n\r\n", b"200"),
    ],
    ids=["length", "chunks", "get"],
)
def test_the_rest_of_a_body_that_nobody_wants_is_not_read(
    server: tuple[str, int], asked: bytes, status: bytes
) -> None:
    """50 MB: the answer is there at once, and the connection is closed before they are through."""
    with socket.create_connection(server) as connection:
        connection.sendall(asked)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 50_000_000:
                connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                sent += 65_536
        assert sent < 20_000_000, "what is beyond what the sockets hold was not taken"
        connection.settimeout(5)
        assert connection.recv(100).startswith(b"HTTP/1.1 " + status), "and it can still be read"


def test_after_a_small_body_that_nobody_wanted_the_connection_is_good(server: tuple[str, int]) -> None:
    with socket.create_connection(server) as connection:
        connection.sendall(b"POST /articles HTTP/1.1\r\nContent-Length: 900000\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
        assert response.status == 401
        connection.sendall(b" " * 900_000)
        assert asked(connection) == 200


@pytest.mark.parametrize("asked_for", [b"h2c", b"websocket"])
@pytest.mark.parametrize("length", ["length", "chunks"])
@pytest.mark.parametrize("pause", [0, 0.05])
def test_the_body_of_who_asks_for_another_protocol_is_no_request(
    server: tuple[str, int], asked_for: bytes, length: str, pause: float
) -> None:
    """It is a body: Java's client asks for h2c with whatever it posts, and a proxy may pass that on."""
    body = json.dumps({"title": "x"}).encode()
    head = POST + b"Connection: Upgrade\r\nUpgrade: " + asked_for + b"\r\n"
    for hidden in (body, GET):
        told = (
            b"Content-Length: %d\r\n\r\n%b" % (len(hidden), hidden)
            if length == "length"
            else b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)
        )
        first, _, rest = told.partition(b"\r\n\r\n")
        with socket.create_connection(server) as connection:
            connection.sendall(head + first + b"\r\n\r\n")
            time.sleep(pause)
            connection.sendall(rest)
            response = http.client.HTTPResponse(connection)
            response.begin()
            name = json.loads(response.read())["type"].rpartition(":")[2]
            assert name == ("nothing-recomputed" if hidden == body else "invalid-request")
            assert asked(connection) == 200
            connection.settimeout(0.05)
            with pytest.raises(TimeoutError):
                connection.recv(1)


def test_who_asks_for_another_protocol_many_times_at_once_is_answered_as_often(
    server: tuple[str, int],
) -> None:
    once = GET.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    with socket.create_connection(server) as connection:
        connection.sendall(once * 300 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert until_closed(connection).count(b"HTTP/1.1 200 OK") == 301


def test_what_comes_after_a_body_is_no_header(server: tuple[str, int], store_key: str) -> None:
    """A key, or an address to be limited by, that a proxy has not seen where headers are."""
    sent = b"POST /articles HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%b\r\n2\r\n[]\r\n0\r\n%b\r\n"
    mine = f"X-API-Key: {store_key}\r\n".encode()
    for headers, trailers, status in ((mine, b"", 422), (b"", mine, 401)):
        with socket.create_connection(server) as connection:
            connection.sendall(sent % (headers, trailers))
            response = http.client.HTTPResponse(connection)
            response.begin()
            response.read()
            assert response.status == status
            assert asked(connection) == 200


@pytest.mark.parametrize("endless", [b"0\r\na: ", b"2;"], ids=["trailer", "chunk"])
def test_what_is_around_a_body_has_an_end(server: tuple[str, int], endless: bytes) -> None:
    with socket.create_connection(server) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n" + endless)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 50_000_000:
                connection.sendall(b"b" * 60_000)
                sent += 60_000
        assert sent < 20_000_000, "what is beyond what the sockets hold was not taken"


def test_a_body_in_small_chunks_is_read(server: tuple[str, int]) -> None:
    """900 KB in chunks of 100 bytes: what is around them is far less than they are."""
    body = json.dumps({"title": "x", "excerpt": "x" * 900_000}).encode()
    chunks = (body[at : at + 100] for at in range(0, len(body), 100))
    told = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    with socket.create_connection(server) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + told + b"0\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
        assert response.status in (422, 503), "not 431, nor cut off"


@pytest.mark.parametrize("path", ["/whole", "/pieces"])
@pytest.mark.parametrize("keeps", ["keep-alive", "close"])
def test_who_reads_nothing_of_an_answer_is_cut_off(path: str, keeps: str) -> None:
    before = descriptors()
    with listening(much) as where, socket.create_connection(where) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {keeps}\r\n\r\n".encode())
        time.sleep(SOON * 3)
        # What was on its way arrives; the connection has ended long before all of it was sent.
        assert len(until_closed(connection)) < 45_000_000
    assert descriptors() <= before


def descriptors() -> int:
    return len(list(OPEN.iterdir()))


def p99(server: tuple[str, int]) -> float:
    """Ask 200 times on one connection; give the 99th percentile of the seconds, best of three."""

    def once() -> float:
        took = []
        with socket.create_connection(server) as connection:
            for _ in range(200):
                began = time.perf_counter()
                assert asked(connection) == 200
                took.append(time.perf_counter() - began)
        return sorted(took)[-2]

    return min(once() for _ in range(3))


@pytest.mark.skipif(not OPEN.is_dir(), reason="no /proc to count descriptors in")
def test_a_thousand_idle_connections_hinder_nobody_and_leave_nothing(tmp_path: Path) -> None:
    """In a process of its own: in one, both ends of each would wait for each other at every step."""
    with programs.serving(tmp_path, LIVE="false") as service:

        def descriptors() -> int:
            return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))

        def settle(done: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 30
            while not done():
                assert time.monotonic() < deadline, f"{descriptors()} descriptors are open"
                time.sleep(0.05)

        calm = p99(service.place)
        before = descriptors()
        idle = [socket.create_connection(service.place) for _ in range(1_000)]
        try:
            for connection in idle[::2]:
                connection.sendall(b"GET /related?url=")
            settle(lambda: descriptors() >= before + 1_000)
            busy = p99(service.place)
            assert descriptors() >= before + 1_000, "they were there all the time"
            assert busy < 2 * calm + SLACK
            assert [until_closed(connection) for connection in idle[1::2]] == [b""] * 500
            assert all(until_closed(connection).startswith(b"HTTP/1.1 408") for connection in idle[::2])
        finally:
            for connection in idle:
                connection.close()
        settle(lambda: descriptors() <= before)
        assert p99(service.place) < 2 * calm + SLACK


def test_the_server_is_set_up_so() -> None:
    config = uvicorn.Config(**serving.SERVER)
    config.load()
    assert config.http_protocol_class is Connection
    assert (Connection.headers_within, Connection.body_within, Connection.sent_within) == (10, 60, 60)
    assert config.ws_protocol_class is None
    assert not config.proxy_headers, "whom a request is from is for `proxies` to say, not for the request"


def test_no_answer_names_the_server(server: tuple[str, int]) -> None:
    with socket.create_connection(server) as connection:
        connection.sendall(GET)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.read()
        assert response.headers["server"] is None


def test_a_server_may_have_as_many_open_files_as_the_system_lets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(serving.resource, "setrlimit", lambda *limits: given.append(limits))
    for most, wanted in ((4_096, 4_096), (10**6, 65_536), (serving.resource.RLIM_INFINITY, 65_536)):
        monkeypatch.setattr(serving.resource, "getrlimit", lambda _, most=most: (256, most))
        serving.allow_descriptors()
        assert given.pop() == (serving.resource.RLIMIT_NOFILE, (wanted, most))
