"""The route by which pages tell what readers were shown and clicked: ``POST /events``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.counting import Counting
from recommender.api.keys import may_lately
from recommender.api.posting import invalid
from recommender.api.problems import problem
from recommender.api.responses import EXAMPLE_ID, problems_of
from recommender.errors import InvalidEvent
from recommender.service.counting import observed
from recommender.store import Key

MOST: Final = 500
"""Events in one body at most."""

_ANSWER: Final = {"type": "string", "description": "The `id` of the answer."}
_RANK: Final = {"type": "integer", "minimum": 1, "maximum": 50}
SCHEMAS: Final[dict[str, Any]] = {
    "Impression": {
        "type": "object",
        "title": "Impression",
        "description": "A reader was shown items: those `ranks`, or all.",
        "properties": {
            "answer": _ANSWER,
            "kind": {"const": "impression"},
            "ranks": {"type": "array", "items": _RANK},
        },
        "required": ["answer", "kind"],
        "additionalProperties": False,
    },
    "Click": {
        "type": "object",
        "title": "Click",
        "description": "A reader clicked an item.",
        "properties": {"answer": _ANSWER, "kind": {"const": "click"}, "rank": _RANK},
        "required": ["answer", "kind", "rank"],
        "additionalProperties": False,
    },
    "Events": {
        "type": "object",
        "title": "Events",
        "description": "JSON, whatever `Content-Type` it is sent as.",
        "properties": {
            "events": {
                "type": "array",
                "items": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Impression"},
                        {"$ref": "#/components/schemas/Click"},
                    ]
                },
                "minItems": 1,
                "maxItems": MOST,
                "description": "Each with the `id` of an `answer` and its `kind`: an `impression` of "
                "all its items, or of some `ranks`; or a `click` on the item of a `rank`.",
            }
        },
        "required": ["events"],
        "example": {
            "events": [
                {"answer": EXAMPLE_ID, "kind": "impression"},
                {"answer": EXAMPLE_ID, "kind": "click", "rank": 1},
            ]
        },
    },
}
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Events"}}},
}

_ANSWERED: Final = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Pages of any origin send beacons, and a browser is to find no fault with the answer."""


async def count(request: Request, _: Annotated[Key, Depends(may_lately("events"))]) -> Response:
    """Count what readers were shown and clicked: up to 500 events, written to the store within seconds.

    Those that are none are told of, and stop none of the others.
    """
    counting: Counting = request.app.state.counting
    events = _events(await request.body())
    wrong: dict[str, str] = {}
    for place, event in enumerate(events):
        try:
            counting.add(observed(event))
        except InvalidEvent as error:
            wrong[f"events[{place}]"] = str(error)
    if wrong:
        detail = f"{len(events) - len(wrong)} of {len(events)} events were counted; the others are none."
        return problem(422, InvalidEvent.name, detail, errors=wrong)
    return Response(status_code=204, headers=_ANSWERED)


def _events(body: bytes) -> list[Any]:
    """Find the events in a body."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"not JSON: {error}") from None
    events = value.get("events") if isinstance(value, dict) else None
    if not isinstance(events, list) or not 1 <= len(events) <= MOST:
        raise invalid(f'expected {{"events": [...]}}, a list of 1 to {MOST}')
    return events


def install(app: FastAPI) -> None:
    """Give the application this route."""
    app.router.add_api_route(
        "/events",
        count,
        methods=["POST"],
        tags=["events"],
        status_code=204,
        summary="Count what readers did",
        response_model=None,
        responses=problems_of(401, 403, 413, 422, 503),
        openapi_extra={"requestBody": _BODY},
    )
