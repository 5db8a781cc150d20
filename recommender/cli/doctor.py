"""The command that says whether all is well."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from importlib import metadata
from typing import Final

import typer
from rich.text import Text

from recommender import __version__
from recommender.cli import show
from recommender.cli.context import FAILED, Context, Json, current
from recommender.errors import RecommenderError
from recommender.store import REVISION, Store

PACKAGES: Final = ("numpy", "scipy", "scikit-learn", "sqlalchemy", "fastapi", "uvicorn")

_LITTLE: Final = 200_000_000
"""Bytes of a disk that are too few for any recompute."""

Rows = list[tuple[str, str]]


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    json: Json = False,
) -> None:
    """Say in one screen what is installed, which store and model there are, and whether they are well.

    The exit code is 1 where something is broken; what is said of it ends in what to do.

    Example:  recommender doctor --json
    """
    here = current(context)
    installed = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    rows = [
        ("recommender", f"{__version__} on Python {platform.python_version()}"),
        ("packages", installed),
        ("SQLite", sqlite3.sqlite_version),
    ]
    troubles: list[str] = []
    _look_at_store(here, rows, troubles)
    _look_at_models(here, rows, troubles)
    if json:
        here.out.print_json(data={"well": not troubles, "facts": dict(rows), "troubles": troubles})
    else:
        here.out.print(show.facts(rows, troubles))
    if troubles:
        raise typer.Exit(FAILED)
    if not json:
        here.out.print(Text("✓ all is well", "green"))


def _look_at_store(here: Context, rows: Rows, troubles: list[str]) -> None:
    try:
        with here.open() as store:
            rows.append(("store", f"{store.name}, tables of revision {REVISION}"))
            _look_at_stories(store, rows, troubles)
            _look_at_disk(store, rows, troubles)
            _look_at_bytes(store, rows, troubles)
    except RecommenderError as error:
        troubles.append(str(error))


def _look_at_stories(store: Store, rows: Rows, troubles: list[str]) -> None:
    status, waiting, holders = store.status(), store.waiting(), store.holders()
    rows += [
        ("stories", f"{status.stories - status.removed:,}, newest {show.when(status.newest)}"),
        ("curated links", f"{status.links:,}, of them {status.dead_links:,} to no story of the store"),
    ]
    if status.generation is None:
        troubles.append("nothing is published yet: `recommender recompute`")
    else:
        made = status.generation
        rows += [
            ("served", f"generation {made.id} of {show.when(made.created_at)}, {made.stories:,} stories"),
            ("since then", f"{waiting.changed:,} stories new or changed, {waiting.new:,} without a list yet"),
            ("ranked by", made.model),
        ]
    rows += [
        ("writing now", holders.writing or "nobody"),
        ("lists follow", holders.leading or "no: only recomputes change them, as `serve` or `live` would"),
    ]


def _look_at_disk(store: Store, rows: Rows, troubles: list[str]) -> None:
    if store.path is None:
        return
    free, size = shutil.disk_usage(store.path.parent).free, store.path.stat().st_size
    rows.append(("disk", f"{free / 1e9:.1f} GB free, the store takes {size / 1e9:.2f} GB"))
    if free < max(size, _LITTLE):
        troubles.append(
            f"the disk of {store.path} has {free / 1e9:.1f} GB left, and a recompute writes lists beside "
            "those that are served: make room, or move the store by `recommender backup`"
        )


def _look_at_bytes(store: Store, rows: Rows, troubles: list[str]) -> None:
    found = store.checked()
    troubles += [f"SQLite says of {store.path}: {line}; restore a backup" for line in found.database]
    if found.lists:
        troubles.append(
            f"store-corrupt: {len(found.lists):,} lists are not what was written, that of story "
            f"{found.lists[0]} the first, and are refused: `recommender recompute`"
        )
    if found.kept:
        troubles.append(
            f"what the last recompute kept ({found.kept[0]}, the first of {len(found.kept)}) is not what was "
            "written, so drafts are refused: `recommender recompute`"
        )
    if not (found.lists or found.kept or found.database):
        by = {None: "", True: ", data checksums on", False: ", data checksums off"}[found.checksums]
        rows.append(("bytes", f"lists as they were written{by}"))


def _look_at_models(here: Context, rows: Rows, troubles: list[str]) -> None:
    from recommender import models

    try:
        active = models.active(here.models)
        others = [name for name in models.names(here.models) if name != active]
        for name in others:
            _look_at_files(here, name, troubles)
        if active is None:
            rows.append(("active model", "none: recomputes use the default ranker"))
            return
        model = models.load(here.models, active)
    except RecommenderError as error:
        troubles.append(
            f"{error.name}: {error}; or let the default rank: `recommender models activate default`"
        )
        return
    rows.append(
        ("active model", f"{model.id}, learned from {model.manifest['data'].get('links', 0):,} links")
    )


def _look_at_files(here: Context, name: str, troubles: list[str]) -> None:
    from recommender import models

    try:
        models.contents(here.models, name)
    except RecommenderError as error:
        troubles.append(
            f"{error.name}: {error}; it is not active, but cannot be gone back to, and no backup has it: "
            "delete its folder"
        )
