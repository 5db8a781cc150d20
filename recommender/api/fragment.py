"""The route of a list as HTML: ``GET /related.html``."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from recommender.api.asking import QueryRoute
from recommender.api.caching import control, max_age
from recommender.api.opening import Opening
from recommender.api.responses import RELATED_CARD, problems_of
from recommender.api.routes import StoryQuery
from recommender.errors import UnknownStory
from recommender.service import Options
from recommender.web.listing import listing

_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
"""By itself, in a frame, it is text and links; put into a page, that page's policy holds."""


_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/html": {"example": listing([RELATED_CARD], "Related stories")}}},
    **problems_of(422, 503),
}


class FragmentQuery(StoryQuery):
    """Whose related stories, how many, and under what heading."""

    limit: int = Field(default=4, ge=1, le=50, description="Most stories to show.")
    heading: str = Field(
        default="Related stories", min_length=1, max_length=200, description="What stands above them."
    )


async def fragment(request: Request, query: Annotated[FragmentQuery, Query()]) -> HTMLResponse:
    """Give the related stories of a story as a piece of HTML, to be put into a page by its server.

    It is empty for a story that is not known: a page is not to show an error in its place.
    """
    opening: Opening = request.app.state.opening
    options = Options(limit=query.limit)
    try:
        answer = await run_in_threadpool(lambda: opening().related(query.url, options))
    except UnknownStory:
        return _answer("", 60)
    return _answer(listing(answer.items, query.heading), max_age(answer.age) if answer.ranked else 60)


def _answer(html: str, seconds: int) -> HTMLResponse:
    headers = {"Cache-Control": control(seconds), "Content-Security-Policy": _POLICY}
    return HTMLResponse(html, headers=headers)


def install(app: FastAPI) -> None:
    """Give the application this route."""
    app.router.add_api_route(
        "/related.html",
        fragment,
        methods=["GET"],
        tags=["stories"],
        summary="Related stories as HTML",
        response_model=None,
        response_class=HTMLResponse,
        responses=_RESPONSES,
        route_class_override=QueryRoute,
    )
