"""Two minutes of everything that is asked of a service; and the program that asks notices what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mixed_load import KINDS, Answered
from benchmarks.soak import Run, Sample, processes, report

PROJECT = Path(__file__).parents[1]


def test_two_minutes_under_a_mixed_load_keep_every_promise(tmp_path: Path) -> None:
    command = ["-m", "benchmarks.soak", "--minutes", "2", "--rate", "20", "--json", str(tmp_path / "told")]
    ended = subprocess.run(
        [sys.executable, *command], cwd=PROJECT, capture_output=True, text=True, timeout=400
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads((tmp_path / "told").read_text())
    assert (told["broken"], told["failures"]) == ([], 0)
    assert all(told["requests"][kind]["requests"] for kind in KINDS)
    assert told["requests"]["read"]["requests"] > 500
    assert len(told["processes"]) >= 4, "two workers, who starts them, and who keeps lists up to date"


def seen(**changed: Any) -> Run:
    """What a run sees in which nothing happens, but for what is changed: 4 marks, a second apart."""
    good = Run(
        answered=[Answered("read", third + n / 200, 0.01) for third in range(3) for n in range(200)],
        failures=[],
        samples=[Sample(third + n / 10, 7, 100.0, 20) for third in range(3) for n in range(10)],
        marks=[0, 1, 2, 3],
        log="",
        recomputes=1,
    )
    return good._replace(**changed)


def test_nothing_is_broken_where_nothing_happens() -> None:
    told = report(seen())
    assert told["broken"] == []
    assert told["requests"]["read"]["p99_ms"] == pytest.approx([10, 10, 10])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"failures": ["GET /related: 500"]}, "1 requests failed, first: GET /related: 500"),
        ({"log": "Traceback"}, "the server logged: Traceback"),
        ({"recomputes": 0}, "nothing was recomputed"),
        ({"samples": [Sample(n / 10, 7, 100 + 4 * n, 20) for n in range(30)]}, "grew from 118 to 198 MB"),
        ({"samples": [Sample(n / 10, 7, 100, 20 + n) for n in range(30)]}, "opened 29 and then 49 files"),
        (
            {"samples": [Sample(n / 10, 7, 100, 20) for n in range(15)]},
            "process 7 was not there all the time",
        ),
        (
            {"answered": [Answered("read", n / 200, n / 6_000) for n in range(600)]},
            "p99 went from 33.0 to 99.7 ms",
        ),
    ],
)
def test_a_promise_that_is_broken_is_named(changed: dict[str, Any], named: str) -> None:
    (broken,) = report(seen(**changed))["broken"]
    assert named in broken


def test_processes_are_found_with_those_they_started() -> None:
    script = (
        "import subprocess, sys\n"
        "sleeping = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "with subprocess.Popen(sleeping) as child:\n"
        "    print(child.pid, flush=True)\n"
        "    sys.stdin.read()\n"
        "    child.kill()"
    )
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert processes(parent.pid) == [parent.pid, child]
