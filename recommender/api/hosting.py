"""All that a server answers: one newsroom or several, and to pages of which origins."""

from __future__ import annotations

import gc
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from recommender.api.application import Application, create_app
from recommender.api.problems import problem
from recommender.api.transport import HEADERS
from recommender.settings import Settings, load

SITES: Final = "/sites/"
"""What the paths of newsrooms beside the first begin with."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
_A_DAY = 86_400


class Newsrooms:
    """Several applications: that of a site under ``/sites/NAME/``, the first one at all other paths."""

    def __init__(self, first: Application, sites: Mapping[str, Application]) -> None:
        self._first = first
        self._sites = sites
        self._living = Router(lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as the application that it is for does, asked without the path's beginning."""
        if scope["type"] == "lifespan":
            await self._living(scope, receive, send)
            return
        app, path = self._first, scope["path"]
        if path.startswith(SITES):
            name, slash, rest = path.removeprefix(SITES).partition("/")
            # A newsroom's own routes do not begin so: what follows would be taken for the same path again.
            nested = f"/{rest}/".startswith(f"{SITES}{name}/")
            if slash and name in self._sites and not nested:
                app, scope = self._sites[name], {**scope, "path": f"/{rest}", "root_path": f"{SITES}{name}"}
        await app(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _: Router) -> AsyncIterator[None]:
        async with AsyncExitStack() as lives:
            for app in (self._first, *self._sites.values()):
                await lives.enter_async_context(app.router.lifespan_context(app))
            yield


def host(settings: Settings) -> ASGIApp:
    """Make what answers for all newsrooms of the settings; raises as ``create_app``."""
    first = create_app(settings)
    sites = {site: create_app(settings, site) for site in settings.sites}
    app = Newsrooms(first, sites) if sites else first
    return _shared(app, settings.cors) if settings.cors else app


def _shared(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Let pages of these origins read what is answered; ``*`` stands for a part of a host's name.

    Around the application and not in it: what is kept is answered ahead of its middleware.
    """
    parts = (re.escape(origin).replace(r"\*", "[a-z0-9-]+") for origin in origins)
    return _Shared(
        app,
        allow_origins=["*"] if "*" in origins else [],
        allow_origin_regex="|".join(parts),
        allow_methods=_METHODS,
        allow_headers=("X-API-Key", "Content-Type"),
        expose_headers=("ETag",),
        max_age=_A_DAY,
    )


class _Shared(CORSMiddleware):
    """CORS, in the shape of all answers."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Tell a browser what a page may ask; of a page that may not, as a problem."""
        told = super().preflight_response(request_headers)
        if told.status_code != HTTPStatus.OK:
            refused = f"{bytes(told.body).decode()}."
            kept = {name: value for name, value in told.headers.items() if not name.startswith("content-")}
            told = problem(HTTPStatus.BAD_REQUEST, "cross-origin-refused", refused, headers=kept)
        told.raw_headers += HEADERS
        return told


def app_factory() -> ASGIApp:
    """Make what answers from ``load()``: for servers that start it by name, in processes of their own."""
    app = host(load())
    # What is there now stays: the collector need not go through it whenever answers come and go.
    gc.collect()
    gc.freeze()
    return app
