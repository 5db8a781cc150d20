"""Reading for an answer: a story with its neighbours, cards, and what was published around a moment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Final, NamedTuple

from sqlalchemy import Connection, Integer, and_, bindparam, false, null, select, union_all

from recommender.store.database import Database, Prepared, chunks
from recommender.store.reading import active, whole
from recommender.store.schema import aliases, articles, generations, neighbours, orders


class Found(NamedTuple):
    """A story and its place in the served generation.

    ``published_at`` is in seconds since 1970 (UTC), ``card`` is JSON text,
    ``packed`` the bytes of a ``NEIGHBOUR_DTYPE`` array, best first.
    ``generation`` and ``model`` are ``None`` before anything was published,
    ``packed`` also for a story that came after the generation.  ``orders`` is
    the JSON of ``curation.Orders``, ``None`` where nobody ordered anything.
    ``reasons`` (bytes of records of ``reasons.Parts``) and ``parts`` (their
    JSON) are ``None`` where nobody asked for them, and where there are none.
    """

    id: int
    key: str
    url: str
    published_at: int | None
    removed: bool
    card: str
    generation: int | None
    model: str | None
    packed: bytes | None
    orders: str | None = None
    reasons: bytes | None = None
    parts: str | None = None


class Card(NamedTuple):
    """What an answer shows of a story: ``card`` is JSON text, ``published_at`` seconds since 1970."""

    card: str
    published_at: int | None
    removed: bool


_FIND = (
    select(
        articles.c.id,
        articles.c.key,
        articles.c.url,
        articles.c.published_at,
        articles.c.removed,
        articles.c.card,
        generations.c.id.label("generation"),
        generations.c.model,
        neighbours.c.packed,
        orders.c.packed.label("orders"),
    )
    .join_from(aliases, articles, aliases.c.article_id == articles.c.id)
    .outerjoin(generations, generations.c.id == active)
    .outerjoin(
        neighbours,
        and_(neighbours.c.generation == generations.c.lists, neighbours.c.article_id == articles.c.id),
    )
    # By its primary key: where nobody ordered anything, which is nearly everywhere, it costs under 1 µs.
    .outerjoin(orders, orders.c.article_id == articles.c.id)
    .where(aliases.c.key == bindparam("alias"))
)
_FOUND = Prepared(_FIND)
_FOUND_ALONE = Prepared(
    select(articles.c.id, articles.c.key, articles.c.url, articles.c.published_at, articles.c.removed)
    .add_columns(articles.c.card, generations.c.id, generations.c.model, null())
    .join_from(aliases, articles, aliases.c.article_id == articles.c.id)
    .outerjoin(generations, generations.c.id == active)
    .where(aliases.c.key == bindparam("alias"))
)
_PACKED: Final = Found._fields.index("packed")
_FOUND_WITH_REASONS = Prepared(_FIND.add_columns(neighbours.c.reasons, generations.c.parts))

_CARD = select(articles.c.card, articles.c.published_at, articles.c.removed, articles.c.id)

_card: Final = partial(tuple.__new__, Card)
"""``Card._make`` for what has the right length, without a call in Python for each."""


@lru_cache(maxsize=64)
def _cards(count: int) -> Prepared:
    return Prepared(_CARD.where(articles.c.id.in_([bindparam(f"id{n}") for n in range(count)])))


def find(database: Database, key: str, *, listed: bool, reasons: bool) -> Found | None:
    """Read a story and its neighbours; see ``Store.find``."""
    query = _FOUND if listed else _FOUND_ALONE
    rows = database.rows(_FOUND_WITH_REASONS if reasons else query, (key,))
    if not rows:
        return None
    told = list(rows[0])
    if told[_PACKED] is not None:
        told[_PACKED] = whole(told[0], told[_PACKED])
    return Found(*told)


def cards(database: Database, ids: Sequence[int]) -> dict[int, Card]:
    """Read cards by id; see ``Store.cards``."""
    return {
        row[3]: _card(row[:3]) for chunk in chunks(ids) for row in database.rows(_cards(len(chunk)), chunk)
    }


_FIRST = -(2**62)
"""Seconds before any story."""

_DATED = and_(
    articles.c.removed == false(),
    articles.c.published_at.between(bindparam("earliest"), bindparam("latest")),
)
_NEAR_COLUMNS = select(articles.c.id, articles.c.card, articles.c.published_at, articles.c.removed)
# Each side is read along the index on the time, from the moment away, and ends after its rows.
_NEAR = union_all(
    _NEAR_COLUMNS.where(_DATED, articles.c.published_at <= bindparam("moment"))
    .order_by(articles.c.published_at.desc(), articles.c.id.desc())
    .limit(bindparam("rows", type_=Integer))
    .subquery()
    .select(),
    _NEAR_COLUMNS.where(_DATED, articles.c.published_at > bindparam("moment"))
    .order_by(articles.c.published_at, articles.c.id)
    .limit(bindparam("rows", type_=Integer))
    .subquery()
    .select(),
)


def near(
    connection: Connection, moment: int, earliest: int | None, latest: int, rows: int
) -> list[tuple[int, Card]]:
    """Read the stories around a moment; see ``Store.near``."""
    values = {
        "moment": moment,
        "earliest": _FIRST if earliest is None else earliest,
        "latest": latest,
        "rows": rows,
    }
    return [(row[0], Card(row[1], row[2], row[3])) for row in connection.execute(_NEAR, values)]
