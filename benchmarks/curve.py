"""Measure what links are worth: how good the ranking is with none of a newsroom's, with few, with all.

    python -m benchmarks.curve ../shared/corpora/coronavirus ../shared/corpora/diablo4 …
    python -m benchmarks.curve FOLDER… --json docs/measured.json

Each folder is imported into a store of its own.  The file is the one of `compare.py`, to which this
adds a `curve` for each newsroom and protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.compare import arguments, note
from benchmarks.default_ranker import corpus_of
from benchmarks.write_docs import ahead
from recommender.corpus import Corpus
from recommender.engine import processes
from recommender.evaluation import Split, cold, interval, lead, warm
from recommender.pipeline.curve import learning_curve

SPLITS: dict[str, Callable[[Corpus], Split]] = {"cold": cold, "warm": warm}


def curve(corpus: Corpus, protocol: str) -> list[dict[str, Any]]:
    """Measure the points of a curve; where links taught anything, with the lead on the first: on no links."""
    points = learning_curve(SPLITS[protocol](corpus), engine=processes)
    return [
        {
            "links": point.links,
            "learned": point.learned,
            "draws": len(point.ndcg),
            "ndcg": float(point.queries.mean()),
            "interval": interval(point.queries),
        }
        | ({"ahead": lead(point.queries, points[0].queries)} if point.learned else {})
        for point in points
    ]


def table(points: list[dict[str, Any]]) -> Table:
    """Lay out a curve, a line a point."""
    laid = Table("links", "draws", "nDCG@10", "lead on no links, 95 % paired", box=None, header_style="dim")
    for point in points:
        gain = ahead(point["ahead"]) if "ahead" in point else "too few to learn from"
        laid.add_row(f"{point['links']:,}", f"{point['draws']}", f"{point['ndcg']:.3f}", gain)
    return laid


def main() -> None:
    """Print a table a newsroom and a protocol."""
    given = arguments(__doc__)
    console = Console(highlight=False, width=130)
    measured: dict[str, dict[str, Any]] = {}
    for folder in given.folders:
        corpus = corpus_of(folder)
        for protocol in SPLITS:
            points = curve(corpus, protocol)
            measured.setdefault(folder.name, {})[protocol] = {"curve": points}
            console.rule(f"{folder.name}, {protocol}", align="left")
            console.print(table(points))
    if given.json:
        note(given.json, measured)


if __name__ == "__main__":
    main()
