"""A program that kills itself in the middle of a verb: where it writes to the database, or to the disk.

``python tests/dying.py STORE MODELS STORIES BACKUP`` reads lines with a ``verb``.
For each a child of its own does the verb, and is killed (SIGKILL) where a step
that writes comes after another as in no child before it; it prints ``killed`` and
the two, or ``done`` where there were none any more.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from recommender import durable, models
from recommender.pipeline import training
from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.pipeline.restoring import restore
from recommender.pipeline.training import train
from recommender.store import Store, publishing

STORE, (MODELS, STORIES, BACKUP) = sys.argv[1], map(Path, sys.argv[2:])

VERBS: dict[str, Callable[[Store], object]] = {
    "import": lambda store: import_paths(store, [STORIES]),
    "train": lambda store: train(store, MODELS),
    "recompute": lambda store: recompute(store, MODELS),
    "refresh": lambda store: refresh(store, MODELS),
    "activate": lambda store: models.activate(MODELS, models.listed(MODELS)[0]["id"]),
    "default": lambda store: models.activate(MODELS, "default"),
    "restore": lambda store: restore(store, MODELS, BACKUP, replace=True),
}


def dying(seen: set[str], says: int) -> Callable[[str], None]:
    """Make what is called before every step, and kills where one comes after another as in ``seen`` none.

    Into the pipe ``says`` it writes where.
    So a process dies before every kind of step and after every kind: before
    the first of many alike, in their midst, and after the last.
    """
    last = "the beginning"

    def next_step(kind: str) -> None:
        nonlocal last
        last, now = kind, f"{last} → {kind}"
        if now not in seen:
            os.write(says, now.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    return next_step


def listen(next_step: Callable[[str], None]) -> None:
    """Call it before every statement that writes, the commit of such, and all that is done to the disk."""
    written = False

    def execute(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal written
        if not statement.startswith(("SELECT", "BEGIN")):
            written = True
            next_step(kind(statement))

    def commit(_connection: object) -> None:
        nonlocal written
        if written:
            written = False
            next_step("commit")

    def counted(name: str, do: Any) -> Any:
        def done(path: Path, *others: Any) -> None:
            next_step(f"{name} {kind(path.name)}")
            do(path, *others)

        return done

    event.listen(Engine, "before_cursor_execute", execute)
    event.listen(Engine, "commit", commit)
    for name in ("make", "write", "sync", "place", "replace", "remove"):
        setattr(durable.disk, name, counted(name, getattr(durable.disk, name)))


def kind(text: str) -> str:
    """Leave out what differs between steps of a kind: how many values, which model, whose process."""
    return _MANY.sub("…", _NUMBER.sub("0", " ".join(text.split())))


_NUMBER = re.compile(r"\d[\w-]*")
_MANY = re.compile(r"\(?(?:\?|%\(\w+\)s)(?:::\w+)?(?:, \(?(?:\?|%\(\w+\)s)(?:::\w+)?\)?)*")


def tell(line: str) -> None:
    """Write a line to who asked."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def child(verb: str, seen: set[str], says: int) -> None:
    """Do the verb in a process that ends with it."""
    with Store.open(STORE) as store:
        listen(dying(seen, says))
        VERBS[verb](store)


def remembered(do: Callable[..., Any]) -> Callable[..., Any]:
    """Let a child have what its parent worked out: to learn takes longer than all that is written."""
    known: list[Any] = []

    def asked(*arguments: Any, **named: Any) -> Any:
        if not known:
            known.append(do(*arguments, **named))
        return known[0]

    return asked


publishing._CHUNK = 20  # many transactions, as of a large archive
for learning in ("prepare", "learn", "ask", "compared"):
    setattr(training, learning, remembered(getattr(training, learning)))
KILLED: dict[str, set[str]] = {verb: set() for verb in VERBS}
for line in sys.stdin:
    verb, *how = line.split()
    if how:  # here, and once, so that machine code is loaded
        with Store.open(STORE) as store:
            VERBS[verb](store)
        tell("done")
        continue
    said, says = os.pipe()
    process = os.fork()
    if not process:
        try:
            child(verb, KILLED[verb], says)
        except BaseException as error:  # noqa: BLE001  (whatever it is, it ends here and not in the parent)
            tell(f"{type(error).__name__}: {error}")
            os._exit(1)
        os._exit(0)
    os.close(says)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    step = os.read(said, 10_000).decode()
    os.close(said)
    KILLED[verb].add(step)
    tell({0: "done", -signal.SIGKILL: f"killed: {step}"}.get(status, f"exit {status}"))
