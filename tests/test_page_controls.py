"""The page's controls: what they ask for, how they are used, and what an address may say of them."""

# ruff: noqa: F811  (fixtures that come from another file of tests)

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import Watched, needs_chromium
from playwright.sync_api import Page, Route, expect
from test_newsroom_day import Newsroom
from test_page import (  # noqa: F401  (fixtures, beside what its tests share)
    PAINTED,
    SHIFTS,
    TITLES,
    accessible,
    newsroom,
    of,
    page,
    watched,
)
from test_page_trouble import AWAY, Held

pytestmark = needs_chromium

FILTERED = "No related story passes what is set above: change it, or reset it."


def asked(page: Page) -> dict[str, str]:
    """What the address asks for, but for the story."""
    given = {name: value for name, (value,) in parse_qs(urlsplit(page.url).query).items()}
    assert given.pop("url").startswith("https://www.news.example/")
    return given


def further(page: Page) -> None:
    page.get_by_text("More filters").click()


@pytest.mark.parametrize(
    ("label", "name", "value", "shown"),
    [
        ("Published from", "since", "2020-01-09", ["cats"]),
        ("Published until", "until", "2020-01-02", ["ferries"]),
        ("Type", "type", "video", []),
        ("Not from", "exclude_provider", "NEWS.example", []),
        ("How many", "limit", "1", ["cats"]),
    ],
)
def test_a_filter_is_asked_for_and_in_the_address(
    newsroom: Newsroom, page: Page, label: str, name: str, value: str, shown: list[str]
) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li")).to_have_count(8)
    further(page)
    page.get_by_label(label).fill(value)
    page.get_by_label(label).blur()
    expect(page.locator("#lists li")).to_have_count(len(shown))
    assert page.locator("#lists h3").all_inner_texts() == [TITLES[one] for one in shown]
    assert page.get_by_text(FILTERED).count() == (not shown)
    assert asked(page) == {name: value}
    page.reload()
    expect(page.get_by_label(label)).to_be_visible()
    expect(page.get_by_label(label)).to_have_value(value)
    expect(page.locator("#lists li")).to_have_count(len(shown))


def test_what_the_model_is_not_sure_of_is_left_out_and_the_list_short(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    further(page)
    page.get_by_label("Least score").fill("1")
    page.get_by_label("Least score").blur()
    expect(page.locator(".tag.fill").first).to_be_visible()
    page.get_by_label("A short list").select_option("stays short")
    expect(page.locator("#lists li")).to_have_count(1)
    expect(page.locator("#lists li")).to_contain_text("editors’ link")
    assert asked(page) == {"min_score": "1", "fill": "false"}
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#lists li")).to_have_count(8)
    assert asked(page) == {}
    expect(page.locator("[name=direction]")).to_be_focused()
    expect(page.get_by_role("button", name="Reset")).to_be_disabled()


@pytest.mark.parametrize(("lang", "summary"), [("en", "More filters"), ("de", "Weitere Filter")])
def test_they_fit_a_narrow_screen_in_every_language(
    newsroom: Newsroom, page: Page, lang: str, summary: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(of(newsroom, "bridge", lang=lang, topic="traffic"))
    expect(page.locator("#lists li").first).to_be_visible()
    page.get_by_text(summary).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("[name=since]")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for control in page.locator("#options :is(input, select, button)").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 16
        assert box["x"] + box["width"] <= 304
    accessible(page)


# By keys


def test_a_date_that_is_typed_is_asked_for_once_and_is_one_step(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li")).to_have_count(8)
    further(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/related" in request.url else None)
    since = page.get_by_label("Published from")
    since.focus()
    page.keyboard.type("01092020", delay=20)
    expect(page.locator("#lists li")).to_have_count(1)
    assert len(requests) == 1
    page.keyboard.press("ArrowDown")  # the year before
    expect(page.locator("#lists li")).to_have_count(8)
    assert asked(page) == {"since": "2019-01-09"}
    page.keyboard.press("Backspace")  # no date any more, and none that could be asked for
    page.get_by_label("Type").focus()
    expect(since).to_have_value("2019-01-09")
    assert asked(page) == {"since": "2019-01-09"}
    page.go_back()
    expect(since).to_have_value("")
    assert asked(page) == {}
    page.go_forward()
    expect(since).to_have_value("2019-01-09")


def test_a_slider_says_where_it_stands_and_is_one_step_as_long_as_it_is_held(
    newsroom: Newsroom, page: Page
) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    slider = page.get_by_label("Diversity")
    slider.focus()
    for value in ("0.1", "0.2", "0.3"):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#diversity")).to_have_text(value)
    assert asked(page) == {"diversity": "0.3"}
    page.locator("[name=topic]").focus()
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("#diversity")).to_have_text("0.0")
    assert asked(page) == {}
    page.go_back()
    expect(slider).to_have_value("0.3")
    page.go_back()
    expect(slider).to_have_value("0")


# What an address may say


def test_what_is_refused_is_marked_and_can_be_changed(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    wrong = {"since": "yesterday", "min_score": "7", "diversity": "abc", "direction": "sideways"}
    page.goto(of(newsroom, "bridge", **wrong, topic="traffic"))
    expect(page.get_by_role("status")).to_contain_text("min_score: Input should be less than or equal to 1.")
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])
    for name, value in wrong.items():
        control = page.locator(f"[name={name}]")
        expect(control).to_be_visible()
        expect(control).to_have_value(value)
        expect(control).to_have_attribute("aria-invalid", "true")
        expect(control).to_have_attribute("aria-describedby", "status")
    assert page.locator("[aria-invalid]").count() == len(wrong)
    accessible(page)
    page.get_by_label("Published from").fill("")
    page.get_by_label("Published from").blur()
    expect(page.locator("[aria-invalid]")).to_have_count(3)
    expect(page.get_by_label("Published from")).to_have_attribute("type", "date")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#lists li")).to_have_count(8)
    expect(page.locator("[aria-invalid]")).to_have_count(0)
    expect(page.get_by_label("Diversity")).to_have_attribute("type", "range")
    assert page.locator("[name=direction] option").count() == 3
    watched.troubles.clear()


def test_of_two_dates_that_exclude_each_other_both_are_marked(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(of(newsroom, "bridge", since="2020-01-09", until="2020-01-02"))
    expect(page.get_by_role("status")).to_contain_text("since is later than until")
    marked = page.locator("[aria-invalid]").evaluate_all("all => all.map(({ name }) => name)")
    assert marked == ["since", "until"]
    watched.troubles.clear()


def test_what_a_control_cannot_have_is_shown_where_it_counts(newsroom: Newsroom, page: Page) -> None:
    given = {"since": "2020-01-08T12:00:00Z", "diversity": "0.55", "direction": "any"}
    page.goto(of(newsroom, "bridge", **given))
    expect(page.locator("#lists h3")).to_have_text([TITLES["cats"]])
    for name, value in given.items():
        expect(page.locator(f"[name={name}]")).to_have_value(value)
    expect(page.locator("[name=direction] option:checked")).to_have_text("any")


def test_the_list_is_that_of_what_was_set_last(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    further(page)
    held = Held(page, "**/related?**", "limit=1")
    page.get_by_label("How many").fill("1")
    page.get_by_label("How many").blur()
    held.wait()
    page.get_by_label("How many").fill("3")
    page.get_by_label("How many").blur()
    expect(page.locator("#lists li")).to_have_count(3)
    held.let_go()
    expect(page.locator("#lists li")).to_have_count(3)


# What is said, and where


def test_what_to_do_first_is_said(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    start = page.locator("#start")
    expect(start).to_contain_text("Find a story above")
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    expect(start).to_be_hidden()

    def empty(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"stories": 0})

    page.route("**/evaluation", empty)
    page.goto(newsroom.address)
    expect(start).to_contain_text("recommender import")


def test_who_got_no_answer_tries_again(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li")).to_have_count(8)
    page.route("**/related?**", lambda route: route.abort())
    page.locator("[name=direction]").select_option("followup")
    expect(page.get_by_role("status")).to_have_text(AWAY)
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])
    accessible(page)
    again = page.get_by_role("button", name="Try again")
    again.press("Enter")
    expect(again).to_be_focused()
    page.unroute_all()
    again.press("Enter")
    expect(page.locator("#lists li").first).to_be_visible()
    expect(again).to_have_count(0)
    expect(page.locator("#story")).to_be_focused()
    expect(page.get_by_role("status")).to_be_empty()
    watched.troubles.clear()


def test_nothing_shifts_when_a_story_comes_or_a_filter_is_set(newsroom: Newsroom, page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/related?**", lambda route: waiting.append(route))
    page.set_viewport_size({"width": 700, "height": 900})
    page.add_init_script(SHIFTS)
    with page.expect_request("**/related?**"):
        page.goto(of(newsroom, "bridge"))
    page.evaluate(PAINTED)
    waiting.pop().continue_()
    expect(page.locator("#lists li")).to_have_count(8)
    page.evaluate(PAINTED)
    with page.expect_request("**/related?**"):
        page.locator("[name=curated]").select_option("mixed")
    expect(page.get_by_role("status")).to_have_text("Looking …")
    page.evaluate(PAINTED)
    waiting.pop().continue_()
    expect(page.get_by_role("status")).to_be_empty()
    page.evaluate(PAINTED)
    assert page.evaluate("shifts") == []
    page.evaluate("document.body.style.paddingTop = '9rem'")
    page.wait_for_function("shifts.length > 0")  # what shifts is seen


def place(page: Page) -> Any:
    return page.evaluate("document.activeElement.getBoundingClientRect().top")


def test_a_key_that_is_none_is_forgotten_and_who_gave_it_stays_there(
    newsroom: Newsroom, watched: Watched
) -> None:
    page = watched.page
    page.goto(of(newsroom, "bridge"))
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Your key").fill("wrong")
    use = page.get_by_role("button", name="Use it")
    use.focus()
    before = place(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Not done: X-API-Key has to be a key")
    expect(page.get_by_role("status")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Pin:")).to_have_count(0)
    assert place(page) == pytest.approx(before, abs=1)
    assert page.evaluate("sessionStorage.getItem('key')") == ""
    watched.troubles.clear()
    page.get_by_label("Your key").fill(newsroom.key)
    use.focus()
    before = place(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pin:")).to_have_count(8)
    expect(use).to_be_focused()
    assert place(page) == pytest.approx(before, abs=1)
