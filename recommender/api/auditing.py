"""The route that tells editors what deserves a look: ``GET /curation/audit``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import orjson
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from recommender.api.curation import allowed
from recommender.api.responses import EXAMPLE_URL, responses
from recommender.api.routes import service_of
from recommender.service.auditing import MOST, Why
from recommender.store import Kind


class AuditQuery(BaseModel):
    """What is to be looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Why | None = Field(
        default=None, description="Only what deserves a look for this reason.", examples=["unlinked"]
    )
    limit: int = Field(default=20, ge=1, le=MOST, description="Most to tell of each reason, the foremost.")


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Titled(BaseModel):
    """A story by its title."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    url: str
    title: str
    published_date_time: datetime | None


class Concern(_Told):
    """Two stories, and why an editor should look at them."""

    reason: Why
    detail: str = Field(description="More of the reason, in English; empty where there is no more.")
    source: Titled = Field(description="The story that links, or whose list has the other.")
    target: Titled | None = Field(description="The other; null where no story answers to its address.")
    key: str = Field(description="What the link leads to, as it is known here.")
    score: float | None = Field(description="The model's, 0 to 1, as if nobody had linked anything.")
    better: int | None = Field(description="How many that nobody linked the model puts before it.")
    cures: list[Kind] = Field(description="Orders that settle it, the likelier first; often there is none.")


class Audit(_Told):
    """What deserves an editor's look."""

    generation: int | None = Field(description="Whose lists were looked at; null before the first recompute.")
    model: str | None
    links: int = Field(description="Curated links that were looked at.")
    stories: int = Field(description="Stories that have these.")
    counts: dict[str, int] = Field(description="How many there are of every reason, told or not.")
    items: list[Concern]


_EXAMPLE: Final = {
    "generation": 7,
    "model": "20260903-031502-1f3a9c",
    "links": 35_820,
    "stories": 2_815,
    "counts": {
        "dead": 3,
        "itself": 0,
        "unpublished": 1,
        "duplicate": 2,
        "looks-wrong": 12,
        "one-way": 410,
        "unlinked": 31,
    },
    "items": [
        {
            "reason": "looks-wrong",
            "detail": "",
            "source": {
                "url": EXAMPLE_URL,
                "title": "Old bridge reopens to a crowd and a brass band",
                "publishedDateTime": "2026-09-02T12:40:00Z",
            },
            "target": {
                "url": "https://tidewater-post.example/food/pies-recalled",
                "title": "Pies recalled over a missing label",
                "publishedDateTime": "2026-08-30T09:40:00Z",
            },
            "key": "https://tidewater-post.example/food/pies-recalled",
            "score": 0.012,
            "better": 31,
            "cures": ["block"],
        }
    ],
}


def audit(request: Request, query: Annotated[AuditQuery, Query()]) -> Response:
    """Tell which curated links look wrong, which pairs look unlinked, and which order settles it.

    It takes a second for 20,000 stories, and is kept until a story, a link or an order changes. Where it
    takes more than some seconds the answer is 503, `in-progress`, and it goes on.
    """
    # Asked in one of the server's threads, as whatever is no coroutine.
    found = service_of(request).desk.auditor.audit(query.reason, query.limit)
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(found.data()), headers=headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Give the application this route."""
    app.router.add_api_route(
        "/curation/audit",
        audit,
        methods=["GET"],
        tags=["curation"],
        summary="What deserves an editor's look",
        response_model=None,
        responses=responses(401, 403, 422, 503, model=Audit, example=_EXAMPLE),
        dependencies=[Depends(allowed)],
    )
