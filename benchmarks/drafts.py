"""How long `POST /related` takes: the first draft, which loads the archive, and those after it.

    python -m benchmarks.drafts
    python -m benchmarks.drafts --stories 20000 --drafts 200 --record

Made-up stories are imported and ranked; the newest, which are not, are the drafts.  One client asks, one
draft after the other, as who types does.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from rich.console import Console

from benchmarks import news
from benchmarks.incremental import until
from benchmarks.record import record, table
from benchmarks.serving import free_port, memory, running
from recommender.pipeline.recomputing import recompute
from recommender.store import Store

HOW = """`POST /related` with the title and the text of a story that the store does not have, one after
the other over HTTP, one process, made-up news ranked by the default ranker. The first one loads the
archive."""


def post(connection: http.client.HTTPConnection, draft: dict[str, Any]) -> float:
    """Ask for the related stories of a draft, again while the archive is loaded; seconds in all."""
    body = orjson.dumps(draft)
    start = time.perf_counter()
    while True:
        connection.request("POST", "/related", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status == 200:
            break
        if b":in-progress" not in answer:
            raise SystemExit(answer.decode())
    return time.perf_counter() - start


def measured(stories: int, drafts: int) -> dict[str, Any]:
    """Measure on one store."""
    corpus = news.news(stories + drafts)
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/store.sqlite"
        with Store.open(store) as opened:
            news.save(opened, until(corpus, stories))
            recompute(opened, Path(folder) / "models")
        port = free_port()
        command = ["-m", "recommender", "--store", store, "--models", f"{folder}/models", "serve"]
        with running(command, port, "/health/ready") as (process, _):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            texts = zip(corpus.titles[stories:], corpus.excerpts[stories:], strict=True)
            times = [post(connection, {"title": title, "excerpt": excerpt}) for title, excerpt in texts]
            peak = memory(process)
    half, most = np.percentile(times[1:], [50, 99]) * 1e3
    return {
        "stories": stories,
        "drafts": drafts,
        "p50_ms": round(half, 1),
        "p99_ms": round(most, 1),
        "first_seconds": round(times[0], 1),
        "peak_mb": peak,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--drafts", type=int, default=1_000)
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    row = measured(arguments.stories, arguments.drafts)
    Console(highlight=False, width=130).print(table([row]))
    if arguments.record:
        record("drafts", HOW, [row], key=("stories",))


if __name__ == "__main__":
    main()
