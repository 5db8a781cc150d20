"""The answers as OpenAPI describes them.

Nothing passes through these models: an answer is made of what the store has,
and the tests hold the two against each other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from recommender.api.problems import MEDIA_TYPE


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Image(_Document):
    """A picture of a story; sizes in pixels."""

    url: str
    width: int | None
    height: int | None
    is_cached: bool | None
    title: str | None


class Provider(_Document):
    """The outlet that published a story."""

    name: str
    domain: str


class Card(_Document):
    """What is shown of a story; what it does not have is null or empty."""

    title: str
    excerpt: str
    published_date_time: datetime | None
    web_url: str
    amp_web_url: str | None
    cdn_amp_web_url: str | None
    type: str
    provider: Provider
    topics: list[str]
    quality: float | None
    images: list[Image]


class Alternate(_Document):
    """Another outlet's copy of a story, or another address of it."""

    title: str
    published_date_time: datetime | None
    web_url: str
    amp_web_url: str | None
    provider: Provider


class Term(_Document):
    """A word, or two that follow each other, of both stories; in lower case, stop words left out."""

    term: str
    weight: float = Field(description="How rare it is: its idf in the generation that answers.")
    story: list[Literal["title", "excerpt"]] = Field(description="Where it stands in the story asked for.")
    item: list[Literal["title", "excerpt"]] = Field(description="Where it stands in the item.")


class CuratedLink(_Document):
    """An editor's link between the two stories."""

    place: int = Field(description="Place among the editors' links of the story, from 1.")
    by: Literal["story", "item", "both"] | None = Field(
        description="Whose link it is; null in a generation of an older program."
    )


class Linked(_Document):
    """A story of the same list that editors linked with the item."""

    title: str
    web_url: str


class Why(BaseModel):
    """Why an item is in the list."""

    model_config = ConfigDict(extra="forbid")

    terms: list[Term] | None = Field(
        description="Terms the two share, rarest first; null where the words of the generation are not kept."
    )
    days_apart: float | None = Field(
        description="Above 0 if the item is the newer of the two; null without both dates."
    )
    topics: list[str] = Field(description="Topics they share, as the story asked for spells them.")
    curated: CuratedLink | None
    co_curated: list[Linked] = Field(
        description="Stories of the same list that editors linked with the item, those linked to both first."
    )
    parts: dict[str, float] | None = Field(
        description="What each group of features adds to the score, in log-odds; with base, which all "
        "pairs have, they add up to ln(score / (1 - score)). Null for what the model did not score."
    )


class Item(Card):
    """A related story."""

    rank: int = Field(description="Place in the list, from 1.")
    score: float = Field(description="How related the model finds it, 0 to 1; 0 for fill.")
    source: Literal["pinned", "curated", "model", "fill"] = Field(
        description="Whether an editor pinned or linked it, the model found it, or it fills a short list."
    )
    alternates: list[Alternate] = Field(
        description="Copies of the same text that pass the filters too, best placed first."
    )
    why: Why | None = Field(default=None, description="Only with `explain=true`: why it is in the list.")


class Related(_Document):
    """The related stories of a story, best first; AMP's list component reads ``items`` as it is."""

    url: str | None = Field(
        description="The story's own URL, whichever of its forms was asked for; null for a draft without one."
    )
    id: str | None = Field(
        description="What is shown, for POST /events; null for drafts, `model` and before any recompute."
    )
    model: str | None = Field(description="The model that ranked, null before the first recompute.")
    generation: int | None = Field(description="The recompute answered from, null before the first.")
    items: list[Item]


class Story(Card):
    """A story of the store."""

    url: str = Field(description="The story's own URL, whichever of its forms was asked for.")
    generation: int | None = Field(description="The active recompute, null before the first.")


class Outcome(_Document):
    """What became of a story that was posted."""

    url: str | None = Field(
        description="The story's own URL; of what is no story, the address that it gives, or null."
    )
    status: Literal["new", "changed", "unchanged", "rejected"]
    reason: str | None = Field(default=None, description="Why it was rejected, or changed nothing.")
    warnings: list[str] = Field(default=[], description="What of it was not understood and left out.")


class Posted(_Document):
    """What became of the stories that were posted: how many of each, and each, in the order of the list."""

    new: int
    changed: int
    unchanged: int
    rejected: int
    items: list[Outcome]


class Fault(_Document):
    """One part that is wrong, and why."""

    name: str
    reason: str


class Problem(_Document):
    """Any error (RFC 9457)."""

    type: str = Field(description="urn:recommender:error: and a stable name.")
    title: str
    status: int
    detail: str
    errors: list[Fault] = Field(default=[], description="Left out where nothing can be told apart.")


class Health(_Document):
    """The service, or one of its processes, is well."""

    status: Literal["live", "ready"]


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
        "Not now: the store does not answer, or there is nothing to answer from yet.",
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
