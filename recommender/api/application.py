"""The application: routes, errors and the store put together."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

import recommender
from recommender.api import health, problems, reference, routes
from recommender.api.asking import QueryRoute
from recommender.api.lately import Lately
from recommender.api.opening import Opening
from recommender.api.transport import secured, without_body
from recommender.errors import StoreError
from recommender.settings import Settings, load

_log = logging.getLogger(__name__)


class Application(FastAPI):
    """FastAPI, and what is true of every response: those to unknown paths and of errors too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; HEAD is answered wherever GET is."""
        if scope["type"] == "http":
            send = secured(send)
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
                send = without_body(send)
            if scope["method"] == "GET" and (known := await self.state.lately.find(scope)) is not None:
                await known(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Put together what a request goes through.

        Routes that are asked by parameters alone go the short way: they have
        no body, files or dependencies to be prepared for.
        """
        prepared = super().build_middleware_stack()
        # Starlette's own, which prepares nothing, around routes that need not be searched for.
        routes = {route.path: route.app for route in self.routes if isinstance(route, QueryRoute)}

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await routes[scope["path"]](scope, receive, send)

        named = self.exception_handlers.items()
        handlers = {kind: handler for kind, handler in named if kind is not Exception}
        straight: ASGIApp = ExceptionMiddleware(answer, handlers)
        for added in reversed(self.user_middleware):
            straight = added.cls(straight, *added.args, **added.kwargs)
        straight = ServerErrorMiddleware(straight, self.exception_handlers[Exception])

        async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
            short = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in routes
            await (straight if short else prepared)(scope, receive, send)

        return dispatch

    def openapi(self) -> dict[str, Any]:
        """Describe the API; made once."""
        if self.openapi_schema is None:
            _describe_problems(super().openapi())
        return super().openapi()


def create_app(settings: Settings) -> Application:
    """Make the application for a store, which is opened when the server starts and is never created.

    If it cannot be opened then, the server starts all the same, answers 503,
    and tries again with every request.

    A setting that no store can have ends the start: SettingsError, MissingExtra.
    """
    app = Application(
        title="Related stories",
        description="For any story's URL, the stories most worth reading next.",
        version=recommender.__version__,
        docs_url=None,  # FastAPI's own pages load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,  # an unknown path is a problem, not a redirect to whatever host was named
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
    )
    app.state.opening = Opening(settings.store, settings.models)
    app.state.lately = Lately(settings.cache * 1_000_000, app.state.opening)
    problems.install(app)
    routes.install(app)
    app.include_router(health.router)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    app.add_api_route("/", _start, include_in_schema=False)
    return app


def app_factory() -> Application:
    """Make the application from ``load()``: for servers that start it by name, in processes of their own."""
    app = create_app(load())
    # What is there now stays: the collector need not go through it whenever answers come and go.
    gc.collect()
    gc.freeze()
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    opening: Opening = app.state.opening
    try:
        opening()
    except StoreError as error:
        _log.warning("started without a store, which is tried again: %s", error)
    yield
    opening.close()


async def _docs(request: Request) -> Response:
    return reference.page(request.app.openapi())


async def _start() -> Response:
    return RedirectResponse("docs")


def _describe_problems(document: dict[str, Any]) -> None:
    """Move the schema of problems to their media type; FastAPI files every model under the route's own."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                content = response.get("content", {})
                if problems.MEDIA_TYPE in content:
                    content[problems.MEDIA_TYPE] |= content.pop("application/json")
