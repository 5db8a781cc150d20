"""Results as tables a person likes to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from recommender.cli.context import plain

if TYPE_CHECKING:
    from recommender.pipeline.importing import Imported
    from recommender.service import Answer

METRICS = ("recall", "mrr", "map", "p@1")
"""Columns beside nDCG."""

SHARES = ("coverage", "short")
"""Columns in per cent: queries with any answer, and those with fewer than asked for."""

WAYS = {
    "provider": "provider",
    "topic": "first topic",
    "age": "nearest right answer",
    "links": "right answers",
}
"""How queries are sliced, as a person reads it."""

WIDTH = 46
"""Characters shown of an address."""

SHOWN = 20
"""Warnings listed in full; of more, the count is told."""


def borderless(*, header: bool = True) -> Table:
    """Make a table without lines, as all are laid out."""
    return Table(box=None, show_header=header, header_style="dim", padding=(0, 2, 0, 0))


def related(answer: Answer, now: datetime) -> RenderableType:
    """Lay out an answer of the service: a story's related ones, best first."""
    if not answer.items:
        return Text("Nothing is related to it yet. Run `recommender recompute` if the story is new.")
    table = borderless()
    table.add_column("", justify="right", style="dim")
    table.add_column("score", justify="right")
    table.add_column("", no_wrap=True)
    table.add_column("story", ratio=1, overflow="fold")
    table.add_column("provider", style="cyan", no_wrap=True)
    table.add_column("published", style="dim", no_wrap=True)
    for item in answer.items:
        badge = Text(item["source"], "green" if item["source"] in ("pinned", "curated") else "dim")
        story = Text(plain(item["title"]), "bold")
        story.append(f"\n{_shortened(item['webUrl'])}", Style(bold=False, dim=True, link=item["webUrl"]))
        if item["alternates"]:
            others = dict.fromkeys(outlet(one) for one in item["alternates"])
            story.append(f"\nalso: {', '.join(others)}", Style(bold=False, dim=True))
        table.add_row(
            str(item["rank"]),
            f"{item['score']:.2f}",
            badge,
            story,
            outlet(item),
            age(item["publishedDateTime"], now),
        )
    return Group(table, Text(), made_by(answer))


def made_by(answer: Answer) -> Text:
    """Say which model and generation an answer is of."""
    if not answer.ranked:
        return Text("No recompute has seen this story yet: these are near it in time.", "yellow")
    return Text(f"model {plain(answer.model or '–')}, generation {answer.generation}", "dim")


def outlet(card: Mapping[str, Any]) -> str:
    """Name who published a story."""
    provider = card["provider"]
    return plain(provider["name"] or provider["domain"] or card["webUrl"])


def _shortened(url: str) -> str:
    """Cut an address to one line of the table; terminals that know links have the whole of it behind it."""
    address = plain(url)
    return address if len(address) <= WIDTH else f"{address[: WIDTH - 1]}…"


def age(published: str | None, now: datetime) -> str:
    """Tell a date as people do: ``3 h ago``, ``5 days ago``, ``15 Jun 2020``."""
    if published is None:
        return "undated"
    moment = datetime.fromisoformat(published)
    hours = (now - moment).total_seconds() / 3600
    if 0 <= hours < 1:
        return f"{int(hours * 60)} min ago"
    if 0 <= hours < 48:
        return f"{int(hours)} h ago"
    if 0 <= hours < 24 * 14:
        return f"{int(hours / 24)} days ago"
    return f"{moment.day} {moment:%b %Y}"


def evaluation(report: Mapping[str, Any]) -> RenderableType:
    """Lay out systems side by side, with their intervals and what ours is ahead of each."""
    table = borderless()
    table.add_column("system")
    table.add_column(f"nDCG@{report['k']}", justify="right")
    table.add_column("95 % interval", justify="right", style="dim")
    for metric in METRICS:
        table.add_column(metric, justify="right")
    for share in SHARES:
        table.add_column(share, justify="right", style="dim")
    table.add_column("ours is ahead by", justify="right", no_wrap=True)
    for name, system in report["systems"].items():
        numbers = [f"{system[metric]:.3f}" for metric in METRICS]
        shares = [f"{100 * system[share]:.0f} %" for share in SHARES]
        table.add_row(
            name,
            f"{system['ndcg']:.3f}",
            _interval(system["interval"]),
            *numbers,
            *shares,
            _lead(system.get("ahead")),
            style="bold" if name == "recommender" else "",
        )
    how = f"cut {report['cut'][:16]}" if report["protocol"] == "cold" else f"seed {report['seed']}"
    lines = [
        Text(
            f"{report['protocol']} protocol, {how}: {report['queries']} queries, "
            f"{report['relevant']} curated links, {report['stories'] - 1} candidates each",
            "dim",
        )
    ]
    if not report["learned"]:
        left = "before the cut" if report["protocol"] == "cold" else "left"
        lines.append(Text(f"Too few links {left}: the ranking is the default ranker's.", "yellow"))
    return Group(table, Text(), *lines)


def slices(report: Mapping[str, Any]) -> RenderableType:
    """Lay out a report's slices: a table for each way of cutting, ours and the best other system in it."""
    tables: list[RenderableType] = []
    for way, parts in report["slices"].items():
        table = borderless()
        table.add_column(WAYS[way], width=28, no_wrap=True)
        table.add_column("queries", justify="right")
        for name in parts[0]["systems"]:
            table.add_column(name, justify="right", min_width=11)
            table.add_column("95 %", justify="right", style="dim")
        table.add_column("ours is ahead by", justify="right", no_wrap=True)
        for part in parts:
            cells = [
                cell
                for system in part["systems"].values()
                for cell in (f"{system['ndcg']:.3f}", _interval(system["interval"]))
            ]
            table.add_row(plain(part["name"]), str(part["queries"]), *cells, _lead(part.get("ahead")))
        tables += [Text(), table]
    note = Text(f"nDCG@{report['k']}; no interval where the queries are too few for one", "dim")
    return Group(*tables, Text(), note)


def _interval(bounds: Sequence[float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.3f}–{bounds[1]:.3f}"


def _lead(ahead: Mapping[str, Any] | None) -> Text:
    """Write a lead with its interval, coloured where it holds."""
    if ahead is None:
        return Text()
    if ahead["interval"] is None:
        return Text(f"{ahead['mean']:+.3f}")
    least, most = ahead["interval"]
    style = "green" if least > 0 else "red" if most < 0 else ""
    return Text(f"{ahead['mean']:+.3f} [{least:+.3f}, {most:+.3f}]", style)


def warnings(report: Imported, console: Console, *, every: bool) -> None:
    """Print what an import did not understand and left out."""
    shown = report.warnings if every else report.warnings[:SHOWN]
    for origin, warning in shown:
        console.print(Text.assemble(("warning  ", "yellow"), plain(f"{origin}: {warning}")), soft_wrap=True)
    if len(report.warnings) > len(shown):
        rest = len(report.warnings) - len(shown)
        console.print(Text(f"… and {rest:,} more warnings; `recommender -v import` shows all", "yellow"))


def rejections(report: Imported, console: Console) -> None:
    """Print what an import refused: file, line and reason."""
    for rejection in report.rejections:
        place = rejection.path if rejection.line is None else f"{rejection.path}:{rejection.line}"
        console.print(
            Text.assemble(("rejected ", "red"), plain(f"{place}: {rejection.reason}")), soft_wrap=True
        )


def facts(rows: Sequence[tuple[str, str]], troubles: Sequence[str] = ()) -> RenderableType:
    """Lay out names with values, and below them what is wrong."""
    table = borderless(header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(plain(value)))
    return Group(table, *(Text(f"✗ {plain(trouble)}", "red") for trouble in troubles))


def when(seconds: int | None) -> str:
    """Write seconds since 1970 as a date and time in UTC."""
    return "–" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
