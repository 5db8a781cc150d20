"""The routes that answer about stories.  They are plain functions, run in the server's threads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.caching import cacheable
from recommender.api.opening import Opening
from recommender.api.schemas import EXAMPLE_URL, RELATED_RESPONSES, STORY_RESPONSES
from recommender.service import Options, Service
from recommender.urls import MAX_LENGTH

router = APIRouter(tags=["stories"])


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


def service_of(request: Request) -> Service:
    """Return the service of the application asked, opening its store if need be."""
    opening: Opening = request.app.state.opening
    return opening()


@router.get(
    "/related", summary="Related stories of a story", response_model=None, responses=RELATED_RESPONSES
)
def related(request: Request, query: Annotated[RelatedQuery, Query()]) -> Response:
    """Give the stories most worth reading after a story, best first; the editors' own links lead."""
    answer = service_of(request).related(query.url, query)
    return cacheable(request, answer.json(), answer.age, ranked=answer.ranked)


@router.get("/articles", summary="One story", response_model=None, responses=STORY_RESPONSES)
def articles(request: Request, query: Annotated[StoryQuery, Query()]) -> Response:
    """Give what the store shows of a story."""
    story = service_of(request).story(query.url)
    return cacheable(request, story.json(), story.age)
