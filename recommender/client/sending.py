"""What is sent: what all requests of a client have, and one of them, in the words of httpx2."""

from __future__ import annotations

from typing import Any, Final

import httpx2

import recommender
from recommender.client.calls import Call

_AGENT: Final = f"recommender-client/{recommender.__version__}"


def described(url: str, key: str | None) -> dict[str, Any]:
    """Say what every request of a client has; raises ValueError for what cannot be."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is not where a service is: it has to begin with http:// or https://")
    try:
        host = httpx2.URL(url).host
    except httpx2.InvalidURL as error:
        raise ValueError(f"{url!r} is not where a service is: {error}") from error
    if not host.strip("."):
        raise ValueError(f"{url!r} is not where a service is: there is no host after http:// or https://")
    keyed = {} if key is None else {"X-API-Key": _checked(key)}
    return {"base_url": url, "headers": {"User-Agent": _AGENT, "Accept": "application/json"} | keyed}


def _checked(key: str) -> str:
    key = key.strip()
    if not (key and key.isascii() and key.isprintable()):  # and it is not repeated
        raise ValueError("key is empty or not of printable ASCII: expected an API key, or None for none")
    return key


def prepared(call: Call[Any], timeout: float) -> dict[str, Any]:
    """Say what a request has; raises ValueError where its URL is longer than can be sent."""
    said = (
        {} if call.body is None else {"content": call.body, "headers": {"Content-Type": "application/json"}}
    )
    try:
        url = httpx2.URL(call.path, params=call.query)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{call.method} /{call.path}: this cannot be asked: {error}") from error
    return {"method": call.method, "url": url, "timeout": timeout} | said
