"""The routes by which stories come in and go: ``POST /articles`` and ``DELETE /articles``."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.accepting import POST_BODY, POST_RESPONSES
from recommender.api.keys import may
from recommender.api.problems import problem
from recommender.api.responses import problems_of
from recommender.api.routes import StoryQuery, service_of
from recommender.errors import InvalidStory
from recommender.store import Key

MOST: Final = 500
"""Stories in one body at most: they are one transaction, for which all others wait."""

MOST_RELATED: Final = 10_000
"""Entries of ``related`` in one body at most, each a story as well: a second or two of writing."""

_STATUSES: Final = ("new", "changed", "unchanged", "rejected")
_NOT_KEPT: Final = {"Cache-Control": "no-store"}

Publisher = Annotated[Key, Depends(may("publish"))]


async def publish(request: Request, _: Publisher) -> Response:
    """Save a story, or a list of up to 500; what was posted before is replaced.

    They may link to 10,000 in all. Each is told of by itself, in order: one that is no story stops none of
    the others.
    """
    return await run_in_threadpool(_publish, request, await request.body())


def _publish(request: Request, body: bytes) -> Response:
    # Readers of formats are of no use to a process that only answers.
    from recommender.service.posting import post, related

    stories = _stories(body)
    if (entries := related(stories)) > MOST_RELATED:
        raise invalid(f"{MOST_RELATED:,} related entries are taken at once, and there are {entries:,}")
    told = post(service_of(request).store, stories, request.app.state.settings.tzinfo)
    count = Counter(one.status for one in told)
    if count["rejected"] == len(told):
        errors = {f"articles[{place}]": one.reason or "" for place, one in enumerate(told)}
        detail = "Nothing was saved: none of what was sent is a story."
        return problem(422, InvalidStory.name, detail, errors=errors)
    items = [{name: value for name, value in one._asdict().items() if name == "url" or value} for one in told]
    answer = {**{status: count[status] for status in _STATUSES}, "items": items}
    return Response(orjson.dumps(answer), headers=_NOT_KEPT, media_type="application/json")


def remove(request: Request, query: Annotated[StoryQuery, Query()], _: Publisher) -> Response:
    """Take a story back: no answer has it any more, until it is posted again."""
    from recommender.service.posting import remove

    remove(service_of(request).store, query.url)
    return Response(status_code=204, headers=_NOT_KEPT)


def _stories(body: bytes) -> list[Any]:
    """Find the stories in a body: it is one, or a list, or has a list under ``articles``."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"not JSON: {error}") from None
    if isinstance(value, dict) and isinstance(value.get("articles"), list):
        value = value["articles"]
    stories = value if isinstance(value, list) else [value]
    if not 1 <= len(stories) <= MOST:
        raise invalid(f"1 to {MOST} stories are taken at once, and there are {len(stories):,}")
    return stories


def invalid(reason: str) -> RequestValidationError:
    """Make the error of a body that is not what is read here."""
    return RequestValidationError([{"loc": ("body",), "msg": reason, "type": "value_error"}])


def install(app: FastAPI) -> None:
    """Give the application these routes."""
    described: dict[str, Any] = {"tags": ["stories"], "response_model": None}
    app.router.add_api_route(
        "/articles",
        publish,
        methods=["POST"],
        summary="Save stories",
        responses=POST_RESPONSES,
        openapi_extra={"requestBody": POST_BODY},
        **described,
    )
    app.router.add_api_route(
        "/articles",
        remove,
        methods=["DELETE"],
        status_code=204,
        summary="Take a story back",
        responses=problems_of(401, 403, 404, 422, 503),
        **described,
    )
