"""A Dask cluster as an operator starts one: a scheduler and workers, processes of their own, over TCP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent

# What workers are asked to do.  A module's own functions, or they could not travel; of this module, which
# loads little, or every worker that a test starts would load all that tests do.


def slowly(wait: float, block: int) -> tuple[int, int]:
    """Square a number in so many seconds, and tell which process did."""
    time.sleep(wait)
    return block * block, os.getpid()


def kinds(shared: tuple[np.ndarray, ...], block: np.ndarray) -> tuple[list[tuple[bool, bool]], np.ndarray]:
    """Tell of arrays whether they are writable and aligned."""
    return [(each.flags.writeable, each.flags.aligned) for each in (*shared, block)], block


def compiled_kinds(shared: tuple[object, ...], block: np.ndarray) -> int:
    """Find the nearest, and count the kinds of arguments that it was compiled for."""
    from recommender import index, search

    index.find(block, *shared)  # type: ignore[arg-type]
    return len(search.nearest.signatures)  # type: ignore[attr-defined]


# The machines


class Machines:
    """The processes of a cluster; ``address`` is its scheduler's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", self._told)
        deadline = time.monotonic() + 60
        while not self._told.is_file():
            assert self.scheduler.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "no scheduler within a minute"
            time.sleep(0.05)
        self.address: str = json.loads(self._told.read_text())["address"]

    def start_worker(self) -> None:
        """Start a worker, which one that is killed does not come back as: nobody watches over it."""
        self.workers.append(self._start("worker", self.address, "--nthreads", "1", "--no-nanny"))

    def kill_worker(self, process: int | None = None) -> None:
        """End the worker of that process, or the oldest, as a machine without power ends."""
        ids = [worker.pid for worker in self.workers]
        _kill(self.workers.pop(0 if process is None else ids.index(process)))

    def kill_scheduler(self) -> None:
        """End the scheduler likewise."""
        _kill(self.scheduler)

    def close(self) -> None:
        """End what there is."""
        for process in (*self.workers, self.scheduler):
            _kill(process)

    def _start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        # Blocks run functions of tests, too, which their modules' names are to find.
        paths = [str(TESTS), str(TESTS.parent)]
        command = [sys.executable, "-m", "dask", *arguments]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@contextmanager
def machines(folder: Path, workers: int) -> Iterator[Machines]:
    """Start a cluster; workers come while the scheduler is already asked."""
    started = Machines(folder)
    try:
        for _ in range(workers):
            started.start_worker()
        yield started
    finally:
        started.close()
