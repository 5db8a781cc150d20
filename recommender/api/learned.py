"""The routes that tell of models, and their answers as OpenAPI describes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from recommender.api import evaluated
from recommender.api.metrics import written
from recommender.api.negotiation import prefers_html
from recommender.api.responses import responses
from recommender.api.routes import service_of
from recommender.web.serving import POLICY


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class Model(_Told):
    """A model that was trained on this store."""

    id: str
    created: datetime
    stories: int | None = Field(description="Stories it was trained with.")
    links: int | None = Field(description="Curated links it learned from.")
    ndcg: float | None = Field(description="nDCG@10, cold, of its settings; null where links were too few.")
    interval: Interval | None = Field(description="95 % bootstrap interval of that.")
    active: bool | None = Field(description="Whether the next recompute uses it; null if it cannot be told.")
    served: bool = Field(description="Whether the lists that are served are its.")


class Models(_Told):
    """The models, newest first; `default` is the default ranker."""

    active: str | None = Field(
        description="What the next recompute uses; null where this server has no models to look at."
    )
    served: str | None = Field(description="What made the lists that are served; null before the first.")
    models: list[Model]


class Lead(_Told):
    """How far one is ahead of another in nDCG, and the paired 95 % interval of that."""

    mean: float
    interval: Interval


class System(_Told):
    """What one system's lists are worth; shares and metrics are means over queries, 0 to 1."""

    ndcg: float
    recall: float
    mrr: float
    map: float
    p_at_1: float = Field(alias="p@1")
    interval: Interval = Field(description="95 % bootstrap interval of nDCG.")
    coverage: float
    short: float
    catalogue: float
    ahead: Lead | None = Field(default=None, description="The first system's lead over this one.")


class Compared(_Told):
    """The model beside the one that was active when it was trained, on stories that neither had seen."""

    active: str | None
    cut: datetime | None
    queries: int
    new: float | None
    old: float | None
    ahead: Lead | None
    reason: str | None = Field(default=None, description="Why nobody could tell.")
    worse: bool


class Bin(_Told):
    """Pairs scored from `least` to below `most`, in the last bin to 1."""

    least: float
    most: float
    pairs: int
    queries: int = Field(description="Stories asked that have such pairs.")
    score: float = Field(description="Mean of the pairs' scores.")
    linked: float = Field(description="Share of the pairs that editors linked.")
    interval: Interval = Field(description="95 % interval of that.")


class Reliability(_Told):
    """Whether scores are chances: of pairs scored about 0.7, seven in ten should be linked."""

    pairs: int
    score: float
    linked: float
    error: float = Field(description="Expected calibration error.")
    bins: list[Bin] = Field(description="Those that have a pair.")


class Clicks(_Told):
    """Pairs that readers like and no editor linked, which the model learned from."""

    pairs: int
    before_cut: int = Field(description="Those of days before the cut, which `without clicks` does without.")


class Report(_Told):
    """How the model's settings did with the newest fifth of the linked stories held back."""

    protocol: str
    cut: datetime | None = None
    seed: int | None = None
    k: int | None = None
    queries: int | None = None
    relevant: int | None = None
    stories: int | None = None
    learned: bool | None = None
    systems: dict[str, System] = Field(default={}, description="This project, `recommender`, first.")
    reason: str | None = Field(default=None, description="Why it was not evaluated.")
    clicks: Clicks | None = Field(default=None, description="With `train --clicks` alone.")
    comparison: Compared | None = None
    reliability: dict[str, Reliability] | None = Field(
        default=None,
        description="Of all pairs `scored`, and of those `shown`; older programs did not write it.",
    )


class Data(_Told):
    """What the model learned from."""

    stories: int
    links: int
    linked_stories: int
    until: datetime | None
    fingerprint: str


class Evaluation(_Told):
    """How good the model is whose lists are served."""

    model: str | None = Field(description="It, or `default`; null before the first recompute.")
    generation: int | None
    stories: int = Field(description="Stories that have a list in it; 0 before the first recompute.")
    newest: datetime | None = Field(
        description="When the newest story came out, listed or not; null if none has a date."
    )
    trained: datetime | None
    data: Data | None
    report: Report | None
    note: str | None = Field(default=None, description="Why there is no report.")


_ID: Final = "20260903-031502-1f3a9c"
_SYSTEM: Final = {
    "ndcg": 0.517,
    "recall": 0.56,
    "mrr": 0.71,
    "map": 0.42,
    "p@1": 0.62,
    "interval": [0.49, 0.543],
    "coverage": 1.0,
    "short": 0.0,
    "catalogue": 0.38,
}
_LEAD: Final = {"mean": 0.057, "interval": [0.038, 0.074]}
_DEFAULT: Final = _SYSTEM | {"ndcg": 0.46, "interval": [0.434, 0.485], "ahead": _LEAD}
_DATA: Final = {"stories": 12_400, "links": 35_820}
_MODELS: Final = {
    "active": _ID,
    "served": _ID,
    "models": [
        {
            "id": _ID,
            "created": "2026-09-03T03:15:02Z",
            **_DATA,
            "ndcg": 0.517,
            "interval": [0.49, 0.543],
            "active": True,
            "served": True,
        }
    ],
}
_EVALUATION: Final = {
    "model": _ID,
    "generation": 7,
    "stories": 12_431,
    "newest": "2026-09-03T04:41:00Z",
    "trained": "2026-09-03T03:15:02Z",
    "data": _DATA | {"linked_stories": 2_815, "until": "2026-09-02T21:40:00Z", "fingerprint": "1f3a9c0b6d5e"},
    "report": {
        "protocol": "cold",
        "cut": "2026-08-11T06:00:00Z",
        "k": 10,
        "queries": 563,
        "relevant": 9_120,
        "stories": 12_400,
        "learned": True,
        "systems": {"recommender": _SYSTEM, "default": _DEFAULT},
        "comparison": {
            "active": "default",
            "cut": "2026-08-11T06:00:00Z",
            "queries": 563,
            "new": 0.517,
            "old": 0.46,
            "ahead": _LEAD,
            "worse": False,
        },
        "reliability": {
            "shown": {
                "pairs": 5_630,
                "score": 0.31,
                "linked": 0.28,
                "error": 0.041,
                "bins": [
                    {
                        "least": 0.7,
                        "most": 0.8,
                        "pairs": 412,
                        "queries": 203,
                        "score": 0.75,
                        "linked": 0.72,
                        "interval": [0.66, 0.77],
                    }
                ],
            }
        },
    },
}

_EVALUATED: Final = responses(503, model=Evaluation, example=_EVALUATION)
_EVALUATED[200]["content"]["text/html"] = {"schema": {"type": "string"}, "example": "<!doctype html>…"}

router = APIRouter(tags=["models"])


@router.get(
    "/models",
    summary="The models there are",
    response_model=None,
    responses=responses(503, model=Models, example=_MODELS),
)
def models(request: Request) -> Response:
    """List the models, newest first, with what they learned from and how they evaluated."""
    return _told(service_of(request).models())


@router.get(
    "/evaluation",
    summary="How good the served model is",
    response_model=None,
    responses=_EVALUATED,
)
def evaluation(request: Request) -> Response:
    """Give the report of the model whose lists are served, as its training wrote it.

    A browser gets a page, with plots of that and of the models there are, and what is measured of readers.
    """
    service = service_of(request)
    told = service.evaluation()
    if not prefers_html(",".join(request.headers.getlist("accept"))):
        return _told(told, {"Vary": "Accept"})
    found = request.app.state.readers.found(service.store, lambda: written(request.app.state)[0].decode())
    page = evaluated.page(told, service.models(), found)
    return HTMLResponse(
        page, headers={"Cache-Control": "no-store", "Vary": "Accept", "Content-Security-Policy": POLICY}
    )


def _told(answer: dict[str, Any], more: Mapping[str, str] | None = None) -> Response:
    # Not kept: who has just activated or recomputed looks here whether it is so.
    headers = {"Cache-Control": "no-store", **(more or {})}
    return Response(orjson.dumps(answer), headers=headers, media_type="application/json")
