"""The page of the evaluation, and the file of one, in a real browser."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import Watched, needs_chromium
from lxml import html
from playwright.sync_api import Browser, Page, Route, expect
from starlette.testclient import TestClient
from stories import document, packed, save, story
from test_evaluation_page import HOSTILE, TEXT, report, system

from recommender.api.evaluated import histogram
from recommender.api.hosting import host
from recommender.cli import charting
from recommender.errors import UsageError
from recommender.settings import Settings
from recommender.store import Count, Store
from recommender.web import readers, reports

ADDRESS = "http://127.0.0.1:1"
"""Where the page is, for a browser: nobody listens there."""

MODELS = [
    {
        "id": f"202609{day:02d}-031502-1f3a9c",
        "created": f"2026-09-{day:02d}T03:15:02Z",
        "ndcg": 0.4 + 0.005 * day,
        "interval": [0.37 + 0.005 * day, 0.43 + 0.005 * day],
        "active": day == 18,
        "served": day == 17,
    }
    for day in range(20, 0, -1)
]

SLICES = {
    "provider": [
        {
            "name": HOSTILE,
            "queries": 3,
            "systems": {"recommender": {"ndcg": 0.5, "interval": None}},
            "ahead": {"mean": 0.1, "interval": None},
        }
    ],
    "topic": [],
}


def counted(store: Store) -> None:
    """Let 30 stories' lists be shown for a week, of two models, and what stands high be clicked more."""
    today = int(time.time()) // 86_400
    lost = store.record_events(
        [
            Count(
                today - story % 7, 1 + story % 2, 1 + story, 31 + rank, source, rank, 100, 30 // rank + source
            )
            for story in range(30)
            for rank in range(1, 11)
            for source in [(story + rank) % 4]
        ]
    )
    assert lost == 0


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The service of a newsroom with two models, whose readers click."""
    folder = tmp_path_factory.mktemp("evaluation")
    address = f"sqlite:///{folder}/news.sqlite"
    with Store.open(address) as store:
        save(store, *(document(story(f"s{number}")) for number in range(45)))
        for model in ("m1", HOSTILE):
            store.record_model(model, report(systems={"recommender": system(0.5), HOSTILE: system(0.4)}))
            store.publish(model, [(1, packed((2, 0.9)))])
        counted(store)
    (folder / "models").mkdir()
    (folder / "models" / "active").write_text("m1\n")
    settings = Settings(store=address, models=str(folder / "models"), sites=("radio",))
    with Store.open(f"sqlite:///{folder}/news.radio.sqlite"), TestClient(host(settings)) as client:
        yield client


@pytest.fixture
def page(browser: Browser, client: TestClient) -> Iterator[Page]:
    """A page in which nothing may go wrong, and that may ask nobody else than the service."""

    def answer(route: Route) -> None:
        asked = route.request
        response = client.get(asked.url.removeprefix(ADDRESS), headers={"Accept": asked.headers["accept"]})
        route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.content)

    with browser.new_context() as context:
        watched = Watched(context.new_page())
        watched.page.route(f"{ADDRESS}/**", answer)
        yield watched.page
        assert (watched.troubles, watched.asked) == ([], [])


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What readers click, as a report has it."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('clicks')}/news.sqlite") as store:
        assert charting.clicked(store) is None
        save(store, *(document(story(f"s{number}")) for number in range(45)))
        for model in ("m1", "m2"):
            store.publish(model, [(1, packed((2, 0.9)))])
        counted(store)
        found = charting.clicked(store)
    assert found is not None
    return found


@pytest.fixture
def file(tmp_path: Path, clicks: dict[str, Any]) -> Path:
    path = tmp_path / "report.html"
    charting.write(
        path,
        report(slices=SLICES, systems={"recommender": system(0.5), HOSTILE: system(0.4)}),
        MODELS,
        clicks,
    )
    return path


def fits_and_reads(page: Page) -> None:
    for width in (320, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def contrasts(page: Page, selector: str, name: str) -> float:
    """Compare a colour of an element with the page's ground, as WCAG does."""
    ratio: float = page.evaluate(
        """([selector, name]) => {
            const light = colour => {
                const [r, g, b] = colour.match(/[\\d.]+/g).map(part => part / 255)
                    .map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
                return .2126 * r + .7152 * g + .0722 * b
            }
            const of = element => getComputedStyle(element)
            const [a, b] = [of(document.querySelector(selector))[name], of(document.body).backgroundColor]
                .map(light)
            return (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
        }""",
        [selector, name],
    )
    return ratio


# The page


@needs_chromium
def test_the_page_is_found_from_the_first_one_and_leads_back(page: Page) -> None:
    page.goto(f"{ADDRESS}/")
    page.get_by_role("link", name="Evaluation").click()
    expect(page).to_have_title("Evaluation – Related stories")
    for name in ("nDCG@10 over models", "Click-through by rank", "Click-through by model"):
        expect(page.get_by_role("img", name=name)).to_be_visible()
    page.get_by_role("link", name="Related stories").click()
    expect(page.get_by_role("combobox", name="Find a story")).to_be_visible()


@needs_chromium
def test_the_page_of_another_newsroom_is_its_own(page: Page) -> None:
    page.goto(f"{ADDRESS}/sites/radio/")
    page.get_by_role("link", name="Evaluation").click()
    page.wait_for_url("**/sites/radio/evaluation")
    expect(page.get_by_text("No model was trained yet.")).to_be_visible()
    assert page.locator("nav").evaluate("one => getComputedStyle(one.parentElement).display") == "flex"
    page.get_by_role("link", name="Related stories").click()
    page.wait_for_url("**/sites/radio/")


@needs_chromium
def test_the_page_fits_and_reads_at_any_width_in_both_schemes(page: Page) -> None:
    page.goto(f"{ADDRESS}/evaluation")
    for closed in page.get_by_text("As numbers").all():
        closed.click()
    expect(page.get_by_role("table").last).to_be_visible()
    assert page.locator("main script").count() == 0
    fits_and_reads(page)


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_stand_out_from_the_page(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{ADDRESS}/evaluation")
    for selector, name in [
        (".point circle", "fill"),
        (".marked rect", "fill"),
        (".marked .interval", "stroke"),
        (".bar", "stroke"),
        (".curve", "stroke"),
        (".ideal", "stroke"),
    ]:
        assert contrasts(page, selector, name) >= 3, selector
    assert contrasts(page, ".plot text", "fill") >= 4.5


# The file


@needs_chromium
def test_the_file_needs_nothing_and_reads_everywhere(browser: Browser, file: Path) -> None:
    asked: list[str] = []
    troubles: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: troubles.append(said.text))
        page.goto(file.as_uri())
        expect(page.get_by_role("img")).to_have_count(6)
        assert page.locator(".marked rect").first.evaluate("one => one.getBoundingClientRect().width") == 12
        fits_and_reads(page)
    assert (asked, troubles) == ([file.as_uri()], [])


def test_the_file_has_everything_in_it(file: Path) -> None:
    text = file.read_text("utf-8")
    read = html.fromstring(text)
    assert not [link for link in read.xpath("//@href | //@src") if link != "data:,"]
    assert not read.xpath("//script | //link[@rel='stylesheet'] | //iframe | //object | //embed")
    (style,) = read.xpath("//style/text()")
    assert not re.search(r"url\(|@import", style)
    (policy,) = read.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'")
    headings = [each.text for each in read.xpath("//h2")]
    assert headings == [
        "Beside other systems",
        "Reliability",
        "Where it is good, and where not",
        "Quality over models",
        "What readers click",
    ]
    assert [row.xpath("th")[0].text for row in read.xpath("//table[caption='By provider']/tbody/tr")] == [
        HOSTILE
    ]
    assert "20260918-031502-1f3a9c: 0.490 (0.460 – 0.520), active" in text


def test_without_models_and_clicks_the_file_has_the_rest(tmp_path: Path) -> None:
    charting.write(tmp_path / "report.html", report(learned=False), [], None)
    read = html.fromstring((tmp_path / "report.html").read_text("utf-8"))
    text = read.text_content()
    assert "No model was trained yet." in text
    assert "the ranking is the default ranker’s" in text
    assert [each.text for each in read.xpath("//h2")][-1] == "Quality over models"


def test_a_file_that_cannot_be_written_whole_is_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_text("utf-8")
    write = Path.write_text

    def fill(path: Path, text: str, *more: Any) -> int:
        write(path, text[:100], *more)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", fill)
        with pytest.raises(UsageError, match="No space left on device"):
            charting.write(file, report(), [], None)
    assert file.read_text("utf-8") == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


# All of it at once


@needs_chromium
def test_latency_is_a_plot_among_the_others(browser: Browser, clicks: dict[str, Any], tmp_path: Path) -> None:
    found = histogram(TEXT)
    assert found is not None
    told = {"model": "m1", "generation": 1, "trained": None, "data": None, "report": None, "note": "none"}
    static = Path(reports.__file__).parent / "static"
    written = reports.page(told, MODELS, readers.clicked(clicks), found).replace('"web/', f'"{static}/')
    (tmp_path / "page.html").write_text(written, "utf-8")
    with browser.new_context(viewport={"width": 320, "height": 800}) as context:
        page = context.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        expect(page.get_by_role("img", name="How long GET /related takes")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        low, high = (page.locator("#latency ~ figure .bar").nth(at).bounding_box() for at in (1, 0))
        assert low is not None
        assert high is not None
        assert high["height"] == pytest.approx(low["height"] * 80 / 18, rel=0.05)
