"""Measure a system in a process of its own: what one leaves in memory is not counted against the next.

python -m benchmarks.apart FOLDER     # what `measure` starts, and reads the answer of
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recommender.corpus import Corpus

MB = 1024
"""Kilobytes, in which the system counts, of a megabyte."""


class Meter:
    """What this process and its children use inside ``with``: ``seconds``, ``cpu_seconds`` and ``peak_mb``.

    The peak is the most memory that was in use at once, the stories included
    that were loaded before.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float

    def __enter__(self) -> Self:
        _forget_peak()
        self._done = threading.Event()
        self._together = 0.0
        self._watch = threading.Thread(target=self._watching, daemon=True)
        self._watch.start()
        self._cpu = _cpu()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._start
        self.cpu_seconds = _cpu() - self._cpu
        self._done.set()
        self._watch.join()
        self.peak_mb = max(own_peak_mb(), self._together)

    def _watching(self) -> None:
        # This process alone has its peak from the system; with workers it has to be looked at now and then.
        while not self._done.wait(0.2):
            family = list(_family(os.getpid()))
            if len(family) > 1:
                self._together = max(self._together, sum(map(_share_kb, family)) / MB)


def own_peak_mb() -> float:
    """Give the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: Linux hands a process what its parent had before it became another program.
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB


def _forget_peak() -> None:
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5")


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _family(process: int) -> Iterator[int]:
    yield process
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = listed.read_text().split()
        except OSError:  # a thread that has ended
            continue
        for child in children:
            yield from _family(int(child))


def _share_kb(process: int) -> int:
    """Count a process's memory, and an n-th of what n share."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def keep(folder: Path, corpus: Corpus) -> None:
    """Write the stories for the processes that will measure."""
    (folder / "corpus.pickle").write_bytes(pickle.dumps(corpus, pickle.HIGHEST_PROTOCOL))


def measure(
    folder: Path, function: str, timeout: float, **options: Any
) -> tuple[dict[str, Any], Mapping[str, NDArray[np.int64]]] | None:
    """Call ``function(corpus, **options)`` in a new process, with the stories kept in ``folder``.

    ``function`` is written ``module:name``; it gives a JSON object of what it
    measured, and arrays by name.  None where that took longer than
    ``timeout`` seconds: the process and its workers are ended.
    """
    (folder / "task.json").write_text(json.dumps({"function": function, "options": options}))
    # A group of its own, so that its workers can be ended with it.
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.apart", str(folder)], start_new_session=True
    ) as child:
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return None
    if code:
        raise RuntimeError(f"{function} failed with {code}")
    with np.load(folder / "arrays.npz") as arrays:
        return json.loads((folder / "measured.json").read_text()), dict(arrays)


def _main(folder: Path) -> None:
    task = json.loads((folder / "task.json").read_text())
    corpus = pickle.loads((folder / "corpus.pickle").read_bytes())
    module, _, name = task["function"].partition(":")
    measured, arrays = getattr(import_module(module), name)(corpus, **task["options"])
    (folder / "measured.json").write_text(json.dumps(measured))
    np.savez(folder / "arrays.npz", **arrays)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
