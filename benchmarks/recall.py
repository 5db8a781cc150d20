"""Whether a search for candidates that looks at less than everything misses any.

    python -m benchmarks.recall 5000 50000 --sample 1000

The first order (text × time) of a sample of stories, against all other stories one by one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import ours
from benchmarks.apart import keep, measure
from benchmarks.asking import even
from benchmarks.news import news
from benchmarks.record import record, table
from recommender.corpus import Corpus
from recommender.engine import ENGINES

AT = (10, 50, 100)
BLOCK = 100
"""Stories compared with all others at once."""

CLOSE = 1e-5
"""Scores that differ by less are equal: sums of the same products in another order."""

HOW = """Of the stories that come first by text and time, when a story is compared with every other one by
one, the share that is among the candidates that a recompute ranks; stories of equal score count as each
other. A sample of stories, evenly drawn."""


def recall(found: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> NDArray[np.float64]:
    """Share of the ``k`` best that are among those found, in whatever order: (s,).

    ``found`` (s, any) are different rows, −1 for none; ``scores`` (s, n) are
    those of all stories.  One of equal scores at the cut counts as any other;
    where fewer than ``k`` score above 0, those count.
    """
    best = -np.sort(-scores, axis=1)[:, :k]
    cut = best[:, -1:]
    most = np.maximum((best > 0).sum(axis=1), 1)
    listed = np.where(found >= 0, np.take_along_axis(scores, np.maximum(found, 0), axis=1), 0)
    hits = np.minimum(((listed >= cut - CLOSE) & (listed > 0)).sum(axis=1), most)
    return np.where((best > 0).any(axis=1), hits / most, 1.0)


def checked(corpus: Corpus, sample: int, engine: str) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
    """Measure the recall of ``ours.found``; see ``apart.measure``."""
    stories = even(len(corpus), sample)
    found = ours.found(corpus, stories, engine)
    scored = ours.scorer(corpus)
    shares: dict[int, list[float]] = {k: [] for k in AT}
    for start in range(0, len(stories), BLOCK):
        scores = scored(stories[start : start + BLOCK])
        for k in AT:
            shares[k] += recall(found[start : start + BLOCK], scores, k).tolist()
    facts = {f"recall@{k}": float(np.mean(share)) for k, share in shares.items()}
    return {"sample": len(stories), **facts, "worst list, of 10": min(shares[10])}, {}


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[5_000, 50_000], metavar="STORIES")
    parser.add_argument("--sample", type=int, default=1_000, metavar="STORIES", help="how many are checked")
    parser.add_argument("--engine", choices=list(ENGINES), default="local")
    parser.add_argument("--timeout", type=float, default=3_600, metavar="SECONDS")
    parser.add_argument("--record", action="store_true", help="also put them into docs/benchmarks.json")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as place:
            keep(Path(place), news(size))
            result = measure(
                Path(place),
                "benchmarks.recall:checked",
                arguments.timeout,
                sample=arguments.sample,
                engine=arguments.engine,
            )
        if result is not None:
            rows.append({"stories": size, **result[0]})
    Console(highlight=False).print(table(rows))
    if arguments.record:
        record("recall", HOW, rows, key=("stories",))


if __name__ == "__main__":
    main()
