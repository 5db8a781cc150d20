"""Writing what was computed: generations of neighbours, and the record of models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import islice
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from recommender.checksums import marked
from recommender.errors import StaleGeneration, StoreError
from recommender.store.database import chunks
from recommender.store.schema import generations, known, models, neighbours, vocabularies

_CHUNK = 2_000
"""Stories written by one statement: about 3.5 MB with fifty neighbours and their reasons each."""

Listed: TypeAlias = tuple[int, bytes] | tuple[int, bytes, bytes]
"""A story's id, its neighbours, and perhaps the reasons for them, packed."""


def publish(
    begin: Begin,
    model: str,
    stories: Iterable[Listed],
    parts: str | None,
    vocabulary: bytes | None,
    kept: Iterable[tuple[str, bytes]],
    revision: int | None,
) -> int:
    """Write a generation in many transactions, and serve it in the last; see ``Store.publish``."""
    with begin() as connection:
        previous = connection.execute(ACTIVE).one_or_none()
        generation = _begin(connection, model, parts, revision)
    served = [] if previous is None else [previous.lists]
    written = 0
    try:
        _sweep(begin, served)
        remaining = iter(stories)
        while rows := [_row(generation, *listed) for listed in islice(remaining, _CHUNK)]:
            with begin() as connection:
                connection.execute(insert(neighbours), rows)
            written += len(rows)
        with begin() as connection:
            connection.execute(_SERVE, {"number": generation, "lists": generation, "stories": written})
            _describe(connection, generation, previous, vocabulary)
            connection.execute(delete(known))
            _keep(connection, generation, kept)
    except BaseException:
        with suppress(StoreError):  # or the next one does it
            _sweep(begin, served)
        raise
    _sweep(begin, [*served, generation])
    return generation


def amend(
    connection: Connection,
    amended: int,
    changed: Iterable[Listed],
    gone: Sequence[int],
    vocabulary: bytes | None,
    kept: Iterable[tuple[str, bytes]],
    revision: int | None,
) -> int:
    """Write a generation that changes some lists of another; see ``Store.amend``."""
    previous = _served(connection, amended)
    generation = _begin(connection, previous.model, previous.parts, revision)
    for chunk in chunks(gone):
        connection.execute(_DROP.where(neighbours.c.article_id.in_(chunk)), {"lists": previous.lists})
    _replace(connection, previous.lists, changed)
    lists = select(func.count()).where(neighbours.c.generation == previous.lists)
    stories = connection.scalar(lists)
    connection.execute(_SERVE, {"number": generation, "lists": previous.lists, "stories": stories})
    _describe(connection, generation, previous, vocabulary)
    _keep(connection, generation, kept)
    return generation


def put(connection: Connection, generation: int, changed: Iterable[Listed]) -> None:
    """Replace some lists of the generation that is served; see ``Store.put``."""
    _replace(connection, _served(connection, generation).lists, changed)


Begin: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Begins a transaction."""

ACTIVE = (
    select(generations).where(generations.c.lists.is_not(None)).order_by(generations.c.id.desc()).limit(1)
)
"""The generation that is served; one without ``lists`` is being written, or was given up."""

_SERVE = (
    update(generations)
    .where(generations.c.id == bindparam("number"))
    .values(lists=bindparam("lists"), stories=bindparam("stories"))
)
_DROP = delete(neighbours).where(neighbours.c.generation == bindparam("lists"))


def _served(connection: Connection, generation: int) -> Row[Any]:
    served = connection.execute(ACTIVE).one_or_none()
    if served is None or served.id != generation:
        raise StaleGeneration(f"generation {generation} is not the one that is served; nothing was published")
    return served


def _sweep(begin: Begin, kept: Sequence[int]) -> None:
    """Delete all lists but those of some generations, in transactions for which nobody waits for long."""
    while True:
        with begin() as connection:
            generation = connection.scalar(
                select(func.min(neighbours.c.generation)).where(neighbours.c.generation.not_in(kept))
            )
            if generation is None:
                return
            of_it = neighbours.c.generation == generation
            some = select(neighbours.c.article_id).where(of_it).order_by(neighbours.c.article_id)
            last = connection.scalar(select(func.max(some.limit(_CHUNK).subquery().c.article_id)))
            connection.execute(delete(neighbours).where(of_it, neighbours.c.article_id <= last))


def _begin(connection: Connection, model: str, parts: str | None, revision: int | None) -> int:
    number: int = connection.execute(
        insert(generations)
        .values(model=model, created_at=int(time.time()), stories=0, parts=parts, revision=revision)
        .returning(generations.c.id)
    ).scalar_one()
    return number


def _replace(connection: Connection, lists: int, stories: Iterable[Listed]) -> None:
    remaining = iter(stories)
    while rows := [_row(lists, *listed) for listed in islice(remaining, _CHUNK)]:
        for chunk in chunks([row["article_id"] for row in rows]):
            connection.execute(_DROP.where(neighbours.c.article_id.in_(chunk)), {"lists": lists})
        connection.execute(insert(neighbours), rows)


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
    return {"generation": generation, "article_id": article, "packed": marked(packed), "reasons": reasons}


def record_model(connection: Connection, model: str, report: Mapping[str, Any]) -> None:
    """Write a model's report; see ``Store.record_model``."""
    text = orjson.dumps(report, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    changed = connection.execute(update(models).where(models.c.id == model).values(report=text)).rowcount
    if not changed:
        connection.execute(insert(models).values(id=model, created_at=int(time.time()), report=text))
