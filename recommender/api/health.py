"""Whether a process lives, and whether it can answer: for load balancers and those on call."""

from __future__ import annotations

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.problems import RETRY_AFTER, problem, unavailable
from recommender.api.responses import LIVE_RESPONSES, READY_RESPONSES
from recommender.api.routes import service_of
from recommender.errors import StoreError

router = APIRouter(prefix="/health", tags=["health"])

_NOT_KEPT: Final = {"Cache-Control": "no-store"}


@router.get("/live", summary="The process answers", response_model=None, responses=LIVE_RESPONSES)
async def live() -> Response:
    """Answer, whatever the state of the store: only a process that does not is to be replaced."""
    return _well("live")


@router.get("/ready", summary="Stories can be answered for", response_model=None, responses=READY_RESPONSES)
def ready(request: Request) -> Response:
    """Answer 200 if the store answers, has stories and something was computed; else say what is missing."""
    try:
        missing = service_of(request).missing()
    except StoreError as error:
        unavailable(error)
        missing = {"store": "the store cannot be opened or does not answer"}
    if not missing:
        return _well("ready")
    detail = f"Not ready: {'; '.join(missing.values())}."
    return problem(503, "not-ready", detail, errors=missing, headers={"Retry-After": str(RETRY_AFTER)})


def _well(status: str) -> Response:
    return Response(orjson.dumps({"status": status}), headers=_NOT_KEPT, media_type="application/json")
