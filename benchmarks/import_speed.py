"""How long an import takes, next to one plain pass of PyYAML's C loader over the same files on one core.

    python -m benchmarks.import_speed FOLDER

Ratios, not seconds, carry over from machine to machine. Three rounds, the best of each counts.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROUNDS = 3


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


def main() -> None:
    """Print the best of three rounds."""
    import tempfile

    folder = Path(sys.argv[1])
    files = sorted(folder.glob("*.md"))
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as made:
            rounds.append((plain_pass(files), *full_import(folder, Path(made) / "store.sqlite")))
    plain, imported, again = (min(column) for column in zip(*rounds, strict=True))
    print(f"{len(files):,} files: plain YAML pass {plain:.2f} s")
    print(f"import into SQLite {imported:.2f} s = {imported / plain:.2f} of it")
    print(f"again, unchanged {again:.3f} s = {again / plain:.3f} of it")


if __name__ == "__main__":
    main()
