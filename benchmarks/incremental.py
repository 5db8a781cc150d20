"""How long lists take to be brought up to date, next to a recompute of everything.

    python -m benchmarks.incremental
    python -m benchmarks.incremental --stories 50000 --new 500 --record

Made-up stories are imported and ranked, then the newest ones, with their links, brought in by
`recompute --since-last`; the lists are compared with those of a whole recompute, byte by byte.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import news
from benchmarks.apart import Meter
from benchmarks.record import record, table
from recommender.corpus import Corpus
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.store import Store

HOW = """`recompute --since-last` after the newest of these stories were imported, next to a recompute of
everything, on the same store (SQLite; made-up news, 250 stories a day, of which 15 % have links).
`identical` is the share of stories whose list and reasons are then those of the whole recompute, bit for
bit."""


def until(corpus: Corpus, end: int) -> Corpus:
    """Take the first stories, and the links between them."""
    names = ("urls", "titles", "excerpts", "providers", "types", "topics", "tags")
    return replace(
        corpus,
        ids=corpus.ids[:end],
        published=corpus.published[:end],
        quality=corpus.quality[:end],
        links=corpus.links[(corpus.links < end).all(axis=1)],
        **{name: getattr(corpus, name)[:end] for name in names},
    )


def lists(store: Store) -> dict[int, bytes]:
    """Read all lists, by story."""
    with store.exported() as (_, packed):
        return dict(packed)


def measured(stories: int, new: int) -> list[dict[str, Any]]:
    """Measure both verbs on one store."""
    corpus = news.news(stories + new)
    with tempfile.TemporaryDirectory() as place, Store.open(f"sqlite:///{place}/store.sqlite") as store:
        nobody = Path(place) / "models"
        news.save(store, until(corpus, stories))
        recompute(store, nobody)
        news.save(store, corpus)
        with Meter() as refreshing:
            done = refresh(store, nobody)
        refreshed = lists(store)
        with Meter() as nothing:
            refresh(store, nobody)
        with Meter() as recomputing:
            recompute(store, nobody)
        whole = lists(store)
    identical = float(np.mean([refreshed[story] == packed for story, packed in whole.items()]))
    rows = (
        (f"--since-last, {new:,} new", refreshing, done.ranked, identical),
        ("--since-last, nothing new", nothing, 0, 1.0),
        ("everything", recomputing, stories + new, 1.0),
    )
    return [
        {
            "stories": stories,
            "system": name,
            "seconds": meter.seconds,
            "cpu_seconds": meter.cpu_seconds,
            "share_of_everything": meter.cpu_seconds / recomputing.cpu_seconds,
            "ranked": ranked,
            "identical": same,
            "peak_mb": meter.peak_mb,
        }
        for name, meter, ranked, same in rows
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=1_000)
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    rows = measured(arguments.stories, arguments.new)
    Console(highlight=False, width=130).print(table(rows))
    if arguments.record:
        record("incremental", HOW, rows)


if __name__ == "__main__":
    main()
