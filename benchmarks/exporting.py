"""How many stories a second an export writes, by format, and how large it is.

    python -m benchmarks.exporting [STORIES]

Of a made-up store (``made_store``), 20,000 stories if not said.  The static export is run twice: the
second time nothing has changed, and every file is compared.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import made_store
from recommender import static
from recommender.pipeline import exporting, parquet
from recommender.store import Store


class Row(NamedTuple):
    """A format, the seconds that all stories took, and the bytes that were written for them."""

    name: str
    seconds: float
    size: int


def measured(stories: int, folder: Path) -> list[Row]:
    """Make a store of that many stories and export it in every format, below a folder."""
    made_store.make(folder / "store.sqlite", stories)
    with Store.open(f"sqlite:///{folder}/store.sqlite") as store:
        formats: dict[str, tuple[Callable[[Store, Path], object], Path]] = {
            "JSONL": (exporting.export, folder / "related.jsonl"),
            "Parquet": (parquet.export, folder / "related.parquet"),
            "static": (static.export, folder / "static"),
            "static, unchanged": (static.export, folder / "static"),
        }
        rows = []
        for name, (export, target) in formats.items():
            start = time.perf_counter()
            export(store, target)
            rows.append(Row(name, time.perf_counter() - start, _size(target)))
    return rows


def _size(target: Path) -> int:
    return sum(path.stat().st_size for path in (target, *target.rglob("*")) if path.is_file())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stories", type=int, nargs="?", default=20_000)
    stories = parser.parse_args().stories
    table = Table("export", "seconds", "stories a second", "MB", "KB a story", box=None)
    with tempfile.TemporaryDirectory() as folder:
        for row in measured(stories, Path(folder)):
            cells = (f"{row.seconds:.2f}", f"{stories / row.seconds:,.0f}", f"{row.size / 1e6:,.1f}")
            table.add_row(row.name, *cells, f"{row.size / 1e3 / stories:.2f}")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
