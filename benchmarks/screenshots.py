"""Pictures of the page for the README: on the sample newsroom, in Debian's Chromium.

    python -m benchmarks.screenshots

Needs what the tests need, and Chromium (`apt-get install chromium`).  Pictures of stories are not fetched.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlencode

from playwright.sync_api import Page, Route, sync_playwright

from benchmarks.serving import free_port, running
from recommender.cli.serving import SEED
from recommender.events import SOURCES
from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.training import train
from recommender.store import Count, Store

GROWTH = (0.8, 0.85, 0.9, 0.95, 1.0)
"""Shares of the sample newsroom that there were when its models were trained, a week apart."""

ATTRACTS = (0.0, 0.3, 0.15, 0.03)
"""How often readers that are made up click what they look at, by source."""

SHOWN = 60
"""How often each list was seen by readers that are made up."""

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def pictures(address: str, page: Page) -> None:
    """Take them all."""
    page.goto(f"{address}/?{urlencode({'url': SEED})}")
    page.locator("#lists li").nth(3).wait_for()
    page.get_by_text("Why?").first.click()
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / "page.png")
    page.locator("[name=beside]").select_option("default")
    page.locator("#lists section").nth(1).wait_for()
    page.get_by_role("heading", name="By ").first.scroll_into_view_if_needed()
    page.screenshot(path=IMAGES / "page-compared.png")


def evaluation(address: str, page: Page) -> None:
    """Take that of the evaluation, down to what readers click."""
    page.goto(f"{address}/evaluation")
    page.screenshot(path=IMAGES / "evaluation.png", full_page=True)


def grow(store: Store, models: Path) -> None:
    """Import the sample newsroom bit by bit, and train each time as if a week had gone by."""
    files = sorted((ROOT / "seeds").iterdir())
    now = time.time()
    for number, share in enumerate(GROWTH):
        import_paths(store, files[: round(share * len(files))])
        with patch("time.time", return_value=now - 7 * 86_400 * (len(GROWTH) - 1 - number)):
            train(store, models)


def read(store: Store) -> None:
    """Make up readers: of ten ranks the r-th is looked at one time in r, and links attract most."""
    drawn, today = random.Random(0), int(time.time()) // 86_400
    stories = len(store.corpus())
    store.record_events(
        [
            Count(today, 1, story, 1 + (story + rank) % stories, source, rank, SHOWN, clicks)
            for story in range(1, stories + 1)
            for rank in range(1, 11)
            for source in [
                SOURCES.index("curated" if rank <= story % 5 else "model" if rank < 6 + story % 7 else "fill")
            ]
            for clicks in [sum(drawn.random() < ATTRACTS[source] / rank for _ in range(SHOWN))]
        ]
    )


def elsewhere(route: Route) -> None:
    """Answer for other hosts: with nothing."""
    route.abort()


def main() -> None:
    """Serve the sample newsroom and take pictures of it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        address = f"sqlite:///{folder}/news.sqlite"
        with Store.open(address) as store:
            grow(store, models)
            recompute(store, models)
            read(store)
        port = free_port()
        command = ["-m", "recommender", "--store", address, "--models", str(models), "serve"]
        with running(command, port, "/health/ready"), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
            page = browser.new_page(viewport={"width": 1200, "height": 1000}, reduced_motion="reduce")
            page.route(lambda url: "127.0.0.1" not in url, elsewhere)
            pictures(f"http://127.0.0.1:{port}", page)
            evaluation(f"http://127.0.0.1:{port}", page)
            browser.close()


if __name__ == "__main__":
    main()
