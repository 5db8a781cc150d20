"""The routes that answer about stories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.asking import QueryRoute
from recommender.api.caching import Answered
from recommender.api.lately import Lately
from recommender.api.opening import Opening
from recommender.api.problems import problem
from recommender.api.responses import DRAFT_RESPONSES, EXAMPLE_URL, RELATED_RESPONSES, STORY_RESPONSES
from recommender.errors import ModelNotFound
from recommender.service import Draft, Options, Service
from recommender.urls import MAX_LENGTH


class StoryQuery(BaseModel):
    """Which story is asked about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="The story's URL, in any form a reader may have it: AMP, from a cache, with tracking.",
        examples=[EXAMPLE_URL],
    )


class RelatedQuery(Options, StoryQuery):
    """Which story is asked about, and which related stories to show."""

    model: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Rank by this model, and not by the one of the lists that are served: an id of /models, "
        "default, active, or untrained, which goes by likeness of texts and time alone. To compare the two; "
        "it takes milliseconds, once the archive is loaded as for a draft.",
    )


def service_of(request: Request) -> Service:
    """Return the service of the application asked, opening its store if need be."""
    opening: Opening = request.app.state.opening
    return opening()


async def related(request: Request, query: Annotated[RelatedQuery, Query()]) -> Response:
    """Give the stories most worth reading after a story, best first; the editors' own links lead."""
    if query.model is not None:
        return await _compared(request, query, query.model)

    def ask(service: Service) -> Answered:
        answer = service.related(query.url, query)
        return Answered(answer.json(), answer.age, ranked=answer.ranked)

    return await _answered(request, ask, long=query.long, kept=not query.explain)


async def _compared(request: Request, query: RelatedQuery, model: str) -> Response:
    """Answer by a model that is asked for: kept by nobody, since which there are may change."""
    opening: Opening = request.app.state.opening
    try:
        answer = await run_in_threadpool(lambda: opening().compared(query.url, model, query))
    except ModelNotFound as error:
        # Where models are is no reader's business.
        return problem(
            404, error.name, f"There is no model {model!r} here; GET /models lists those there are."
        )
    return Response(answer.json(), headers={"Cache-Control": "no-store"}, media_type="application/json")


async def drafted(request: Request, draft: Draft, query: Annotated[Options, Query()]) -> Response:
    """Give the stories most worth reading after a text that is no story yet, as one types.

    The first one that a process is asked for has it load the archive. Where that takes more than some
    seconds the answer is 503, `in-progress`, and loading goes on.
    """
    opening: Opening = request.app.state.opening
    answer = await run_in_threadpool(lambda: opening().drafted(draft, query))
    return Response(answer.json(), headers={"Cache-Control": "no-store"}, media_type="application/json")


async def articles(request: Request, query: Annotated[StoryQuery, Query()]) -> Response:
    """Give what the store shows of a story."""

    def ask(service: Service) -> Answered:
        story = service.story(query.url)
        return Answered(story.json(), story.age)

    return await _answered(request, ask)


async def _answered(
    request: Request, ask: Callable[[Service], Answered], *, long: bool = False, kept: bool = True
) -> Answered:
    """Ask the service, at once where it answers at once, else in one of the server's threads.

    A thread costs several times what it takes to read a few rows of a file,
    and a hundred times that for who is last among many: they take turns for
    the interpreter.  What is ``kept`` need not be asked again.
    """
    opening: Opening = request.app.state.opening
    lately: Lately = request.app.state.lately
    state = lately.state  # before anything is read
    service = opening.opened
    if service is not None and service.immediate and not long:
        answer = ask(service)
    else:
        answer = await run_in_threadpool(lambda: ask(opening()))
    if kept:
        lately.keep(request.scope, answer, state)
    return answer


def install(app: FastAPI) -> None:
    """Give the application these routes.

    As its own: those of a router that is included are searched twice for every request.
    """
    described: dict[str, Any] = {
        "methods": ["GET"],
        "tags": ["stories"],
        "response_model": None,
        "route_class_override": QueryRoute,
    }
    app.router.add_api_route(
        "/related", related, summary="Related stories of a story", responses=RELATED_RESPONSES, **described
    )
    app.router.add_api_route(
        "/related",
        drafted,
        methods=["POST"],
        tags=["stories"],
        summary="Related stories of a draft",
        response_model=None,
        responses=DRAFT_RESPONSES,
    )
    app.router.add_api_route(
        "/articles", articles, summary="One story", responses=STORY_RESPONSES, **described
    )
