"""``import --watch``: one line for each batch that was imported, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from recommender.cli import show
from recommender.cli.context import Context
from recommender.store import Store

if TYPE_CHECKING:
    from recommender.pipeline.importing import Imported

SHARE = 9
"""Times as long as a look takes is waited before the next: very many files take a tenth of a processor."""


def watch(here: Context, store: Store, paths: Sequence[Path], every: float, *, json: bool) -> None:
    """Import what changes in ``paths``, looking ``every`` so many seconds, until interrupted."""
    from recommender.pipeline.watching import Watcher

    watcher = Watcher(store, paths, here.say, here.settings.tzinfo)
    here.say("Watching; Ctrl-C ends it.")
    try:
        while True:
            began = time.monotonic()
            report = watcher.look(here.progress)
            took = time.monotonic() - began
            if report is not None:
                _print(here, report, json=json)
            # An import is no look: the next one need not wait for it.
            time.sleep(every if report is not None else max(every, SHARE * took))
    except KeyboardInterrupt:
        return


def _print(here: Context, report: Imported, *, json: bool) -> None:
    if json:
        typer.echo(dumps(asdict(report)))  # in ASCII: a file may have any name
        return
    saved = report.saved
    told = [
        f"{report.files - report.unchanged:,} files",
        f"{saved.new:,} stories new, {saved.changed:,} changed",
        f"{saved.links_added:,} links added, {saved.links_removed:,} removed",
        f"{len(report.rejections):,} rejected",
    ]
    here.out.print(f"{datetime.now(UTC):%H:%M:%S} UTC  {'; '.join(told)}", markup=False)
    if not here.quiet:
        show.warnings(report, here.err, every=here.verbose)
    show.rejections(report, here.err)
