"""How soon a story that comes has its list, at a steady rate, and what readers notice of it.

    python -m benchmarks.following
    python -m benchmarks.following --stories 20000 --rate 50 --record

Made-up stories are imported, ranked and served; the newest are then saved at a rate, while wrk asks for those
that were there, drawn as readers do.  Turns with and without new stories alternate; a ratio is the median of
the turns' ratios.  Needs wrk.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, islice
from math import inf
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any
from urllib.parse import quote

from rich.console import Console

from benchmarks import news
from benchmarks.incremental import until
from benchmarks.record import record, table
from benchmarks.serving import DRAWN, free_port, load, running
from recommender.entries import Entry
from recommender.pipeline.recomputing import recompute
from recommender.store import Store

HOW = """Stories come at a steady rate, saved ten at a time, while `serve`, one worker and the process that
keeps lists up to date, answers `GET /related` for the stories that were there, Zipf-drawn, asked by wrk on
the same machine on some connections, each of which asks again as soon as it is answered. `listed` is the
time from a story's being saved to its list being there; the last column compares readers' p99 with that of
turns in which nothing comes."""

AT_ONCE = 10
"""Stories saved together."""

LOOK = 0.01
"""Seconds between two looks for lists."""


def draw(urls: Sequence[str], seed: int) -> list[str]:
    """Draw addresses, the n-th most read one 1/n as often as the first."""
    mixed = random.Random(0).sample(urls, len(urls))
    weights = list(accumulate(1 / (n + 1) for n in range(len(mixed))))
    drawn = random.Random(seed).choices(mixed, cum_weights=weights, k=DRAWN)
    return [quote(url, safe="") for url in drawn]


def come(store: Store, entries: Iterator[Entry], rate: float, stop: Event) -> list[float]:
    """Save stories at a rate until told to stop; the seconds until each had its list."""
    served = store.generation()
    assert served is not None
    last = int(store.versions().ids[-1])
    saved: dict[int, float] = {}
    waits = []
    due = time.perf_counter()
    while True:
        if time.perf_counter() >= due:
            batch = list(islice(entries, AT_ONCE))
            store.save(batch)
            saved.update(dict.fromkeys(range(last + 1, last + 1 + len(batch)), time.perf_counter()))
            last += len(batch)
            due += len(batch) / rate
        listed, now = store.lists(served.id, list(saved)), time.perf_counter()
        waits += [now - saved.pop(article) for article in listed]
        if stop.is_set() and not saved:
            return waits
        if stop.is_set():
            due = inf
        time.sleep(LOOK)


def turns(
    store: Store, entries: Iterator[Entry], rate: float, rounds: int, ask: Callable[[int], dict[str, float]]
) -> dict[str, Any]:
    """Ask while nothing comes, and while stories do, in turns."""
    waits, most, ratios = [], [], []
    for seed in range(rounds):
        quiet = ask(seed)
        stop = Event()
        with ThreadPoolExecutor(1) as aside:
            coming = aside.submit(come, store, entries, rate, stop)
            try:
                busy = ask(seed)
            finally:
                stop.set()
            waits += coming.result()
        most.append(busy["p99"])
        ratios.append(busy["p99"] / quiet["p99"])
    return {
        "came": len(waits),
        "listed_p50_ms": round(median(waits) * 1e3),
        "listed_max_ms": round(max(waits) * 1e3),
        "p99_ms": round(median(most) * 1e3, 2),
        "p99_of_quiet_times": median(ratios),
    }


def measured(stories: int, rate: float, rounds: int, seconds: int) -> list[dict[str, Any]]:
    """Measure on one store, with one reader and with many."""
    readers = (1, 16)
    corpus = news.news(stories + round(rate * (seconds + 2)) * rounds * len(readers) + AT_ONCE)
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.sqlite") as store:
        news.save(store, until(corpus, stories))
        recompute(store, Path(folder) / "models")
        entries = islice(news.entries(corpus), stories, None)
        port = free_port()
        command = ["-m", "recommender", "--store", f"sqlite:///{folder}/store.sqlite"]
        with running([*command, "--models", f"{folder}/models", "serve"], port, "/health/ready"):
            come(store, entries, rate, ended())  # who ranks what comes loads the archive for the first
            rows = []
            for many in readers:

                def ask(seed: int, many: int = many) -> dict[str, float]:
                    asked = draw(corpus.urls[:stories], seed)
                    return load(port, "/related", asked, seconds, connections=many)

                told = turns(store, entries, rate, rounds, ask)
                rows.append({"stories": stories, "rate": rate, "connections": many, **told})
            return rows


def ended() -> Event:
    """Give an event that has happened: who heeds it does once what it would do again and again."""
    event = Event()
    event.set()
    return event


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=100, help="stories that come a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of every turn")
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("no wrk: apt-get install wrk")
    rows = measured(arguments.stories, arguments.rate, arguments.rounds, arguments.seconds)
    Console(highlight=False, width=130).print(table(rows))
    if arguments.record:
        record("following", HOW, rows, key=("stories", "rate", "connections"))


if __name__ == "__main__":
    main()
