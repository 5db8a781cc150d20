"""Commands that look: the related stories of one, and whether all is well."""

from __future__ import annotations

import platform
import sqlite3
from datetime import UTC, datetime
from importlib import metadata
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from recommender import __version__, newsrooms
from recommender.cli import explaining, show
from recommender.cli.context import FAILED, Context, current, plain
from recommender.errors import RecommenderError
from recommender.newsrooms import Newsroom
from recommender.store import Store

PACKAGES = ("numpy", "scipy", "scikit-learn", "sqlalchemy", "fastapi", "uvicorn")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(related)
    app.command()(sites)
    app.command()(doctor)


def related(
    context: typer.Context,
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="The story's URL in any form: AMP, tracked, with or without www."),
    ],
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many stories.")] = 10,
    curated: Annotated[
        Literal["first", "mixed", "off"],
        typer.Option(help="Curated links: first, mixed among the others by score, or off."),
    ] = "first",
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Say why each story is there: shared terms, links, parts of its score."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what GET /related answers.")] = False,
) -> None:
    """Show the stories most worth reading after this one.

    Example:  recommender related https://www.example.com/2024/03/07/bridge-closed -k 5
    """
    from recommender.service import Options, Service

    here = current(context)
    with here.open() as store:
        service = Service(store)
        answer = service.related(url, Options(limit=k, curated=curated, explain=explain))
        if json:
            typer.echo(answer.json().decode())
            return
        story = service.story(url)
    here.out.print(Text(plain(story.card["title"]), "bold underline"))
    provider = story.card["provider"]
    published = show.age(story.card["publishedDateTime"], datetime.now(UTC))
    facts = filter(None, (provider["name"] or provider["domain"], published, story.url))
    here.out.print(Text(plain(" · ".join(facts)) + "\n", "dim"))
    lay_out = explaining.explained if explain else show.related
    here.out.print(lay_out(answer, datetime.now(UTC)))


def sites(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """List the newsrooms in the store, the first one without a name.

    Example:  recommender --site mic import mic/; recommender sites
    """
    here = current(context)
    rooms = [_site(Newsroom.of(here.settings, name)) for name in ("", *newsrooms.names(here.settings))]
    if json:
        here.out.print_json(data=rooms)
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("site", "stories", "links", "generation", "ranked by", ""):
        table.add_column(column, justify="right" if column in ("stories", "links", "generation") else "left")
    for room in rooms:
        counts = (
            "" if room[name] is None else f"{room[name]:,}" for name in ("stories", "links", "generation")
        )
        table.add_row(
            room["site"] or "–",
            *counts,
            plain(room["model"] or ""),
            Text(plain(room["trouble"] or ""), "red"),
        )
    here.out.print(table)


def _site(room: Newsroom) -> dict[str, Any]:
    told: dict[str, Any] = dict.fromkeys(("stories", "links", "generation", "model", "trouble"))
    try:
        with Store.open(room.store, create=False) as store:
            status = store.status()
    except RecommenderError as error:  # one that is away hides none of the others
        return {"site": room.site, **told, "trouble": f"{error.name}: {error}"}
    told |= {"stories": status.stories - status.removed, "links": status.links}
    if status.generation is not None:
        told |= {"generation": status.generation.id, "model": status.generation.model}
    return {"site": room.site, **told}


def doctor(context: typer.Context) -> None:
    """Say in one screen what is installed, which store and model there are, and whether they are well."""
    here = current(context)
    installed = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    rows = [
        ("recommender", f"{__version__} on Python {platform.python_version()}"),
        ("packages", installed),
        ("SQLite", sqlite3.sqlite_version),
    ]
    troubles: list[str] = []
    _look_at_store(here, rows, troubles)
    _look_at_model(here, rows, troubles)
    here.out.print(show.facts(rows, troubles))
    if troubles:
        raise typer.Exit(FAILED)
    here.out.print(Text("✓ all is well", "green"))


def _look_at_store(here: Context, rows: list[tuple[str, str]], troubles: list[str]) -> None:
    try:
        with here.open() as store:
            status = store.status()
            rows.append(("store", store.name))
    except RecommenderError as error:
        troubles.append(str(error))
        return
    rows.append(("stories", f"{status.stories - status.removed:,}, newest {show.when(status.newest)}"))
    rows.append(
        ("curated links", f"{status.links:,}, of them {status.dead_links:,} to no story of the store")
    )
    if status.generation is None:
        troubles.append("nothing is published yet: `recommender recompute`")
    else:
        made = status.generation
        rows.append(
            ("served", f"generation {made.id} of {show.when(made.created_at)}, {made.stories:,} stories")
        )
        rows.append(("ranked by", made.model))


def _look_at_model(here: Context, rows: list[tuple[str, str]], troubles: list[str]) -> None:
    from recommender import models

    try:
        active = models.active(here.models)
        if active is None:
            rows.append(("active model", "none: recomputes use the default ranker"))
            return
        model = models.load(here.models, active)
    except RecommenderError as error:
        troubles.append(f"{error.name}: {error}")
        return
    rows.append(("active model", f"{model.id}, learned from {model.manifest['data']['links']:,} links"))
