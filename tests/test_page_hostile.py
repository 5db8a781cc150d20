"""Hostile and bare stories in a real browser: on the page, in the widget and in the list as HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Watched, needs_chromium
from playwright.sync_api import Browser, Page, expect
from stories import document, key, packed, save, story
from test_cli import run_in
from test_newsroom_day import Newsroom, serving

from recommender.articles import Image, Provider
from recommender.service.posting import post
from recommender.store import Store

pytestmark = needs_chromium

MARKUP = (
    "</title></script></style></textarea>\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
    "<svg onload=alert(3)><iframe srcdoc='<script>alert(4)</script>'></iframe>"
    "<a href='javascript:alert(5)'>x</a>{{7*7}}${alert(6)}&lt;b&gt;\u202e\u2066"
    "<style>*{display:none}</style><base href='https://evil.example/'>"
)
SCRIPTS = (
    "javascript:alert(7)",
    "JavaScript\t:alert(8)",
    " data:text/html,<script>alert(9)</script>",
    "vbscript:x",
    'https://x.example/"onmouseover="alert(10)',
    "//evil.example/x",
)
BARE = {
    "title": "Bare",
    "webUrl": key("bare"),
    "excerpt": None,
    "publishedDateTime": None,
    "provider": {"name": None, "domain": None, "images": [None]},
    "topics": [None],
    "tags": [],
    "images": [None, {"url": None, "title": None}],
    "quality": None,
    "locale": None,
    "related": [None, {"title": "Barer", "webUrl": key("barer"), "provider": None, "images": None}],
}
NOTHING = re.compile(r"\b(None|null|undefined|NaN|Invalid Date)\b")


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    """A server whose stories were written past the readers: markup in all texts, scripts for addresses."""
    folder = tmp_path_factory.mktemp("hostile")
    url = f"sqlite:///{folder}/recommender.sqlite"
    with Store.open(url) as store:
        hostile = [
            story(
                f"h{place}",
                day=place + 1,
                url=script,
                web_url=script,
                amp_web_url=script,
                cdn_amp_web_url=script,
                original_url=script,
                title=f"Hostile {place} {MARKUP}",
                excerpt=MARKUP,
                type=MARKUP,
                category=MARKUP,
                locale=MARKUP,
                featured_content=MARKUP,
                provider=Provider(MARKUP, MARKUP, (Image(script, title=MARKUP),)),
                topics=(MARKUP,),
                tags=(MARKUP,),
                images=(Image(script, title=MARKUP),),
                extra={MARKUP: MARKUP},
            )
            for place, script in enumerate(SCRIPTS)
        ]
        # One that is a link has all the rest of it.
        linked = story("linked", title=f"Linked {MARKUP}", excerpt=MARKUP, provider=Provider(MARKUP, MARKUP))
        save(
            store, document(story("asked"), *hostile, linked), *(document(one) for one in (*hostile, linked))
        )
        post(store, [BARE])
        ids = store.corpus().ids.tolist()
        ids += [found.id for name in ("bare", "barer") if (found := store.find(key(name))) is not None]
        ids = list(dict.fromkeys(ids))
        store.publish(
            "m1", [(one, packed(*((other, 0.5) for other in ids if other != one))) for one in sorted(ids)]
        )
        _, secret = store.keys.add("desk", ["admin"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECOMMENDER_CORS", "*")
        environment.setenv("RECOMMENDER_LIVE", "false")  # lists stay as they were published
        with serving(url, folder / "models", secret) as room:
            yield room


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in which nothing runs, and that asks nobody else for anything."""
    with browser.new_context() as context:
        watched = Watched(context.new_page())
        yield watched.page
        assert watched.troubles == []
        assert all(url.startswith("https://x.example/") for url in watched.asked), "the one that is a picture"


def harmless(page: Page, root: str) -> None:
    """Every link and picture below ``root``, shadow trees too, is of the web; nothing else is there."""
    found = page.evaluate(
        """(root) => {
            const all = [], visit = (node) => {
                for (const child of node.children) { all.push(child); visit(child); }
                if (node.shadowRoot) visit(node.shadowRoot);
            };
            visit(document.querySelector(root));
            return all.flatMap((element) => [
                ["name", element.localName],
                ...[...element.attributes].map((one) => [one.name, one.value, element.href || element.src]),
            ]);
        }""",
        root,
    )
    names = {value for name, value, *_ in found if name == "name"}
    assert names.isdisjoint(("script", "iframe", "svg", "base", "object", "embed", "textarea"))
    for name, value, *resolved in found:
        assert not name.startswith("on"), (name, value)
        if name in ("href", "src"):
            assert resolved[0].startswith(("http://", "https://")), value
            assert "evil.example" not in resolved[0].split("?")[0]


@pytest.mark.parametrize("name", ["asked", "linked", "h0", "bare"])
def test_the_page_shows_markup_and_runs_none(newsroom: Newsroom, page: Page, name: str) -> None:
    page.goto(f"{newsroom.address}/?url={key(name)}&explain=true&limit=20")
    expect(page.locator("#lists li").first).to_be_visible()
    harmless(page, "#story")
    harmless(page, "#lists")
    shown = page.locator("#story").inner_text() + page.locator("#lists").inner_text()
    assert "<script>alert(1)</script>" in shown
    assert "{{7*7}}${alert(6)}&lt;b&gt;" in shown


def test_the_widget_shows_markup_and_runs_none(newsroom: Newsroom, page: Page) -> None:
    embedded = f'<main><script src="{newsroom.address}/widget.js" data-url="{key("asked")}" data-limit="10">'
    page.set_content(f"{embedded}</script></main>")
    expect(page.locator("main div a").first).to_be_visible()
    harmless(page, "main div")
    assert "<script>alert(1)</script>" in page.locator("main div ul").inner_text()


def test_the_list_as_html_shows_markup_and_runs_none(newsroom: Newsroom, page: Page) -> None:
    page.goto(f"{newsroom.address}/related.html?url={key('asked')}&limit=20")
    expect(page.locator("li a").first).to_be_visible()
    harmless(page, "body")
    assert "<script>alert(1)</script>" in page.locator("body").inner_text()
    # The same, put into a page without a policy of its own.
    html = page.content()
    page.goto("about:blank")
    page.set_content(html)
    harmless(page, "body")


def test_what_is_not_there_is_not_called_none(newsroom: Newsroom, page: Page) -> None:
    page.goto(f"{newsroom.address}/?url={key('bare')}&limit=20")
    expect(page.locator("#lists li").first).to_be_visible()
    expect(page.locator("#lists")).to_contain_text("Barer")
    assert NOTHING.findall(page.locator("main").inner_text()) == []
    page.goto(f"{newsroom.address}/related.html?url={key('barer')}&limit=20")
    expect(page.locator("body")).to_contain_text("Bare")
    assert NOTHING.findall(page.locator("body").inner_text()) == []
    for item in newsroom.related(key("barer"), limit=20):
        assert "None" not in json.dumps(item)
    folder = Path(newsroom.store.removeprefix("sqlite:///")).parent
    for command in (["related", key("bare")], ["search", "bare"], ["export", "-o", "out.jsonl"]):
        result = run_in(folder, *command)
        assert result.returncode == 0, result.stderr
        assert NOTHING.findall(result.stdout + result.stderr) == []
    exported = (folder / "out.jsonl").read_text()
    assert key("bare") in exported
    assert NOTHING.findall(exported) == []
