"""Requests as they are answered: their ids, how long they take and how they end.

::

    request ──► Request, around ``send`` ──► answer ──► Requests: a bisect, and two additions

An id is the one that a proxy gave, if it looks like one, or else new; it is in
the answer, and in all that is logged on the way.  What is counted are plain
numbers: what Prometheus makes of them is made when it asks (``collecting``).
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import count
from typing import Final, TypeAlias
from urllib.parse import unquote_plus

from starlette.types import Message, Scope, Send

from recommender.logs import ACCESS, request_id

HEADER: Final = b"x-request-id"

BUCKETS: Final = (
    *(0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Seconds up to which answers are counted together: from an answer that is kept to one nobody waits for."""

OTHER: Final = "other"
"""The route of paths that are none, and the method of those that nobody registered: readers make up both."""

_SANE: Final = re.compile(rb"[!-~]{1,128}")
"""Ids that are taken from a request: what can be printed, and not much of it."""

_METHODS: Final = frozenset(("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))

_access = logging.getLogger(ACCESS)


Kind: TypeAlias = tuple[str, str, int]
"""Method, route, and status; 0 where no answer began."""


class Request:
    """One request on its way: its id, what its answer is sent by, and what became of it.

    ``status`` is 0 until an answer begins, and stays so where none does.
    """

    __slots__ = ("_send", "began", "id", "status")

    def __init__(self, send: Send, began: float, id_: bytes) -> None:
        self._send = send
        self.began = began
        self.id = id_
        self.status = 0

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # A list of its own: one answer may be given to many.
            message["headers"] = [*message.get("headers", ()), (HEADER, self.id)]
        return self._send(message)


def given(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Find the id that a request came with."""
    for name, value in headers:
        if name == HEADER and _SANE.fullmatch(value):
            return value
    return None


def ids() -> Iterator[bytes]:
    """Make ids, told apart from those of other processes, and of this one's earlier lives."""
    return map(f"{secrets.token_hex(4)}-%x".encode().__mod__, count(1))


class Timed:
    """Requests of one kind: how many took up to each of ``BUCKETS``, or longer, and their seconds in all."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0


class Requests:
    """The requests of one application, by method, route and status; for one event loop.

    With ``access`` each is logged.  ``refused`` counts, by the error's name, the
    models that could not be read.  ``clock`` gives seconds, and only goes on.
    """

    def __init__(self, *, access: bool = False, clock: Callable[[], float] = time.perf_counter) -> None:
        self._access = access
        self._clock = clock
        self._ids = ids()
        self.refused: Counter[str] = Counter()
        self._timed: dict[Kind, Timed] = {}

    def begin(self, scope: Scope, send: Send) -> Request:
        """Note that a request came."""
        id_ = given(scope["headers"]) or next(self._ids)
        request_id.set(id_)
        return Request(send, self._clock(), id_)

    def end(self, request: Request, scope: Scope, route: str) -> None:
        """Count a request that was answered, or could not be."""
        method = scope["method"]
        seconds = self._clock() - request.began
        kind = method if method in _METHODS else OTHER, route, request.status
        timed = self._timed.get(kind) or self._timed.setdefault(kind, Timed())
        timed.counts[bisect_left(BUCKETS, seconds)] += 1
        timed.seconds += seconds
        if self._access:
            # As it is understood: a key must be known for one, however its name is written.
            query = unquote_plus(scope["query_string"].decode("latin-1"))
            fields = {
                "method": method,
                "path": f"{scope['path']}?{query}" if query else scope["path"],
                "status": request.status,
                "ms": round(seconds * 1_000, 3),
            }
            _access.info("request", extra={"fields": fields})

    def timed(self) -> list[tuple[Kind, Timed]]:
        """Give what was counted, by kind; for any thread."""
        return list(self._timed.items())
