"""The answers as OpenAPI describes them.

Nothing passes through these models: an answer is made of what the store has,
and the tests hold the two against each other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


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
