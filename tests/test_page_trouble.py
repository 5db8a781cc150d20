"""The page where answers are late, cross one another, are refused or do not come."""

# ruff: noqa: F811  (fixtures that come from another file of tests)

from __future__ import annotations

import time
from urllib.parse import unquote

from browsing import needs_chromium
from playwright.sync_api import Page, Route, expect
from test_newsroom_day import Newsroom
from test_page import (  # noqa: F401  (fixtures, beside what its tests share)
    TITLES,
    accessible,
    browser,
    enter,
    newsroom,
    of,
    page,
    watched,
)

pytestmark = needs_chromium

AWAY = "The service does not answer. Try again in a moment."


class Held:
    """Requests that are answered when a test says so."""

    def __init__(self, page: Page, path: str, having: str = "") -> None:
        self._page = page
        self._routes: list[Route] = []
        self._having = having
        page.route(path, self._hold)

    def _hold(self, route: Route) -> None:
        if self._having in unquote(route.request.url):
            self._routes.append(route)
        else:
            route.continue_()

    def wait(self, count: int = 1) -> None:
        """Wait until so many are asked."""
        until = time.monotonic() + 10
        while len(self._routes) < count:
            assert time.monotonic() < until, f"{len(self._routes)} requests are held, not {count}"
            self._page.wait_for_timeout(20)

    def let_go(self) -> None:
        """Let the service answer."""
        for route in self._routes:
            route.continue_()
        self._routes.clear()
        self._page.wait_for_timeout(300)


# Late answers


def test_words_that_are_found_late_do_not_cover_the_story_that_was_opened(
    newsroom: Newsroom, page: Page
) -> None:
    page.goto(newsroom.address)
    held = Held(page, "**/search?**")
    box = page.locator("#q")
    box.fill("bridge")
    held.wait()
    box.fill("https://www.news.example/bridge")
    box.press("Enter")
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])
    held.let_go()
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_a_story_that_comes_late_does_not_take_the_keys_from_who_types(
    newsroom: Newsroom, page: Page
) -> None:
    page.goto(newsroom.address)
    held = Held(page, "**/related?**")
    box = page.locator("#q")
    box.fill("https://www.news.example/bridge")
    box.press("Enter")
    held.wait()
    box.fill("")
    box.press_sequentially("cat")
    held.let_go()
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])
    expect(box).to_be_focused()
    box.press_sequentially("s")
    expect(page.locator("#found li")).to_contain_text(TITLES["cats"])


def test_what_was_done_about_one_story_is_not_shown_for_another(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "traffic"))
    enter(page, newsroom.key)
    page.get_by_role("button", name=f"Block: {TITLES['cats']}").click()
    expect(page.locator("#orders li")).to_have_count(1)
    held = Held(page, "**/curation?**", "/traffic")
    page.locator("[name=direction]").select_option("background")
    held.wait()
    page.locator("#q").fill("https://www.news.example/mayor")
    page.locator("#q").press("Enter")
    expect(page.locator("#story h2")).to_have_text(TITLES["mayor"])
    held.let_go()
    expect(page.locator("#orders li")).to_have_count(0)
    page.unroute_all()
    page.go_back()
    page.go_back()
    page.get_by_role("button", name="Undo the last").click()
    expect(page.get_by_role("status")).to_have_text("Undone.")


def test_back_to_the_beginning_nothing_is_left_of_the_story(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    enter(page, newsroom.key)
    page.locator("#q").fill("https://www.news.example/mayor")
    page.locator("#q").press("Enter")
    expect(page.locator("#lists li").first).to_be_visible()
    expect(page.locator("#orders button")).to_have_count(1)
    held = Held(page, "**/related?**")
    page.locator("[name=direction]").select_option("background")
    held.wait()
    page.go_back()
    page.go_back()
    expect(page.locator("#story h2")).to_have_count(0)
    held.let_go()
    expect(page).to_have_title("Related stories")
    expect(page.locator("#lists li")).to_have_count(0)
    expect(page.locator("#orders button")).to_have_count(0)
    expect(page.locator("#status")).to_be_empty()


def test_the_list_is_the_draft_s_that_was_sent_last(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    page.get_by_text("Try a draft").click()
    first: list[Route] = []
    page.route("**/related?explain=true", lambda route: first.append(route), times=1)
    for headline in ("Old bridge to open again", "Cats in the harbour"):
        page.get_by_label("Headline").fill(headline)
        page.get_by_role("button", name="Find related stories").click()
    expect(page.locator("#drafted li").first).to_be_visible(timeout=30_000)
    first[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#drafted article").first).to_contain_text("Cats in the harbour")


def test_the_words_that_a_draft_shares_are_marked_in_it_and_not_in_the_story(
    newsroom: Newsroom, page: Page
) -> None:
    page.goto(of(newsroom, "bridge"))
    page.get_by_text("Try a draft").click()
    page.get_by_label("A paragraph").fill("Ferries run where the bridge is closed.")
    page.get_by_role("button", name="Find related stories").click()
    item = page.locator("#drafted li", has_text=TITLES["ferries"])
    item.get_by_text("Why?").click(timeout=30_000)
    expect(page.locator("#drafted article").first.locator("mark").first).to_be_visible()
    expect(page.locator("#drafted article").first).to_contain_text("Your draft")
    assert page.locator("#story mark").count() == 0
    accessible(page)


def test_a_link_within_the_page_asks_for_nothing_again(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#story")).to_be_focused()
    page.wait_for_timeout(200)
    assert asked == []


# What is not visible is not chosen


def test_keys_do_not_choose_from_a_list_that_was_closed(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    box = page.locator("#q")
    box.fill("bridge")
    expect(page.get_by_role("option").first).to_be_visible()
    box.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    box.press("ArrowDown")
    expect(page.get_by_role("option").first).to_be_visible()
    assert "?" not in page.url


def test_a_link_to_a_related_story_holds_the_state_in_another_tab_too(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "mayor", direction="background", lang="en"))
    link = page.locator("#lists h3 a").first
    there = "?url=https%3A%2F%2Fwww.news.example%2Fbridge&direction=background&lang=en"
    expect(link).to_have_attribute("href", there)
