"""The page and the widget, in a real browser."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import Watched, needs_chromium
from playwright.sync_api import Browser, Locator, Page, Route, expect
from stories import document, save, story
from test_newsroom_day import Newsroom, load, serving

import recommender.web
from benchmarks import painting
from recommender.articles import Image
from recommender.pipeline.doubts import Reason
from recommender.pipeline.recomputing import recompute
from recommender.store import Store
from recommender.web.serving import File

pytestmark = needs_chromium

NOWHERE = "https://www.news.example/<b>nowhere</b>"
LATER = "The bridge of the year 2300"

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
        later = story("later", title=LATER, published_at=datetime(2300, 1, 1, tzinfo=UTC))
        save(opened, document(later))
        save(opened, document(made["bridge"], origin="links", links=[made["cats"].key, NOWHERE]))
        save(opened, document(made["emoji"], origin="more links", links=[later.key]))
        _, secret = opened.keys.add("desk", ["admin"])
        recompute(opened, folder / "models")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECOMMENDER_CORS", "http://127.0.0.1:*")
        with serving(store, folder / "models", secret) as room:
            load(room)
            yield room


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
    expect(page.locator("#health")).to_have_text(
        "Model default rankerNot evaluated yetGeneration 110 storiesNewest: Jan 9, 2020"
    )
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
    box.fill("www.news.example/bridge")
    expect(page.locator("#found li")).to_contain_text(TITLES["bridge"])
    box.press("Enter")
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])
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


def test_a_baseline_stands_beside_and_is_called_one(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    page.get_by_label("Beside").select_option("untrained baseline")
    expect(page.get_by_role("heading", name="By untrained baseline")).to_be_visible(timeout=30_000)
    assert "beside=untrained" in page.url
    assert sorted(titles(page, 0)) == sorted(titles(page, 1))


def test_where_two_lists_differ_is_told_of_every_story(newsroom: Newsroom, page: Page) -> None:
    """The other list has the first two the other way round, and its third elsewhere than in a list."""

    def differ(route: Route) -> None:
        answer = route.fetch(url=route.request.url.replace("&model=untrained", "")).json()
        first, second, third, *rest = answer["items"]
        third |= {"title": "A stranger", "webUrl": "https://www.news.example/stranger"}
        items = [second | {"rank": 1}, first | {"rank": 2}, third, *rest]
        route.fulfill(json=answer | {"model": "m7", "items": items})

    page.route("**/related?*model=untrained*", differ)
    page.goto(of(newsroom, "bridge", beside="untrained"))
    expect(page.locator("#lists section")).to_have_count(2)
    for place in (0, 1):
        items = page.locator("#lists section").nth(place).locator("li")
        said = [items.nth(number).locator(".tag").all_inner_texts() for number in range(4)]
        assert [[tag for tag in tags if "beside" in tag or "only" in tag] for tags in said] == [
            ["beside: 2"], ["beside: 1"], ["only here"], [],
        ]  # fmt: skip
    accessible(page)


def test_an_address_that_no_story_has(newsroom: Newsroom, watched: Watched) -> None:
    watched.page.goto(of(newsroom, "nobody"))
    status = watched.page.get_by_role("status")
    expect(status).to_have_text("No story answers to this address: look for it by its words.")
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


def enter(page: Page, key: str) -> None:
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Your key").fill(key)
    page.get_by_role("button", name="Use it").click()


def test_an_editor_sees_what_deserves_a_look_and_settles_it(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    page.get_by_text("Edit", exact=True).click()
    expect(page.locator("#audit")).to_be_empty()
    page.get_by_label("Your key").fill(newsroom.key)
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("heading", name="What deserves a look")).to_be_visible()
    audit = page.locator("#audit")
    audit.get_by_text("Dead links: 1").click()
    expect(audit).to_contain_text(f"{TITLES['bridge']} → {NOWHERE}")
    audit.get_by_text("Links that readers cannot follow: 1").click()
    accessible(page)
    expect(audit.get_by_role("button", name="Pin:")).to_have_count(0)
    audit.get_by_role("button", name=f"Block: {LATER}").click()
    expect(page.get_by_role("status")).to_have_text(f"Blocked: {LATER}")
    expect(audit.get_by_role("button", name="Block:")).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent").startswith("Links that readers cannot follow")
    audit.get_by_role("button", name="Look again").click()
    expect(audit.locator("details")).to_have_count(1)
    audit.get_by_text("Dead links: 1").click()
    audit.get_by_role("link", name=TITLES["bridge"]).click()
    expect(page.locator("#story h2")).to_have_text(TITLES["bridge"])


def concern(reason: str, source: str, target: str, cures: list[str]) -> dict[str, Any]:
    named = [{"url": f"https://www.news.example/{name}", "title": TITLES[name]} for name in (source, target)]
    told = {"reason": reason, "detail": "", "score": 0.913, "better": 31, "key": named[1]["url"]}
    return told | {"source": named[0], "target": named[1], "cures": cures}


def test_stories_that_look_unlinked_are_pinned_by_keys_alone(newsroom: Newsroom, page: Page) -> None:
    page.route(
        "**/curation/audit",
        lambda route: route.fulfill(
            json={
                "counts": {"dead": 0, "looks-wrong": 1, "unlinked": 1_234},
                "items": [
                    concern("looks-wrong", "cats", "rtl", ["block"]),
                    concern("unlinked", "cats", "mayor", ["pin", "block"]),
                    concern("unlinked", "cats", "hostile", ["pin", "block"]),
                ],
            }
        ),
    )
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(newsroom.address)
    page.locator("#desk > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(newsroom.key)
    page.keyboard.press("Enter")
    expect(page.locator("#audit details")).to_have_count(2)
    wrong, unlinked = page.locator("#audit details").all()
    tab_to(page, wrong.locator("summary"))
    page.keyboard.press("Enter")
    expect(wrong).to_contain_text("score 0.91 · after 31 that nobody linked")
    expect(wrong.get_by_role("button", name="Pin:")).to_have_count(0)
    tab_to(page, unlinked.locator("summary"))
    page.keyboard.press("Enter")
    expect(unlinked).to_contain_text("The first 2 of 1,234.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    accessible(page)
    tab_to(page, unlinked.get_by_role("button", name=f"Pin: {TITLES['mayor']}"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(f"Pinned: {TITLES['mayor']}")
    expect(unlinked.get_by_role("button", name=f"Pin: {TITLES['hostile']}")).to_be_focused()
    tab_to(page, unlinked.get_by_role("link", name=TITLES["cats"]), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#lists li").first).to_contain_text(TITLES["mayor"])
    expect(page.locator("#lists li").first).to_contain_text("pinned")
    page.locator("#desk").get_by_role("button", name="Undo the last").click()
    expect(page.locator("#lists li", has_text="pinned")).to_have_count(0)


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


def tab_to(page: Page, target: Locator, tab: str = "Tab") -> None:
    for _ in range(60):
        page.keyboard.press(tab)
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("60 times Tab do not lead there")


def test_keys_alone_lead_to_a_related_story(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    tab_to(page, page.locator("#lists").get_by_role("link", name=TITLES["ferries"]))
    page.keyboard.press("Enter")
    expect(page.locator("#story h2")).to_have_text(TITLES["ferries"])
    assert page.locator("#story").evaluate("element => element === document.activeElement")


def direction(of: Locator) -> str:
    told: str = of.evaluate("element => getComputedStyle(element).direction")
    return told


def test_what_is_hostile_is_text(newsroom: Newsroom, page: Page) -> None:
    for name in ("hostile", "emoji", "rtl", "long"):
        page.goto(of(newsroom, name))
        expect(page.locator("#story h2")).to_have_text(TITLES[name])
    assert page.locator("#story script, #lists script, #lists h3 img").count() == 0
    page.set_viewport_size({"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, "a long word ends the line"
    page.goto(of(newsroom, "rtl"))
    assert direction(page.locator("#story h2")) == "rtl"
    assert direction(page.locator("#lists h3").first) == "ltr"
    page.goto(of(newsroom, "bridge"))
    assert direction(page.locator("#lists h3", has_text=TITLES["rtl"])) == "rtl"


def test_a_service_that_goes_away_is_told_of(newsroom: Newsroom, watched: Watched) -> None:
    page = watched.page
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    page.route("**/related?**", lambda route: route.abort())
    page.locator("[name=direction]").select_option("followup")
    expect(page.get_by_role("status")).to_have_text("The service does not answer. Try again in a moment.")
    watched.troubles.clear()


def moving(page: Page) -> list[str]:
    """Name the elements, in shadow roots too, whose looks change other than at once."""
    found: list[str] = page.evaluate("""() => {
      const inside = (one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])];
      const all = (root) => [...root.querySelectorAll("*")].flatMap(inside);
      const slow = ({ transitionDuration: turn, animationDuration: run, scrollBehavior: scroll }) =>
        parseFloat(turn) > 0 || parseFloat(run) > 0 || scroll === "smooth";
      return all(document).filter((one) => slow(getComputedStyle(one))).map((one) => one.tagName);
    }""")
    return found


def test_nothing_moves_for_who_wants_nothing_to_move(
    newsroom: Newsroom, publisher: Callable[..., str], page: Page
) -> None:
    page.goto(of(newsroom, "bridge"))
    expect(page.locator("#lists li").first).to_be_visible()
    assert "A" in moving(page)
    page.emulate_media(reduced_motion="reduce")
    assert moving(page) == []
    page.goto(publisher())
    expect(page.locator("main div a")).to_have_count(4)
    assert moving(page) == []


# Painting


def test_all_scripts_are_asked_for_at_once(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    expect(page.locator("#health span").first).to_be_visible()
    told = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    loaded = {name for name in told if name.endswith(".js")}
    first = page.evaluate("[...document.querySelectorAll('link[rel=modulepreload]')].map((one) => one.href)")
    assert {*first, f"{newsroom.address}/web/page.js"} == loaded


def test_what_measures_the_paint_sees_it(newsroom: Newsroom, browser: Browser) -> None:
    rows = painting.measured(browser, newsroom.address, ["https://www.news.example/bridge"], loads=1)
    assert [row["system"] for row in rows] == ["/", "/?url=…"]
    assert all(0 < row["median_ms"] <= row["worst_ms"] for row in rows)


# Languages


def spoken(page: Page, newsroom: Newsroom, language: str) -> Any:
    """Read a language's texts, a function as its name."""
    page.goto(newsroom.address)
    return page.evaluate(
        """async (path) => {
          const told = (value) => typeof value === "object" && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, told(each)]))
            : typeof value === "function" ? `function of ${value.length}` : value;
          return told((await import(path)).strings);
        }""",
        f"/web/strings.{language}.js",
    )


def shape(texts: Any) -> Any:
    if isinstance(texts, dict):
        return {name: shape(text) for name, text in texts.items()}
    if isinstance(texts, list):
        return [shape(text) for text in texts]
    return texts if texts.startswith("function of") else bool(texts)


def test_every_language_says_everything(newsroom: Newsroom, page: Page) -> None:
    page.goto(newsroom.address)
    languages = page.evaluate("import('/web/strings.js').then((module) => module.LANGUAGES)")
    files = (Path(recommender.web.__file__).parent / "static").glob("strings.*.js")
    assert sorted(languages) == sorted(file.name.split(".")[1] for file in files) == ["de", "en"]
    english, *others = (spoken(page, newsroom, language) for language in ("en", "de"))
    for other in others:
        assert shape(other) == shape(english)
    keys = page.evaluate(
        """() => [...document.querySelectorAll("[data-string], [data-label], [data-hint]")]
          .flatMap(({ dataset }) => [dataset.string, dataset.label, dataset.hint]).filter(Boolean)"""
    )
    assert set(keys) == set(english["page"])
    assert set(english["concerns"]) == {*Reason, "unlinked"}


def test_the_page_speaks_german_where_it_is_asked_to(newsroom: Newsroom, page: Page) -> None:
    page.goto(of(newsroom, "bridge", lang="de"))
    expect(page.get_by_role("heading", name="Verwandte Artikel")).to_have_count(2)
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.locator("html").get_attribute("dir") == "ltr"
    expect(page.locator("#options")).to_contain_text("vor dem Artikel")
    expect(page.get_by_placeholder("Wörter daraus oder Adresse")).to_be_visible()
    expect(page.locator("#lists")).to_contain_text("Wertung 0,")
    expect(page.locator("#health")).to_contain_text("Der neueste: 09.01.2020")
    accessible(page)
    link = page.locator("#lists").get_by_role("link", name=TITLES["ferries"])
    assert "lang=de" in (link.get_attribute("href") or "")
    link.click()
    expect(page.locator("#story h2")).to_have_text(TITLES["ferries"])
    assert "lang=de" in page.url
    page.get_by_role("link", name="Verwandte Artikel").click()
    expect(page.get_by_text("Einen Entwurf ausprobieren")).to_be_visible()


@pytest.mark.parametrize(
    ("browsers", "asked", "lang"), [("de-AT", "", "de-AT"), ("de-AT", "en", "en"), ("fr-FR", "xx_", "en")]
)
def test_the_language_is_the_browser_s_unless_asked_for(
    newsroom: Newsroom, browser: Browser, browsers: str, asked: str, lang: str
) -> None:
    with browser.new_context(locale=browsers) as context:
        page = context.new_page()
        page.goto(f"{newsroom.address}/?lang={asked}")
        expect(page.locator("html")).to_have_attribute("lang", lang)
        title = {"de": "Verwandte Artikel", "en": "Related stories"}[lang[:2]]
        expect(page).to_have_title(title)


def test_a_language_may_be_written_from_right_to_left(newsroom: Newsroom, page: Page) -> None:
    def mirrored(route: Route) -> None:
        body = route.fetch().text()
        assert 'direction: "ltr"' in body
        route.fulfill(content_type="text/javascript", body=body.replace('"ltr"', '"rtl"'))

    page.route("**/strings.de.js", mirrored)
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(of(newsroom, "bridge", lang="de"))
    expect(page.locator("#lists li").first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    assert direction(page.locator("#options")) == "rtl"
    assert direction(page.locator("#story h2")) == "ltr"
    box = page.locator("h1").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] == pytest.approx(304, abs=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    accessible(page)


# The widget

EMBEDDED = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>A story</title>
<style>{style}</style>
<main><h1>A story</h1><p>Text.</p>
<script async src="{service}/widget.js" data-url="https://www.news.example/bridge" data-limit="4"
  {more}></script>
<section id="place"></section>
<p id="after">After.</p></main></html>"""


@pytest.fixture
def publisher(tmp_path: Path, newsroom: Newsroom) -> Iterator[Callable[..., str]]:
    """A publisher's site: of another origin than the service."""
    handler = functools.partial(Silent, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def publish(more: str = "", lang: str = "en", style: str = "") -> str:
            told = EMBEDDED.format(service=newsroom.address, more=more, lang=lang, style=style)
            (tmp_path / "story.html").write_text(told)
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


SHIFTS = """globalThis.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries().map((one) => one.value)))
  .observe({ type: "layout-shift", buffered: true });"""

PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))"


def test_nothing_shifts_when_the_widget_is_filled(publisher: Callable[..., str], page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/related?**", lambda route: waiting.append(route))
    page.add_init_script(SHIFTS)
    with page.expect_request("**/related?**"):
        page.goto(publisher())
    page.evaluate(PAINTED)
    before = page.evaluate("shifts")
    waiting[0].continue_()
    expect(page.locator("main div a")).to_have_count(4)
    expect(page.locator("main div img").first).to_be_visible()
    page.evaluate(PAINTED)
    assert page.evaluate("shifts") == before
    page.evaluate("document.body.style.paddingTop = '9rem'")
    page.wait_for_function("seen => shifts.length > seen", arg=len(before))  # what shifts is seen


def test_nothing_shifts_at_all_where_its_place_is_kept(publisher: Callable[..., str], page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/widget.js", lambda route: waiting.append(route))
    page.add_init_script(SHIFTS)
    reserved = "#place { min-height: calc(4 * 6rem + 2rem) }"
    page.goto(publisher('data-target="#place"', style=reserved), wait_until="commit")
    expect(page.locator("#after")).to_be_visible()
    page.evaluate(PAINTED)
    waiting[0].continue_()
    expect(page.locator("#place a")).to_have_count(4)
    page.evaluate(PAINTED)
    assert page.evaluate("shifts") == []


def style(of: Locator, name: str) -> str:
    told: str = of.evaluate("(element, name) => getComputedStyle(element).getPropertyValue(name)", name)
    return told


def test_the_widget_is_as_dark_as_the_page(publisher: Callable[..., str], page: Page) -> None:
    address = publisher(style=":root { color-scheme: light dark }")
    seen = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(address)
        title = page.locator("main div b").first
        expect(title).to_be_visible()
        assert style(title, "color") == style(page.locator("#after"), "color")
        assert style(page.locator("main > div"), "background-color") == "rgba(0, 0, 0, 0)"
        seen.add((style(title, "color"), style(page.locator("main div li").first, "border-top-color")))
        accessible(page)
    assert len(seen) == 2


def test_variables_change_the_looks_of_the_widget_and_nothing_else_does(
    publisher: Callable[..., str], page: Page
) -> None:
    theme = """main { --related-font: italic 20px monospace; --related-color: rgb(1, 2, 3);
      --related-background: rgb(250, 251, 252); --related-line: rgb(4, 5, 6); --related-accent: rgb(7, 8, 9);
      --related-gap: 17px; --related-radius: 9px } li { display: none } b { color: red }"""
    page.goto(publisher(style=theme))
    link = page.locator("main div a").first
    expect(link).to_be_visible()
    host, item, title = (page.locator(one) for one in ("main > div", "main div li", "main div b"))
    assert style(host, "background-color") == "rgb(250, 251, 252)"
    assert style(host, "font").startswith("italic 20px")
    assert style(title.first, "color") == "rgb(1, 2, 3)"
    assert style(item.first, "border-top-color") == "rgb(4, 5, 6)"
    assert style(link, "gap") == "17px"
    assert style(page.locator("main div img").first, "border-radius") == "9px"
    page.keyboard.press("Tab")
    assert style(link, "outline-color") == "rgb(7, 8, 9)"


def test_pictures_of_the_widget_leave_room_for_words(publisher: Callable[..., str], page: Page) -> None:
    for width, picture in ((320, 0.27 * (320 - 2 * 8)), (1200, 6.5 * 16)):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(publisher(style="* { margin: 0 } body { padding: 8px }"))
        box = page.locator("main div img").first.bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(picture, abs=1)


@pytest.mark.parametrize(
    ("lang", "date"), [("de", "09.01.2020"), ("en_US", "Jan 9, 2020"), ("no language", "Jan 9, 2020")]
)
def test_the_widget_says_its_heading_and_what_stories_say(
    publisher: Callable[..., str], page: Page, lang: str, date: str
) -> None:
    page.goto(publisher('data-heading="Weiterlesen"', lang=lang))
    expect(page.locator("main div a")).to_have_count(4)
    root = page.locator("main div section")
    assert root.locator("h2").inner_text() == "Weiterlesen"
    assert root.locator("a").first.inner_text().split("\n") == [TITLES["cats"], f"News · {date}"]
    assert len(root.inner_text().split("\n")) == 1 + 2 * 4
    said = "root => [root, ...root.querySelectorAll('*')].map((one) => one.title || one.alt || one.ariaLabel)"
    assert not any(root.evaluate(said))


def test_where_the_widget_stands_and_what_it_is_called(publisher: Callable[..., str], page: Page) -> None:
    page.goto(publisher('data-target="h1" data-heading="Read on &lt;b&gt;"'))
    expect(page.get_by_role("region", name="Read on <b>")).to_be_visible()
    expect(page.locator("h1 div a")).to_have_count(4)


EARLY = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A story</title>
<script src="{service}/widget.js" data-target="#place"></script>
<link rel="canonical" href="https://www.news.example/bridge"></head>
<main><h1>A story</h1><section id="place"></section></main></html>"""


def test_the_widget_waits_for_what_its_page_says_further_down(
    publisher: Callable[..., str], tmp_path: Path, newsroom: Newsroom, page: Page
) -> None:
    (tmp_path / "early.html").write_text(EARLY.format(service=newsroom.address))
    page.goto(publisher().replace("story.html", "early.html"))
    expect(page.locator("#place div a")).to_have_count(4)


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
