"""Lists kept up to date as stories come: the command, and the process that serve runs beside its own."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated

import typer

from recommender.cli.context import current
from recommender.settings import Settings


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
        Thread(target=_watch, args=(stop,), daemon=True).start()
    logging.basicConfig(
        level=logging.WARNING if here.quiet or attached else logging.INFO, format="%(message)s"
    )
    follow(here.settings.store, here.settings.models, stop)


def _watch(stop: Event) -> None:
    while sys.stdin.buffer.read(4_096):
        pass
    stop.set()


@contextmanager
def keeping(chosen: Settings) -> Iterator[None]:
    """Keep lists up to date for a ``with`` block, in a process that is started again should it die."""
    if not chosen.live:
        yield
        return
    stop = Event()
    keeper = Thread(target=_keep, args=(stop,), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


def _keep(stop: Event) -> None:
    command = [sys.executable, "-m", "recommender", "live", "--attached"]
    while not stop.is_set():
        # Settings come with the environment.  However this process ends, the pipe ends with it.
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603
            while process.poll() is None and not stop.wait(0.2):
                pass
            assert process.stdin is not None  # noqa: S101  (a pipe was asked for)
            process.stdin.close()
        stop.wait(1)
