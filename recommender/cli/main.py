"""The program's entrance: global options, errors as messages and exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from recommender import __version__, settings
from recommender.cli import (
    auditing,
    backup,
    curating,
    doctor,
    feeds,
    keeping,
    keys,
    learning,
    looking,
    models,
    reporting,
    searching,
    serving,
)
from recommender.cli.context import FAILED, WRONG_USE, Context, plain
from recommender.errors import InvalidOrder, InvalidURL, RecommenderError, SettingsError, UsageError
from recommender.settings import Settings

app = typer.Typer(
    name="recommender",
    help="Related stories for newsrooms, learned from editors' curated links.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _about(setting: str) -> str:
    return f"{Settings.model_fields[setting].description} [RECOMMENDER_{setting.upper()}]"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"recommender {__version__}")
        raise typer.Exit


@app.callback()
def globals_(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(help=_about("store"))] = None,
    models: Annotated[str | None, typer.Option(help=_about("models"), metavar="DIR")] = None,
    site: Annotated[str | None, typer.Option(help=_about("site"), metavar="NAME")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file; ./recommender.toml if it is there. [RECOMMENDER_CONFIG]"),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print results and errors only.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print every warning.")] = False,
    version: Annotated[  # noqa: ARG001  (typer calls it)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Related stories for newsrooms, learned from editors' curated links.

    Global options stand before the verb:  recommender --store sqlite:///news.sqlite recompute
    """
    context.obj = Context(settings.load(config, store=store, models=models, site=site), quiet, verbose)


learning.register(app)
looking.register(app)
doctor.register(app)
searching.register(app)
auditing.register(app)
reporting.register(app)
serving.register(app)
keeping.register(app)
backup.register(app)
app.add_typer(curating.app, name="curate")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(feeds.app, name="feeds")


_WRONG = (UsageError, SettingsError, InvalidURL, InvalidOrder)
"""Errors of whoever called."""


def main() -> None:
    """Run the command line; every error the project raises on purpose is one line and an exit code."""
    try:
        app(prog_name="recommender")
    except RecommenderError as error:
        text = Text.assemble((f"{error.name}: ", "bold red"), plain(str(error)))
        Context(Settings.model_construct()).err.print(text, soft_wrap=True)
        sys.exit(WRONG_USE if isinstance(error, _WRONG) else FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
