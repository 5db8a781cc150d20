"""What can go wrong.

::

    ClientError
    ├── Unreachable         no answer in time, however often it was tried
    ├── UnexpectedAnswer    an answer that is none of this API's: a proxy's page, another service
    └── ProblemError        the service says no (RFC 9457)
        ├── NotFound        404: no story answers to the URL, or there is no such model; not any other 404
        ├── Unauthorized    401: no key, or one that is none
        └── Forbidden       403: a key that was made for something else
"""

# ruff: noqa: A002, N818  (`type` is what RFC 9457 calls it; only groups of errors end in Error)

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

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
        # Some details have the reasons already, others end in the names alone: nothing is told twice.
        untold = [each for each in self.errors if each.reason not in self.detail]
        detail = self.detail
        if untold:
            detail = detail.removesuffix(".").removesuffix(f": {', '.join(each.name for each in untold)}")
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in untold)
        if len(reasons) > _SHOWN:
            reasons = f"{reasons[: _SHOWN - 1]}…"
        parts = (f"{self.status} {self.title}", detail, reasons)
        return ": ".join(part for part in parts if part)


class NotFound(ProblemError):
    """No story answers to the URL, or it was removed; or there is no model of the name."""


class Unauthorized(ProblemError):
    """No API key, or one that is unknown or revoked."""


class Forbidden(ProblemError):
    """An API key that was made for something else."""


_KINDS: Final = {401: Unauthorized, 403: Forbidden}

# Any other 404, such as that of a base URL that is wrong, says nothing of stories.
_MISSING: Final = ("urn:recommender:error:unknown-story", "urn:recommender:error:model-not-found")

_SHOWN: Final = 200
"""Characters of reasons that a message has at most."""


def problem(response: httpx2.Response) -> ProblemError:
    """Make the error of a response that is no success."""
    status = response.status_code
    told = _document(response)
    if told is None:
        known = status in {each.value for each in HTTPStatus}
        return ProblemError(status, "about:blank", HTTPStatus(status).phrase if known else "Unknown")
    return read(status, told)


def read(status: int, told: dict[str, Any]) -> ProblemError:
    """Make the error that a document tells of; ``type`` in it is a text."""
    missing = status == 404 and told["type"] in _MISSING
    kind = NotFound if missing else _KINDS.get(status, ProblemError)
    return kind(
        status, told["type"], _text(told, "title"), _text(told, "detail"), _faults(told.get("errors"))
    )


def _faults(told: object) -> tuple[Fault, ...]:
    found = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return tuple(Fault(_text(each, "name"), _text(each, "reason")) for each in found)


def _text(told: dict[str, Any], name: str) -> str:
    # Whoever wrote the document, it is an error that is told of and none that is made.
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _document(response: httpx2.Response) -> dict[str, Any] | None:
    if response.headers.get("content-type", "").partition(";")[0].strip() != "application/problem+json":
        return None
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("type"), str) else None
