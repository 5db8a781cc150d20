"""How long an import takes, next to one plain pass of PyYAML's C loader over the same files on one core.

    python -m benchmarks.import_speed FOLDER… [--record]

Ratios, not seconds, carry over from machine to machine. Three rounds, the best of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 3

HOW = """Folders of front matter imported into a new SQLite store, and again unchanged, next to one plain
pass of PyYAML's C loader over the same files on one core, which does nothing with what it reads. The best
of three rounds each."""


def plain_pass(files: list[Path]) -> float:
    """Load every front matter with CSafeLoader, and do nothing with it; seconds."""
    import yaml

    start = time.perf_counter()
    for file in files:
        text = file.read_text(encoding="utf-8")
        try:
            yaml.load(text.split("\n---", 1)[0][4:], Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            continue
    return time.perf_counter() - start


def full_import(folder: Path, store_file: Path) -> tuple[float, float]:
    """Import a folder into a new store, and again unchanged; seconds of each."""
    from recommender.pipeline.importing import import_paths
    from recommender.store import Store

    with Store.open(f"sqlite:///{store_file}") as store:
        start = time.perf_counter()
        import_paths(store, [folder])
        first = time.perf_counter()
        import_paths(store, [folder])
        return first - start, time.perf_counter() - first


def measured(folder: Path) -> list[dict[str, Any]]:
    """Measure a folder: a row for each of the three."""
    files = sorted(folder.glob("*.md"))
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as made:
            rounds.append((plain_pass(files), *full_import(folder, Path(made) / "store.sqlite")))
    plain, *others = (min(column) for column in zip(*rounds, strict=True))
    names = ("a plain YAML pass", "import", "import again, unchanged")
    return [
        {
            "stories": len(files),
            "system": f"{folder.name}: {name}",
            "seconds": seconds,
            "speed_of_a_pass_times": plain / seconds,
        }
        for name, seconds in zip(names, (plain, *others), strict=True)
    ]


def main() -> None:
    """Print the best of three rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    rows = [row for folder in arguments.folders for row in measured(folder)]
    # Loaded after the measuring: an import forks its workers only from a process without threads.
    from rich.console import Console

    from benchmarks.record import record, table

    Console(highlight=False, width=130).print(table(rows))
    if arguments.record:
        record("import", HOW, rows)


if __name__ == "__main__":
    main()
