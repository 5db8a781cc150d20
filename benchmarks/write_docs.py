"""Rewrite what the docs quote: help texts, the picture, and the tables from docs/measured.json.

    python -m benchmarks.compare ../shared/corpora/* --json docs/measured.json   # measures again
    python -m benchmarks.curve ../shared/corpora/* --json docs/measured.json     # and what links are worth
    python -m benchmarks.write_docs

`tests/test_docs.py` fails when they are stale.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import typer

Measured = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What was measured, by newsroom and protocol."""

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "docs" / "measured.json"
SHOWN = "https://www.lodestone-magazine.example/2024/what-is-a-walrus-doing-two-thousand-miles-from-the-ice"
"""The sample story that the README's picture asks about."""

OURS = "recommender"
TITLES = {OURS: "**this project**", "default": "its default ranker, never trained on that newsroom"}

BINS = (0.2, 0.4, 0.6, 0.8)
"""Scores whose reliability the docs quote: where a bin begins, its end is a tenth higher."""


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


def by_protocol(measured: Measured) -> dict[str, Mapping[str, Any]]:
    """Give what was measured by newsroom and protocol in one, as the tables name it."""
    return {
        f"{name}, {protocol}": report
        for name, reports in measured.items()
        for protocol, report in reports.items()
    }


def table(head: str, columns: Iterable[str], lines: Mapping[str, Iterable[str]]) -> str:
    """Lay out a table: its corner and the names of its columns, and lines by name."""
    rows = [[head, *columns], *([name, *cells] for name, cells in lines.items())]
    written = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([written[0], "|" + "---|" * len(rows[0]), *written[1:]]) + "\n"


def systems(measured: Measured) -> str:
    """Lay out nDCG@10 of every system."""
    reports = by_protocol(measured)
    lines = {}
    for system in next(iter(reports.values()))["systems"]:
        cells = [f"{report['systems'][system]['ndcg']:.3f}" for report in reports.values()]
        if system == OURS:
            cells = [f"**{cell}**" for cell in cells]
        lines[TITLES.get(system, system)] = cells
    lines["lead on the best baseline, 95 % paired"] = [lead(report) for report in reports.values()]
    lines["queries / stories"] = [
        f"{report['queries']} / {report['stories']:,}" for report in reports.values()
    ]
    return table("nDCG@10", reports, lines)


def reliability(measured: Measured) -> str:
    """Lay out, for scores of ``BINS``, the share of pairs shown that are linked; and the errors."""
    reports = by_protocol(measured)
    found = [report["reliability"] for report in reports.values()]
    lines = {}
    for least in BINS:
        bins = [[bin_ for bin_ in each["shown"]["bins"] if bin_["least"] == least] for each in found]
        lines[f"{share(least, 1)}–{share(least + 0.1, 1)}"] = [
            share(bin_[0]["linked"], 2) if bin_ else "–" for bin_ in bins
        ]
    for part in ("shown", "scored"):
        lines[f"error of `{part}`"] = [share(each[part]["error"], 3) for each in found]
    return table("scored", reports, lines)


def links(measured: Measured) -> str:
    """Lay out the learning curves: nDCG@10 by the number of links that are known."""
    curves = {name: report["curve"] for name, report in by_protocol(measured).items()}
    counts = sorted({point["links"] for curve in curves.values() for point in curve[:-1]})
    lines = {}
    for name, curve in curves.items():
        known = {point["links"]: share(point["ndcg"], 3) for point in curve[:-1]}
        last = curve[-1]
        lines[name] = [
            *(known.get(count, "–") for count in counts),
            f"{share(last['ndcg'], 3)} ({last['links']:,})",
            ahead(last["ahead"]) if "ahead" in last else "–",
        ]
    columns = [*(f"{count:,}" for count in counts), "all", "all against none, 95 % paired"]
    return table("nDCG@10 by links", columns, lines)


TABLES: dict[str, tuple[str, Callable[[Measured], str]]] = {
    "systems": ("README.md", systems),
    "reliability": ("docs/evaluation.md", reliability),
    "links": ("docs/evaluation.md", links),
}
"""Tables by name: the page that quotes them, between ``marks``, and what lays them out."""


def marks(name: str) -> tuple[str, str]:
    """Give what stands before and after a table in its page."""
    return f"<!-- measured: {name} -->\n", f"<!-- /measured: {name} -->"


def quoted(name: str) -> str:
    """Read a table as its page has it.  Raises ``ValueError`` where the page has not both marks once."""
    return _around(name)[1]


def _around(name: str) -> tuple[str, str, str]:
    """Cut a page in what is before a table, the table, and what is after."""
    begin, end = marks(name)
    before, rest = (ROOT / TABLES[name][0]).read_text(encoding="utf-8").split(begin)
    inside, after = rest.split(end)
    return before, inside, after


def share(value: float, digits: int) -> str:
    """Write a number between 0 and 1 without the 0: ``.31``."""
    return f"{value:.{digits}f}".removeprefix("0")


def lead(report: Mapping[str, Any]) -> str:
    """Say how far this project is ahead of the best that it is compared with."""
    others = [system for name, system in report["systems"].items() if name not in TITLES]
    return ahead(max(others, key=lambda system: system["ndcg"])["ahead"])


def ahead(gain: Mapping[str, Any]) -> str:
    """Write a lead with its interval."""
    low, high = gain["interval"]
    return f"{gain['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"


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
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    for name, (page, lay_out) in TABLES.items():
        before, _, after = _around(name)
        begin, end = marks(name)
        new = f"{before}{begin}{lay_out(measured)}{end}{after}"
        (ROOT / page).write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
