"""Commands about API keys: who may write over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import Json, current, plain

app = typer.Typer(help="Make, list and revoke API keys, for those who write over HTTP.", no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, for people.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it is for: read, publish, curate, events, or admin, which is all of them. Repeatable."
        ),
    ],
    json: Json = False,
) -> None:
    """Make a key and print it, once: the store keeps only what it needs to know it again.

    Example:  recommender keys add newsroom-cms --scope publish --scope curate
    """
    here = current(context)
    with here.open(create=True) as store:
        key, secret = store.keys.add(name, scope)
    if json:
        here.out.print_json(data={**key._asdict(), "key": secret})
        return
    here.say(f"key {key.id}, {key.name}, for {', '.join(key.scopes)}; it is not shown again:")
    # Not through the console, which would break the line that is to be copied.
    typer.echo(secret)


@app.command("list")
def list_(
    context: typer.Context,
    json: Json = False,
) -> None:
    """List the keys by how they begin, revoked ones too."""
    here = current(context)
    with here.open() as store:
        keys = store.keys.all()
    if json:
        here.out.print_json(data=[key._asdict() for key in keys])
        return
    table = show.borderless()
    for column in ("id", "key", "name", "scopes", "made", "revoked"):
        table.add_column(column)
    for key in keys:
        ended = "" if key.revoked_at is None else show.when(key.revoked_at)
        cells = (str(key.id), f"{key.prefix}…", Text(plain(key.name)), " ".join(key.scopes))
        table.add_row(*cells, show.when(key.created_at), ended, style="dim" if ended else "")
    here.out.print(table)


@app.command()
def revoke(
    context: typer.Context,
    number: Annotated[
        int, typer.Argument(metavar="ID", max=2**63 - 1, help="A key's id, as `keys list` shows it.")
    ],
) -> None:
    """End a key: the next request that has it is refused, one of events after 10 s at most."""
    here = current(context)
    with here.open() as store:
        key = store.keys.revoke(number)
    here.say(f"key {key.id}, {key.name}, is revoked")
