"""What readers were shown and clicked: counts that are added to, and read as columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Column, Connection, func, select, text

from recommender.events import Events
from recommender.store.database import chunks
from recommender.store.schema import articles, events, generations

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS: Final = 50_000
"""Rows in memory at once on their way into columns."""


class Count(NamedTuple):
    """How often a story was shown, and clicked, at one place of a list on one day.

    The fields are those of ``Events``; ids and counts are below 2^63, ``rank``
    is below 2^15.
    """

    day: int
    generation: int
    article: int
    other: int
    source: int
    rank: int
    shown: int
    clicked: int


class Total(NamedTuple):
    """How often what a model, or what a source, had at a rank was shown and clicked, on all days."""

    model: str
    source: int
    rank: int
    shown: int
    clicked: int


# In words, not in SQLAlchemy's: it has this statement once for each database, and they are the same.
_ADD: Final = text(
    "INSERT INTO events (day, generation, article_id, other_id, source, rank, shown, clicked) "
    "VALUES (:day, :generation, :article, :other, :source, :rank, :shown, :clicked) "
    "ON CONFLICT (day, generation, article_id, other_id, source, rank) "
    "DO UPDATE SET shown = events.shown + excluded.shown, clicked = events.clicked + excluded.clicked"
)


def record(connection: Connection, counts: Sequence[Count]) -> int:
    """Add counts to what is there; see ``Store.record_events``."""
    published = _known(connection, generations.c.id, {one.generation for one in counts})
    stories = _known(
        connection, articles.c.id, {story for one in counts for story in (one.article, one.other)}
    )
    kept = [
        one._asdict()
        for one in counts
        if one.generation in published and one.article in stories and one.other in stories
    ]
    if kept:
        connection.execute(_ADD, kept)
    return len(counts) - len(kept)


def _known(connection: Connection, column: Column[Any], ids: Collection[int]) -> set[int]:
    """Tell which of these ids a table has."""
    return {
        row[0]
        for chunk in chunks(list(ids))
        for row in connection.execute(select(column).where(column.in_(chunk)))
    }


def totals(connection: Connection) -> list[Total]:
    """Add up all counts; see ``Store.event_totals``."""
    # Summed before it is joined: generations are few, and rows are many.
    by_generation = (
        select(
            events.c.generation,
            events.c.source,
            events.c.rank,
            func.sum(events.c.shown).label("shown"),
            func.sum(events.c.clicked).label("clicked"),
        )
        .group_by(events.c.generation, events.c.source, events.c.rank)
        .subquery()
    )
    key = generations.c.model, by_generation.c.source, by_generation.c.rank
    query = (
        select(*key, func.sum(by_generation.c.shown), func.sum(by_generation.c.clicked))
        .join_from(by_generation, generations, generations.c.id == by_generation.c.generation)
        .group_by(*key)
        .order_by(*key)
    )
    # PostgreSQL adds up to a Decimal.
    return [Total(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in connection.execute(query)]


def days(connection: Connection, since_day: int) -> dict[int, int]:
    """Count rows by day; see ``Store.event_days``."""
    query = select(events.c.day, func.count()).where(events.c.day >= since_day).group_by(events.c.day)
    return {row[0]: row[1] for row in connection.execute(query)}


def read(connection: Connection, since_day: int) -> Events:
    """Read all counts of that day and later; see ``Store.events``."""
    # Loaded here: who counts needs no numpy.
    import numpy as np

    recent = events.c.day >= since_day
    rows = np.concatenate([np.empty((0, len(events.c)), np.int64), *_rows(connection, since_day)])
    named = select(events.c.generation).where(recent)
    models = connection.execute(
        select(generations.c.id, generations.c.model).where(generations.c.id.in_(named))
    )
    day, generation, article, other, source, rank, shown, clicked = np.ascontiguousarray(rows.T)
    return Events(
        day=day,
        generation=generation,
        article=article,
        other=other,
        source=source.astype(np.int8),
        rank=rank.astype(np.int16),
        shown=shown,
        clicked=clicked,
        models={row.id: row.model for row in models},
    )


def _rows(connection: Connection, since_day: int) -> Iterator[NDArray[np.int64]]:
    import numpy as np

    query = select(events).where(events.c.day >= since_day).order_by(*events.primary_key)
    with connection.execute(query, execution_options={"yield_per": _ROWS}) as result:
        for rows in result.partitions():
            yield np.array([tuple(row) for row in rows], np.int64)
