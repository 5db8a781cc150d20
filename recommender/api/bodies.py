"""How much of a request's body is read: ahead of all routes, none of which is handed more than it takes.

What says beforehand that it is too large is not read at all, and what comes
in pieces no further than the piece that makes it too large.
"""

from __future__ import annotations

from typing import Final

from fastapi import HTTPException
from starlette.types import Message, Receive, Scope

MOST: Final = 65_536
"""Bytes of a body at most, where no more is said; a browser's ``sendBeacon`` sends no more."""

LARGER: Final = {"/articles": 5_000_000, "/related/batch": 2_500_000, "/related": 1_000_000}
"""Bytes of a body at most, by path: 500 stories, 1,000 URLs, a draft."""

_DIGITS: Final = 18
"""Digits of a length that are read: more would be slow to read, and are as much too large."""


class ContentTooLarge(HTTPException):
    """A body is larger than is read.

    An HTTPException, since FastAPI takes any other error, where it reads a body, for one of the body.
    """

    def __init__(self, most: int) -> None:
        size = f"{most / 1e6:g} MB" if most >= 1e6 else f"{most // 1024} KB"
        super().__init__(413, f"A body of more than {size} is not read; send it in parts.")


def limited(scope: Scope, receive: Receive) -> Receive:
    """Receive the body of a request, as far as it is read.

    Raises ContentTooLarge for one that says that it is larger, and so does
    what is returned where more comes.
    """
    most = LARGER.get(scope["path"], MOST)
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:_DIGITS]) > most:
            raise ContentTooLarge(most)
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise ContentTooLarge(most)
        return message

    return receive_limited
