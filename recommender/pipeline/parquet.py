"""Export to Parquet: a row a story and neighbour, for warehouses and notebooks."""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from recommender.errors import MissingExtra
from recommender.neighbours import Neighbour
from recommender.pipeline.exporting import listed, whole
from recommender.pipeline.progress import Progress, silent
from recommender.store import Generation, Store

if TYPE_CHECKING:
    import pyarrow as pa

ROWS: Final = 100_000
"""Rows of a row group, about: what is held in memory at once, and what a reader may skip."""


Row: TypeAlias = tuple[str, int, Neighbour]
"""A story's URL, the rank, and the neighbour."""


def schema() -> pa.Schema:
    """Describe the columns, in order; none has nulls.

    ``story`` and ``neighbour`` are URLs as their publishers write them,
    ``rank`` is the place in the list, from 1, ``score`` 0–1.  ``curated`` is the
    place among the editors' links, from 1, 0 for no link.  ``group`` tells
    copies: rows of a story with one number above 0 are copies of one another,
    -1 are copies of the story, 0 has none.  ``generation`` and ``model`` are the
    same in all rows.
    """
    import pyarrow as pa

    columns = {
        "story": pa.string(),
        "neighbour": pa.string(),
        "rank": pa.int16(),
        "score": pa.float64(),
        "curated": pa.int16(),
        "group": pa.int16(),
        "generation": pa.int64(),
        "model": pa.string(),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def export(store: Store, target: Path, k: int = 50, progress: Progress = silent) -> int:
    """Write every served list as Parquet, ``k`` rows a story at most; see ``schema``.

    Lists are those of ``exporting.export``, of one snapshot of the store, but a
    story without neighbours has no row.  In memory are the URLs of all stories
    and one row group.  The file appears under its name when it is whole.
    Returns how many rows were written; raises UsageError where ``target`` cannot
    be written, MissingExtra without pyarrow.
    """
    if find_spec("pyarrow") is None:
        raise MissingExtra("Parquet needs pyarrow, not installed here: pip install 'recommender[parquet]'")
    from pyarrow import parquet

    columns, rows, written = schema(), list[Row](), 0
    with (
        whole(target) as partial,
        store.audited() as read,
        closing(read.lists()) as lists,
        parquet.ParquetWriter(partial, columns, compression="zstd") as file,
    ):
        generation, urls, orders = read.generation(), read.urls(), store.orders()
        if generation is None:
            return 0
        for story, packed in progress(lists, generation.stories, "exporting"):
            if story in urls:
                kept = listed(story, packed, urls, orders)[:k]
                rows += ((urls[story], rank, one) for rank, one in enumerate(kept, 1))
            if len(rows) >= ROWS:
                file.write_table(_table(rows, urls, generation, columns))
                written += len(rows)
                rows.clear()
        if rows:
            file.write_table(_table(rows, urls, generation, columns))
    return written + len(rows)


def _table(rows: list[Row], urls: dict[int, str], generation: Generation, columns: pa.Schema) -> pa.Table:
    import pyarrow as pa

    values: dict[str, list[Any]] = {
        "story": [story for story, _, _ in rows],
        "neighbour": [urls[one.article] for _, _, one in rows],
        "rank": [rank for _, rank, _ in rows],
        "score": [one.score for _, _, one in rows],
        "curated": [one.curated for _, _, one in rows],
        "group": [one.group for _, _, one in rows],
        "generation": [generation.id] * len(rows),
        "model": [generation.model] * len(rows),
    }
    return pa.Table.from_pydict(values, schema=columns)
