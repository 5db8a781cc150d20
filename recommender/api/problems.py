"""Every error as ``application/problem+json`` (RFC 9457), in one shape.

``type`` is ``urn:recommender:error:`` and a stable name: that of the error in
``recommender.errors`` where one was raised.  ``errors`` says of each part that
is wrong which it is and why.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from itertools import islice
from math import ceil
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from recommender.api.bodies import ContentTooLarge
from recommender.errors import (
    Forbidden,
    InProgress,
    InvalidOrder,
    InvalidURL,
    ModelError,
    NothingRecomputed,
    StoreError,
    TookTooLong,
    TooManyRequests,
    Unauthorized,
    UnknownStory,
)

MEDIA_TYPE: Final = "application/problem+json"

RETRY_AFTER: Final = 5
"""Seconds after which a store that did not answer is worth another try."""

_ECHOED: Final = 80
"""Characters of a reader's input that are repeated at most."""

_REPORTED: Final = 20
"""Parts of a request that are told to be wrong at most: a hostile one may have thousands."""

_log = logging.getLogger(__name__)


def problem(
    status: int,
    name: str,
    detail: str,
    *,
    title: str | None = None,
    errors: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer of an error, told as ``document`` tells it."""
    return _response(document(status, name, detail, title=title, errors=errors), headers)


def document(
    status: int, name: str, detail: str, *, title: str | None = None, errors: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Tell of an error.

    ``name`` ends its ``type``; ``title`` is for people and the same whenever
    ``name`` is, made of it if not given; ``errors`` are reasons by the name of
    what is wrong.
    """
    told: dict[str, Any] = {
        "type": f"urn:recommender:error:{name}",
        "title": title or name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        told["errors"] = [{"name": name, "reason": reason} for name, reason in errors.items()]
    return told


def unanswered(error: UnknownStory | InvalidURL) -> dict[str, Any]:
    """Tell why there is no answer for a URL."""
    if isinstance(error, UnknownStory):
        return document(404, error.name, str(error))
    return document(422, error.name, str(error), title="Invalid URL", errors={"url": str(error)})


def _response(document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    # Not kept by anyone: the story asked for may be published in the next second.
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(document), document["status"], headers, MEDIA_TYPE)


def unavailable(error: StoreError) -> None:
    """Log why the store does not answer: readers are not told where it is."""
    _log.warning("%s: %s", error.name, error)


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error as a problem."""
    app.exception_handler(UnknownStory)(_unanswered)
    app.exception_handler(InvalidURL)(_unanswered)
    app.exception_handler(InvalidOrder)(_invalid_order)
    app.exception_handler(Unauthorized)(_unauthorized)
    app.exception_handler(Forbidden)(_forbidden)
    app.exception_handler(TooManyRequests)(_too_many)
    app.exception_handler(StoreError)(_store_error)
    app.exception_handler(InProgress)(_later)
    app.exception_handler(TookTooLong)(_later)
    app.exception_handler(NothingRecomputed)(_not_ready)
    app.exception_handler(ModelError)(_not_ready)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(ContentTooLarge)(_too_large)
    app.exception_handler(ClientDisconnect)(_cut_short)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(Exception)(_unexpected)


async def _unanswered(_: Request, error: UnknownStory | InvalidURL) -> Response:
    return _response(unanswered(error))


async def _invalid_order(_: Request, error: InvalidOrder) -> Response:
    return problem(422, error.name, str(error))


async def _unauthorized(_: Request, error: Unauthorized) -> Response:
    # RFC 9110 wants a challenge; for keys in a header of their own no scheme is registered.
    return problem(401, error.name, f"{error}.", headers={"WWW-Authenticate": "ApiKey"})


async def _forbidden(_: Request, error: Forbidden) -> Response:
    return problem(403, error.name, f"{error}.")


async def _too_many(_: Request, error: TooManyRequests) -> Response:
    wait = str(ceil(error.wait))
    detail = f"This is more than is answered in a minute; ask again in {wait} s."
    return problem(429, error.name, detail, headers={"Retry-After": wait})


async def _store_error(_: Request, error: StoreError) -> Response:
    unavailable(error)
    headers = {"Retry-After": str(RETRY_AFTER)}
    return problem(503, error.name, "The store does not answer now; try again soon.", headers=headers)


async def _later(_: Request, error: InProgress | TookTooLong) -> Response:
    message = str(error)
    detail = f"{message[0].upper()}{message[1:]}."
    return problem(503, error.name, detail, headers={"Retry-After": str(RETRY_AFTER)})


async def _not_ready(request: Request, error: NothingRecomputed | ModelError) -> Response:
    if isinstance(error, ModelError):
        request.app.state.requests.refused[error.name] += 1
    # The operator's to mend; where its models are is nobody else's business.
    _log.warning("%s: %s", error.name, error)
    detail = "This cannot be ranked now: a recompute is needed, or a model that can be read."
    return problem(503, error.name, detail, headers={"Retry-After": str(RETRY_AFTER)})


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    wrong = islice(error.errors(), _REPORTED)
    errors = {_part(each["loc"]): each["msg"].removeprefix("Value error, ") for each in wrong}
    detail = f"What was asked is not understood: {', '.join(errors)}."
    return problem(422, "invalid-request", detail, errors=errors)


async def _too_large(_: Request, error: ContentTooLarge) -> Response:
    return problem(413, "content-too-large", error.detail)


async def _cut_short(_: Request, _error: ClientDisconnect) -> Response:
    return problem(400, "bad-request", "The body ended before its end.")  # to nobody


async def _http_error(request: Request, error: HTTPException) -> Response:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:
        # What FastAPI raises where a body is nested too deeply, or no text.
        return problem(
            422, "invalid-request", "The body is not understood.", errors={"body": "not JSON in UTF-8"}
        )
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    name = status.phrase.lower().replace(" ", "-")
    return problem(status, name, f"{status.description or status.phrase}.", headers=headers)


def _allowed(request: Request) -> list[str]:
    """List the methods of a path, each of which may have a route of its own."""
    path = request.scope["path"]
    allowed = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.path_regex.match(path)
        for method in route.methods or ()
    }
    # The application answers HEAD wherever it answers GET.
    return sorted(allowed | {"HEAD"} if "GET" in allowed else allowed)


async def _unexpected(_: Request, _error: Exception) -> Response:
    # The server logs the exception; its text is no reader's business.
    return problem(500, "internal-error", "Something went wrong here; it was not the request's fault.")


def _part(location: tuple[int | str, ...]) -> str:
    """Name what ``("query", "limit")`` or ``("body", "topics", 0)`` is about; a body may be wrong itself."""
    named = len(location) > 1 and isinstance(location[1], str)
    name = str(location[1] if named else location[0])
    return name if len(name) <= _ECHOED else f"{name[: _ECHOED - 1]}…"
