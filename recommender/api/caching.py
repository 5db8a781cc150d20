"""How long an answer keeps, and when it need not be sent again."""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from math import inf
from typing import Final, TypeAlias

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

STALE: Final = _DAY
"""Seconds for which an answer is better than an error: by whoever kept it, while its store is away."""

_STALE_KEEPS: Final = 5
"""Seconds that an answer keeps which is given because its store is away."""

_TAG: Final = re.compile(rb'"[^"]*"')
_JSON: Final = (b"content-type", b"application/json")
_AWAY: Final = (b"cache-status", b"recommender; hit; detail=store-unavailable")
"""How RFC 9211 has a cache tell why an answer is not of now."""

_Header: TypeAlias = tuple[bytes, bytes]


def max_age(age: float | None) -> int:
    """Return for how many seconds the answer about a story of that age, in seconds, may be kept."""
    if age is None:
        return _KEEPS_UNDATED
    return next((keeps for limit, keeps in _KEEPS if age < limit), _KEEPS_OLD)


class Answered(Response):
    """JSON about a story, with how long it keeps; 304 for a reader who has just these bytes.

    Any number of requests can be answered with it.  It holds bytes and next to
    nothing that Python's collector would go through: thousands are kept.
    ``until`` is for who keeps it, to note how long.
    """

    __slots__ = ("_kept", "_tag", "body", "until")

    def __init__(self, body: bytes, age: float | None, *, ranked: bool = True) -> None:
        """Tag the answer about a story of that age (seconds, ``None`` if unknown).

        Without a list (``ranked``) it keeps only for a moment, whatever the age.
        """
        self.body = body
        self.until = inf
        self._tag = b'"%b"' % blake2b(body, digest_size=16).hexdigest().encode()
        self._kept = _kept(max_age(age) if ranked else _KEEPS_UNRANKED)

    def stale(self, age: float) -> Answered:
        """Make the same answer, which says that it was made ``age`` seconds ago, and is not of now."""
        again, seconds = Answered(bytes(self.body), None), int(age)
        # Caches count from the age.
        keeps = b"cache-control", control(seconds + _STALE_KEEPS).encode()
        again._kept = (keeps, (b"age", b"%d" % seconds), _AWAY)
        return again

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request; nothing has to be added on the way."""
        status, body = 200, self.body
        validators = [(b"etag", self._tag), *self._kept]
        headers = [*validators, (b"content-length", b"%d" % len(body)), _JSON, *HEADERS]
        conditions = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if conditions and _has(b",".join(conditions), self._tag):
            status, headers, body = 304, [*validators, *HEADERS], b""
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def control(keeps: int) -> str:
    """Write for how many seconds an answer may be kept, and for how many instead of an error."""
    return f"public, max-age={keeps}, stale-if-error={STALE}"


@cache
def _kept(keeps: int) -> tuple[_Header, ...]:
    return ((b"cache-control", control(keeps).encode()),)


def _has(condition: bytes, etag: bytes) -> bool:
    """Compare weakly, as RFC 9110 (13.1.2) wants for ``If-None-Match``: ``W/`` makes no difference."""
    return condition.strip() == b"*" or etag in _TAG.findall(condition)
