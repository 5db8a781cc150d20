"""Asking a server for a feed: politely, and without trusting what comes back.

Only what the operator named is fetched, and only by ``recommender feeds poll``:
nothing that answers readers imports this module.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import recommender
from recommender.errors import MissingExtra

if TYPE_CHECKING:
    import httpx2

REDIRECTS: Final = 5
"""Most redirects that are followed."""

WAIT: Final = 10.0
"""Seconds to wait for a connection, and for each piece of an answer."""

DEADLINE: Final = 60.0
"""Seconds after which an answer that still trickles in is given up."""

MOST_BYTES: Final = 5_000_000
"""Largest feed that is taken, unpacked."""

_VALIDATOR: Final = 1_000
"""Characters of a validator that is sent back; longer ones are forgotten."""

_PIECE: Final = 65_536
_MOVED: Final = frozenset((301, 302, 303, 307, 308))

AGENT: Final = f"recommender/{recommender.__version__} (feed reader)"
ACCEPTED: Final = (
    "application/rss+xml, application/atom+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.9, */*;q=0.1"
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered.

    ``body`` is ``None`` where nothing is to be read: with status 304 nothing
    has changed, with any other ``trouble`` says why.  ``status`` is ``None``
    where there was no answer at all.  ``etag`` and ``modified`` are to be sent
    along the next time; ``retry_after`` is in seconds from now.
    """

    status: int | None
    body: bytes | None = None
    etag: str | None = None
    modified: str | None = None
    retry_after: float | None = None
    trouble: str = ""


class _RefusedError(Exception):
    """An answer that is not read to its end."""


class Fetcher:
    """Fetches, with one pool of connections for the length of a ``with`` block.

    Safe to share between threads.  Raises MissingExtra where the HTTP client is not installed.
    """

    def __init__(self, wait: float = WAIT, deadline: float = DEADLINE, most: int = MOST_BYTES) -> None:
        if find_spec("httpx2") is None:
            raise MissingExtra("polling feeds needs httpx2: pip install 'recommender[feeds]'")
        import httpx2

        self._errors = (httpx2.HTTPError, httpx2.InvalidURL)
        self._timeout = httpx2.TimeoutException
        self._client = httpx2.Client(timeout=wait)
        self._deadline, self._most = deadline, most

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def fetch(self, url: str, etag: str | None = None, modified: str | None = None) -> Fetched:
        """Get ``url`` if it changed since ``etag`` and ``modified`` were noted.

        What it meets is never raised, only told.
        """
        ends = time.monotonic() + self._deadline
        headers = {"User-Agent": AGENT, "Accept": ACCEPTED, "Accept-Encoding": "gzip"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        try:
            request = self._client.build_request("GET", url, headers=headers)
            return self._follow(request, ends)
        except _RefusedError as refused:
            return Fetched(None, trouble=str(refused))
        except self._timeout:
            return Fetched(None, trouble="no answer in time")
        except self._errors as error:
            return Fetched(None, trouble=f"{type(error).__name__}: {error}"[:200])

    def _follow(self, request: httpx2.Request, ends: float) -> Fetched:
        for _ in range(1 + REDIRECTS):
            if request.url.scheme not in ("http", "https"):
                raise _RefusedError(f"redirected to {request.url.scheme}:")
            # Redirects are followed here: the client would read the body of each to its end, however long.
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                if response.status_code not in _MOVED or response.next_request is None:
                    return self._read(response, ends)
                request = response.next_request
            finally:
                response.close()
        raise _RefusedError(f"more than {REDIRECTS} redirects")

    def _read(self, response: httpx2.Response, ends: float) -> Fetched:
        status, headers = response.status_code, response.headers
        known: dict[str, Any] = {
            "etag": _kept(headers.get("etag")),
            "modified": _kept(headers.get("last-modified")),
            "retry_after": seconds(headers.get("retry-after"), time.time()),
        }
        if status == 304:
            return Fetched(status, **known)
        if status != 200:
            return Fetched(status, trouble=f"HTTP {status} {response.reason_phrase}".rstrip()[:200], **known)
        body = bytearray()
        for piece in _unpacked(response.iter_raw(), headers.get("content-encoding", "")):
            body += piece
            if len(body) > self._most:
                raise _RefusedError(f"larger than {self._most / 1e6:g} MB")
            if time.monotonic() > ends:
                raise _RefusedError(f"not here after {self._deadline:g} s")
        return Fetched(status, bytes(body), **known)


def seconds(retry_after: str | None, now: float) -> float | None:
    """Read ``Retry-After``, seconds or a date, as seconds from ``now``; ``None`` where it is neither."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after[:12])
    try:
        moment = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())


def _unpacked(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Unpack gzip a piece at a time: a small answer may hold a very large one."""
    if encoding.lower() in ("", "identity"):
        yield from pieces
        return
    if encoding.lower() not in ("gzip", "x-gzip"):
        raise _RefusedError(f"encoded as {encoding[:20]!r}, which was not asked for")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            packed = piece
            while packed:
                yield unpacking.decompress(packed, _PIECE)
                packed = unpacking.unconsumed_tail
    except zlib.error:
        raise _RefusedError("is not gzip, as it says") from None
    if not unpacking.eof:
        raise _RefusedError("ended before its end")


def _kept(validator: str | None) -> str | None:
    fits = validator is not None and len(validator) <= _VALIDATOR and validator.isascii()
    return validator if fits else None
