"""The route that answers for many stories at once: ``POST /related/batch``."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.limiting import Limits
from recommender.api.problems import unanswered
from recommender.api.responses import EXAMPLE_URL, RELATED_RESPONSES, responses
from recommender.api.routes import service_of
from recommender.api.schemas import Problem, Related
from recommender.errors import InvalidURL, TookTooLong, UnknownStory
from recommender.service import Options, Service

MOST: Final = 1_000
"""Stories of one body at most."""

WITHIN: Final = 30.0
"""Seconds for a body, the wait for its turn among them: a thousand stories that are filtered, explained and
filled take half as long."""


class Batch(Options):
    """Which stories are asked about, and which related stories to show of each."""

    model_config = ConfigDict(json_schema_extra={"example": {"urls": [EXAMPLE_URL], "limit": 5}})

    urls: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST)] = Field(
        description=f"The stories' URLs, 1 to {MOST:,}, each in any form a reader may have it."
    )


class Answers(BaseModel):
    """What each story's own request would be answered, in the order of the URLs."""

    model_config = ConfigDict(extra="forbid")

    answers: list[Related | Problem] = Field(
        description="A list of related stories, or the problem of a URL that no story answers to."
    )


_UNKNOWN: Final = {
    "type": "urn:recommender:error:unknown-story",
    "title": "Unknown story",
    "status": 404,
    "detail": "no story in the store answers to 'https://harbour-herald.example/gone'",
}
_EXAMPLE: Final = {
    "answers": [RELATED_RESPONSES[200]["content"]["application/json"]["example"], _UNKNOWN],
}


async def batch(request: Request, batch: Batch) -> Response:
    """Give the related stories of up to 1,000 stories: of each what GET /related gives, or its problem.

    A story that is unknown stops none of the others. What takes more than 30 s is given up: 503,
    `took-too-long`.
    """
    if len(batch.urls) > 1:
        limits: Limits = request.app.state.limits
        limits.more(request.scope, len(batch.urls) - 1)
    answers = await _answered(request, batch)
    body = b'{"answers":[%b]}' % b",".join(answers)
    return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/json")


async def _answered(request: Request, batch: Batch) -> list[bytes]:
    turn: asyncio.Lock = request.app.state.batches
    # Who is before has begun before, and so has less time left: the wait for a turn is bounded as well.
    ends = time.monotonic() + WITHIN
    async with turn:  # who asks for much waits for who asked for much, and readers for neither
        service = await run_in_threadpool(service_of, request)
        if not service.immediate or batch.long:
            return await run_in_threadpool(lambda: [_answer(service, url, batch, ends) for url in batch.urls])
        answers = []
        for url in batch.urls:
            answers.append(_answer(service, url, batch, ends))
            await asyncio.sleep(0)  # what else has come is answered first
        return answers


def _answer(service: Service, url: str, options: Options, ends: float) -> bytes:
    if time.monotonic() > ends:
        raise TookTooLong(
            f"all of it takes more than {WITHIN:.0f} s: ask for fewer stories at once, or again later"
        )
    try:
        return service.related(url, options).json()
    except (UnknownStory, InvalidURL) as error:
        return orjson.dumps(unanswered(error))


def install(app: FastAPI) -> None:
    """Give the application this route."""
    app.state.batches = asyncio.Lock()
    described: dict[str, Any] = {"responses": responses(413, 422, 503, model=Answers, example=_EXAMPLE)}
    app.router.add_api_route(
        "/related/batch",
        batch,
        methods=["POST"],
        tags=["stories"],
        summary="Related stories of many stories",
        response_model=None,
        **described,
    )
