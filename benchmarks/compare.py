"""Measure this project against every baseline, on every newsroom, by both protocols.

    python -m benchmarks.compare ../shared/corpora/coronavirus ../shared/corpora/diablo4 …
    python -m benchmarks.compare FOLDER… --json docs/measured.json

Each folder is imported into a store of its own.  `minilm` is measured where its extra is installed.
What the file has of other newsrooms stays, and so does what `curve.py` added.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.default_ranker import corpus_of
from benchmarks.write_docs import Measured
from recommender.cli import show
from recommender.corpus import Corpus
from recommender.engine import processes
from recommender.evaluation import BASELINES
from recommender.pipeline.evaluating import judge

PROTOCOLS = ("cold", "warm")
SYSTEMS = ("default", *BASELINES, "bm25")
OPTIONAL = {"minilm": "sentence_transformers"}


def compare(corpus: Corpus, protocol: str, systems: Sequence[str]) -> dict[str, Any]:
    """Measure on a newsroom's stories: `recommender evaluate --json`, but for the slices."""
    report = judge(corpus, systems=systems, engine=processes, protocol=protocol).report()
    return {name: value for name, value in report.items() if name != "slices"}


def note(path: Path, measured: Measured) -> None:
    """Write what was measured into a file, over what it has by the same names; all else in it stays."""
    noted = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for newsroom, reports in measured.items():
        for protocol, report in reports.items():
            noted.setdefault(newsroom, {}).setdefault(protocol, {}).update(report)
    path.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")


def arguments(description: str | None) -> argparse.Namespace:
    """Read the command line: ``folders`` of stories, and the file for ``json``, if any."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all of it into this file")
    return parser.parse_args()


def main() -> None:
    """Print a table a newsroom and a protocol."""
    given = arguments(__doc__)
    systems = [*SYSTEMS, *(name for name, package in OPTIONAL.items() if find_spec(package))]
    console = Console(highlight=False, width=130)
    measured: dict[str, dict[str, Any]] = {}
    for folder in given.folders:
        corpus = corpus_of(folder)
        for protocol in PROTOCOLS:
            report = compare(corpus, protocol, systems)
            measured.setdefault(folder.name, {})[protocol] = report
            console.rule(f"{folder.name}, {protocol}", align="left")
            console.print(show.evaluation(report))
    if given.json:
        note(given.json, measured)


if __name__ == "__main__":
    main()
