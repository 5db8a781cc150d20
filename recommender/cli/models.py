"""Commands about trained models.  They load them, and with them the numeric libraries, only when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from recommender.cli import show
from recommender.cli.context import Json, current
from recommender.errors import ModelNotFound

app = typer.Typer(help="List, show, verify and activate trained models, and go back.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="ID", help="A model's id, as `models list` shows it.", show_default=False)
]


@app.command("list")
def list_(
    context: typer.Context,
    json: Json = False,
) -> None:
    """List the models, oldest first; * marks the active one."""
    from recommender import models

    here = current(context)
    active = models.active(here.models)
    found = models.listed(here.models)
    if json:
        here.out.print_json(data=[{**manifest, "active": manifest["id"] == active} for manifest in found])
        return
    table = show.borderless()
    for column in ("", "model", "stories", "links", "nDCG@10 (cold)"):
        table.add_column(column)
    for manifest in found:
        data, systems = manifest["data"], manifest["report"].get("systems")
        score = f"{systems['recommender']['ndcg']:.3f}" if systems else "–"
        mark = "*" if manifest["id"] == active else ""
        table.add_row(mark, manifest["id"], *(f"{data.get(of, 0):,}" for of in ("stories", "links")), score)
    here.out.print(table)


@app.command("show")
def show_(context: typer.Context, name: Name) -> None:
    """Print a model's manifest: what it is, what it learned from, how it evaluated."""
    from recommender import models

    here = current(context)
    here.out.print_json(data=models.load(here.models, name).manifest)


@app.command()
def verify(context: typer.Context, name: Annotated[str | None, typer.Argument(metavar="ID")] = None) -> None:
    """Check every file of a model (the active one by default) against its checksum and its limits."""
    from recommender import models

    here = current(context)
    chosen = name or models.active(here.models)
    if chosen is None:
        raise ModelNotFound(f"no model is active in {here.models}; `recommender train` makes one")
    model = models.load(here.models, chosen)
    size = sum(file["bytes"] for file in model.manifest["files"].values())
    here.out.print(show.facts([("model", model.id), ("files", f"{size:,} bytes, all as they were written")]))


@app.command()
def activate(context: typer.Context, name: Name) -> None:
    """Let the next recompute use this model; `default` is the ranker that needs no links of your own."""
    from recommender import models

    here = current(context)
    models.activate(here.models, name)
    here.say(f"{name} is active; `recommender recompute` ranks with it")


@app.command()
def rollback(context: typer.Context) -> None:
    """Let the next recompute use the model that was active before; again, and it is as it was.

    Lists that are served stay as they are until then, and every request is answered.

    Example:  recommender models rollback && recommender recompute
    """
    from recommender import models

    here = current(context)
    name = models.rollback(here.models)
    here.say(f"{name} is active again; `recommender recompute` ranks with it")
