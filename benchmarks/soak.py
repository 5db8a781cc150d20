"""Whether a service stays as it was: all kinds of requests on a real server, for as long as one likes.

    python -m benchmarks.soak --minutes 30
    python -m benchmarks.soak --minutes 2 --rate 20 --store postgresql+psycopg://user@host/empty --json FILE

Made-up stories are ranked and served by two workers and the process that keeps lists up to date, while
readers, editors and monitoring ask (``mixed_load``) and `recompute --since-last` runs now and then.  After
warming up, the time is cut in thirds.  The exit code is 1 when a promise is broken:

- every request was answered as it should be, no process ended, none wrote to the log
- no process has more memory in the last third than in the first, beyond MEMORY, or descriptors, DESCRIPTORS
- the 99th percentile of readers' answers is in the last third not above FLAT times that of the first
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.incremental import until
from benchmarks.mixed_load import KINDS, Answered, Load
from benchmarks.news import news, save
from recommender.corpus import Corpus
from recommender.pipeline.recomputing import recompute
from recommender.store import Store

STORIES: Final = 5_000
MORE: Final = 1_000
"""Stories that come while it runs; then they come again."""

WARMING: Final = 30.0, 0.1
"""Seconds, or share of the time, that warming up takes at least: recomputes follow one another then."""

MEMORY: Final = 1.2, 32.0
"""Times the memory of the first third, and megabytes above that, which a process may have in the last."""

DESCRIPTORS: Final = 16
"""Files and connections that a process may have open beyond those of the first third."""

FLAT: Final = 3.0, 0.05
"""Times the first third's 99th percentile that the last one's may be; up to so many seconds nobody minds."""

RECOMPUTE: Final = 30.0
"""Seconds between two recomputes at least."""


class Sample(NamedTuple):
    """A process at a moment (``time.monotonic``): megabytes in memory, descriptors open."""

    at: float
    process: int
    memory: float
    descriptors: int


class Run(NamedTuple):
    """What was seen, and the moments between which the thirds lie, four of them."""

    answered: Sequence[Answered]
    failures: Sequence[str]
    samples: Sequence[Sample]
    marks: Sequence[float]
    log: str
    recomputes: int


def processes(first: int) -> list[int]:
    """List a process and all that it started, and so on."""
    found = [first]
    for process in found:
        with suppress(OSError):
            for task in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def look(first: int) -> Iterator[Sample]:
    """Measure a process and all that it started."""
    for process in processes(first):
        with suppress(OSError):  # ended since
            status = Path(f"/proc/{process}/status").read_text()
            resident = re.search(r"VmRSS:\s+(\d+)", status)
            descriptors = len(list(Path(f"/proc/{process}/fd").iterdir()))
            if resident:
                yield Sample(time.monotonic(), process, int(resident[1]) * 1024 / 1e6, descriptors)


@contextmanager
def serving(command: Sequence[str], log: Path) -> Iterator[tuple[int, str]]:
    """Serve on a free port with two workers; give the process and where it listens."""
    with log.open("wb") as written:
        arguments = [*command, "serve", "--port", "0", "--workers", "2"]
        server = subprocess.Popen(arguments, stderr=written)
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            if server.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the server does not start: {log.read_text()}")
            time.sleep(0.05)
        yield server.pid, found[0]
    finally:
        server.terminate()
        server.wait(60)


def soak(store: str, folder: Path, corpus: Corpus, stories: int, seconds: float, rate: float) -> Run:
    """Serve made-up news from an empty store, and ask for so many seconds; rate in requests a second."""
    with Store.open(store) as opened:
        if opened.status().stories:
            raise SystemExit(f"{opened.name} has stories: this is for an empty store")
        save(opened, until(corpus, stories))
        _, key = opened.keys.add("soak", ["admin"])
        recompute(opened, folder / "models")
    command = [sys.executable, "-m", "recommender", "--store", store, "--models", str(folder / "models")]
    log = folder / "log"
    samples: list[Sample] = []
    failures: list[str] = []
    with serving(command, log) as (server, address):
        load = Load(address, key, corpus, stories, rate)
        began = time.monotonic()
        warm = max(WARMING[0], WARMING[1] * seconds)
        third = (seconds - warm) / 3
        marks = [began + warm + third * number for number in range(4)]
        every = max(RECOMPUTE, third / 6)
        due, again, recomputes = began, None, 0
        with load.running():
            while (now := time.monotonic()) < marks[-1]:
                samples += look(server)
                if again is None and now >= due:
                    due = now + (every if now >= marks[0] else 0)
                    again = subprocess.Popen(
                        [*command, "recompute", "--since-last"],
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                    )
                if again is not None and again.poll() is not None:
                    recomputes += again.returncode == 0
                    failures += _refused(again)
                    again = None
                time.sleep(1)
        if again is not None:
            failures += _refused(again)
    # The first line says where it listens.
    logged = log.read_text().partition("\n")[2]
    return Run(load.answered, [*load.failures, *failures], samples, marks, logged, recomputes)


def _refused(run: subprocess.Popen[bytes]) -> list[str]:
    """Wait for a recompute; what it said if it failed, but that the server's own is at work."""
    said = run.communicate()[1].decode()
    return [] if run.returncode == 0 or said.startswith("store-locked") else [f"recompute: {said}"]


def p99(answered: Sequence[Answered]) -> float:
    """Find the 99th percentile, in seconds; 0 of nothing."""
    taken = [each.seconds for each in answered]
    return quantiles(taken, n=100)[98] if len(taken) > 1 else sum(taken)


def report(run: Run) -> dict[str, Any]:
    """Make of what was seen what is told, and which promises it breaks."""

    def of(moments: Sequence[Any], third: int) -> list[Any]:
        return [each for each in moments if run.marks[third] <= each.at < run.marks[third + 1]]

    kinds = {}
    for kind in KINDS:
        answered = [each for each in run.answered if each.kind == kind]
        thirds = [p99(of(answered, third)) * 1e3 for third in range(3)]
        kinds[kind] = {
            "requests": len(answered),
            "p50_ms": median([each.seconds * 1e3 for each in answered] or [0.0]),
            "p99_ms": thirds,
        }
    # Recomputes come and go as children of this program, not of the server.
    servers = []
    for process in dict.fromkeys(sample.process for sample in run.samples):
        seen = [sample for sample in run.samples if sample.process == process]
        servers.append(
            {
                "process": process,
                "memory_mb": [median([each.memory for each in of(seen, n)] or [0.0]) for n in range(3)],
                "descriptors": [max([each.descriptors for each in of(seen, n)] or [0]) for n in range(3)],
            }
        )
    told = {"requests": kinds, "processes": servers, "recomputes": run.recomputes}
    return {**told, "failures": len(run.failures), "broken": list(broken(run, told))}


def broken(run: Run, told: dict[str, Any]) -> Iterator[str]:
    """Name the promises that were not kept."""
    if run.failures:
        yield f"{len(run.failures)} requests failed, first: {run.failures[0]}"
    if run.log:
        yield f"the server logged: {run.log[:500]}"
    if not run.recomputes:
        yield "nothing was recomputed"
    times, more = MEMORY
    for server in told["processes"]:
        memory, descriptors = server["memory_mb"], server["descriptors"]
        if 0 in (memory[0], memory[-1]):
            yield f"process {server['process']} was not there all the time"
        elif memory[-1] > memory[0] * times + more:
            yield f"process {server['process']} grew from {memory[0]:.0f} to {memory[-1]:.0f} MB"
        if descriptors[-1] > descriptors[0] + DESCRIPTORS:
            yield f"process {server['process']} opened {descriptors[0]} and then {descriptors[-1]} files"
    first, *_, last = told["requests"]["read"]["p99_ms"]
    if last > max(FLAT[0] * first, FLAT[1] * 1e3):
        yield f"readers' p99 went from {first:.1f} to {last:.1f} ms"


def show(told: dict[str, Any]) -> None:
    """Print it for people."""
    console = Console()
    table = Table("asked", "requests", "p50 ms", "p99 ms, by thirds", box=None)
    for kind, each in told["requests"].items():
        thirds = "  ".join(f"{value:.1f}" for value in each["p99_ms"])
        table.add_row(kind, f"{each['requests']:,}", f"{each['p50_ms']:.1f}", thirds)
    console.print(table)
    table = Table("process", "MB, by thirds", "descriptors", box=None)
    for each in told["processes"]:
        memory = "  ".join(f"{value:.0f}" for value in each["memory_mb"])
        table.add_row(str(each["process"]), memory, "  ".join(map(str, each["descriptors"])))
    console.print(table)
    console.print(f"{told['recomputes']} recomputes, {told['failures']} failures")
    for line in told["broken"]:
        console.print(f"broken: {line}", markup=False)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--stories", type=int, default=STORIES)
    parser.add_argument("--store", help="URL of an empty store; without it, a file that is gone afterwards")
    parser.add_argument("--json", type=Path, help="where to write what is told")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as made:
        store = chosen.store or f"sqlite:///{made}/soak.sqlite"
        corpus = news(chosen.stories + MORE, seed=5)
        run = soak(store, Path(made), corpus, chosen.stories, 60 * chosen.minutes, chosen.rate)
    told = report(run)
    show(told)
    if chosen.json:
        chosen.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.exit(bool(told["broken"]))


if __name__ == "__main__":
    main()
