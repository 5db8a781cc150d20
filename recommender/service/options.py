"""What a reader may ask of a list: one model, from which HTTP takes its query parameters."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Annotated, Final, Literal, Self

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
from pydantic.config import JsonDict

from recommender.neighbours import Curated
from recommender.urls import canonical

_ISO_DATE: Final = len("2020-06-15")


def moment(value: object, of_day: time = time.min) -> object:
    """Read a time, or a date as that time ``of_day`` in UTC; pydantic checks what comes out."""
    if isinstance(value, str):
        # Not left to pydantic, to which 2020 is a number of seconds since 1970.
        read = date if len(value) == _ISO_DATE else datetime
        try:
            value = read.fromisoformat(value)
        except ValueError:
            raise ValueError("expected a date (2020-06-15) or a time (2020-06-15T18:03:00Z)") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, of_day, UTC)
    return value


MOMENTS: Final[tuple[JsonDict, ...]] = (
    {"type": "string", "format": "date"},
    {"type": "string", "format": "date-time"},
)
"""What ``moment`` reads, as JSON Schema."""

_MOMENT_SCHEMA: Final[JsonDict] = {"anyOf": [*MOMENTS]}
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(str.casefold)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=50)]


class Options(BaseModel):
    """Which related stories to show, and in what order.

    Filters and ``duplicates`` work before the list is cut to ``limit``, and
    ``fill`` after it, so a list is short only if too few stories pass.  A
    story without a date passes no filter on time.  Pydantic's ValidationError
    says which option is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=10, ge=1, le=50, description="Most stories to show.")
    since: Annotated[
        AwareDatetime | None,
        BeforeValidator(lambda value: moment(value, time.min)),
        WithJsonSchema(_MOMENT_SCHEMA),
    ] = Field(
        default=None,
        description="Only stories published at this time or later: a date, or a time with its zone.",
        examples=["2020-06-01"],
    )
    until: Annotated[
        AwareDatetime | None,
        BeforeValidator(lambda value: moment(value, time.max)),
        WithJsonSchema(_MOMENT_SCHEMA),
    ] = Field(
        default=None,
        description="Only stories published at this time or earlier; a date includes its whole day, in UTC.",
        examples=["2020-06-30T12:00:00Z"],
    )
    provider: _Names = Field(
        default=(), description="Only from these providers, by domain or name; any case. Repeatable."
    )
    exclude_provider: _Names = Field(
        default=(), description="Nothing from these providers, by domain or name; any case. Repeatable."
    )
    topic: _Names = Field(default=(), description="Only with one of these topics; any case. Repeatable.")
    type: _Names = Field(
        default=(), description="Only of one of these types, such as article; any case. Repeatable."
    )
    exclude: Annotated[tuple[Annotated[str, AfterValidator(canonical)], ...], Field(max_length=50)] = Field(
        default=(), description="URLs, in any form, of stories that are on the page already. Repeatable."
    )
    direction: Literal["any", "background", "followup"] = Field(
        default="any", description="background: published before the story; followup: after it."
    )
    curated: Curated = Field(
        default="first",
        description="first: the editors' links in their order, then the rest by score; mixed: all by score; "
        "off: all by score, as if no editor had linked or pinned anything.",
    )
    duplicates: Literal["collapse", "show", "hide"] = Field(
        default="collapse",
        description="collapse: of copies of one text only the best placed, the others in its alternates; "
        "hide: the same without alternates; show: all of them.",
    )
    diversity: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="How much being unlike the stories above counts beside the score; 0 keeps the order.",
    )
    min_score: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="Lowest score of a story that the model found; editors' pins and links and what fills "
        "the list are shown whatever theirs.",
    )
    fill: bool = Field(
        default=True,
        description="Fill a list that is short with the stories nearest in time that pass the filters.",
    )
    explain: bool = Field(
        default=False,
        description="Say of each story why it is in the list: shared terms, days apart, topics, editors' "
        "links, and what each group of features adds to its score.",
    )

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError("since is later than until")
        return self

    @cached_property
    def narrow(self) -> bool:
        """Whether these options filter by provider, topic or type, which no index of the store has."""
        return any((self.provider, self.exclude_provider, self.topic, self.type))

    @property
    def long(self) -> bool:
        """Whether an answer may take milliseconds: it is explained, or filled from hundreds of stories."""
        return self.explain or self.narrow

    @property
    def reads_cards(self) -> bool:
        """Whether these options choose by what only a story's card tells."""
        timed = self.since is not None or self.until is not None or self.direction != "any"
        return self.narrow or timed or self.diversity > 0
