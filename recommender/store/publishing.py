"""Writing what was computed: generations of neighbours, and the record of models."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from recommender.store.schema import generations, models, neighbours

_CHUNK = 2_000
"""Stories written by one statement: about 1.5 MB with fifty neighbours each."""


def publish(connection: Connection, model: str, stories: Iterable[tuple[int, bytes]]) -> int:
    """Write a generation inside the caller's transaction; see ``Store.publish``."""
    previous = connection.scalar(select(func.max(generations.c.id)))
    generation: int = connection.execute(
        insert(generations)
        .values(model=model, created_at=int(time.time()), stories=0)
        .returning(generations.c.id)
    ).scalar_one()
    written = 0
    remaining = iter(stories)
    while rows := [_row(generation, article, packed) for article, packed in islice(remaining, _CHUNK)]:
        connection.execute(insert(neighbours), rows)
        written += len(rows)
    connection.execute(update(generations).where(generations.c.id == generation).values(stories=written))
    if previous is not None:
        connection.execute(delete(neighbours).where(neighbours.c.generation < previous))
    return generation


def _row(generation: int, article: int, packed: bytes) -> dict[str, Any]:
    # Loaded here, for an import needs no numpy: a process without its threads may fork workers.
    from recommender.corpus import NEIGHBOUR_DTYPE

    if len(packed) % NEIGHBOUR_DTYPE.itemsize:
        raise ValueError(
            f"neighbours of story {article}: {len(packed)} bytes are not a whole number of "
            f"{NEIGHBOUR_DTYPE.itemsize}-byte records of NEIGHBOUR_DTYPE"
        )
    return {"generation": generation, "article_id": article, "packed": packed}


def record_model(connection: Connection, model: str, report: Mapping[str, Any]) -> None:
    """Write a model's report; see ``Store.record_model``."""
    text = orjson.dumps(report, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    changed = connection.execute(update(models).where(models.c.id == model).values(report=text)).rowcount
    if not changed:
        connection.execute(insert(models).values(id=model, created_at=int(time.time()), report=text))
