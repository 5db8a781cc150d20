"""How long ranking all stories takes as an archive grows, beside others that only find what is alike.

    python -m benchmarks.recompute                                     # 5,000, 50,000 and 200,000 stories
    python -m benchmarks.recompute 5000 50000 --record                 # into docs/benchmarks.json, too
    python -m benchmarks.recompute 1000000 --budget 100 --system tantivy

Everything is measured in one run, each system in a process of its own, so ratios hold where seconds do not.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import rivals
from benchmarks.apart import keep, measure
from benchmarks.news import news
from benchmarks.record import growth, record, table
from recommender.engine import ENGINES

SIZES = (5_000, 50_000, 200_000)
RECOMMENDER = "recommender"
VERB = "recommender recompute"
SYSTEMS = (RECOMMENDER, VERB, *rivals.RIVALS)

HOW = """The ten stories to read next, for every story of a made-up archive (`benchmarks/news.py`, 250
stories a day). `recommender` ranks with its default ranker: candidates by text and time, 34
features a pair, no link known. `recommender recompute` is the whole command: stories read from
SQLite, ranked, 50 kept of each with the reasons for them, published. The others find what is most
alike: cosine of TF-IDF as scikit-learn makes it (its `NearestNeighbors` by brute force;
`sparse_dot_topn` with two threads, and again without stop words), BM25 (`bm25s`, two threads) and
"more like this" (`tantivy`, as in Elasticsearch); none of them knows time or publishes anything.
Each runs in a process of its own; the peak has the stories in it. Where all stories would have
taken longer than a budget, an even sample was asked, and its seconds multiplied: the last column
says so. nDCG@10 is by the made-up editors' links, untrained: what it is worth on real ones is on
the [README](../README.md)."""


def measured(
    size: int, systems: Sequence[str], engine: str, budget: float, timeout: float
) -> list[dict[str, Any]]:
    """Measure systems on an archive of ``size`` stories: a row each."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        keep(folder, news(size))
        for name, function, options in (
            (RECOMMENDER, "benchmarks.ours:ranked", {"k": 10, "engine": engine}),
            (VERB, "benchmarks.ours:recomputed", {"engine": engine}),
        ):
            if name in systems:
                result = measure(folder, function, timeout, **options)
                found.append(
                    {"stories": size, "system": name, **(result[0] if result else {"over": timeout})}
                )
        others = [name for name in systems if name in rivals.RIVALS]
        return found + rivals.measured(folder, size, others, budget, timeout)


def main() -> None:
    """Print a table a size as it is measured, then how all of them grow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), metavar="STORIES")
    parser.add_argument("--system", action="append", choices=SYSTEMS, help="only this one, or these")
    parser.add_argument("--engine", choices=list(ENGINES), default="local", help="that this project uses")
    parser.add_argument("--budget", type=float, default=300, metavar="SECONDS",
                        help="a rival that would take longer is asked for a sample")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=1_800, metavar="SECONDS",
                        help="what takes longer is ended")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows here")
    parser.add_argument("--record", action="store_true", help="also put them into docs/benchmarks.json")
    parser.add_argument(
        "--note", default="", help="what a reader must know: of other work on the machine, say"
    )
    arguments = parser.parse_args()
    console = Console(highlight=False, width=130)
    rows: list[dict[str, Any]] = []
    for size in arguments.sizes:
        some = measured(
            size, arguments.system or SYSTEMS, arguments.engine, arguments.budget, arguments.timeout
        )
        console.print(table(some), "")
        rows += some
        # After every size: what was measured is not lost when a larger one is given up.
        if arguments.record:
            record("recompute", HOW, some, order=SYSTEMS, note=arguments.note)
    if grown := growth(rows):
        console.print(table(grown))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
