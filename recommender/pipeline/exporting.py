"""Export: every served list as a line of JSON, for another system or an independent judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson

from recommender import durable
from recommender.errors import UsageError
from recommender.neighbours import Neighbour, in_order
from recommender.pipeline.progress import Progress, silent
from recommender.store import Orders, Store

_DATABASE: Final = b"SQLite format 3\0"
"""What a database of SQLite begins with: a store, this one or another newsroom's."""


def export(store: Store, target: Path, k: int = 50, progress: Progress = silent) -> int:
    """Write a line a story, ``{"url": …, "related": [{"url": …, "score": …, "source": …}]}``, ``k`` at most.

    Lists are as ranked: curated stories first, copies shown, nothing filled.
    Whom an editor blocked is left out; pins count as they did at the recompute.
    URLs are the publishers' own, so lines join with their systems.  The file
    appears under its name when it is whole.  Returns how many stories were
    written; raises ``UsageError`` where ``target`` cannot be written.
    """
    with whole(target) as partial, store.exported() as (urls, lists), partial.open("wb") as file:
        packed, orders = dict(lists), store.orders()
        for story, url in progress(urls.items(), len(urls), "exporting"):
            shown = listed(story, packed.get(story, b""), urls, orders)[:k]
            related = [
                {
                    "url": urls[one.article],
                    "score": one.score,
                    "source": "curated" if one.curated else "model",
                }
                for one in shown
            ]
            file.write(orjson.dumps({"url": url, "related": related}, option=orjson.OPT_APPEND_NEWLINE))
    return len(urls)


def listed(
    story: int, packed: bytes, urls: Mapping[int, str], orders: Mapping[int, Orders]
) -> list[Neighbour]:
    """List the neighbours that an export has of a story, in order: neither removed nor blocked."""
    blocks = orders[story].blocks if story in orders else ()
    return [one for one in in_order(packed) if one.article in urls and one.article not in blocks]


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Name a file to write beside ``target``, which takes its name when the block ends well.

    Raises UsageError where it cannot be written, another export is writing it, or a database has that name.
    """
    if not target.name:
        raise UsageError(f"{target}: is a folder; name a file to write in it, such as related.jsonl")
    if _is_database(target):
        raise UsageError(f"{target}: is a database, which would be lost; name another file to write")
    try:
        with durable.written(target) as partial:
            yield partial
    except BlockingIOError:
        raise UsageError(f"{target}: another export is writing it; wait for it to end") from None
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror or error}") from error


def _is_database(target: Path) -> bool:
    try:
        if not target.is_file():
            return False
        with target.open("rb") as file:
            return file.read(len(_DATABASE)) == _DATABASE
    except PermissionError:
        return False  # whether it can be replaced is seen when it is
