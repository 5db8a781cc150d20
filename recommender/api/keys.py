"""Who may write: API keys in the header ``X-API-Key``, each made for some scopes.

A route that writes depends on it::

    def put(key: Annotated[Key, Depends(may("curate"))], ...) -> Response:

The key is looked for in one of the server's threads.  A body that FastAPI reads
for a parameter is read before; one that the route reads itself is not taken
from who has no key.  What describes the API says of such a route that it needs
one, and ``schemas.problems_of(401, 403)`` describes the two errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader
from starlette.requests import Request

from recommender.api.routes import service_of
from recommender.errors import Forbidden, Unauthorized
from recommender.store import Key

_HEADER = APIKeyHeader(
    name="X-API-Key",
    scheme_name="key",
    description="A key that `recommender keys add` made for the scope of the route.",
    auto_error=False,
)


def may(scope: str) -> Callable[..., Key]:
    """Make a dependency of routes that only a key with this scope, or ``admin``, may use.

    It gives the key.  Raises Unauthorized without a key, or with one that is
    none, and Forbidden for a key of other scopes.
    """

    def allowed(request: Request, given: Annotated[str | None, Security(_HEADER)]) -> Key:
        key = service_of(request).store.keys.find(given) if given else None
        if key is None:
            # Which of the two it was is not said of keys that are revoked, or nearly right.
            raise Unauthorized("X-API-Key has to be a key that is known here, and was not revoked")
        if not key.may(scope):
            raise Forbidden(f"the key {key.prefix}… was not made for {scope!r}")
        return key

    return allowed
