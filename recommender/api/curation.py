"""The routes by which editors pin and block: for who has a key."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import Depends, FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.curation_schemas import CURATION_RESPONSES, ORDER_RESPONSES, Order, PairQuery, Undone
from recommender.api.keys import may
from recommender.api.routes import StoryQuery, service_of
from recommender.service import Curation

allowed = may("curate")
"""Refuses whoever may not."""


def curate(request: Request, order: Order) -> Response:
    """Pin a story into the list of another, or block it from it; in force on the next request.

    The order takes the place of any that was given about the two before.
    """
    desk = service_of(request).desk
    return _told(desk.curate(order.url, order.other, order.kind, order.slot, order.by))


def clear(request: Request, query: Annotated[PairQuery, Query()]) -> Response:
    """Take back the order about two stories; where there is none, nothing happens."""
    return _told(service_of(request).desk.clear(query.url, query.other, query.by))


def undo(request: Request, order: Undone) -> Response:
    """Take back what was last done about a story's list; again, what was done before that.

    Where nothing is left, nothing happens.
    """
    desk = service_of(request).desk
    desk.undo(order.url, order.by)
    return _told(desk.curation(order.url))


def curation(request: Request, query: Annotated[StoryQuery, Query()]) -> Response:
    """Give the orders about a story's list that are in force, and all that ever were: who gave them, when."""
    return _told(service_of(request).desk.curation(query.url))


def _told(curation: Curation) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(curation.data()), headers=headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Give the application these routes."""
    routes: list[tuple[str, str, Any, str]] = [
        ("PUT", "/curation", curate, "Pin or block a story"),
        ("DELETE", "/curation", clear, "Take back an order"),
        ("GET", "/curation", curation, "Orders and their history"),
        ("POST", "/curation/undo", undo, "Take back the last thing done"),
    ]
    for method, path, route, summary in routes:
        app.router.add_api_route(
            path,
            route,
            methods=[method],
            tags=["curation"],
            summary=summary,
            response_model=None,
            responses=CURATION_RESPONSES if method in ("GET", "DELETE") else ORDER_RESPONSES,
            dependencies=[Depends(allowed)],
        )
