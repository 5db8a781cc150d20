"""Lists kept up to date as stories come: the command, and the process that serve runs beside its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated, Final

import typer

from recommender import logs
from recommender.cli.context import current
from recommender.settings import Settings

_YIELDS: Final = 10
"""Niceness of the process beside those that answer: where cores are few, readers come first."""

_LEAVES: Final = 3.0
"""Seconds in which it is to end. In a recompute it is killed: what that publishes is whole or not there."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(live)


def live(
    context: typer.Context,
    attached: Annotated[
        bool, typer.Option(hidden=True, help="End when standard input does: with who started it.")
    ] = False,
) -> None:
    """Keep lists up to date as stories come, until interrupted; serve does this by itself.

    Example:  recommender --store postgresql+psycopg://user@host/news live
    """
    from recommender.live.following import follow

    here = current(context)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if attached:
        os.nice(_YIELDS)
        Thread(target=_watch, args=(stop,), daemon=True).start()
    logs.install(here.settings.log, "WARNING" if here.quiet or attached else "INFO")
    follow(here.newsroom.store, here.models, stop)


def _watch(stop: Event) -> None:
    # Not through Python's file, whose lock would be held when the interpreter ends, which ends it badly.
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    stop.set()


@contextmanager
def keeping(chosen: Settings) -> Iterator[None]:
    """Keep lists up to date for a ``with`` block, in a process that is started again should it die."""
    if not chosen.live:
        yield
        return
    stop = Event()
    sites = {chosen.site, *chosen.sites}
    keepers = [Thread(target=_keep, args=(site, stop), daemon=True) for site in sites]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        stop.set()
        for keeper in keepers:
            keeper.join()


def _keep(site: str, stop: Event) -> None:
    command = [sys.executable, "-m", "recommender", "--site", site, "live", "--attached"]
    while not stop.is_set():
        # Settings come with the environment.  However this process ends, the pipe ends with it.
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603
            while process.poll() is None and not stop.wait(0.2):
                pass
            assert process.stdin is not None  # noqa: S101  (a pipe was asked for)
            process.stdin.close()
            try:
                process.wait(_LEAVES)
            except subprocess.TimeoutExpired:
                process.kill()
        stop.wait(1)
