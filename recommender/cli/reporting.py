"""The command that says what readers click."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import Json, current, plain

if TYPE_CHECKING:
    from recommender.evaluation.clickthrough import ClickThrough, Interval

_DAY = 86_400


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(report)


def report(
    context: typer.Context,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=36_500, help="Count the last so many days, today among them (UTC); by default all."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what readers click: by source, by rank and by model, with the rank taken out.

    What stands first is clicked most, whatever it is. So beside the click-through as counted there
    is what it would be at the first rank that was clicked, with its 95 % interval, where that can
    be told.

    Example:  recommender report --days 28
    """
    from recommender.evaluation import clickthrough

    here = current(context)
    since = 0 if days is None else int(time.time()) // _DAY - days + 1
    with here.open() as store:
        found = clickthrough(store.events(since))
    if json:
        here.out.print_json(data=asdict(found))
        return
    if found.shown:
        here.out.print(tables(found))
    else:
        what = "No impression" if found.unshown else "Nothing"
        when = "yet" if days is None else "today" if days == 1 else f"in the last {days} days"
        here.out.print(
            f"{what} was counted {when}. Pages send what readers see and click to POST /events.",
            markup=False,
        )
    if found.unshown:
        here.out.print(Text(_not_counted(found.unshown), "dim"))


def tables(found: ClickThrough) -> RenderableType:
    """Lay out click-through by source, rank and model."""
    first = min((one.rank for one in found.ranks if one.clicked), default=1)
    groups = [
        _table(
            name,
            f"at rank {first}",
            [
                (one.name, one.shown, one.clicked, one.ctr, *_possible(one.debiased, one.interval))
                for one in rows
            ],
        )
        for name, rows in (("source", found.sources), ("model", found.models))
    ]
    ranks = _table(
        "rank",
        "examined",
        [
            (str(one.rank), one.shown, one.clicked, one.ctr, one.examined, _between(one.interval))
            for one in found.ranks
        ],
    )
    note = (
        f"{found.clicked:,} {'click' if found.clicked == 1 else 'clicks'} on {found.shown:,} shown, in the "
        f"{'list of 1 story' if found.stories == 1 else f'lists of {found.stories:,} stories'}. "
        "– where ranks and what stands there cannot be told apart."
    )
    return Group(groups[0], Text(), ranks, Text(), groups[1], Text(), Text(note, "dim"))


def _not_counted(clicks: int) -> str:
    if clicks == 1:
        return "1 click more is not counted: no impression of what it is on was."
    return f"{clicks:,} clicks more are not counted: no impression of what they are on was."


def _table(
    name: str,
    fitted: str,
    rows: Sequence[tuple[str, int, int, float, float | None, str]],
) -> Table:
    table = show.borderless()
    table.add_column(name, min_width=24)
    for heading in ("shown", "clicked", "click-through", fitted):
        table.add_column(heading, justify="right", min_width=17 if heading == fitted else 0)
    table.add_column("95 % interval", justify="right", style="dim")
    for label, shown, clicked, ctr, rate, interval in rows:
        table.add_row(
            plain(label),
            f"{shown:,}",
            f"{clicked:,}",
            _share(ctr),
            "–" if rate is None else _share(rate),
            interval,
        )
    return table


def _possible(rate: float | None, interval: Interval | None) -> tuple[float | None, str]:
    """Write a click-through and its interval, but where few clicks would have it above 100 %."""
    if rate is None or interval is None or round(max(rate, *interval), 3) <= 1:
        return rate, _between(interval)
    return (rate if round(rate, 3) <= 1 else None), "too few clicks"


def _between(interval: Interval | None) -> str:
    return "" if interval is None else f"{_share(interval[0])} – {_share(interval[1])}"


def _share(value: float) -> str:
    """Write a rate in per cent, small ones to two digits that say something."""
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"
