"""Reading for recomputes and exports, and for those who look after the service; answers: ``answering``."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, case, func, select

from recommender.checksums import unmarked
from recommender.errors import StoreCorrupt
from recommender.store.database import chunks
from recommender.store.schema import (
    aliases,
    articles,
    generations,
    known,
    links,
    models,
    neighbours,
    origins,
    vocabularies,
)


class Generation(NamedTuple):
    """A published recompute: when (seconds since 1970, UTC), and how many stories have a list in it."""

    id: int
    model: str
    created_at: int
    stories: int
    revision: int | None = None


class Change(NamedTuple):
    """A story that changed, and the revision in which it did."""

    id: int
    removed: bool
    revision: int


class ModelRecord(NamedTuple):
    """A model that was trained, when (seconds since 1970, UTC), and its report."""

    id: str
    created_at: int
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """The store in numbers, all of one moment.

    ``stories`` includes those ``removed``.  ``links`` counts pairs of a story
    and a target once, however many origins give them; ``dead_links`` are those
    whose target is no story's key.  ``newest`` is the latest publication of a
    story that is not removed, in seconds since 1970 (UTC).
    """

    stories: int
    removed: int
    links: int
    dead_links: int
    newest: int | None
    generation: Generation | None


active = select(func.max(generations.c.id)).where(generations.c.lists.is_not(None)).scalar_subquery()
"""The active generation, looked up in the same statement, so a publish between the two cannot mix them."""

_lists = select(generations.c.lists).where(generations.c.id == active).scalar_subquery()


def urls(connection: Connection) -> dict[int, str]:
    """Read the address of every story that is not removed, by id; see ``Store.exported``."""
    rows = connection.execute(select(articles.c.id, articles.c.url).where(~articles.c.removed))
    return {row.id: row.url for row in rows}


def lists(connection: Connection) -> Generator[tuple[int, bytes]]:
    """Read the active generation's lists, in the order of ids; see ``Store.exported``."""
    query = select(neighbours.c.article_id, neighbours.c.packed).where(neighbours.c.generation == _lists)
    with connection.execution_options(yield_per=1000).execute(
        query.order_by(neighbours.c.article_id)
    ) as rows:
        for row in rows:
            yield row.article_id, whole(row.article_id, row.packed)


def whole(article: int, packed: bytes) -> bytes:
    """Give a list without its checksum; raises StoreCorrupt where it is not what was written."""
    try:
        return unmarked(packed)
    except ValueError as error:
        raise StoreCorrupt(
            f"a list of neighbours, {len(packed)} bytes of story {article}, is not what was written; "
            "run `recommender recompute`"
        ) from error


def generation(connection: Connection) -> Generation | None:
    """Read the active generation; see ``Store.generation``."""
    columns = (generations.c[name] for name in Generation._fields)
    row = connection.execute(select(*columns).where(generations.c.id == active)).one_or_none()
    return None if row is None else Generation(*row)


def vocabulary(connection: Connection, number: int) -> bytes | None:
    """Read the words of a generation; see ``Store.vocabulary``."""
    query = select(vocabularies.c.packed).where(vocabularies.c.generation == number)
    packed: bytes | None = connection.scalar(query)
    return packed


def kept(connection: Connection) -> dict[str, bytes]:
    """Read what is kept for the next recompute; see ``Store.kept``."""
    return {row.name: row.packed for row in connection.execute(select(known.c.name, known.c.packed))}


def keeper(connection: Connection) -> int | None:
    """Read who wrote what is kept; see ``Store.keeper``."""
    newest: int | None = connection.scalar(select(func.max(known.c.generation)))
    return newest


def revision(connection: Connection) -> int:
    """Read the number of the last change; see ``Store.revision``."""
    newest: int = connection.execute(select(func.coalesce(func.max(articles.c.revision), 0))).scalar_one()
    return newest


def changes(connection: Connection, after: int) -> list[Change]:
    """Read what changed; see ``Store.changes``."""
    query = select(articles.c.id, articles.c.removed, articles.c.revision)
    query = query.where(articles.c.revision > after).order_by(articles.c.revision, articles.c.id)
    return [Change(*row) for row in connection.execute(query)]


def some_lists(
    connection: Connection, generation: int, ids: Sequence[int]
) -> dict[int, tuple[bytes, bytes | None]]:
    """Read some lists; see ``Store.lists``."""
    query = select(neighbours.c.article_id, neighbours.c.packed, neighbours.c.reasons).where(
        neighbours.c.generation == _lists, active == generation
    )
    found: dict[int, tuple[bytes, bytes | None]] = {}
    for chunk in chunks(ids):
        with connection.execute(query.where(neighbours.c.article_id.in_(chunk))) as result:
            # As the driver gives them: SQLAlchemy's own rows take four times as long.
            for article, packed, reasons in result.cursor.fetchall():
                found[article] = whole(article, bytes(packed)), reasons if reasons is None else bytes(reasons)
    return found


def status(connection: Connection) -> Status:
    """Count everything; see ``Store.status``."""
    stories, removed, newest = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((articles.c.removed, 1), else_=0)), 0),
            func.max(case((articles.c.removed, None), else_=articles.c.published_at)),
        ).select_from(articles)
    ).one()
    pairs = select(links.c.source_id, links.c.target_key).distinct().subquery()
    linked, dead = connection.execute(
        select(func.count(), func.count() - func.count(aliases.c.key)).select_from(
            pairs.outerjoin(aliases, aliases.c.key == pairs.c.target_key)
        )
    ).one()
    return Status(stories, removed, linked, dead, newest, generation(connection))


def fingerprints(connection: Connection) -> dict[str, str]:
    """Read what is known of every origin; see ``Store.fingerprints``."""
    query = select(origins.c.origin, origins.c.fingerprint).where(origins.c.fingerprint.is_not(None))
    return {row.origin: row.fingerprint for row in connection.execute(query)}


def model_records(connection: Connection) -> list[ModelRecord]:
    """Read the models' reports; see ``Store.models``."""
    query = select(models).order_by(models.c.created_at.desc(), models.c.id.desc())
    return [
        ModelRecord(row.id, row.created_at, orjson.loads(row.report)) for row in connection.execute(query)
    ]
