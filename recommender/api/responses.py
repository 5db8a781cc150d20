"""What routes answer, as OpenAPI tells it: an example of the answer, and the problems that there may be."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from recommender.api.problems import MEDIA_TYPE
from recommender.api.schemas import Health, Problem, Related, Story

EXAMPLE_URL: Final = "https://harbour-herald.example/2026/09/old-bridge-reopens"
EXAMPLE_ID: Final = "7-3021-c159"

RELATED_CARD: Final = {
    "title": "Why the old bridge was closed for two years",
    "excerpt": "Divers found the cracks in the third pier by accident.",
    "publishedDateTime": "2026-08-30T07:15:00Z",
    "webUrl": "https://tidewater-post.example/bridge/why-it-was-closed",
    "ampWebUrl": "https://amp.tidewater-post.example/bridge/why-it-was-closed",
    "cdnAmpWebUrl": "https://amp-cache.example/c/s/amp.tidewater-post.example/bridge/why-it-was-closed",
    "type": "article",
    "provider": {"name": "Tidewater Post", "domain": "tidewater-post.example"},
    "topics": ["Transport"],
    "quality": 81,
    "images": [
        {
            "url": "https://tidewater-post.example/pictures/pier.jpg",
            "width": 1200,
            "height": 630,
            "isCached": False,
            "title": "The third pier at low tide",
        }
    ],
}
STORY_CARD: Final = RELATED_CARD | {
    "title": "Old bridge reopens to a crowd and a brass band",
    "excerpt": "The first bus crossed at noon, an hour late.",
    "publishedDateTime": "2026-09-02T12:40:00Z",
    "webUrl": EXAMPLE_URL,
    "ampWebUrl": f"{EXAMPLE_URL}/amp",
    "cdnAmpWebUrl": f"https://amp-cache.example/c/s/{EXAMPLE_URL.removeprefix('https://')}/amp",
    "provider": {"name": "Harbour Herald", "domain": "harbour-herald.example"},
}
_RELATED: Final = {
    "url": EXAMPLE_URL,
    "id": EXAMPLE_ID,
    "model": "20260903-1",
    "generation": 7,
    "items": [
        {
            "rank": 1,
            "score": 0.93,
            "source": "curated",
            **RELATED_CARD,
            "alternates": [
                {
                    "title": "Why the old bridge was closed for two years",
                    "publishedDateTime": "2026-08-30T09:40:00Z",
                    "webUrl": "https://lantern.example/wire/old-bridge-closed",
                    "ampWebUrl": "https://lantern.example/amp/wire/old-bridge-closed",
                    "provider": {"name": "The Lantern", "domain": "lantern.example"},
                }
            ],
            "why": {
                "terms": [
                    {"term": "old bridge", "weight": 7.18, "story": ["title"], "item": ["title"]},
                ],
                "days_apart": -3.23,
                "topics": ["Transport"],
                "curated": {"place": 1, "by": "story"},
                "co_curated": [
                    {
                        "title": "Divers and their dogs",
                        "webUrl": "https://tidewater-post.example/divers",
                    }
                ],
                "parts": {
                    "words": 2.31,
                    "headline": 0.78,
                    "likeness": 3.2,
                    "time": 0.26,
                    "topics": 0.02,
                    "source": -0.03,
                    "links": 1.25,
                    "base": -5.2033,
                },
            },
        }
    ],
}
_PROBLEMS: Final[dict[int, tuple[str, dict[str, Any]]]] = {
    401: (
        "No API key, or one that is none.",
        {
            "type": "urn:recommender:error:unauthorized",
            "title": "Unauthorized",
            "detail": "X-API-Key has to be a key that is known here, and was not revoked.",
        },
    ),
    403: (
        "The key was made for something else.",
        {
            "type": "urn:recommender:error:forbidden",
            "title": "Forbidden",
            "detail": "the key rec_6eKq0v… was not made for 'publish'.",
        },
    ),
    404: (
        "No story has this URL; or there is no model of the name that was asked for.",
        {
            "type": "urn:recommender:error:unknown-story",
            "title": "Unknown story",
            "detail": f"no story in the store answers to '{EXAMPLE_URL}'",
        },
    ),
    413: (
        "The body is larger than is read.",
        {
            "type": "urn:recommender:error:content-too-large",
            "title": "Content too large",
            "detail": "A body of more than 5 MB is not read; send it in parts.",
        },
    ),
    422: (
        "A parameter is missing, unknown or has a value it cannot have.",
        {
            "type": "urn:recommender:error:invalid-request",
            "title": "Invalid request",
            "detail": "What was asked is not understood: limit.",
            "errors": [{"name": "limit", "reason": "Input should be less than or equal to 50"}],
        },
    ),
    429: (
        "More than is answered in a minute; `Retry-After` says when to ask again.",
        {
            "type": "urn:recommender:error:too-many-requests",
            "title": "Too many requests",
            "detail": "This is more than is answered in a minute; ask again in 2 s.",
        },
    ),
    503: (
        "Not now: the store does not answer, or what is to be answered from is not there yet.",
        {
            "type": "urn:recommender:error:store-unavailable",
            "title": "Store unavailable",
            "detail": "The store does not answer now; try again soon.",
        },
    ),
}


def responses(
    *statuses: int, model: type[BaseModel], example: dict[str, Any]
) -> dict[int | str, dict[str, Any]]:
    """Describe a route's responses: 200 with a model and an example of it, and problems by status."""
    answer = {"model": model, "content": {"application/json": {"example": example}}}
    return {200: answer, **problems_of(*statuses)}


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe a route's problems, by status."""
    return {
        status: {
            "model": Problem,
            "description": description,
            "content": {MEDIA_TYPE: {"example": {**fields, "status": status}}},
        }
        for status in statuses
        for description, fields in [_PROBLEMS[status]]
    }


RELATED_RESPONSES: Final = responses(404, 422, 503, model=Related, example=_RELATED)
DRAFT_RESPONSES: Final = responses(413, 422, 503, model=Related, example=_RELATED)
STORY_RESPONSES: Final = responses(
    404, 422, 503, model=Story, example={"url": EXAMPLE_URL, "generation": 7, **STORY_CARD}
)
LIVE_RESPONSES: Final = responses(model=Health, example={"status": "live"})
READY_RESPONSES: Final = responses(503, model=Health, example={"status": "ready"})
