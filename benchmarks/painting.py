"""How soon the page is painted: the largest contentful paint of `/` and of `/?url=…`, in Debian's Chromium.

    python -m benchmarks.painting
    python -m benchmarks.painting --stories 5000 --loads 10 --record

A made-up store is served on the same machine; each load is of another story, in a browser that has nothing of
the page yet.  Pictures of stories are not fetched.  Needs Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from benchmarks import made_store
from benchmarks.record import record, table
from benchmarks.screenshots import ARGUMENTS, elsewhere
from benchmarks.serving import free_port, running

HOW = """Largest contentful paint of the page, by Chromium on the machine that serves it, `serve` with one
worker: the start, and a story with its ten related ones and their reasons, another one in every load. Every
load is by a browser that has nothing of the page yet. The target is under 500 ms."""

PAINTED: Final = """() => new Promise((told) => {
  let last = 0;
  new PerformanceObserver((list) => { last = list.getEntries().at(-1).startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(() => told(last), 200);
})"""
"""Milliseconds from the start of the load to its largest paint so far."""


def painted(browser: Browser, address: str, shown: str) -> float:
    """Load a page anew; the milliseconds until the largest paint, once what is ``shown`` (CSS) is there."""
    with browser.new_context(viewport={"width": 1200, "height": 1000}) as context:
        page: Page = context.new_page()
        page.route(lambda url: "127.0.0.1" not in url, elsewhere)
        page.goto(address)
        page.locator(shown).first.wait_for()
        told: float = page.evaluate(PAINTED)
        return told


def measured(browser: Browser, address: str, urls: Sequence[str], loads: int) -> list[dict[str, Any]]:
    """Load the start and stories, in turns."""
    painted(browser, address, "footer span")  # a browser's first page waits for the browser
    times: dict[str, list[float]] = {"/": [], "/?url=…": []}
    for url in random.Random(0).sample(urls, loads):
        times["/"].append(painted(browser, address, "footer span"))
        times["/?url=…"].append(painted(browser, f"{address}/?{urlencode({'url': url})}", "#lists li"))
    return [
        {"system": name, "loads": loads, "median_ms": round(median(each)), "worst_ms": round(max(each))}
        for name, each in times.items()
    ]


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        yield browser
        browser.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=100_000)
    parser.add_argument("--loads", type=int, default=10)
    parser.add_argument("--record", action="store_true", help="also put it into docs/benchmarks.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.sqlite"
        made_store.make(store, arguments.stories)
        port = free_port()
        command = ["-m", "recommender", "--store", f"sqlite:///{store}", "serve"]
        urls = [made_store.url(number) for number in range(arguments.stories)]
        with browsing() as browser, running(command, port, "/health/ready", RECOMMENDER_LIVE="false"):
            rows = measured(browser, f"http://127.0.0.1:{port}", urls, arguments.loads)
    rows = [{"stories": arguments.stories, **row} for row in rows]
    Console(highlight=False, width=110).print(table(rows))
    if arguments.record:
        record("painting", HOW, rows)


if __name__ == "__main__":
    main()
