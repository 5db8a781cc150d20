"""What `serving.py` compares with: servers that answer a constant body of `SIZE` bytes, whatever is asked."""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI, Response

BODY = b'"' + b"x" * (int(os.environ.get("SIZE", "2")) - 2) + b'"'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]

app = FastAPI()


@app.get("/function")
def function(url: str) -> Response:  # noqa: ARG001  (read, like that of GET /related, and of no use)
    """Answer from the server's threads, as a route does that may wait for a database."""
    return Response(BODY, media_type="application/json")


@app.get("/coroutine")
async def coroutine() -> Response:
    """Answer from the event loop, without a parameter: FastAPI can do no less."""
    return Response(BODY, media_type="application/json")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answer with no framework at all."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
