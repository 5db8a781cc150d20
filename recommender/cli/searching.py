"""The command that finds stories by words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import current, plain

if TYPE_CHECKING:
    from recommender.service import Hits


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(search)


def search(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORD", help="Words of title or excerpt, or their beginnings; or a story's URL."
        ),
    ],
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many stories.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print what GET /search answers.")] = False,
) -> None:
    """Find stories that have all of these words, newest first.

    Example:  recommender search old bridge reop
    """
    from recommender.service import Service

    here = current(context)
    with here.open() as store:
        hits = Service(store).search(" ".join(words), k)
    if json:
        typer.echo(hits.json().decode())
    else:
        here.out.print(_table(hits, datetime.now(UTC)))


def _table(hits: Hits, now: datetime) -> RenderableType:
    if not hits.texts:
        return Text("No story has all of these words.")
    table = show.borderless()
    table.add_column("story", ratio=1, overflow="fold")
    table.add_column("provider", style="cyan", no_wrap=True)
    table.add_column("published", style="dim", no_wrap=True)
    table.add_column("url", ratio=1, overflow="fold", style="dim")
    for item in hits.items:
        table.add_row(
            Text(plain(item["title"]), "bold"),
            show.outlet(item),
            show.age(item["publishedDateTime"], now),
            Text(plain(item["url"])),
        )
    return table
