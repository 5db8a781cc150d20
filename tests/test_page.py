"""The page and the widget, in a real browser."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import Watched, browsing, needs_chromium
from playwright.sync_api import Browser, Page, Route, expect
from stories import document, save, story
from test_newsroom_day import Newsroom, serving

from recommender.articles import Image
from recommender.pipeline.recomputing import recompute
from recommender.store import Store
from recommender.web.serving import File

pytestmark = needs_chromium

TITLES = {
    "bridge": "The old bridge closes for repairs",
    "ferries": "Ferries run late while the old bridge closes",
    "traffic": "Traffic grows as the old bridge stays closed",
    "mayor": "Mayor promises that the old bridge opens by spring",
    "hostile": "<img src=x onerror=alert(1)><script>alert(2)</script> bridge closes",
    "emoji": "🌉🚧🎉",
    "rtl": "إغلاق الجسر القديم للصيانة",
    "long": "Bridge" + "bridge" * 60,
    "cats": "Cats of the harbour",
}


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    """A server with a few stories, some of them hostile."""
    folder = tmp_path_factory.mktemp("page")
    store = f"sqlite:///{folder}/news.sqlite"
    with Store.open(store) as opened:
        made = {
            name: story(
                name,
                day=place,
                title=title,
                excerpt=f"About the old bridge: {title}.",
                web_url=f"https://www.news.example/{name}",
                images=(Image(url=f"https://pictures.example/{name}.jpg"),) if name != "mayor" else (),
                topics=("traffic",),
            )
            for place, (name, title) in enumerate(TITLES.items())
        }
        save(opened, *(document(one) for one in made.values()))
        save(opened, document(made["bridge"], made["cats"], origin="links"))
        _, secret = opened.keys.add("desk", ["admin"])
        recompute(opened, folder / "models")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECOMMENDER_CORS", "http://127.0.0.1:*")
        with serving(store, folder / "models", secret) as room:
            yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page in which nothing may go wrong."""
    with browser.new_context(viewport={"width": 1200, "height": 900}) as context:
        watched = Watched(context.new_page())
        yield watched
        assert watched.troubles == []
        assert all(url.startswith("https://pictures.example/") for url in watched.asked)


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


def of(room: Newsroom, name: str, **options: str) -> str:
    more = "".join(f"&{option}={value}" for option, value in options.items())
    return f"{room.address}/?url=https://www.news.example/{name}{more}"


def titles(page: Page, place: int = 0) -> list[str]:
    return page.locator("#lists section").nth(place).locator("h3").all_inner_texts()


def accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


# Looking


def test_a_story_is_shown_with_its_related_stories(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])
    expect(page.locator("#lists li")).to_have_count(8)
    first = page.locator("#lists li").first
    expect(first).to_contain_text("editors’ link")
    expect(first).to_contain_text(TITLES["cats"])
    expect(page.locator("#health")).to_contain_text("default")
    accessible(page)


def test_reasons_are_shown_and_their_words_marked_in_both(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    item = page.locator("#lists li", has_text=TITLES["ferries"])
    expect(item.locator("mark").first).to_be_visible()
    assert page.locator("#story mark").count() == 0
    item.get_by_text("Why?").click()
    expect(item).to_contain_text("a day apart")
    expect(item).to_contain_text("Shared words:")
    assert item.locator("meter").count() > 3
    expect(page.locator("#story mark").first).to_be_visible()
    accessible(page)


def test_a_story_is_found_by_words_and_chosen_by_keys(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    box = page.get_by_role("combobox", name="Find a story")
    box.press_sequentially("clo brid", delay=20)
    found = page.get_by_role("option")
    expect(found).to_have_count(4)
    accessible(page)
    box.press("ArrowDown")
    box.press("ArrowDown")
    expect(found.nth(1)).to_have_attribute("aria-selected", "true")
    chosen = found.nth(1).inner_text().split("\n")[0]
    box.press("Enter")
    expect(page.locator("#story h2")).to_have_text(chosen)
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_a_story_is_found_by_any_of_its_addresses(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    box = page.get_by_role("combobox", name="Find a story")
    box.fill("http://news.example/cats/?utm_source=x#top")
    box.press("Enter")
    expect(page.locator("#story h2")).to_have_text(TITLES["cats"])
    box.fill("harbour")
    page.get_by_role("option", name=TITLES["cats"]).click()
    expect(page.locator("#story h2")).to_have_text(TITLES["cats"])


def test_words_that_no_story_has(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    box = page.get_by_role("combobox", name="Find a story")
    box.fill("zzz \"')")
    expect(page.get_by_role("option")).to_have_text("Nothing found.")
    box.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_a_title_that_is_followed_is_the_next_story_and_back_leads_back(
    newsroom: Newsroom, page: Page
) -> None:
    page.goto(of(newsroom, "bridge"))
    page.locator("#lists").get_by_role("link", name=TITLES["ferries"]).click()
    expect(page.locator("#story h2")).to_have_text(TITLES["ferries"])
    assert "ferries" in page.url
    page.go_back()
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])


def test_the_address_holds_the_state(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "traffic"))
    page.locator("[name=direction]").select_option("background")
    expect(page.locator("#lists h3", has_text=TITLES["mayor"])).to_have_count(0)
    assert "direction=background" in page.url
    shown = titles(page)
    page.goto(page.url)
    expect(page.locator("[name=direction]")).to_have_value("background")
    expect(page.locator("#lists li")).to_have_count(len(shown))
    assert titles(page) == shown


def test_two_models_stand_side_by_side(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    page.get_by_label("Beside").select_option("default")
    expect(page.locator("#lists section")).to_have_count(2, timeout=30_000)
    assert titles(page, 0) == titles(page, 1)
    accessible(page)


def test_an_address_that_no_story_has(newsroom: Newsroom, watched: Watched) -> None:
    watched.page.goto(of(newsroom, "nobody"))
    expect(watched.page.get_by_role("status")).to_have_text("No story answers to this address.")
    assert all("404" in trouble for trouble in watched.troubles)
    watched.troubles.clear()


def test_a_draft(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    page.get_by_text("Try a draft").click()
    page.get_by_label("Headline").fill("Old bridge to open again")
    page.get_by_role("button", name="Find related stories").click()
    expect(page.locator("#drafted li").first).to_be_visible(timeout=30_000)
    expect(page.locator("#drafted")).to_contain_text("bridge")


# Editing


def test_an_editor_pins_blocks_and_undoes(newsroom: Newsroom, page: Page) -> None:
    page.set_viewport_size({"width": 1200, "height": 3000})  # what is dragged must not scroll away
    page.goto(of(newsroom, "ferries"))
    expect(page.get_by_role("button", name="Pin:")).to_have_count(0)
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Your key").fill(newsroom.key)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("button", name=f"Block: {TITLES['cats']}").click()
    expect(page.get_by_role("status")).to_have_text(f"Blocked: {TITLES['cats']}")
    expect(page.locator("#lists h3", has_text=TITLES["cats"])).to_have_count(0)
    page.locator("#lists li", has_text=TITLES["mayor"]).drag_to(page.locator("#lists li").first)
    expect(page.get_by_role("status")).to_have_text(f"Pinned: {TITLES['mayor']}")
    expect(page.locator("#lists li").first).to_contain_text("pinned")
    expect(page.locator("#lists li").first).to_contain_text(TITLES["mayor"])
    accessible(page)
    undo = page.get_by_role("button", name="Undo the last")
    undo.click()
    expect(page.locator("#lists li", has_text="pinned")).to_have_count(0)
    undo.click()
    expect(page.locator("#lists h3", has_text=TITLES["cats"])).to_have_count(1)
    expect(page.locator("#orders li")).to_have_count(4)


def test_a_wrong_key_is_told_of(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(of(newsroom, "ferries"))
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Your key").fill("wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("status")).to_contain_text("Not done:")
    watched.troubles.clear()


# For everyone


@pytest.mark.parametrize("width", [320, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_reads_at_any_width_in_both_schemes(
    newsroom: Newsroom, page: Page, width: int, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    accessible(page)


def test_keys_alone_lead_to_a_related_story(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    target = page.locator("#lists").get_by_role("link", name=TITLES["ferries"])
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#story h2")).to_have_text(TITLES["ferries"])
    assert page.locator("#story").evaluate("element => element === document.activeElement")


def test_what_is_hostile_is_text(newsroom: Newsroom, page: Page) -> None:
    for name in ("hostile", "emoji", "rtl", "long"):
        page.goto(of(newsroom, name))
        expect(page.locator("#story h2")).to_have_text(TITLES[name])
    assert page.locator("#story script, #lists script, #lists h3 img").count() == 0
    page.goto(of(newsroom, "rtl"))
    assert page.locator("#story h2").evaluate("element => getComputedStyle(element).direction") == "rtl"


def test_a_service_that_goes_away_is_told_of(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    page.route("**/related?**", lambda route: route.abort())
    page.locator("[name=direction]").select_option("followup")
    expect(page.get_by_role("status")).to_have_text("The service does not answer. Try again in a moment.")
    watched.troubles.clear()


# The widget

EMBEDDED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A story</title>
<main><h1>A story</h1><p>Text.</p>
<script async src="{service}/widget.js" data-url="https://www.news.example/bridge" data-limit="4"
  {more}></script>
<p id="after">After.</p></main></html>"""


@pytest.fixture
def publisher(tmp_path: Path, newsroom: Newsroom) -> Iterator[Callable[..., str]]:
    """A publisher's site: of another origin than the service."""
    handler = functools.partial(Silent, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def publish(more: str = "", service: str = newsroom.address) -> str:
            (tmp_path / "story.html").write_text(EMBEDDED.format(service=service, more=more))
            return f"http://127.0.0.1:{server.server_port}/story.html"

        yield publish
        server.shutdown()


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_widget_lists_stories_in_a_page_of_another_origin(
    publisher: Callable[..., str], page: Page
) -> None:
    page.goto(publisher())
    links = page.locator("main div a")
    expect(links).to_have_count(4)
    assert links.first.get_attribute("href") == "https://www.news.example/cats"
    expect(page.get_by_role("heading", name="Related stories")).to_be_visible()
    expect(page.get_by_role("region", name="Related stories")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    accessible(page)


def test_the_widget_reserves_its_place(publisher: Callable[..., str], page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/related?**", lambda route: waiting.append(route))
    with page.expect_request("**/related?**"):
        page.goto(publisher())
    assert page.locator("main div a").count() == 0
    before = page.locator("#after").bounding_box()
    waiting[0].continue_()
    expect(page.locator("main div a")).to_have_count(4)
    after = page.locator("#after").bounding_box()
    assert before is not None
    assert after is not None
    assert before["y"] == pytest.approx(after["y"], abs=1)


def test_where_the_widget_stands_and_what_it_is_called(publisher: Callable[..., str], page: Page) -> None:
    page.goto(publisher('data-target="h1" data-heading="Read on &lt;b&gt;"'))
    expect(page.get_by_role("region", name="Read on <b>")).to_be_visible()
    expect(page.locator("h1 div a")).to_have_count(4)


@pytest.mark.parametrize("answer", [404, 503, "not json", None])
def test_without_an_answer_nothing_is_shown(
    publisher: Callable[..., str], watched: Watched, answer: int | str | None
) -> None:
    page = watched.page

    def respond(route: Any) -> None:
        if answer is None:
            route.abort()
        elif isinstance(answer, int):
            route.fulfill(status=answer, json={}, headers={"Access-Control-Allow-Origin": "*"})
        else:
            route.fulfill(body=answer, headers={"Access-Control-Allow-Origin": "*"})

    page.route("**/related?**", respond)
    page.goto(publisher())
    expect(page.locator("main div")).to_have_count(0)
    expect(page.locator("#after")).to_be_visible()
    assert not [trouble for trouble in watched.troubles if "Failed to load resource" not in trouble]
    watched.troubles.clear()


def test_what_readers_see_and_click_is_counted(
    publisher: Callable[..., str], page: Page, newsroom: Newsroom
) -> None:
    sent: list[dict[str, Any]] = []
    page.on(
        "request", lambda request: sent.append(request.post_data_json) if "/events" in request.url else None
    )
    page.goto(publisher(f'data-key="{newsroom.key}"'))
    link = page.locator("main div a").nth(1)
    expect(link).to_be_visible()
    page.wait_for_timeout(300)
    page.route("https://www.news.example/**", lambda route: route.fulfill(body="next"))
    link.click()
    page.wait_for_url("https://www.news.example/**")
    events = [event for body in sent for event in body["events"]]
    assert {event["kind"] for event in events} == {"impression", "click"}
    assert [event["rank"] for event in events if event["kind"] == "click"] == [2]
    seen = {rank for event in events if event["kind"] == "impression" for rank in event["ranks"]}
    assert seen == {1, 2, 3, 4}


def test_without_a_key_nothing_is_sent(publisher: Callable[..., str], page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/events" in request.url else None)
    page.goto(publisher())
    expect(page.locator("main div a")).to_have_count(4)
    page.wait_for_timeout(300)
    page.reload()
    assert sent == []


def test_the_widget_is_small() -> None:
    assert len(File.read("static", "widget.js", "").content) < 6_000
