"""The application: routes, errors and the store put together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

import recommender
from recommender import web
from recommender.api import (
    auditing,
    batch,
    curation,
    describing,
    events,
    fragment,
    health,
    learned,
    metrics,
    posting,
    problems,
    reference,
    routes,
    searching,
)
from recommender.api.admitting import Gate
from recommender.api.asking import QueryRoute
from recommender.api.bodies import ContentTooLarge, limited
from recommender.api.caching import Answered
from recommender.api.counting import Counting
from recommender.api.evaluated import Readers
from recommender.api.keys import Keyring
from recommender.api.lately import Lately
from recommender.api.limiting import Limits
from recommender.api.measuring import OTHER, Requests
from recommender.api.opening import Opening
from recommender.api.transport import private, secured, without_body
from recommender.errors import RecommenderError, StoreError, StoreUnavailable
from recommender.newsrooms import Newsroom
from recommender.settings import Settings

_log = logging.getLogger(__name__)


class Application(FastAPI):
    """FastAPI, and what is true of every response: those to unknown paths and of errors too.

    ``direct`` has, by path, what answers a GET without FastAPI's and
    Starlette's way to it, which takes longer than most answers: routes that are
    asked by parameters alone have no body, files or dependencies to be
    prepared for.  With middleware, which is to see them, they go all the way.
    """

    def __init__(
        self, opening: Opening, lately: Lately, requests: Requests, gate: Gate | None, **described: Any
    ) -> None:
        super().__init__(**described)
        self.state.opening = opening
        self.state.lately = self._lately = lately
        self.state.requests = self._requests = requests
        self._gate = self.state.gate = gate
        self.direct: dict[str, Callable[[Request], Awaitable[Response]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and count it; HEAD is answered wherever GET is."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
            send = without_body(send)
        request = self._requests.begin(scope, send)
        try:
            await self._handle(scope, receive, request)
        finally:
            self._requests.end(request, scope, self._route(scope))

    def _route(self, scope: Scope) -> str:
        """Name the route of a request that was answered."""
        path: str = scope["path"]
        # Routes without parameters, such as those of the page's files, are all that Starlette does not name.
        named = path if path in self.direct or "endpoint" in scope else OTHER
        return getattr(scope.get("route"), "path", named)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, to who answers it, or answer why not."""
        if self._gate is not None:
            try:
                await self._gate.admit(scope)
            except RecommenderError as error:
                await self._fail(error, scope, receive, secured(send))
                return
            if self._gate.keyed:
                send = private(send)
        if scope["method"] == "GET" and scope["path"] in self.direct and not self.user_middleware:
            await self._answer(scope, receive, send)
            return
        send = secured(send)
        try:
            receive = limited(scope, receive)
        except ContentTooLarge as error:
            await self._fail(error, scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Response | None = await self._lately.find(scope)
        if answer is None:
            scope["app"] = self
            try:
                answer = await self.direct[scope["path"]](Request(scope))
            except Exception as error:  # noqa: BLE001  (raised again, where Starlette tells what to answer)
                answer = self._lately.stale(scope) if isinstance(error, StoreUnavailable) else None
                if answer is None:
                    await self._fail(error, scope, receive, secured(send))
                    return
        # What is kept has the headers in it already: most answers are such.
        await answer(scope, receive, send if isinstance(answer, Answered) else secured(send))

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what Starlette answers where ``error`` is raised."""

        async def failing(*_: Any) -> None:
            raise error

        named = self.exception_handlers.items()
        handlers = {kind: handler for kind, handler in named if kind is not Exception}
        handled = ExceptionMiddleware(failing, handlers)
        await ServerErrorMiddleware(handled, self.exception_handlers[Exception])(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Describe the API; made once."""
        if self.openapi_schema is None:
            describing.complete(super().openapi())
            if self._gate is not None:
                describing.guarded(super().openapi(), self._gate)
        return super().openapi()


def create_app(settings: Settings, site: str | None = None) -> Application:
    """Make the application for a newsroom; its store is opened when the server starts, and never created.

    It is the one that settings name, or another ``site``.

    If it cannot be opened then, the server starts all the same, answers 503,
    and tries again with every request.

    A setting that no store can have ends the start: SettingsError, MissingExtra.
    """
    newsroom = Newsroom.of(settings, site)
    opening = Opening(newsroom.store, newsroom.models)
    keyring = Keyring(opening)
    limits = Limits(settings.read_limit, settings.write_limit, settings.proxies)
    app = Application(
        opening,
        Lately(settings.cache * 1_000_000, opening),
        Requests(access=settings.access_log),
        Gate.of(settings, limits, keyring),
        title="Related stories",
        description="For any story's URL, the stories most worth reading next.",
        version=recommender.__version__,
        docs_url=None,  # FastAPI's own pages load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,  # an unknown path is a problem, not a redirect to whatever host was named
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.counting = Counting(opening)
    app.state.keyring = keyring
    app.state.limits = limits
    app.state.readers = Readers()
    problems.install(app)
    routes.install(app)
    batch.install(app)
    fragment.install(app)
    searching.install(app)
    curation.install(app)
    auditing.install(app)
    posting.install(app)
    events.install(app)
    app.direct = {route.path: route.answer for route in app.routes if isinstance(route, QueryRoute)}
    app.include_router(learned.router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    web.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    opening: Opening = app.state.opening
    try:
        opening()
    except StoreError as error:
        _log.warning("started without a store, which is tried again: %s", error)
    counting: Counting = app.state.counting
    async with counting.running():
        yield
    opening.close()


async def _docs(request: Request) -> Response:
    return reference.page(request.app.openapi())
