"""Pictures of the page for the README: on the sample newsroom, in Debian's Chromium.

    python -m benchmarks.screenshots

Needs what the tests need, and Chromium (`apt-get install chromium`).  Pictures of stories are not fetched.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Page, Route, sync_playwright

from benchmarks.serving import free_port, running
from recommender.cli.serving import SEED
from recommender.pipeline.importing import import_paths
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.training import train
from recommender.store import Store

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
            import_paths(store, [ROOT / "seeds"])
            train(store, models)
            recompute(store, models)
        port = free_port()
        command = ["-m", "recommender", "--store", address, "--models", str(models), "serve"]
        with running(command, port, "/health/ready"), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
            page = browser.new_page(viewport={"width": 1200, "height": 1000}, reduced_motion="reduce")
            page.route(lambda url: "127.0.0.1" not in url, elsewhere)
            pictures(f"http://127.0.0.1:{port}", page)
            browser.close()


if __name__ == "__main__":
    main()
