"""What monitoring asks for, as Prometheus reads it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

router = APIRouter(tags=["health"])

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            "text/plain": {
                "example": "# HELP recommender_shown_total How often stories were shown in lists.\n"
                "# TYPE recommender_shown_total counter\n"
                'recommender_shown_total{source="curated",rank="1",model="20260903-031502-1f3a9c"} 48211.0\n'
            }
        }
    }
}


@router.get(
    "/metrics",
    summary="Counts for monitoring",
    response_class=PlainTextResponse,
    response_model=None,
    responses=_RESPONSES,
)
def metrics(request: Request) -> Response:
    """Give counts in Prometheus's text format; without those of the store while it does not answer."""
    # Loaded here: it takes a tenth of a second and brings a web server, and few processes are ever asked.
    from recommender.api import collecting

    state = request.app.state
    body = collecting.text(state.opening, state.lately, state.refused)
    return Response(body, headers={"Cache-Control": "no-store"}, media_type=collecting.MEDIA_TYPE)
