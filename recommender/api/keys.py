"""Who may write: API keys in the header ``X-API-Key``, each made for some scopes.

A route that writes depends on it::

    def put(key: Annotated[Key, Depends(may("curate"))], ...) -> Response:

The key is looked for in one of the server's threads.  A body that FastAPI reads
for a parameter is read before; one that the route reads itself is not taken
from who has no key.  What describes the API says of such a route that it needs
one, and ``schemas.problems_of(401, 403)`` describes the two errors.

``may_lately`` is for a route that is asked as often as pages are read, with a
key that stands in them: how often is limited by address alone.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Security
from fastapi.security import APIKeyHeader, APIKeyQuery
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from recommender.api.limiting import Limits
from recommender.api.opening import Opening
from recommender.api.routes import service_of
from recommender.errors import Forbidden, Unauthorized
from recommender.store import Key

_HEADER = APIKeyHeader(
    name="X-API-Key",
    scheme_name="key",
    description="A key that `recommender keys add` made for the scope of the route.",
    auto_error=False,
)
_QUERY = APIKeyQuery(
    name="key",
    scheme_name="keyInQuery",
    description="The same key, for who can set no header, such as a browser's `sendBeacon`.",
    auto_error=False,
)

KEEPS: Final = 10.0
"""Seconds that a key counts as found, at most: one that is revoked is good for so long."""


class Keyring:
    """Keys found lately: what comes with every page that is read costs no read of the store each time.

    Those that were found are kept, which are few.  ``clock`` gives seconds,
    and only goes on.
    """

    def __init__(self, opening: Opening, clock: Callable[[], float] = time.monotonic) -> None:
        self._opening = opening
        self._clock = clock
        self._found: dict[str, tuple[Key, float]] = {}

    async def find(self, secret: str) -> Key | None:
        """Find a key as ``Keys.find`` does, or did lately."""
        now = self._clock()
        kept = self._found.get(secret)
        if kept is not None and now < kept[1]:
            return kept[0]
        key = await run_in_threadpool(lambda: self._opening().store.keys.find(secret))
        if key is None:
            self._found.pop(secret, None)
        else:
            self._found[secret] = key, now + KEEPS
        return key


def may(scope: str) -> Callable[..., Key]:
    """Make a dependency of routes that only a key with this scope, or ``admin``, may use.

    It gives the key.  Raises Unauthorized without a key, or with one that is
    none, and Forbidden for a key of other scopes.
    """

    def allowed(request: Request, given: Annotated[str | None, Security(_HEADER)]) -> Key:
        key = checked(service_of(request).store.keys.find(given) if given else None, scope)
        limits: Limits = request.app.state.limits
        limits.key(key.id, writes=True)
        return key

    return allowed


def may_lately(scope: str) -> Callable[..., Awaitable[Key]]:
    """Make a dependency as ``may`` does, that takes a key as ``?key=`` too, and looks it up now and then."""

    async def allowed(
        request: Request,
        header: Annotated[str | None, Security(_HEADER)],
        query: Annotated[str | None, Security(_QUERY)],
    ) -> Key:
        keyring: Keyring = request.app.state.keyring
        given = header or query
        return checked(await keyring.find(given) if given else None, scope, "X-API-Key, or ?key=,")

    return allowed


def checked(key: Key | None, scope: str, where: str = "X-API-Key") -> Key:
    """Give a key that was found, if it is for this scope; raises Unauthorized and Forbidden."""
    if key is None:
        # Which of the two it was is not said of keys that are revoked, or nearly right.
        raise Unauthorized(f"{where} has to be a key that is known here, and was not revoked")
    if not key.may(scope):
        raise Forbidden(f"the key {key.prefix}… was not made for {scope!r}")
    return key
