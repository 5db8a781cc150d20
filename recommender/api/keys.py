"""Who may write: a request's ``X-API-Key``.  No key is known yet, so nobody may."""

from __future__ import annotations

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request


def may(scope: str) -> Callable[[Request], None]:
    """Make the dependency of a route that takes a key for ``scope``; without one the answer is 401."""

    def check(_: Request) -> None:
        raise HTTPException(401, headers={"WWW-Authenticate": f'X-API-Key realm="{scope}"'})

    return check
