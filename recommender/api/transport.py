"""What every response has in common, whichever route or error handler made it."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Send

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""The security headers.

What is answered is data: nothing of it runs, is shown in a frame, or is loaded
by a page of another origin as a picture or a script; which origins may read it
is CORS' to say.  A page, and what pages are to load, says something else itself.
"""


def secured(send: Send) -> Send:
    """Add the security headers to a response that does not set them itself."""

    async def send_secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message.get("headers", ())
            names = {name.lower() for name, _ in given}
            message = {**message, "headers": [*given, *(one for one in HEADERS if one[0] not in names)]}
        await send(message)

    return send_secured


def private(send: Send) -> Send:
    """Let none but who asked keep a response: it is not for all."""

    async def send_private(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, value.replace(b"public", b"private") if name == b"cache-control" else value)
                for name, value in message.get("headers", ())
            ]
            message = {**message, "headers": [*headers, (b"vary", b"X-API-Key")]}
        await send(message)

    return send_private


def without_body(send: Send) -> Send:
    """Turn the response to a GET into that to a HEAD: the same headers, no body."""

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_headers
