"""What can go wrong.

::

    ClientError
    ├── Unreachable         no answer in time, however often it was tried
    ├── UnexpectedAnswer    an answer that is none of this API's: a proxy's page, another service
    └── ProblemError        the service says no (RFC 9457)
        ├── NotFound        404: no story answers to the URL, or there is no such model
        ├── Unauthorized    401: no key, or one that is none
        └── Forbidden       403: a key that was made for something else
"""

# ruff: noqa: A002, N818  (`type` is what RFC 9457 calls it; only groups of errors end in Error)

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2
import orjson


class ClientError(Exception):
    """Base of the tree; catch it to catch everything the client raises on purpose."""


class Unreachable(ClientError):
    """No answer in time; the last failure is its cause."""


class UnexpectedAnswer(ClientError):
    """An answer that is not what the API promises."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One part of a request that is wrong, or of the service that is missing, and why."""

    name: str
    reason: str


class ProblemError(ClientError):
    """The service says no.

    ``type`` is stable and for machines (``urn:recommender:error:unknown-story``),
    ``about:blank`` where somebody between said no; ``title`` and ``detail`` are
    for people, ``errors`` are the parts that are wrong.
    """

    def __init__(
        self,
        status: int,
        type: str,
        title: str,
        detail: str = "",
        errors: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(status, type, title, detail, errors)
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.errors = errors

    def __str__(self) -> str:
        told = f"{self.status} {self.title}"
        return f"{told}: {self.detail}" if self.detail else told


class NotFound(ProblemError):
    """No story answers to the URL, or it was removed; or there is no model of the name."""


class Unauthorized(ProblemError):
    """No API key, or one that is unknown or revoked."""


class Forbidden(ProblemError):
    """An API key that was made for something else."""


_KINDS = {401: Unauthorized, 403: Forbidden, 404: NotFound}


def problem(response: httpx2.Response) -> ProblemError:
    """Make the error of a response that is no success."""
    status = response.status_code
    kind = _KINDS.get(status, ProblemError)
    told = _document(response)
    if told is None:
        known = status in {each.value for each in HTTPStatus}
        # A 404 of somebody else says nothing of stories.
        return ProblemError(status, "about:blank", HTTPStatus(status).phrase if known else "Unknown")
    errors = tuple(Fault(str(each.get("name")), str(each.get("reason"))) for each in told.get("errors", ()))
    return kind(status, told["type"], str(told.get("title", "")), str(told.get("detail", "")), errors)


def _document(response: httpx2.Response) -> dict[str, Any] | None:
    if response.headers.get("content-type", "").partition(";")[0].strip() != "application/problem+json":
        return None
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("type"), str) else None
