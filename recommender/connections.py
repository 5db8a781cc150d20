"""Connections that keep the server waiting, or send without end: each state has a deadline, and is cut off.

::

    connected ──► headers ──► body ──► answer ──► read by the other side ──► closed, or the next headers
               10 s, 64 KB    60 s      the route's        60 s

uvicorn itself waits for a request that began for as long as one sends
nothing.  A request that comes in one piece, as those of readers do, costs no
timer here: only what is not whole when a piece has been read is waited for.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, ClassVar, Final

import orjson
from httptools import HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recommender.api import measuring, problems, transport


class _Nowhere(list[tuple[bytes, bytes]]):
    """Where fields go that come after a body: who asks has said all when its headers are complete."""

    def append(self, _: tuple[bytes, bytes]) -> None:
        """Keep nothing."""


_NOWHERE: Final = _Nowhere()

_IDS: Final = measuring.ids()


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with deadlines; those for tests are set in a class of their own.

    ``headers_within`` are the seconds from a connection, or the first byte of a
    later request, to complete headers; ``body_within`` those to the end of its
    body; ``sent_within`` those that the other side may take none of an answer.
    ``longest`` are about the bytes of headers, ``left_over`` those of a body
    that are read, to be thrown away, after its request was answered, and those
    around a body that is wanted: what chunks and trailers say beside it.
    """

    headers_within: ClassVar[float] = 10.0
    body_within: ClassVar[float] = 60.0
    sent_within: ClassVar[float] = 60.0
    longest: ClassVar[int] = 65_536
    left_over: ClassVar[int] = 1_000_000

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._awaited: object = None  # whose body; None for headers
        self._taken = 0
        self._piece = self._again = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._come()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read a piece; what is not whole with it has a deadline."""
        self._piece = data
        super().data_received(data)
        while self._again:
            self._piece, self._again = self._again, b""
            super().data_received(self._piece)
        cycle = self.cycle
        if cycle is not None and not (cycle.more_body or cycle.response_complete):  # type: ignore[redundant-expr]
            if self._deadline is not None:
                self._come()
        elif not self.transport.is_closing():
            self._follow(len(data))

    def on_headers_complete(self) -> None:
        """Begin a request, to whose headers none are added by what follows."""
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = _NOWHERE

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; how much of it is for the application to say."""
        if not self.cycle.response_complete:
            self._taken -= len(body)
        super().on_body(body)

    def _should_upgrade(self) -> bool:
        return self.parser.get_method() != b"CONNECT"

    def handle_websocket_upgrade(self) -> None:
        """Read a request that asks for another protocol again, as one that does not: none is spoken here.

        The parser takes what follows such headers for that protocol, and so
        the request's own body for another request.
        """
        asked = sys.exception()
        assert isinstance(asked, HttpParserUpgrade)  # noqa: S101  (uvicorn calls this where it is raised)
        line = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        kept = (b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        self._again = b"%b%b\r\n%b" % (line, b"".join(kept), self._piece[asked.args[0] :])

    def on_response_complete(self) -> None:
        """Give the other side time to read what it was answered last, and no more than that."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._stall()

    def timeout_keep_alive_handler(self) -> None:
        """Close where no further request came; what is still to be sent has its deadline."""
        self._close()

    def pause_writing(self) -> None:
        """Wait until the other side has read."""
        super().pause_writing()
        self._stall()

    def resume_writing(self) -> None:
        """Go on: it has read."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Answer what is no HTTP, in the shape of all errors."""
        self._refuse(HTTPStatus.BAD_REQUEST, "What was sent is no HTTP request that is understood here.")

    def _follow(self, size: int) -> None:
        """Wait for what is not whole: ``size`` bytes more have come of it."""
        cycle = self.cycle
        answered = cycle is None or cycle.response_complete  # type: ignore[redundant-expr]
        awaited = None if answered else cycle
        if self._deadline is None or awaited is not self._awaited:
            self._wait(awaited)
        self._taken += size
        if not answered:
            if self._taken > self.left_over:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"More than {self.left_over} bytes around a body.",
                )
        elif cycle is not None and cycle.more_body:  # type: ignore[redundant-expr]
            if self._taken > self.left_over:
                self._close()
        elif self._taken > self.longest:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"More than {self.longest} bytes of headers."
            )

    def _wait(self, awaited: object) -> None:
        self._come()
        self._awaited = awaited
        within = self.headers_within if awaited is None else self.body_within
        self._deadline = self.loop.call_later(within, self._late)

    def _come(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._taken = 0

    def _late(self) -> None:
        """End what did not come in time; who sent nothing at all is told nothing."""
        cycle = self.cycle
        if self._awaited is None:
            begun = self._taken > 0 and (cycle is None or not cycle.more_body)  # type: ignore[redundant-expr]
        else:
            begun = not cycle.response_started
        if begun and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in time.")
        else:
            self._close()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer beneath the application, and close."""
        body = orjson.dumps(problems.document(status, status.phrase.lower().replace(" ", "-"), detail))
        headers = (
            (b"content-type", problems.MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *transport.HEADERS,
            (measuring.HEADER, measuring.given(self._told) or next(_IDS)),
            (b"connection", b"close"),
        )
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), lines, body))
        self._close()

    @property
    def _told(self) -> Iterable[tuple[bytes, bytes]]:
        """The headers of what is refused, as far as they came."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:  # type: ignore[redundant-expr]
            return self.headers or ()
        return cycle.scope["headers"]

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
            self._stall()

    def _stall(self) -> None:
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.sent_within, self.transport.abort)
