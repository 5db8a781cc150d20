"""How fast `GET /related` is, next to routes on the same server that answer a constant body of the same size.

    python -m benchmarks.serving
    python -m benchmarks.serving --stories 1000 --rounds 3 --keep FOLDER --json FILE

Ratios, not requests a second, carry over from machine to machine.  Systems take turns, round after round,
so that what else the machine does slows all of them; a ratio is the median of the rounds' ratios.  Needs wrk
(`apt-get install wrk`), which asks on 16 connections, each again as soon as it is answered.

`function` is a FastAPI route that is a plain function with a parameter, `coroutine` the least that FastAPI
can do, `bare` the server alone.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean, median
from typing import Any
from urllib.parse import quote

from benchmarks import made_store
from benchmarks.record import record

HERE = Path(__file__).parent
CONNECTIONS = 16
DRAWN = 100_000
"""Addresses drawn for a round: about as many as are asked for in it."""

WARMING = 2
"""Turns' lengths for which stories are asked for, Zipf-drawn, before that is measured."""

EVENLY, ZIPF = "evenly", "zipf"
FLOORS = {"function": "floors:app", "coroutine": "floors:app", "bare": "floors:bare"}


def draw(stories: int, kind: str, seed: int) -> list[str]:
    """Draw addresses: all stories alike, or the n-th most read one 1/n as often as the first."""
    drawn = random.Random(seed)
    numbers = list(range(stories))
    random.Random(0).shuffle(numbers)  # what is read most is not what is nearest in the file
    weights = list(itertools.accumulate(1 / (n + 1) for n in range(stories))) if kind == ZIPF else None
    asked = drawn.choices(numbers, cum_weights=weights, k=DRAWN)
    return [quote(made_store.url(number), safe="") for number in asked]


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def get(port: int, path: str) -> tuple[int, bytes]:
    """Ask once and give status and body; status 0 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


@contextmanager
def running(command: Sequence[str], port: int, ready: str, **environment: str) -> Iterator[tuple[int, float]]:
    """Start a server; give its process id, and the seconds until it answered 200 at ``ready``."""
    start = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, *command, "--port", str(port)],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        while get(port, ready)[0] != 200:
            if server.poll() is not None or time.perf_counter() - start > 60:
                raise SystemExit(f"{' '.join(command)} does not answer")
            time.sleep(0.01)
        yield server.pid, time.perf_counter() - start
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


def load(
    port: int, path: str, addresses: Sequence[str], seconds: int, connections: int = CONNECTIONS
) -> dict[str, float]:
    """Ask for addresses at a path; requests a second, and the latency of half and of 99 % in seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as asked:
        asked.writelines(f"{path}?url={address}\n" for address in addresses)
        asked.flush()
        script = ["-s", str(HERE / "serving.lua"), f"http://127.0.0.1:{port}", "--", asked.name]
        wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *script]
        told = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
    counted: dict[str, float] = json.loads(told.splitlines()[-1])
    if counted.pop("errors"):
        raise SystemExit(f"requests failed:\n{told}")
    return counted


def memory(process: int) -> float:
    """Read how much memory a process has, in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


def measure(store: Path, stories: int, rounds: int, seconds: int, settings: Sequence[str]) -> dict[str, Any]:
    """Start all servers and let them take turns."""
    with ExitStack() as ended:
        served = ["-m", "recommender", "--store", f"sqlite:///{store}", "serve"]
        environment = {
            f"RECOMMENDER_{name.upper()}": value for name, value in (s.split("=") for s in settings)
        }
        # One for each kind of draws: what the one is asked for does not crowd out what the other keeps.
        ports = {kind: free_port() for kind in (EVENLY, ZIPF, *FLOORS)}
        started, workers = {}, {}
        for kind in (EVENLY, ZIPF):
            server = running(served, ports[kind], "/health/ready", **environment)
            workers[kind], started[kind] = ended.enter_context(server)
        idle = memory(workers[EVENLY])
        bodies = [get(ports[EVENLY], f"/related?url={one}")[1] for one in draw(stories, EVENLY, rounds)[:100]]
        size = round(mean(map(len, bodies)))
        for name, floor in FLOORS.items():
            command = ["-m", "uvicorn", "--app-dir", str(HERE), "--log-level", "warning", floor]
            ended.enter_context(running(command, ports[name], f"/{name}?url=x", SIZE=str(size)))
        turns = []
        for turn in range(rounds):
            evenly, zipf = (draw(stories, kind, turn) for kind in (EVENLY, ZIPF))
            paths = {ZIPF: "/related", EVENLY: "/related", **{name: f"/{name}" for name in FLOORS}}
            # What is asked for most is known by then: turns are far apart, and answers are not kept for long.
            load(ports[ZIPF], "/related", draw(stories, ZIPF, rounds + turn), WARMING * seconds)
            turns.append(
                {
                    name: load(ports[name], path, zipf if name == ZIPF else evenly, seconds)
                    for name, path in paths.items()
                }
            )
        return {
            "stories": stories,
            "bytes": size,
            "ready": min(started.values()),
            "memory": {"ready": idle, "loaded": max(map(memory, workers.values()))},
            "turns": turns,
        }


def ratio(turns: Sequence[dict[str, dict[str, float]]], kind: str, floor: str, what: str) -> float:
    """Compare in every round, and give the median."""
    return median(turn[kind][what] / turn[floor][what] for turn in turns)


def report(measured: dict[str, Any]) -> str:
    """Write what was measured, for people."""
    turns = measured["turns"]
    head = (
        f"{measured['stories']:,} stories, answers of {measured['bytes']:,} bytes; ready after "
        f"{measured['ready']:.2f} s; {measured['memory']['ready']:.0f} MB when ready, "
        f"{measured['memory']['loaded']:.0f} MB after"
    )
    lines = [
        head,
        f"{'':>10} {'requests/s':>10} {'p50 ms':>7} {'p99 ms':>7}",
    ]
    for name in (EVENLY, ZIPF, *FLOORS):
        rate, half, most = (median(turn[name][what] for turn in turns) for what in ("rate", "p50", "p99"))
        lines.append(f"{name:>10} {rate:10,.0f} {half * 1e3:7.2f} {most * 1e3:7.2f}")
    for kind in (EVENLY, ZIPF):
        ratios = {
            floor: (ratio(turns, kind, floor, "rate"), ratio(turns, kind, floor, "p99")) for floor in FLOORS
        }
        compared = (f"{rate:.2f} × {floor} (p99 {most:.2f} ×)" for floor, (rate, most) in ratios.items())
        lines.append(f"{kind}: {', '.join(compared)}")
    return "\n".join(lines)


HOW = """`GET /related` from one process on made-up stories, asked by wrk on 16 connections of the same
machine: stories drawn evenly, and as readers do (Zipf), next to routes of the same server that
answer a constant body of the same size: a FastAPI route that is a function with a parameter, the
least that FastAPI can do, and the server alone. Medians of rounds in which all take turns."""


def rows(measured: dict[str, Any]) -> list[dict[str, Any]]:
    """Make rows of a table of what was measured."""
    turns = measured["turns"]
    names = {
        EVENLY: "GET /related, evenly drawn",
        ZIPF: "GET /related, Zipf-drawn",
        "function": "FastAPI, a function",
        "coroutine": "FastAPI, a coroutine",
        "bare": "the server alone",
    }
    return [
        {
            "stories": measured["stories"],
            "system": shown,
            "requests_a_second": round(median(turn[name]["rate"] for turn in turns)),
            "p50_ms": round(median(turn[name]["p50"] for turn in turns) * 1e3, 2),
            "p99_ms": round(median(turn[name]["p99"] for turn in turns) * 1e3, 2),
            "requests_of_a_function_times": ratio(turns, name, "function", "rate"),
            "ready_seconds": measured["ready"] if name == EVENLY else None,
            "peak_mb": measured["memory"]["loaded"] if name == EVENLY else None,
        }
        for name, shown in names.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of every turn")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the store here, or find it here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all of it here")
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("no wrk: apt-get install wrk")
    with ExitStack() as ended:
        folder = arguments.keep or Path(ended.enter_context(tempfile.TemporaryDirectory()))
        store = folder / f"serving-{arguments.stories}.sqlite"
        if not store.exists():
            made_store.make(store, arguments.stories)
        measured = measure(store, arguments.stories, arguments.rounds, arguments.seconds, arguments.set)
    print(report(measured))
    if arguments.record:
        record("serving", HOW, rows(measured))
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
