"""Commands that keep all of a newsroom in a file, and bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.context import current

if TYPE_CHECKING:
    from recommender.pipeline.backup import Contents


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, such as news.zip.")],
) -> None:
    """Write the store and the models, as they are now, into one file; the service may go on.

    Stories, links, orders, lists, digests of keys, feeds and what readers did, of one newsroom:
    each of several is backed up by itself (--site).

    Example:  recommender backup /var/backups/news.zip
    """
    from recommender.pipeline.backup import back_up

    here = current(context)
    with here.open() as store:
        here.say(f"{_told(back_up(store, here.models, file))}, written to {file}")


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace all that the store has, and the active model.")
    ] = False,
) -> None:
    """Fill a store with what a backup has, on SQLite or PostgreSQL, wherever it was made.

    The file is checked to its last byte first. To replace a store, end the service that keeps its
    lists up to date; readers get the old lists until all is there.

    Example:  recommender --store postgresql+psycopg://user@host/news restore /var/backups/news.zip
    """
    from recommender.pipeline.backup import check
    from recommender.pipeline.backup import restore as run

    here = current(context)
    check(file)  # before there is a store: of what cannot be restored, none is made
    with here.open(create=True) as store:
        here.say(f"{_told(run(store, here.models, file, replace=force))}, restored from {file}")


def _told(contents: Contents) -> str:
    served = "nothing published" if contents.generation is None else f"generation {contents.generation}"
    return f"{contents.stories:,} stories, {served}, {contents.models} models, as of {contents.made}"
