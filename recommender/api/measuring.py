"""How long requests take and how they end, counted as they are answered.

::

    request ──► Request, around ``send`` ──► answer ──► Requests: a bisect, and two additions

Plain numbers: what Prometheus makes of them is made when it asks (``collecting``).
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.types import Message, Send

BUCKETS: Final = (
    *(0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Seconds up to which answers are counted together: from an answer that is kept to one nobody waits for."""

OTHER: Final = "other"
"""The route of paths that are none, and the method of those that nobody registered: readers make up both."""

_METHODS: Final = frozenset(("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))


Kind: TypeAlias = tuple[str, str, int]
"""Method, route, and status; 0 where no answer began."""


class Request:
    """One request on its way: what its answer is sent by, and what became of it.

    ``status`` is 0 until an answer begins, and stays so where none does.
    """

    __slots__ = ("_send", "began", "status")

    def __init__(self, send: Send, began: float) -> None:
        self._send = send
        self.began = began
        self.status = 0

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        return self._send(message)


class Timed:
    """Requests of one kind: how many took up to each of ``BUCKETS``, or longer, and their seconds in all."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0


class Requests:
    """The requests of one application, by method, route and status; for one event loop.

    ``refused`` counts, by the error's name, the models that could not be read.
    ``clock`` gives seconds, and only goes on.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.refused: Counter[str] = Counter()
        self._timed: dict[Kind, Timed] = {}

    def begin(self, send: Send) -> Request:
        """Note that a request came."""
        return Request(send, self._clock())

    def end(self, request: Request, method: str, route: str) -> None:
        """Count a request that was answered, or could not be."""
        seconds = self._clock() - request.began
        kind = method if method in _METHODS else OTHER, route, request.status
        timed = self._timed.get(kind) or self._timed.setdefault(kind, Timed())
        timed.counts[bisect_left(BUCKETS, seconds)] += 1
        timed.seconds += seconds

    def timed(self) -> list[tuple[Kind, Timed]]:
        """Give what was counted, by kind; for any thread."""
        return list(self._timed.items())
