"""What the service answers, as it promises it: frozen, and every time aware.

Names are those of the API in Python's spelling (``webUrl`` is ``web_url``).
Every object keeps the JSON it was made of in ``raw``, where what a newer
server says besides is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Final, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from recommender.client.problems import Fault, UnexpectedAnswer

T = TypeVar("T")

_CONFIG: Final = ConfigDict(
    alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore"
)


def read(kind: type[T], value: object) -> T:
    """Make an answer of what JSON has; raises UnexpectedAnswer if it lacks what the API promises."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise UnexpectedAnswer(f"not what the API promises: {where}: {first['msg']}") from error


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field, Field))
def answer(kind: type[T]) -> type[T]:
    """Make a class an answer: frozen, by keywords, and read by ``read``."""
    made: Any = dataclass(frozen=True, kw_only=True, config=_CONFIG)(kind)
    return made  # type: ignore[no-any-return]


@answer
class Answer:
    """What all answers, and parts of them, have."""

    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @model_validator(mode="before")
    @classmethod
    def _keep(cls, value: Any) -> Any:
        return {**value, "raw": value} if isinstance(value, dict) else value


@answer
class Image(Answer):
    """A picture of a story; sizes in pixels."""

    url: str
    width: int | None
    height: int | None
    is_cached: bool | None
    title: str | None


@answer
class Provider(Answer):
    """The outlet that published a story."""

    name: str
    domain: str


@answer
class Card(Answer):
    """What is shown of a story; what it does not have is ``None`` or empty."""

    title: str
    excerpt: str
    published_date_time: datetime | None
    web_url: str
    amp_web_url: str | None
    cdn_amp_web_url: str | None
    type: str
    provider: Provider
    topics: tuple[str, ...]
    quality: float | None
    images: tuple[Image, ...]


@answer
class Alternate(Answer):
    """Another outlet's copy of a story, or another address of it."""

    title: str
    published_date_time: datetime | None
    web_url: str
    amp_web_url: str | None
    provider: Provider


@answer
class Term(Answer):
    """A word, or two that follow each other, of both stories; ``story`` and ``item`` say where."""

    term: str
    weight: float
    story: tuple[str, ...]
    item: tuple[str, ...]


@answer
class CuratedLink(Answer):
    """An editor's link between the two stories: its place, from 1, and whose it is."""

    place: int
    by: str | None


@answer
class Linked(Answer):
    """A story of the same list that editors linked with the item."""

    title: str
    web_url: str


@answer
class Why(Answer):
    """Why an item is in the list."""

    terms: tuple[Term, ...] | None
    days_apart: float | None
    topics: tuple[str, ...]
    curated: CuratedLink | None
    co_curated: tuple[Linked, ...]
    parts: Mapping[str, float] | None


@answer
class Item(Card):
    """A related story; ``source`` is pinned, curated, model or fill, ``why`` only if it was asked for."""

    rank: int
    score: float
    source: str
    alternates: tuple[Alternate, ...]
    why: Why | None = None


@answer
class Related(Answer):
    """The related stories of a story, best first; ``url`` is its own, ``None`` for a draft without one.

    ``id`` says what was shown, for ``Client.count``; ``None`` where there is nothing to count by.
    """

    url: str | None
    id: str | None = None
    model: str | None
    generation: int | None
    items: tuple[Item, ...]


@answer
class Story(Card):
    """A story of the store."""

    url: str
    generation: int | None


@answer
class Hit(Card):
    """A story that was found."""

    url: str


@answer
class Hits(Answer):
    """The stories that were found, newest first."""

    items: tuple[Hit, ...]


@answer
class Outcome(Answer):
    """What became of a story that was posted; ``status`` is new, changed, unchanged or rejected."""

    url: str | None
    status: str
    reason: str | None = None
    warnings: tuple[str, ...] = ()


@answer
class Posted(Answer):
    """What became of the stories that were posted: how many of each, and each, in order."""

    new: int
    changed: int
    unchanged: int
    rejected: int
    items: tuple[Outcome, ...]


@answer
class Ready(Answer):
    """Whether stories can be answered for, and what is missing; as true as ``ready``."""

    ready: bool
    missing: tuple[Fault, ...] = ()

    def __bool__(self) -> bool:
        """Tell ``ready``."""
        return self.ready
