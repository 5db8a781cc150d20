"""Commands by which editors pin and block: in force on the next request.

The service, which they share with HTTP, is loaded only when they run.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import RenderableType
from rich.style import Style
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import Context, current, plain

if TYPE_CHECKING:
    from recommender.service.desk import Curation, Line

app = typer.Typer(
    help="Pin stories into a list, block them from it, and take that back.", no_args_is_help=True
)

Url = Annotated[
    str, typer.Argument(metavar="URL", help="The story whose list it is, by its URL in any form.")
]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The story that is pinned or blocked.")]
By = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who orders; by default the user of this system.", show_default=False),
]


@app.command()
def pin(
    context: typer.Context,
    url: Url,
    other: Other,
    slot: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=50,
            help="Place in the list; by default the first free one.",
            show_default=False,
        ),
    ] = None,
    by: By = None,
) -> None:
    """Show OTHER first among the stories related to URL, or at a place of its own.

    In force on the next request, and a link for the next train and recompute.

    Example:  recommender curate pin https://www.example.com/a https://www.example.com/b --slot 2
    """
    from recommender.service import Desk

    here = current(context)
    with here.open() as store:
        told = Desk(store).curate(url, other, "pin", slot, _who(by))
    here.out.print(_orders([told], history=False))


@app.command()
def block(context: typer.Context, url: Url, other: Other, by: By = None) -> None:
    """Never show OTHER among the stories related to URL.

    In force on the next request; the next train learns that the two are not related.

    Example:  recommender curate block https://www.example.com/a https://www.example.com/b
    """
    from recommender.service import Desk

    here = current(context)
    with here.open() as store:
        told = Desk(store).curate(url, other, "block", None, _who(by))
    here.out.print(_orders([told], history=False))


@app.command()
def clear(context: typer.Context, url: Url, other: Other, by: By = None) -> None:
    """Take back the order about two stories, whatever it is.

    Example:  recommender curate clear https://www.example.com/a https://www.example.com/b
    """
    from recommender.service import Desk

    here = current(context)
    with here.open() as store:
        told = Desk(store).clear(url, other, _who(by))
    here.out.print(_orders([told], history=False))


@app.command()
def undo(context: typer.Context, url: Url, by: By = None) -> None:
    """Take back what was last done about a story: what was before it holds again.

    Again, it takes back what was done before that. What was undone stays in the history.

    Example:  recommender curate undo https://www.example.com/a
    """
    from recommender.service import Desk

    here = current(context)
    with here.open() as store:
        desk = Desk(store)
        taken, told = desk.undo(url, _who(by)), desk.curation(url)
    _say(here, taken)
    here.out.print(_orders([told], history=False))


@app.command("list")
def list_(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="One story; by default all.", show_default=False)
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="List all that was ever ordered and taken back.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines: both.")] = False,
) -> None:
    """List the orders that are in force: which story, which other, where, who and when.

    Example:  recommender curate list https://www.example.com/a --history
    """
    from recommender.service import Desk

    here = current(context)
    with here.open() as store:
        desk = Desk(store)
        told = desk.all() if url is None else [desk.curation(url)]
    if json:
        data = [each.data() for each in told]
        typer.echo(orjson.dumps(data if url is None else data[0], option=orjson.OPT_INDENT_2).decode())
        return
    here.out.print(_orders(told, history=history))


def _who(by: str | None) -> str:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""


def _say(here: Context, taken: Line | None) -> None:
    if taken is None:
        here.say("there is nothing to take back")
    else:
        here.say(f"taken back: {taken.action} {taken.other.url}")


def _orders(told: Sequence[Curation], *, history: bool) -> RenderableType:
    """Lay out what is in force, or all that was done."""
    lines = [(each, line) for each in told for line in (each.history if history else each.orders)]
    if not lines:
        return Text("no orders", "dim")
    table = show.borderless()
    for name in ("story", "other"):
        table.add_column(name, ratio=1, overflow="fold")
    for name in ("order", "slot", "who", "when"):
        table.add_column(name, no_wrap=name != "who", justify="right" if name == "slot" else "left")
    before: Curation | None = None
    for each, line in lines:
        order = Text(
            line.action, "red" if line.action == "block" else "green" if line.action == "pin" else ""
        )
        table.add_row(
            _story(each.story.title, each.story.url) if each is not before else Text(),
            _story(line.other.title, line.other.url),
            order.append(" (undone)", "dim") if line.undone else order,
            "" if line.slot is None else str(line.slot),
            plain(line.by) or "–",
            show.when(line.at),
        )
        before = each
    return table


def _story(title: str, url: str) -> Text:
    text = Text(plain(title), "bold")
    return text.append(f"\n{plain(url)}", Style(bold=False, dim=True, link=url))
