"""Commands that keep all of a newsroom in a file, and bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.context import REJECTED, Context, Json, current, plain

if TYPE_CHECKING:
    from recommender.pipeline.backup import Contents


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, such as news.zip.")],
    json: Json = False,
) -> None:
    """Write the store and the models, as they are now, into one file; the service may go on.

    Stories, links, orders, lists, digests of keys, feeds and what readers did, of one newsroom:
    each of several is backed up by itself (--site). A model that is not as it was written is left
    out; that is said, and the exit code is 3.

    Example:  recommender backup /var/backups/news.zip
    """
    from recommender.pipeline.backup import back_up

    here = current(context)
    with here.open() as store:
        _tell(here, back_up(store, here.models, file), f"written to {file}", json=json)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace all that the store has, and the active model.")
    ] = False,
    json: Json = False,
) -> None:
    """Fill a store with what a backup has, on SQLite or PostgreSQL, wherever it was made.

    The file is checked to its last byte first; store and models change together, or not at all. To
    replace a store, end the service that keeps its lists up to date; readers get the old lists until
    all is there. The exit code is 3 where the backup lacks a model.

    Example:  recommender --store postgresql+psycopg://user@host/news restore /var/backups/news.zip
    """
    from recommender.pipeline.restoring import check
    from recommender.pipeline.restoring import restore as run

    here = current(context)
    check(file)  # before there is a store: of what cannot be restored, none is made
    with here.open(create=True) as store:
        _tell(here, run(store, here.models, file, replace=force), f"restored from {file}", json=json)


def _tell(here: Context, contents: Contents, done: str, *, json: bool) -> None:
    """Say what a backup has, and what it lacks: that even with ``--quiet``, and by the exit code."""
    served = "nothing published" if contents.generation is None else f"generation {contents.generation}"
    here.say(
        f"{contents.stories:,} stories, {served}, {contents.models} models, as of {contents.made}, {done}"
    )
    for name, why in contents.left_out.items():
        here.err.print(plain(f"NOT IN THE BACKUP: model {name}: {why}"), style="bold red", soft_wrap=True)
    if json:
        here.out.print_json(data=contents._asdict())
    if contents.left_out:
        here.err.print(
            "Everything else is. If that was the active model: `recommender train`, or `recommender models "
            "activate` another; `recommender doctor` says whether the models that there are are whole.",
            soft_wrap=True,
        )
        raise typer.Exit(REJECTED)
