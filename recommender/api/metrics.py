"""What monitoring asks for, as Prometheus reads it."""

from __future__ import annotations

from typing import Any, Final

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
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
async def metrics(request: Request) -> Response:
    """Give counts in Prometheus's text format; without those of the store while it does not answer."""
    threads = current_default_thread_limiter().statistics()
    body, media_type = await run_in_threadpool(
        written, request.app.state, threads.borrowed_tokens, threads.tasks_waiting
    )
    return Response(body, headers={"Cache-Control": "no-store"}, media_type=media_type)


def written(state: State, busy: int = 0, queued: int = 0) -> tuple[bytes, str]:
    """Write what is measured of an application, and name the format; so many threads are ``busy``.

    For one of them so many requests wait, which the loop alone can tell.
    """
    # Loaded here: it takes a tenth of a second and brings a web server, and few processes are ever asked.
    from recommender.api import collecting

    if not hasattr(state, "collecting"):
        state.collecting = collecting.Collecting(state.opening, state.lately, state.requests)
    return state.collecting.text(busy, queued), collecting.MEDIA_TYPE
