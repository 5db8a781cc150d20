"""Measure this project against every baseline, on every newsroom, by both protocols.

    python benchmarks/compare.py ../shared/corpora/coronavirus ../shared/corpora/diablo4 …
    python benchmarks/compare.py FOLDER… --json docs/measured.json

Each folder is imported into a store of its own.  `minilm` is measured where its extra is installed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from recommender.cli import show
from recommender.engine import processes
from recommender.evaluation import BASELINES
from recommender.pipeline.evaluating import judge
from recommender.pipeline.importing import import_paths
from recommender.store import Store

PROTOCOLS = ("cold", "warm")
SYSTEMS = ("default", *BASELINES, "bm25")
OPTIONAL = {"minilm": "sentence_transformers"}


def compare(folder: Path, protocol: str, systems: Sequence[str]) -> dict[str, Any]:
    """Import a newsroom's stories and measure: `recommender evaluate --json`, but for the parts."""
    with tempfile.TemporaryDirectory() as place, Store.open(f"sqlite:///{place}/stories.sqlite") as store:
        import_paths(store, [folder])
        report = judge(store.corpus(), systems=systems, engine=processes, protocol=protocol).report()
    return {name: value for name, value in report.items() if name not in ("slices", "reliability")}


def main() -> None:
    """Print a table a newsroom and a protocol."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all of it here")
    arguments = parser.parse_args()
    systems = [*SYSTEMS, *(name for name, package in OPTIONAL.items() if find_spec(package))]
    console = Console(highlight=False, width=130)
    measured: dict[str, dict[str, Any]] = {}
    for folder in arguments.folders:
        for protocol in PROTOCOLS:
            report = compare(folder, protocol, systems)
            measured.setdefault(folder.name, {})[protocol] = report
            console.rule(f"{folder.name}, {protocol}", align="left")
            console.print(show.evaluation(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
