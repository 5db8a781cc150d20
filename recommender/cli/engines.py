"""The options that say how blocks of work are run, and what they open."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated

import typer

from recommender import engine
from recommender.cli.context import Context
from recommender.errors import UsageError

Engine = Annotated[
    str | None, typer.Option("--engine", help="How blocks are run: " + ", ".join(engine.NAMES) + ".")
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="With --engine dask: its scheduler, tcp://host:8786; without one, workers start here.",
        metavar="URL",
    ),
]


def opened(here: Context, name: str | None, scheduler: str | None) -> AbstractContextManager[engine.Engine]:
    """Open the engine that flags and settings name."""
    chosen = name or here.settings.engine
    if scheduler is not None and chosen != "dask":
        raise UsageError(f"--scheduler {scheduler}: is of --engine dask, and the engine is {chosen}")
    return engine.opened(chosen, here.settings.scheduler if scheduler is None else scheduler)
