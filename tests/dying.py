"""A program that kills itself in the middle of a verb: at any statement to the database, or step on the disk.

``python tests/dying.py STORE MODELS STORIES`` reads lines ``verb step``.  For each
a child of its own does the verb and is killed (SIGKILL) before that step,
counted from 0; it prints ``killed``, or ``done`` where there were no more steps.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from recommender import durable, models
from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.pipeline.training import train
from recommender.store import Store, publishing

STORE, MODELS, STORIES = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])

VERBS: dict[str, Callable[[Store], object]] = {
    "import": lambda store: import_paths(store, [STORIES]),
    "train": lambda store: train(store, MODELS),
    "recompute": lambda store: recompute(store, MODELS),
    "refresh": lambda store: refresh(store, MODELS),
    "activate": lambda store: models.activate(MODELS, models.listed(MODELS)[0]["id"]),
    "default": lambda store: models.activate(MODELS, "default"),
}


def dying(step: int) -> Callable[..., None]:
    """Make what is called before every step, and kills before one of them."""
    left = [step]

    def next_step(*_: Any, **__: Any) -> None:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    return next_step


def listen(next_step: Callable[..., None]) -> None:
    """Call it before every statement, every commit, and everything that is done to the disk."""
    event.listen(Engine, "before_cursor_execute", next_step)
    event.listen(Engine, "commit", next_step)

    def counted(do: Any) -> Any:
        def done(*arguments: Any) -> None:
            next_step()
            do(*arguments)

        return done

    for name in ("make", "write", "sync", "place", "replace", "remove"):
        setattr(durable.disk, name, counted(getattr(durable.disk, name)))


def tell(line: str) -> None:
    """Write a line to who asked."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def child(verb: str, step: int) -> None:
    """Do the verb in a process that ends with it."""
    with Store.open(STORE) as store:
        listen(dying(step))
        VERBS[verb](store)


publishing._CHUNK = 20  # many transactions, as of a large archive
for line in sys.stdin:
    verb, step = line.split()
    if step == "here":  # once, so that machine code is loaded
        with Store.open(STORE) as store:
            VERBS[verb](store)
        tell("done")
        continue
    process = os.fork()
    if not process:
        try:
            child(verb, int(step))
        except BaseException as error:  # noqa: BLE001  (whatever it is, it ends here and not in the parent)
            tell(f"{type(error).__name__}: {error}")
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    tell({0: "done", -signal.SIGKILL: "killed"}.get(status, f"exit {status}"))
