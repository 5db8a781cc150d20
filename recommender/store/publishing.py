"""Writing what was computed: generations of neighbours, and the record of models."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from recommender.errors import StaleGeneration
from recommender.store.database import chunks
from recommender.store.schema import generations, known, models, neighbours, vocabularies

_CHUNK = 2_000
"""Stories written by one statement: about 3.5 MB with fifty neighbours and their reasons each."""

Listed: TypeAlias = tuple[int, bytes] | tuple[int, bytes, bytes]
"""A story's id, its neighbours, and perhaps the reasons for them, packed."""


def publish(
    connection: Connection,
    model: str,
    stories: Iterable[Listed],
    parts: str | None,
    vocabulary: bytes | None,
    kept: Iterable[tuple[str, bytes]],
) -> int:
    """Write a generation inside the caller's transaction; see ``Store.publish``."""
    previous = connection.execute(_ACTIVE).one_or_none()
    generation = _begin(connection, model, parts)
    connection.execute(_LISTS, {"number": generation, "lists": generation})
    written = _write(connection, generation, stories)
    connection.execute(update(generations).where(generations.c.id == generation).values(stories=written))
    if previous is not None:
        connection.execute(delete(neighbours).where(neighbours.c.generation < previous.lists))
    _describe(connection, generation, previous, vocabulary)
    connection.execute(delete(known))
    _keep(connection, generation, kept)
    return generation


def amend(
    connection: Connection,
    amended: int,
    changed: Iterable[Listed],
    gone: Sequence[int],
    vocabulary: bytes | None,
    kept: Iterable[tuple[str, bytes]],
) -> int:
    """Write a generation that changes some lists of another; see ``Store.amend``."""
    previous = connection.execute(_ACTIVE).one_or_none()
    if previous is None or previous.id != amended:
        raise StaleGeneration(f"generation {amended} is not the one that is served; nothing was published")
    generation = _begin(connection, previous.model, previous.parts)
    connection.execute(_LISTS, {"number": generation, "lists": previous.lists})
    for chunk in chunks(gone):
        connection.execute(_DROP.where(neighbours.c.article_id.in_(chunk)), {"lists": previous.lists})
    _write(connection, previous.lists, changed, replace=True)
    stories = select(func.count()).where(neighbours.c.generation == previous.lists)
    connection.execute(
        update(generations).where(generations.c.id == generation).values(stories=stories.scalar_subquery())
    )
    _describe(connection, generation, previous, vocabulary)
    _keep(connection, generation, kept)
    return generation


_ACTIVE = select(generations).order_by(generations.c.id.desc()).limit(1)
_LISTS = update(generations).where(generations.c.id == bindparam("number")).values(lists=bindparam("lists"))
_DROP = delete(neighbours).where(neighbours.c.generation == bindparam("lists"))


def _begin(connection: Connection, model: str, parts: str | None) -> int:
    number: int = connection.execute(
        insert(generations)
        .values(model=model, created_at=int(time.time()), stories=0, parts=parts)
        .returning(generations.c.id)
    ).scalar_one()
    return number


def _write(connection: Connection, lists: int, stories: Iterable[Listed], *, replace: bool = False) -> int:
    written = 0
    remaining = iter(stories)
    while rows := [_row(lists, *listed) for listed in islice(remaining, _CHUNK)]:
        if replace:
            for chunk in chunks([row["article_id"] for row in rows]):
                connection.execute(_DROP.where(neighbours.c.article_id.in_(chunk)), {"lists": lists})
        connection.execute(insert(neighbours), rows)
        written += len(rows)
    return written


def _describe(
    connection: Connection, generation: int, previous: Row[Any] | None, vocabulary: bytes | None
) -> None:
    """Write in which words a generation compared stories; those of the one before are kept, no others."""
    if vocabulary is not None:
        connection.execute(insert(vocabularies).values(generation=generation, packed=vocabulary))
    if previous is not None:
        connection.execute(delete(vocabularies).where(vocabularies.c.generation < previous.id))


def _keep(connection: Connection, generation: int, kept: Iterable[tuple[str, bytes]]) -> None:
    for name, packed in kept:
        connection.execute(delete(known).where(known.c.name == name))
        connection.execute(insert(known).values(name=name, generation=generation, packed=packed))


def _row(generation: int, article: int, packed: bytes, reasons: bytes | None = None) -> dict[str, Any]:
    # Loaded here, for an import needs no numpy: a process without its threads may fork workers.
    from recommender.corpus import NEIGHBOUR_DTYPE

    if len(packed) % NEIGHBOUR_DTYPE.itemsize:
        raise ValueError(
            f"neighbours of story {article}: {len(packed)} bytes are not a whole number of "
            f"{NEIGHBOUR_DTYPE.itemsize}-byte records of NEIGHBOUR_DTYPE"
        )
    if reasons is not None and len(reasons) % max(len(packed) // NEIGHBOUR_DTYPE.itemsize, 1):
        raise ValueError(f"reasons of story {article}: {len(reasons)} bytes, not as many for each neighbour")
    return {"generation": generation, "article_id": article, "packed": packed, "reasons": reasons}


def record_model(connection: Connection, model: str, report: Mapping[str, Any]) -> None:
    """Write a model's report; see ``Store.record_model``."""
    text = orjson.dumps(report, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    changed = connection.execute(update(models).where(models.c.id == model).values(report=text)).rowcount
    if not changed:
        connection.execute(insert(models).values(id=model, created_at=int(time.time()), report=text))
