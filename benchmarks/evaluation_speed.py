"""How long a cold evaluation takes, learning and every baseline but the encoder included.

python -m benchmarks.evaluation_speed FOLDER… [--record]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.apart import Meter
from benchmarks.default_ranker import corpus_of
from benchmarks.record import record, table
from recommender.evaluation import BASELINES
from recommender.pipeline.evaluating import judge

HOW = """`recommender evaluate` by the cold protocol on newsrooms' real stories: their own links learned
from, and ranked by, beside the default ranker and every baseline but the neural encoder."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    rows = []
    for folder in arguments.folders:
        corpus = corpus_of(folder)
        with Meter() as meter:
            judge(corpus, systems=("default", *BASELINES, "bm25")).summary()
        rows.append(
            {
                "stories": len(corpus),
                "system": folder.name,
                "links": len(corpus.links),
                "seconds": meter.seconds,
                "cpu_seconds": meter.cpu_seconds,
                "peak_mb": meter.peak_mb,
            }
        )
    Console(highlight=False, width=130).print(table(rows))
    if arguments.record:
        record("evaluation", HOW, rows)


if __name__ == "__main__":
    main()
