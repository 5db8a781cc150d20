"""The route by which editors' tools find a story: ``GET /search``."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.asking import QueryRoute
from recommender.api.opening import Opening
from recommender.api.responses import EXAMPLE_URL, STORY_CARD, responses
from recommender.api.schemas import Card
from recommender.service.searching import is_address
from recommender.urls import MAX_LENGTH

LONGEST: Final = 200
"""Characters of words; an address may be longer."""


class SearchQuery(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: str = Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description=f"Words of title or excerpt, or their beginnings, {LONGEST} characters at most; or the "
        "story's URL in any form.",
        examples=["old bridge reop"],
    )
    limit: int = Field(default=10, ge=1, le=50, description="Most stories to show.")

    @field_validator("q")
    @classmethod
    def _short(cls, q: str) -> str:
        if len(q) > LONGEST and not is_address(q):
            raise ValueError(f"Words should have at most {LONGEST} characters")
        return q


class Hit(Card):
    """A story that was found."""

    url: str = Field(description="The story's own URL.")


class Hits(BaseModel):
    """The stories that were found, newest first."""

    model_config = ConfigDict(extra="forbid")

    items: list[Hit]


_EXAMPLE: Final = {"items": [{"url": EXAMPLE_URL, **STORY_CARD}]}


async def search(request: Request, query: Annotated[SearchQuery, Query()]) -> Response:
    """Give the stories that have all of these words, newest first; or the one that has this URL.

    A word stands for all that begin with it, without regard to case and accents.
    """
    opening: Opening = request.app.state.opening
    # In a thread: what shares only its beginning with much else may take milliseconds.
    hits = await run_in_threadpool(lambda: opening().search(query.q, query.limit))
    return Response(hits.json(), headers={"Cache-Control": "no-store"}, media_type="application/json")


def install(app: FastAPI) -> None:
    """Give the application this route."""
    described: dict[str, Any] = {"responses": responses(422, 503, model=Hits, example=_EXAMPLE)}
    app.router.add_api_route(
        "/search",
        search,
        methods=["GET"],
        tags=["stories"],
        summary="Stories by words or by URL",
        response_model=None,
        route_class_override=QueryRoute,
        **described,
    )
