"""Pictures of the page and the widget for the docs: on the sample newsroom, in Debian's Chromium.

    python -m benchmarks.screenshots

Needs what the tests need, and Chromium (`apt-get install chromium`).  Pictures of stories are not fetched: a
plain one stands for each.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlencode
from zlib import crc32

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

READ = 500
"""Answers whose times are in the picture of the evaluation."""

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
STORY = """<!doctype html><html lang="en"><meta name="color-scheme" content="light dark">
<style>body {{ font: 1rem/1.5 Georgia, serif; margin: 1rem; max-width: 40rem }}</style>
<article><h1>Amazon bans police use of its face recognition</h1>
<p>The company gives Congress a year to write rules for it.</p>
<script async src="{service}/widget.js" data-url="{url}"></script></article></html>"""
"""A publisher's page with the widget."""

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def reading(address: str, page: Page) -> None:
    """Take the page: a story and why, two lists side by side, a draft."""
    page.goto(f"{address}/?{urlencode({'url': SEED})}")
    page.locator("#lists li").nth(3).wait_for()
    page.get_by_text("Why?").first.click()
    _take(page, "page")
    page.locator("[name=curated]").select_option("off")
    page.locator("[name=beside]").select_option("untrained")
    page.locator("#lists section").nth(1).wait_for()
    page.get_by_role("heading", name="By ").first.scroll_into_view_if_needed()
    _take(page, "page-compared")
    page.goto(f"{address}/")
    page.get_by_text("Try a draft").click()
    page.get_by_label("Headline").fill("Cities ban face recognition by their police")
    page.get_by_label("A paragraph").fill("A third city forbids its officers the technology this week.")
    page.get_by_role("button", name="Find related stories").click()
    page.locator("#drafted li").nth(3).wait_for()
    _take(page, "page-draft")


def editing(address: str, page: Page, key: str) -> None:
    """Take what an editor sees: what was done about a list, and what deserves a look."""
    page.goto(f"{address}/?{urlencode({'url': SEED})}")
    page.locator("#desk summary").first.click()
    page.get_by_label("Your key").fill(key)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Use it").click()
    page.locator("#lists").get_by_role("button", name="Pin").nth(2).click()
    page.locator("#orders li").wait_for()
    page.locator("details.concern summary").last.click()
    page.locator("#desk").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#desk').scrollIntoView()")
    _take(page, "page-editing")


def embedded(publisher: str, page: Page, *, dark: bool) -> None:
    """Take the widget in the page of a publisher, which is of another origin."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_viewport_size({"width": 420, "height": 720})
    page.goto(publisher)
    page.locator("li").nth(3).wait_for()
    _take(page, "widget-dark" if dark else "widget")


def _take(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")


def evaluation(address: str, page: Page) -> None:
    """Take that of the evaluation, down to what readers click."""
    for _ in range(READ):
        page.request.get(f"{address}/related?{urlencode({'url': SEED})}")
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
    """Answer for other hosts: pictures of plain colours."""
    hue = crc32(route.request.url.encode()) % 360
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9" preserveAspectRatio="xMidYMid slice">'
        f'<rect width="16" height="9" fill="hsl({hue} 30% 70%)"/>'
        f'<circle cx="{4 + hue % 9}" cy="4" r="2.5" fill="hsl({hue} 30% 82%)"/></svg>'
    )
    route.fulfill(content_type="image/svg+xml", body=picture)


@contextmanager
def publishing(service: str, folder: str) -> Iterator[str]:
    """Serve a publisher's page, which is of another origin; its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    Path(folder, "story.html").write_text(STORY.format(service=service, url=SEED), encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/story.html"
        server.shutdown()


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
            _, key = store.keys.add("desk", ["curate"])
        port = free_port()
        command = ["-m", "recommender", "--store", address, "--models", str(models), "serve"]
        with (
            patch.dict(os.environ, {"RECOMMENDER_CORS": "*"}),
            running(command, port, "/health/ready"),
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
            page = browser.new_page(viewport={"width": 1200, "height": 1000}, reduced_motion="reduce")
            page.route(lambda url: "127.0.0.1" not in url, elsewhere)
            service = f"http://127.0.0.1:{port}"
            reading(service, page)
            editing(service, page, key)
            evaluation(service, page)
            with tempfile.TemporaryDirectory() as public, publishing(service, public) as publisher:
                for dark in (False, True):
                    embedded(publisher, page, dark=dark)
            browser.close()


if __name__ == "__main__":
    main()
