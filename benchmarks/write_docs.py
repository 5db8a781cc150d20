"""Rewrite what the docs quote: help texts, the picture, and the README's table from docs/measured.json.

    python benchmarks/compare.py ../shared/corpora/* --json docs/measured.json   # measures again
    python benchmarks/write_docs.py

`tests/test_docs.py` fails when they are stale.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "docs" / "measured.json"
SHOWN = "https://www.lodestone-magazine.example/2024/what-is-a-walrus-doing-two-thousand-miles-from-the-ice"
"""The sample story that the README's picture asks about."""

OURS = "recommender"
TITLES = {OURS: "**this project**", "default": "its default ranker, never trained on that newsroom"}

MARKS = "<!-- measured -->\n", "<!-- /measured -->"


def help_texts() -> str:
    """Give docs/cli.md: the help of every command."""
    from recommender.cli import app

    parts = ["# Command line\n\nWhat `--help` says of every command. `make docs` writes this page.\n"]
    parts += [
        f"## recommender {' '.join(command)}".rstrip() + f"\n\n```\n{_help(command)}```\n"
        for command in _commands(typer.main.get_command(app), [])
    ]
    return "\n".join(parts)


def _commands(group: Any, path: list[str]) -> Iterator[list[str]]:
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from _commands(command, [*path, name])


def _help(command: list[str]) -> str:
    from recommender.cli import app

    printed = io.StringIO()
    with redirect_stdout(printed):
        app([*command, "--help"], prog_name="recommender", standalone_mode=False, terminal_width=100)
    return re.sub(r"[ \t]+\n", "\n", printed.getvalue())


def table(measured: dict[str, Any]) -> str:
    """Lay out the README's table of nDCG@10, from what ``compare.py --json`` wrote."""
    columns = {
        (name, protocol): report for name, reports in measured.items() for protocol, report in reports.items()
    }
    first = next(iter(columns.values()))
    lines = [
        "| nDCG@10 | " + " | ".join(f"{name}, {protocol}" for name, protocol in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for system in first["systems"]:
        cells = [f"{report['systems'][system]['ndcg']:.3f}" for report in columns.values()]
        if system == OURS:
            cells = [f"**{cell}**" for cell in cells]
        lines.append(f"| {TITLES.get(system, system)} | " + " | ".join(cells) + " |")
    lines.append(
        "| lead on the best baseline, 95 % paired | " + " | ".join(map(lead, columns.values())) + " |"
    )
    counts = [f"{report['queries']} / {report['stories']:,}" for report in columns.values()]
    lines.append("| queries / stories | " + " | ".join(counts) + " |")
    return "\n".join(lines) + "\n"


def lead(report: dict[str, Any]) -> str:
    """Say how far this project is ahead of the best that it is compared with."""
    others = [system for name, system in report["systems"].items() if name not in TITLES]
    ahead = max(others, key=lambda system: system["ndcg"])["ahead"]
    low, high = ahead["interval"]
    return f"{ahead['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"


def picture() -> str:
    """Draw the table that `recommender related` prints for a sample story, as SVG."""
    from datetime import UTC, datetime

    from rich.console import Console, Group
    from rich.text import Text

    from recommender.cli import show
    from recommender.pipeline.importing import import_paths
    from recommender.pipeline.recomputing import recompute
    from recommender.pipeline.training import train
    from recommender.service import Options, Service
    from recommender.store import Store

    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.sqlite") as store:
        import_paths(store, [ROOT / "seeds"])
        train(store, Path(folder) / "models")
        recompute(store, Path(folder) / "models")
        service = Service(store)
        story = service.story(SHOWN)
        answer = service.related(SHOWN, Options(limit=6))
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True)
    head = Text(story.card["title"], "bold underline")
    table = show.related(answer, datetime(2024, 3, 30, tzinfo=UTC))
    console.print(Group(Text(f"$ recommender related {SHOWN} -k 6\n", "green"), head, Text(), table))
    svg = console.export_svg(title="recommender related")
    # Fonts come from the reader's machine: a picture loads nothing from other hosts.
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def main() -> None:
    """Write all of it."""
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    (ROOT / "docs" / "images" / "related.svg").write_text(picture(), encoding="utf-8")
    (ROOT / "docs" / "cli.md").write_text(help_texts(), encoding="utf-8")
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    new = table(json.loads(MEASURED.read_text(encoding="utf-8")))
    readme.write_text(f"{before}{MARKS[0]}{new}{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
