"""Commands about feeds: which are polled for stories, and polling them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import REJECTED, Context, Json, current, plain
from recommender.errors import StoreError

if TYPE_CHECKING:
    from recommender.pipeline.polling import Polled

app = typer.Typer(help="Poll RSS, Atom and JSON feeds for stories.", no_args_is_help=True)

LOOKS = 30.0
"""Seconds after which a poller that waits looks whether a feed was added."""

STYLES = {"read": "green", "unchanged": "dim", "failed": "red", "gone": "yellow"}


@app.command()
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="The feed's address, http:// or https://.")],
    name: Annotated[str, typer.Option(help="What to call it; its host, if not given.", metavar="N")] = "",
    every: Annotated[int, typer.Option(min=1, help="Minutes between two polls.", metavar="MIN")] = 15,
) -> None:
    """Name a feed to be polled; the same address again changes its name and time. Nothing is fetched yet.

    Example:  recommender feeds add https://news.example/feed.xml --every 10
    """
    here = current(context)
    with here.open(create=True) as store:
        feed = store.feeds.add(url, name, every * 60)
    here.say(f"feed {feed.id}, {feed.name}, every {every} min; `recommender feeds poll` polls it")


@app.command("list")
def list_(
    context: typer.Context,
    json: Json = False,
) -> None:
    """List the feeds: what became of the last poll, when it was, and when the next is."""
    here = current(context)
    with here.open() as store:
        feeds = store.feeds.all()
    if json:
        here.out.print_json(data=[feed._asdict() for feed in feeds])
        return
    table = _table("id", "feed", "every", "last", "", "next")
    for feed in feeds:
        table.add_row(
            str(feed.id),
            _named(feed.name, feed.url),
            f"{feed.every // 60} min",
            show.when(feed.polled_at),
            Text(plain(feed.outcome or ""), "red" if feed.failures else ""),
            "never" if feed.next_at is None else show.when(feed.next_at),
            style="dim" if feed.next_at is None else "",
        )
    here.out.print(table)


@app.command()
def remove(
    context: typer.Context,
    which: Annotated[
        str, typer.Argument(metavar="FEED", help="Its id, as `feeds list` shows it, or its URL.")
    ],
) -> None:
    """Poll a feed no more; the stories it gave stay."""
    here = current(context)
    with here.open() as store:
        feed = store.feeds.remove(which)
    here.say(f"feed {feed.id}, {feed.name}, is polled no more")


@app.command()
def poll(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Poll those that are due, and end.")] = False,
) -> None:
    """Fetch the feeds that are due and import what is new, again and again, until Ctrl-C.

    Feeds that fail are asked less and less often, up to once a day. With --once the exit code is 3 if
    a feed failed. Needs: pip install 'recommender[feeds]'.

    Example:  recommender feeds poll --once
    """
    from recommender.fetching import Fetcher
    from recommender.pipeline.polling import poll as run_poll

    here = current(context)
    try:
        with Fetcher() as fetcher, here.open() as store:
            while True:
                try:
                    polled = run_poll(store, fetcher, zone=here.settings.tzinfo)
                except StoreError as error:
                    if once:
                        raise
                    here.say(f"{error.name}: {error}; tried again in {LOOKS:g} s")
                    polled = []
                _show(here, polled)
                if once:
                    break
                time.sleep(LOOKS)
    except KeyboardInterrupt:
        if once:
            raise
        return
    if not polled:
        here.say("No feed is due; `recommender feeds list` says when each is.")
    if any(one.result == "failed" for one in polled):
        raise typer.Exit(REJECTED)


def _show(here: Context, polled: Sequence[Polled]) -> None:
    if not polled:
        return
    table = _table("feed", "", "new", "changed", "rejected", "next")
    for one in polled:
        table.add_row(
            _named(one.feed.name, one.feed.url),
            Text(plain(one.outcome), STYLES[one.result]),
            *(f"{count:,}" for count in (one.saved.new, one.saved.changed, len(one.rejections))),
            "never" if one.next_at is None else show.when(one.next_at),
        )
    here.out.print(table)
    if here.verbose:
        for one in polled:
            for rejection in one.rejections:
                text = plain(f"{rejection.path}: {rejection.reason}")
                here.err.print(Text.assemble(("rejected ", "red"), text), soft_wrap=True)


def _named(name: str, url: str) -> Text:
    return Text(plain(name)).append(f"\n{plain(url)}", "dim")


def _table(*columns: str) -> Table:
    table = show.borderless()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
