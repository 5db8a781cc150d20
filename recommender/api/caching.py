"""How long an answer keeps, and when it need not be sent again."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

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


def cacheable(request: Request, body: bytes, age: float | None, *, ranked: bool = True) -> Response:
    """Answer with JSON about a story of that age (seconds), or with 304 if the reader has just this body.

    Without a list (``ranked``) the answer keeps only for a moment, whatever the age.
    """
    etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={max_age(age) if ranked else _KEEPS_UNRANKED}",
    }
    if _has(request.headers.getlist("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _has(conditions: list[str], etag: str) -> bool:
    """Compare weakly, as RFC 9110 (13.1.2) wants for ``If-None-Match``: ``W/`` makes no difference."""
    condition = ",".join(conditions)
    return condition.strip() == "*" or etag in _TAG.findall(condition)
