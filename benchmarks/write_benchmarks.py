"""Write docs/benchmarks.md from docs/benchmarks.json, where the measuring programs put what they measured.

    python -m benchmarks.write_benchmarks

`tests/test_docs.py` fails when the page is stale.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.picture import lines
from benchmarks.record import KEPT, growth, markdown

PAGE = KEPT.with_suffix(".md")
PICTURE = KEPT.parent / "images" / "scale.svg"

TITLES = {
    "recompute": "Ranking a whole archive",
    "recall": "Does the search for candidates miss any?",
    "incremental": "When a few stories are new",
    "import": "Importing",
    "serving": "Answering",
    "drafts": "Answering for a draft",
    "following": "Stories that come",
    "painting": "The page",
    "dask": "On several machines",
}
"""Sections in the order of the page; others come after them under their own names."""

HEAD = """# Benchmarks

Measured by the programs in `benchmarks/`, on archives of made-up news of any size; `make bench` measures
the smaller sizes again and writes this page. Seconds are those of one machine, named below each table,
and grow with what else it does meanwhile; CPU seconds, of all cores together, do so much less. Compare
seconds only where nothing else ran.
"""

GROWTH = """By what CPU seconds grow from size to size; what is in proportion to stories grows as they do:
"""


def page(sections: dict[str, Any]) -> str:
    """Lay the page out; sections that were not measured are not there."""
    known = [name for name in TITLES if name in sections]
    parts = [HEAD]
    for name in [*known, *(name for name in sections if name not in TITLES)]:
        section = sections[name]
        rows = section["rows"]
        parts += [f"## {TITLES.get(name, name.capitalize())}\n", section["how"] + "\n", markdown(rows)]
        if section.get("note"):
            parts.append(section["note"] + "\n")
        sized = all({"stories", "system"} <= row.keys() for row in rows)
        if sized and (grown := growth(rows)):
            parts += [GROWTH, markdown(grown)]
        parts.append(_machine(section))
    return "\n".join(parts)


def _machine(section: dict[str, Any]) -> str:
    here = section["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in here["libraries"].items())
    return (
        f"{section['date']}: {here['cpu']}, {here['cores']} cores, {here['memory_gb']} GB, {here['system']}; "
        f"Python {here['python']}, {libraries}.\n"
    )


def picture(sections: dict[str, Any]) -> str:
    """Draw how the work of ranking an archive grows."""
    rows = sections["recompute"]["rows"]
    return lines("CPU seconds to rank an archive, by stories", rows, "stories", "cpu_seconds", "system")


def main() -> None:
    """Write the page, and the picture of docs/scale.md."""
    sections = json.loads(KEPT.read_text(encoding="utf-8"))
    PAGE.write_text(page(sections), encoding="utf-8")
    PICTURE.write_text(picture(sections), encoding="utf-8")


if __name__ == "__main__":
    main()
