"""What was measured, kept in docs/benchmarks.json, a section a program; and how tables of it look."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from rich.table import Table

Row: TypeAlias = Mapping[str, Any]
"""A line of a table.  What a name ends with says how its value is shown: see ``cell``."""

KEPT = Path(__file__).parents[1] / "docs" / "benchmarks.json"

LIBRARIES = ("numpy", "scipy", "scikit-learn", "numba", "sqlalchemy", "distributed", "sparse-dot-topn",
             "bm25s", "tantivy")  # fmt: skip

HEADINGS = {
    "prepare_seconds": "made ready, s",
    "answer_seconds": "answered, s",
    "seconds": "in all, s",
    "cpu_seconds": "CPU, s",
    "peak_mb": "peak, MB",
    "ndcg": "nDCG@10",
    "asked": "stories asked",
}
"""Heads of columns that are not their names."""


def machine() -> dict[str, Any]:
    """Say what matters of this machine, and nothing that tells which one it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _line("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": cores,
        "memory_gb": round(int(_line("/proc/meminfo", "MemTotal").split()[0] or 0) / 2**20),
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {name: known for name in LIBRARIES if (known := _version(name))},
    }


def _line(file: str, name: str) -> str:
    if not Path(file).exists():
        return "0"
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "0")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def record(
    section: str,
    how: str,
    rows: Iterable[Row],
    key: Sequence[str] = ("stories", "system"),
    order: Sequence[str] = (),
    note: str = "",
    file: Path = KEPT,
) -> None:
    """Put rows into a section, in place of those with the same values of ``key``; ``how`` says what they are.

    They stand by size, then by system in the ``order`` given.  Rows of another
    machine, or of other versions, are dropped: seconds of two machines do not
    belong in one table.  ``note`` is what a reader must know of this measurement,
    such as what else the machine did; the next one without a note drops it.
    """
    sections = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    here = machine()
    before = sections.get(section, {})
    kept = before["rows"] if before.get("machine") == here else []
    united = {tuple(str(row.get(name)) for name in key): row for row in [*kept, *rows]}
    place = {system: number for number, system in enumerate(order)}
    sections[section] = {
        "how": " ".join(how.split()),
        "note": note,
        "machine": here,
        "date": datetime.now(UTC).date().isoformat(),
        "rows": sorted(
            united.values(), key=lambda row: (row.get("stories", 0), place.get(row.get("system"), len(place)))
        ),
    }
    file.write_text(json.dumps(sections, indent=1) + "\n", encoding="utf-8")


def growth(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Say by what each system's CPU seconds grow with each step in size: a row a system.

    Not by what its seconds do: on a machine that others use, those of one size
    may be several times too many, and those of the next not.
    """
    grown: dict[str, dict[str, Any]] = {}
    sizes = sorted({row["stories"] for row in rows})
    known = {(row["system"], row["stories"]): row for row in rows if "cpu_seconds" in row}
    for small, large in pairwise(sizes):
        for system in dict.fromkeys(row["system"] for row in rows):
            line = grown.setdefault(system, {"system": system})
            if (system, small) in known and (system, large) in known:
                step = f"{small:,} → {large:,}, × {large / small:.3g}"
                times = known[system, large]["cpu_seconds"] / known[system, small]["cpu_seconds"]
                line[f"{step}_times"] = times
    return [line for line in grown.values() if len(line) > 1]


def cell(name: str, row: Row) -> str:
    """Show a value by its name's ending: ``seconds``, ``_mb``, ``_times``; ``asked`` is a share."""
    value = row.get(name)
    if name == "seconds" and "over" in row:
        return f"over {row['over']:,.0f}"
    if value is None:
        return "–"
    if name == "asked":
        return "all" if value >= 1 else f"{value:.2%}"
    if name.endswith("_times"):
        return f"× {value:.3g}"
    if name.endswith("seconds"):
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    if name.endswith("_mb"):
        return f"{value:,.0f}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def columns(rows: Sequence[Row]) -> dict[str, str]:
    """Give the columns that rows have, by name, with their heads."""
    names = dict.fromkeys(name for row in rows for name in row if name != "over")
    if any("over" in row for row in rows):
        names["seconds"] = None
    # As in ``HEADINGS``, whichever system stands first; what is not there stays where it is, in front.
    place = {name: number for number, name in enumerate(HEADINGS)}
    names = dict.fromkeys(sorted(names, key=lambda name: place.get(name, -1)))
    return {name: HEADINGS.get(name, name.removesuffix("_times").replace("_", " ")) for name in names}


def markdown(rows: Sequence[Row]) -> str:
    """Lay rows out as a table of a page."""
    heads = columns(rows)
    lines = ["| " + " | ".join(heads.values()) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join(cell(name, row) for name in heads) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Row]) -> Table:
    """Lay rows out as a table of a terminal."""
    heads = columns(rows)
    shown = Table(box=None, pad_edge=False)
    for name, head in heads.items():
        shown.add_column(head, justify="left" if name == "system" else "right")
    for row in rows:
        shown.add_row(*(cell(name, row) for name in heads))
    return shown
