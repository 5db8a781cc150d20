"""How long an answer keeps, and when it need not be sent again."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from recommender.api.transport import HEADERS

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR

_KEEPS: Final = ((6 * _HOUR, _HOUR // 4), (3 * _DAY, _HOUR), (15 * _DAY, 12 * _HOUR))
"""(age a story is under, time its answer keeps), in seconds: today's lists change as stories come in."""

_KEEPS_OLD: Final = 7 * _DAY
_KEEPS_UNDATED: Final = _HOUR
"""Without a date a story may be of today; but most such are not, and an hour spares most of the requests."""

_KEEPS_UNRANKED: Final = 60
"""A story that no recompute has seen has no list yet; it may have one in a minute."""

_TAG: Final = re.compile(r'"[^"]*"')


def max_age(age: float | None) -> int:
    """Return for how many seconds the answer about a story of that age, in seconds, may be kept."""
    if age is None:
        return _KEEPS_UNDATED
    return next((keeps for limit, keeps in _KEEPS if age < limit), _KEEPS_OLD)


class Answered(Response):
    """JSON about a story, with how long it keeps; 304 for a reader who has just these bytes.

    Any number of requests can be answered with it.
    """

    def __init__(self, body: bytes, age: float | None, *, ranked: bool = True) -> None:
        """Tag the answer about a story of that age (seconds, ``None`` if unknown).

        Without a list (``ranked``) it keeps only for a moment, whatever the age.
        """
        self.tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
        keeps = max_age(age) if ranked else _KEEPS_UNRANKED
        self._validators = [
            (b"etag", self.tag.encode()),
            (b"cache-control", b"public, max-age=%d" % keeps),
        ]
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [
            *self._validators,
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            *HEADERS,
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request; nothing has to be added on the way."""
        status, headers, body = 200, self.raw_headers, self.body
        conditions = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if conditions and _has(b",".join(conditions).decode("latin-1"), self.tag):
            status, headers, body = 304, [*self._validators, *HEADERS], b""
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _has(condition: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 (13.1.2) wants for ``If-None-Match``: ``W/`` makes no difference."""
    return condition.strip() == "*" or etag in _TAG.findall(condition)
