"""How long a recompute takes here and on Dask workers, and whether the lists are the same.

    python -m benchmarks.dask_speed                        # 20,000 made-up stories
    python -m benchmarks.dask_speed 100000 --json FILE

``local`` runs a thread a core; workers run one thread each, in processes of this machine, over TCP.  Each
engine ranks a small archive first, so that nobody's loading of libraries is in the seconds.  CPU seconds,
of this process and of its workers, hold on a machine that is busy with something else, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from distributed import LocalCluster

from benchmarks.news import news, save
from benchmarks.record import record
from recommender.engine import Engine, cores, local, opened
from recommender.engine.dask import Cluster
from recommender.pipeline.recomputing import recompute
from recommender.store import Store
from recommender.urls import canonical

HOW = """`recommender recompute`, from the stories in SQLite to lists published, by threads of one process,
and by Dask workers of one thread each, in processes of the same machine, over TCP. Lists and the reasons
for them are compared bit for bit."""

WARM = 2_000
"""Stories of the archive that is ranked first."""

WORKERS = (1, 2)

LINE = (
    "{engine:16} {seconds:6.1f} s   CPU {cpu_seconds:5.1f} + {workers_cpu_seconds:5.1f} s   load {load:4.1f}"
)


def measured(stories: int) -> list[dict[str, Any]]:
    """Measure every engine on the same archive: a row each."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ended:
        small, whole = (
            ended.enter_context(_archive(Path(folder) / f"{size}.sqlite", size)) for size in (WARM, stories)
        )
        urls = whole.corpus().urls
        for name, engine in _engines():
            recompute(small, Path(folder) / "models", engine=engine)
            began, before, spent = time.perf_counter(), time.process_time(), _workers_cpu_seconds(engine)
            recompute(whole, Path(folder) / "models", engine=engine)
            row = {
                "stories": stories,
                "engine": name,
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - before,
                "workers_cpu_seconds": _workers_cpu_seconds(engine) - spent,
                "load": os.getloadavg()[0],
                "lists": _digest(whole, urls),
            }
            rows.append(row)
            print(LINE.format(**row), flush=True)
    return rows


def _archive(path: Path, stories: int) -> Store:
    store = Store.open(f"sqlite:///{path}")
    with store.writing("benchmark"):
        save(store, news(stories))
    return store


def _engines() -> Iterator[tuple[str, Engine]]:
    yield f"local, {cores()} threads", local
    for workers in WORKERS:
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, memory_limit=None, dashboard_address=None
            ) as there,
            opened("dask", there.scheduler_address) as engine,
        ):
            there.wait_for_workers(workers)
            yield f"dask, {workers} worker{'s' * (workers > 1)}", engine


def _workers_cpu_seconds(engine: Engine) -> float:
    return float(sum(engine.client.run(time.process_time).values())) if isinstance(engine, Cluster) else 0.0


def _digest(store: Store, urls: list[str]) -> str:
    """Name all lists and the reasons for them: SHA-256, in hex."""
    digest = hashlib.sha256()
    for url in urls:
        found = store.find(canonical(url), reasons=True)
        assert found is not None
        digest.update((found.packed or b"") + (found.reasons or b""))
    return digest.hexdigest()


def _row(row: Mapping[str, Any], one: float, lists: str) -> dict[str, Any]:
    return {
        "stories": row["stories"],
        "system": row["engine"],
        "seconds": row["seconds"],
        "cpu_seconds": row["cpu_seconds"] + row["workers_cpu_seconds"],
        "speed_of_one_worker_times": one / row["seconds"],
        "lists": "the same" if row["lists"] == lists else "others",
    }


def main() -> None:
    """Print a line an engine as it is measured, then what they have in common."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stories", nargs="?", type=int, default=20_000, metavar="STORIES")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured here")
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    rows = measured(arguments.stories)
    _, one, two = (row["seconds"] for row in rows)
    equal = len({row["lists"] for row in rows}) == 1
    print(f"two workers are {one / two:.2f} × as fast as one; lists {'are the same' if equal else 'DIFFER'}")
    if arguments.json:
        told = {"rows": rows, "speed_up": one / two, "equal": equal}
        arguments.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if arguments.record:
        record("dask", HOW, [_row(row, one, rows[0]["lists"]) for row in rows])
    if not equal:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
