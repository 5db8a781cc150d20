"""Whether what a database keeps is what was written, as far as anybody can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, literal, select, text

from recommender.checksums import unmarked, verified
from recommender.store.publishing import ACTIVE
from recommender.store.schema import known, neighbours, vocabularies


class Checked(NamedTuple):
    """What was found: ``lists``, the stories whose lists are not what was written, ascending by id.

    ``kept`` names the parts that are not of what a recompute keeps for the next and for drafts.
    ``database`` is what SQLite says of its own file, at most ten lines, and
    ``checksums`` whether PostgreSQL was set up to see pages that are not what
    it wrote; ``None`` on SQLite, which cannot.
    """

    lists: list[int]
    kept: list[str]
    database: list[str]
    checksums: bool | None


def checked(connection: Connection) -> Checked:
    """Look at all of it; see ``Store.checked``."""
    database, checksums = list[str](), None
    if connection.dialect.name == "sqlite":
        found = connection.scalars(text("PRAGMA quick_check(10)")).all()
        database = [line for line in found if line != "ok"]
    else:
        checksums = connection.scalar(text("SHOW data_checksums")) == "on"
    served = connection.execute(ACTIVE).one_or_none()
    if served is None:
        return Checked([], [], database, checksums)
    return Checked(_lists(connection, served.lists), _kept(connection, served.id), database, checksums)


def _lists(connection: Connection, generation: int) -> list[int]:
    query = select(neighbours.c.article_id, neighbours.c.packed)
    query = query.where(neighbours.c.generation == generation).order_by(neighbours.c.article_id)
    with connection.execution_options(yield_per=1000).execute(query) as rows:
        return [article for article, packed in rows if not _is_whole(unmarked, packed)]


def _kept(connection: Connection, generation: int) -> list[str]:
    words = select(literal("vocabulary"), vocabularies.c.packed).where(
        vocabularies.c.generation == generation
    )
    found = []
    for query in (select(known.c.name, known.c.packed).order_by(known.c.name), words):
        with connection.execution_options(yield_per=1).execute(query) as rows:  # some are 16 MB
            found += [name for name, packed in rows if not _is_whole(verified, packed)]
    return found


def _is_whole(read: Callable[[bytes], bytes], packed: bytes) -> bool:
    try:
        read(packed)
    except ValueError:
        return False
    return True
