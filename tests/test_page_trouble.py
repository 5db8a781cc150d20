"""The page where answers are late, cross one another, are refused or do not come."""

# ruff: noqa: F811  (fixtures that come from another file of tests)

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from browsing import Watched, needs_chromium
from playwright.sync_api import Page, Route, expect
from test_newsroom_day import Newsroom, load, serving
from test_page import (  # noqa: F401  (fixtures, beside what its tests share)
    TITLES,
    accessible,
    concern,
    enter,
    newsroom,
    of,
    page,
    watched,
)

from recommender.store import Store

pytestmark = needs_chromium

AWAY = "The service does not answer. Try again in a moment."
IN_PROGRESS = {"type": "urn:recommender:error:in-progress", "detail": "Ask again in a moment."}


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
    page.locator("#q").fill("https://www.news.example/rtl")
    page.locator("#q").press("Enter")
    pin = page.get_by_role("button", name="Pin:").first
    expect(pin).to_be_visible()
    expect(page.locator("#orders")).to_be_empty()  # nothing to be undone
    pin.click()
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
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#story")).to_be_focused()
    page.wait_for_timeout(200)
    # Pictures come when they come into sight.
    assert [url for url in asked if url.startswith(newsroom.address)] == []


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


def test_a_story_that_is_asked_for_again_is_no_other_step(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    steps = page.evaluate("history.length")
    for _ in range(2):
        page.locator("#q").fill("https://www.news.example/bridge")
        page.locator("#q").press("Enter")
        expect(page.locator("#lists li").first).to_be_visible()
    assert page.evaluate("history.length") == steps + 1
    page.go_back()
    expect(page.locator("#start")).to_be_visible()


# The service goes on while the page is open


def test_the_foot_tells_of_the_generation_that_answers(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#health")).to_contain_text("Generation 1")

    def later(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"generation": 7})

    page.route("**/related?**", later)
    page.route("**/evaluation", later)
    page.locator("#lists").get_by_role("link", name=TITLES["ferries"]).click()
    expect(page.locator("#health")).to_contain_text("Generation 7")


def test_the_foot_is_told_when_the_service_is_back(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.route("**/evaluation", lambda route: route.abort())
    page.goto(newsroom.address)
    expect(page.locator("#health")).to_have_text(AWAY)
    page.unroute_all()
    page.locator("#q").fill("https://www.news.example/bridge")
    page.locator("#q").press("Enter")
    expect(page.locator("#health")).to_contain_text("Generation 1")
    watched.troubles.clear()


def test_what_others_did_meanwhile_is_shown_and_not_undone_unseen(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "hostile"))
    enter(page, newsroom.key)
    page.get_by_role("button", name=f"Block: {TITLES['cats']}").click()
    done = page.locator("#orders li")
    expect(done).to_have_count(1)
    told = {"url": "https://www.news.example/hostile", "other": "https://www.news.example/mayor"}
    assert newsroom.ask("PUT", "/curation", told | {"kind": "pin", "by": "Ada"})[0] == 200
    undo = page.get_by_role("button", name="Undo the last")
    undo.click()
    expect(page.get_by_role("status")).to_contain_text("Not undone: something else was done meanwhile.")
    expect(done).to_have_count(2)
    expect(page.locator("#orders s")).to_have_count(0)
    expect(page.locator("#lists li", has_text="pinned")).to_contain_text(TITLES["mayor"])
    undo.dblclick()
    expect(page.get_by_role("status")).to_have_text("Undone.")
    expect(page.locator("#orders s")).to_have_count(1)  # what stands there was seen, and once
    undo.click()
    expect(page.locator("#orders s")).to_have_count(2)
    undo.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Nothing is left to be undone.")
    expect(undo).to_be_focused()


# Editing with keys alone


def test_a_story_is_pinned_at_any_place_without_dragging(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "long"))
    enter(page, newsroom.key)
    expect(page.get_by_role("button", name="Higher:")).to_have_count(7)
    expect(page.get_by_role("button", name="Lower:")).to_have_count(7)
    third = page.locator("#lists h3").nth(2).inner_text()
    higher = page.get_by_role("button", name=f"Higher: {third}")
    higher.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#lists h3").nth(1)).to_have_text(third)
    expect(page.locator("#lists li").nth(1)).to_contain_text("pinned")
    expect(higher).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#lists h3").first).to_have_text(third)
    expect(page.get_by_role("button", name=f"Pin: {third}")).to_be_focused()
    page.get_by_role("button", name=f"Lower: {third}").press("Enter")
    expect(page.locator("#lists h3").nth(1)).to_have_text(third)
    accessible(page)
    undo = page.get_by_role("button", name="Undo the last")
    undo.focus()
    for left in (2, 1, 0):
        page.keyboard.press("Enter")
        expect(page.locator("#orders s")).to_have_count(3 - left)
        expect(undo).to_be_focused()


def test_who_blocks_is_led_to_what_stands_in_its_place(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "long"))
    enter(page, newsroom.key)
    first, second = (page.locator("#lists h3").nth(place).inner_text() for place in (0, 1))
    page.get_by_role("button", name=f"Block: {first}").press("Enter")
    expect(page.get_by_role("status")).to_have_text(f"Blocked: {first}")
    expect(page.get_by_role("button", name=f"Block: {second}")).to_be_focused()
    page.get_by_role("button", name="Undo the last").click()
    expect(page.get_by_role("status")).to_have_text("Undone.")


def test_a_drag_that_was_given_up_is_forgotten(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "long"))
    enter(page, newsroom.key)
    items = page.locator("#lists li")
    expect(items.first).to_have_attribute("draggable", "true")
    moved = page.evaluate_handle("new DataTransfer()")
    items.nth(2).dispatch_event("dragstart", {"dataTransfer": moved})
    items.nth(2).dispatch_event("dragend", {"dataTransfer": moved})
    accepted = items.first.evaluate(
        "item => !item.dispatchEvent(new DragEvent('dragover', {cancelable: true, bubbles: true}))"
    )
    assert accepted is False


# Refused


def test_a_search_that_fails_says_why(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(newsroom.address)
    wait = "This is more than is answered in a minute; ask again in 8 s."
    page.route("**/search?**", lambda route: route.fulfill(status=429, json={"detail": wait}))
    page.locator("#q").fill("bridge")
    expect(page.locator("#found")).to_have_text(wait)
    expect(page.locator("#find [aria-live]")).to_have_text(wait)
    page.route("**/search?**", lambda route: route.abort())
    page.locator("#q").fill("bridges")
    expect(page.locator("#found")).to_have_text(AWAY)
    page.unroute_all()
    page.locator("#q").fill("cats")
    expect(page.locator("#found li")).to_contain_text(TITLES["cats"])
    expect(page.locator("#find [aria-live]")).to_have_text("1 story")
    watched.troubles.clear()


def test_what_the_service_says_of_itself_is_shown(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(newsroom.address)
    why = {"detail": "Nothing is ranked yet: `recommender recompute` does."}
    page.route("**/related?**", lambda route: route.fulfill(status=503, json=why))
    page.get_by_text("Try a draft").click()
    page.get_by_label("Headline").fill("Old bridge to open again")
    page.get_by_role("button", name="Find related stories").click()
    expect(page.locator("#drafting")).to_have_text(why["detail"])
    page.route("**/related?**", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    page.get_by_role("button", name="Find related stories").click()
    expect(page.locator("#drafting")).to_have_text(AWAY)
    page.unroute_all()
    page.get_by_label("Headline").fill("")
    page.get_by_role("button", name="Find related stories").click()
    expect(page.locator("#drafting")).to_contain_text("a title or an excerpt is needed")
    watched.troubles.clear()


def test_what_is_being_made_ready_is_asked_for_again(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(newsroom.address)
    left = [1, 1]

    def answer(route: Route) -> None:
        if left:
            left.pop()
            route.fulfill(status=503, json=IN_PROGRESS, headers={"Retry-After": "0.1"})
        else:
            route.continue_()

    page.route("**/related?**", answer)
    page.get_by_text("Try a draft").click()
    page.get_by_label("Headline").fill("Old bridge to open again")
    page.get_by_role("button", name="Find related stories").click()
    expect(page.locator("#drafted li").first).to_be_visible(timeout=30_000)
    assert not left
    watched.troubles.clear()


class NeverReady:
    """A service that goes on making ready what a list takes: it counts who asks."""

    def __init__(self, page: Page, path: str, having: str, after: str | None = "1") -> None:
        self.asked = 0
        self._having = having
        self._headers = {} if after is None else {"Retry-After": after}
        page.route(path, self._answer)

    def _answer(self, route: Route) -> None:
        asked = f"{unquote(route.request.url)} {route.request.post_data or ''}"
        if self._having in asked:
            self.asked += 1
            route.fulfill(status=503, json=IN_PROGRESS, headers=self._headers)
        else:
            route.continue_()


def test_what_nobody_looks_at_any_more_is_not_asked_for_again(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    never = NeverReady(page, "**/related?**", "/bridge")
    page.goto(of(newsroom, "bridge"))
    expect(page.get_by_role("status")).to_have_text("Looking …")
    page.locator("#q").fill("https://www.news.example/mayor")
    page.locator("#q").press("Enter")
    expect(page.locator("#story h2")).to_have_text(TITLES["mayor"])
    asked = never.asked
    page.wait_for_timeout(1500)
    assert never.asked == asked
    expect(page.get_by_role("status")).to_be_empty()
    watched.troubles.clear()


def test_a_draft_that_another_took_the_place_of_is_not_asked_about_again(
    newsroom: Newsroom, watched: Watched
) -> None:
    page = watched.page
    page.goto(newsroom.address)
    never = NeverReady(page, "**/related?explain=true", "First")
    page.get_by_text("Try a draft").click()
    for headline in ("First of the bridge", "Cats in the harbour"):
        page.get_by_label("Headline").fill(headline)
        page.get_by_role("button", name="Find related stories").click()
    expect(page.locator("#drafted li").first).to_be_visible(timeout=30_000)
    asked = never.asked
    page.wait_for_timeout(1500)
    assert never.asked == asked
    expect(page.locator("#drafted article").first).to_contain_text("Cats in the harbour")
    watched.troubles.clear()


@pytest.mark.parametrize("after", ["5", None, "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_what_is_never_ready_is_not_asked_for_without_end(
    newsroom: Newsroom, watched: Watched, after: str | None
) -> None:
    page = watched.page
    never = NeverReady(page, "**/related?**", "/bridge", after)
    page.clock.install()
    with page.expect_response("**/related?**"):
        page.goto(of(newsroom, "bridge"))
    page.wait_for_timeout(300)
    assert never.asked == 1  # nor without a pause
    page.clock.fast_forward(130_000)
    expect(page.get_by_role("status")).to_have_text(IN_PROGRESS["detail"])
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert never.asked == 2
    watched.troubles.clear()


def test_an_order_that_does_not_arrive_is_told_of(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(of(newsroom, "long"))
    enter(page, newsroom.key)
    page.route("**/curation", lambda route: route.abort())
    page.get_by_role("button", name="Pin:").first.click()
    expect(page.get_by_role("status")).to_have_text(f"Not done: {AWAY}")
    watched.troubles.clear()


def test_an_order_is_not_said_to_be_all_where_the_list_fails(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(of(newsroom, "long"))
    enter(page, newsroom.key)
    pin = page.get_by_role("button", name="Pin:").first
    expect(pin).to_be_visible()
    page.route("**/curation", lambda route: route.fulfill(json={}))
    page.route("**/related?**", lambda route: route.abort())
    pin.click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.wait_for_timeout(200)
    expect(page.get_by_role("status")).to_have_text(AWAY)
    watched.troubles.clear()


def test_what_is_settled_twice_is_settled(newsroom: Newsroom, page: Page) -> None:
    item = concern("unlinked", "traffic", "cats", ["pin", "block"])
    page.route(
        "**/curation/audit", lambda route: route.fulfill(json={"counts": {"unlinked": 1}, "items": [item]})
    )
    page.route("**/curation", lambda route: route.fulfill(json={}))
    page.goto(newsroom.address)
    enter(page, newsroom.key)
    page.get_by_text("Stories that look unlinked: 1").click()
    page.locator("#audit").get_by_role("button", name="Pin:").dblclick()
    expect(page.locator("#audit li")).to_have_count(0)
    page.wait_for_timeout(200)  # for the second answer; what goes wrong then is seen by the fixture


def test_a_browser_that_keeps_nothing_shows_stories_and_edits_all_the_same(
    newsroom: Newsroom, page: Page
) -> None:
    refusing = "{ get() { throw new DOMException('denied', 'SecurityError') } }"
    page.add_init_script(f"Object.defineProperty(window, 'sessionStorage', {refusing})")
    page.goto(of(newsroom, "long"))
    expect(page.locator("#lists li").first).to_be_visible()
    enter(page, newsroom.key)
    expect(page.get_by_role("button", name="Pin:").first).to_be_visible()


def test_a_key_that_no_header_can_hold_is_a_wrong_one(newsroom: Newsroom, watched: Watched) -> None:
    watched.page.goto(of(newsroom, "long"))
    enter(watched.page, "ключ 🔑")
    expect(watched.page.get_by_role("status")).to_contain_text("Not done: X-API-Key has to be a key")
    watched.troubles.clear()


# Reading with a key


@pytest.fixture
def keyed(newsroom: Newsroom) -> Iterator[tuple[Newsroom, str]]:
    """A server of the same stories where who reads needs a key, and the key of an editor."""
    with Store.open(newsroom.store) as store:
        _, secret = store.keys.add("editor", ["read", "curate"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECOMMENDER_READ", "keyed")
        with serving(newsroom.store, newsroom.models, newsroom.key) as room:
            load(room)
            yield room, secret


def test_where_reading_needs_a_key_the_page_asks_for_it(
    keyed: tuple[Newsroom, str], watched: Watched
) -> None:
    room, secret = keyed
    page = watched.page
    asks = "Stories are read with a key here: give yours under Edit."
    page.goto(of(room, "bridge"))
    expect(page.get_by_role("status")).to_have_text(asks)
    expect(page.locator("#health")).to_have_text(asks)
    assert watched.troubles
    assert all("401" in trouble for trouble in watched.troubles)
    watched.troubles.clear()
    page.get_by_label("Your key").fill(secret)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])
    expect(page.locator("#health")).to_contain_text("10 stories")
    expect(page.locator("[name=beside] option")).to_have_count(3)
    expect(page.get_by_role("button", name="Pin:").first).to_be_visible()
    page.locator("#q").fill("cats")
    expect(page.locator("#found li")).to_contain_text(TITLES["cats"])
    page.reload()
    expect(page.locator("#lists li").first).to_be_visible()


def test_a_key_for_reading_alone_is_told_of_once_and_edits_nothing(
    newsroom: Newsroom, watched: Watched
) -> None:
    page = watched.page
    with Store.open(newsroom.store) as store:
        _, secret = store.keys.add("reader", ["read"])
    page.goto(of(newsroom, "bridge"))
    enter(page, secret)
    expect(page.get_by_role("status")).to_contain_text("Not done: ")
    page.locator("#lists").get_by_role("link", name=TITLES["ferries"]).click()
    expect(page.locator("#story h2")).to_have_text(TITLES["ferries"])
    expect(page.get_by_role("status")).to_be_empty()
    expect(page.get_by_role("button", name="Pin:")).to_have_count(0)
    assert page.evaluate("sessionStorage.getItem('key')") == secret
    assert all("403" in trouble for trouble in watched.troubles)
    watched.troubles.clear()


def test_a_model_that_is_gone_is_not_called_a_story(newsroom: Newsroom, watched: Watched) -> None:
    watched.page.goto(of(newsroom, "bridge", beside="gone"))
    expect(watched.page.get_by_role("status")).to_contain_text("gone", timeout=30_000)
    watched.troubles.clear()


def test_a_parameter_that_is_refused_is_told_of_once(newsroom: Newsroom, watched: Watched) -> None:
    watched.page.goto(f"{newsroom.address}/?url=%00x")
    said = watched.page.get_by_role("status")
    expect(said).to_contain_text("invisible character")
    assert said.inner_text().count("invisible character") == 1
    watched.page.goto(of(newsroom, "bridge", direction="sideways"))
    expect(said).to_contain_text("'background' or 'followup'")
    watched.troubles.clear()
