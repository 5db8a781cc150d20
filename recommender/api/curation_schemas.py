"""What editors send and get, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from recommender.api.responses import EXAMPLE_URL, problems_of, responses
from recommender.service.desk import LONGEST_NAME, MOST_SLOTS
from recommender.urls import MAX_LENGTH, canonical

_OTHER: Final = "https://tidewater-post.example/bridge/why-it-was-closed"
_EXAMPLE: Final[JsonDict] = {"url": EXAMPLE_URL, "other": _OTHER, "kind": "pin", "slot": 1, "by": "Ada"}


def _address(url: str) -> str:
    canonical(url)
    return url


Address = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH), AfterValidator(_address)]
Name = Annotated[str, Field(max_length=LONGEST_NAME, description="Who orders: kept in the history.")]


class Order(BaseModel):
    """An order about the list of a story; it takes the place of any about the same two."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"example": _EXAMPLE})

    url: Address = Field(description="The story whose list it is, by its URL in any form.")
    other: Address = Field(description="The story that is pinned or blocked, by its URL in any form.")
    kind: Literal["pin", "block"] = Field(description="pin: it comes first; block: it is never shown.")
    slot: int | None = Field(
        default=None,
        ge=1,
        le=MOST_SLOTS,
        description="Place of a pin in the list, from 1; null for the first that is free.",
    )
    by: Name = ""


class PairQuery(BaseModel):
    """Which order is taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Address = Field(description="The story whose list it is, by its URL in any form.")
    other: Address = Field(description="The story that is pinned or blocked, by its URL in any form.")
    by: Name = ""


class Undone(BaseModel):
    """About which story the last thing is taken back."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"url": EXAMPLE_URL, "by": "Ada"}}
    )

    url: Address = Field(description="The story whose list it is, by its URL in any form.")
    by: Name = ""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ordered(_Document):
    """An order in force."""

    other: str = Field(description="The URL of the story pinned or blocked, as its publisher writes it.")
    title: str
    kind: Literal["pin", "block"]
    slot: int | None = Field(description="Place of a pin, from 1; null for the first that is free.")
    by: str = Field(description="Who gave it; empty if nobody said.")
    at: datetime


class Done(_Document):
    """Something that was ordered or taken back."""

    other: str
    title: str
    action: Literal["pin", "block", "clear", "undo"]
    slot: int | None
    by: str
    at: datetime
    undone: bool = Field(description="Whether it was undone since, as if it had never been.")


class Curation(_Document):
    """What editors ordered about a story's list."""

    url: str = Field(description="The story's own URL, whichever of its forms was asked for.")
    title: str
    orders: list[Ordered] = Field(description="In force: pins as they stand in the list, then blocks.")
    history: list[Done] = Field(description="All that was ever ordered and taken back, oldest first.")


_LINE: Final = {
    "other": _OTHER,
    "title": "Why the old bridge was closed for two years",
    "slot": 1,
    "by": "Ada",
    "at": "2026-09-02T13:05:00Z",
}
CURATION_RESPONSES: Final = responses(
    401,
    403,
    404,
    422,
    503,
    model=Curation,
    example={
        "url": EXAMPLE_URL,
        "title": "Old bridge reopens to a crowd and a brass band",
        "orders": [_LINE | {"kind": "pin"}],
        "history": [_LINE | {"action": "pin", "undone": False}],
    },
)
ORDER_RESPONSES: Final = CURATION_RESPONSES | problems_of(413)
"""Of routes that have a body."""
