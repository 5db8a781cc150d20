"""Whether what a database keeps is what was written, as far as anybody can tell."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select, text

from recommender.errors import StoreCorrupt
from recommender.store.publishing import ACTIVE
from recommender.store.reading import whole
from recommender.store.schema import neighbours


class Checked(NamedTuple):
    """What was found: ``lists``, the stories whose lists are not what was written, ascending by id.

    ``database`` is what SQLite says of its own file, at most ten lines, and
    ``checksums`` whether PostgreSQL was set up to see pages that are not what
    it wrote; ``None`` on SQLite, which cannot.
    """

    lists: list[int]
    database: list[str]
    checksums: bool | None


def checked(connection: Connection) -> Checked:
    """Look at all of it; see ``Store.checked``."""
    if connection.dialect.name == "sqlite":
        found = connection.scalars(text("PRAGMA quick_check(10)")).all()
        return Checked(_lists(connection), [line for line in found if line != "ok"], None)
    checksums = connection.scalar(text("SHOW data_checksums")) == "on"
    return Checked(_lists(connection), [], checksums)


def _lists(connection: Connection) -> list[int]:
    served = connection.execute(ACTIVE).one_or_none()
    query = select(neighbours.c.article_id, neighbours.c.packed)
    query = query.where(neighbours.c.generation == (0 if served is None else served.lists))
    with connection.execution_options(yield_per=1000).execute(
        query.order_by(neighbours.c.article_id)
    ) as rows:
        return [article for article, packed in rows if not _is_whole(article, packed)]


def _is_whole(article: int, packed: bytes) -> bool:
    try:
        whole(article, packed)
    except StoreCorrupt:
        return False
    return True
