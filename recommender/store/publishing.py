"""Writing what was computed: generations of neighbours, and the record of models."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from recommender.store.schema import generations, models, neighbours, vocabularies

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
) -> int:
    """Write a generation inside the caller's transaction; see ``Store.publish``."""
    previous = connection.scalar(select(func.max(generations.c.id)))
    generation: int = connection.execute(
        insert(generations)
        .values(model=model, created_at=int(time.time()), stories=0, parts=parts)
        .returning(generations.c.id)
    ).scalar_one()
    written = 0
    remaining = iter(stories)
    while rows := [_row(generation, *listed) for listed in islice(remaining, _CHUNK)]:
        connection.execute(insert(neighbours), rows)
        written += len(rows)
    connection.execute(update(generations).where(generations.c.id == generation).values(stories=written))
    if vocabulary is not None:
        connection.execute(insert(vocabularies).values(generation=generation, packed=vocabulary))
    if previous is not None:
        for table in (neighbours, vocabularies):
            connection.execute(delete(table).where(table.c.generation < previous))
    return generation


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
