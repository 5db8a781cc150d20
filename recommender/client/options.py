"""What may be asked of a list, as keywords: the query parameters of the API by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Literal, TypeAlias, TypedDict

Many: TypeAlias = str | Iterable[str]
"""One, or several."""

Reason: TypeAlias = Literal[
    "dead", "itself", "unpublished", "duplicate", "looks-wrong", "one-way", "unlinked"
]
"""Why something deserves an editor's look."""


class Options(TypedDict, total=False):
    """Options of every list; a datetime has to have its zone, a date is its whole day in UTC."""

    limit: int
    since: date | str
    until: date | str
    provider: Many
    exclude_provider: Many
    topic: Many
    type: Many
    exclude: Many
    direction: Literal["any", "background", "followup"]
    curated: Literal["first", "mixed", "off"]
    duplicates: Literal["collapse", "show", "hide"]
    diversity: float
    min_score: float
    fill: bool
    explain: bool


class RelatedOptions(Options, total=False):
    """Options of a story's list: another model may rank it."""

    model: str


def parameters(options: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Write options as query parameters, in order; ``None`` is as if it were not given."""
    for name, value in options.items():
        if value is None:
            continue
        if isinstance(value, Iterable) and not isinstance(value, str):
            yield from ((name, _text(each)) for each in value)
        else:
            yield name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
