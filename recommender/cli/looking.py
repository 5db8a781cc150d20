"""Commands that look: the related stories of one, and which newsrooms there are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from recommender import newsrooms
from recommender.cli import explaining, show
from recommender.cli.context import Json, current, plain
from recommender.errors import RecommenderError
from recommender.newsrooms import Newsroom
from recommender.store import Store


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(related)
    app.command()(sites)


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
    json: Json = False,
) -> None:
    """List the newsrooms in the store, the first one without a name.

    Example:  recommender --site mic import mic/; recommender sites
    """
    here = current(context)
    rooms = [_site(Newsroom.of(here.settings, name)) for name in ("", *newsrooms.names(here.settings))]
    if json:
        here.out.print_json(data=rooms)
        return
    table = show.borderless()
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
