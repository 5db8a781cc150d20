"""A text that is no story yet, in the words of the seed document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Self

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from recommender import articles
from recommender.articles import Article
from recommender.service.options import MOMENTS, moment
from recommender.urls import MAX_LENGTH, canonical

_Name = Annotated[str, StringConstraints(max_length=200)]


def _address(url: str) -> str:
    if url:
        canonical(url)
    return url


def _in_utc(moment: datetime | None) -> datetime | None:
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:  # at either end of the calendar
        raise ValueError("in UTC that is before the year 1 or after 9999") from None


_MOMENT_SCHEMA: Final[JsonDict] = {"anyOf": [*MOMENTS, {"type": "null"}]}


class Source(BaseModel):
    """The outlet that will publish it."""

    model_config = ConfigDict(frozen=True)

    name: _Name = Field(default="", description="Its name.")
    domain: _Name = Field(default="", description="Its site; what its other stories in the store have.")


_EXAMPLE: Final[JsonDict] = {
    "title": "Old bridge reopens to a crowd and a brass band",
    "excerpt": "The first bus crossed at noon, an hour late.",
    "webUrl": "https://harbour-herald.example/2026/09/old-bridge-reopens",
    "topics": ["Transport"],
    "provider": {"name": "Harbour Herald", "domain": "harbour-herald.example"},
}


class Draft(BaseModel):
    """What is written so far; fields of a story that are not named here are passed over."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        json_schema_extra={"example": _EXAMPLE},
    )

    title: str = Field(default="", max_length=1_000, description="The headline.")
    excerpt: str = Field(default="", max_length=20_000, description="A paragraph or more of the text.")
    published_date_time: Annotated[
        AwareDatetime | None, BeforeValidator(moment), AfterValidator(_in_utc), WithJsonSchema(_MOMENT_SCHEMA)
    ] = Field(
        default=None, description="When it comes out: a date, or a time with its zone. Now, if not given."
    )
    provider: Source = Field(default=Source(), description="Who will publish it.")
    topics: Annotated[tuple[_Name, ...], Field(max_length=50)] = Field(default=(), description="Its topics.")
    type: _Name = Field(default="article", description="Its type, such as article.")
    web_url: Annotated[str, AfterValidator(_address)] = Field(
        default="",
        max_length=MAX_LENGTH,
        description="Its address, if it has one: a story of the store with that address is not shown.",
    )

    @model_validator(mode="after")
    def _check_text(self) -> Self:
        if not (self.title.strip() or self.excerpt.strip()):
            raise ValueError("a title or an excerpt is needed")
        return self

    def card(self, published: datetime) -> str:
        """Write what is shown of a story (``articles.card``) as JSON, with the time it comes out."""
        article = Article(
            key="",
            url=self.web_url,
            title=self.title,
            excerpt=self.excerpt,
            published_at=published,
            type=self.type,
            provider=articles.Provider(self.provider.name, self.provider.domain),
            topics=self.topics,
        )
        return orjson.dumps(articles.card(article)).decode()
