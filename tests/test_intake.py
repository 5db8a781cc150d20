"""Bad and odd input, all the way: from a file, a feed or a request into the store, and out again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient
from stories import key
from test_cli import run_in

from recommender.api import create_app
from recommender.fetching import Fetched
from recommender.pipeline.importing import import_paths
from recommender.pipeline.parsing import LISTED
from recommender.pipeline.polling import poll
from recommender.service.posting import post
from recommender.settings import Settings
from recommender.store import Store

LOCAL = "2020-06-15T20:03:00"
STORY = {"title": "A story", "webUrl": key("a"), "publishedDateTime": LOCAL}
BERLIN = ZoneInfo("Europe/Berlin")


class Feed:
    """A server whose feed gives its date without a zone."""

    def fetch(self, *_: object) -> Fetched:
        item = f"<item><title>A story</title><link>{key('a')}</link><pubDate>{LOCAL}</pubDate></item>"
        return Fetched(200, f'<rss version="2.0"><channel>{item}</channel></rss>'.encode())


def imported(store: Store, folder: Path) -> None:
    (folder / "a.json").write_text(json.dumps(STORY))
    import_paths(store, [folder / "a.json"], zone=BERLIN)


def polled(store: Store, _: Path) -> None:
    store.feeds.add("https://news.example/feed", every=600)
    poll(store, Feed(), zone=BERLIN)  # type: ignore[arg-type]


def posted(store: Store, _: Path) -> None:
    post(store, [STORY], BERLIN)


@pytest.mark.parametrize("way", [imported, polled, posted])
def test_a_time_without_a_zone_is_of_the_newsroom_s(
    store: Store, tmp_path: Path, way: Callable[[Store, Path], None]
) -> None:
    way(store, tmp_path)
    found = store.find(key("a"))
    assert found is not None
    assert found.published_at == datetime(2020, 6, 15, 18, 3, tzinfo=UTC).timestamp()


def test_the_zone_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "recommender.toml").write_text('zone = "Europe/Berlin"')
    (tmp_path / "a.json").write_text(json.dumps(STORY))
    assert run_in(tmp_path, "import", "a.json").returncode == 0
    shown = run_in(tmp_path, "search", "story", "--json").stdout
    assert json.loads(shown)["items"][0]["publishedDateTime"] == "2020-06-15T18:03:00Z"
    address = f"sqlite:///{tmp_path}/recommender.sqlite"
    with Store.open(address) as store:
        _, secret = store.keys.add("cms", ["publish"])
    with TestClient(create_app(Settings(store=address, zone="America/New_York"))) as client:
        sent = client.post("/articles", json={**STORY, "webUrl": key("b")}, headers={"X-API-Key": secret})
        assert sent.json()["new"] == 1
        read = client.get("/articles", params={"url": key("b")}).json()
    assert read["publishedDateTime"] == "2020-06-16T00:03:00Z"


FIELDS = f"title: A story\nwebUrl: {key('bad')}\n"
BAD = {
    "aliases.md": f"---\n{FIELDS}a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n",
    "brackets.md": f"---\n{FIELDS}a: {'[' * 30_000}\n---\n",
    "braces.md": f"---\n{FIELDS}a: {'{a: ' * 30_000}\n---\n",
    "blocks.md": f"---\n{FIELDS}{''.join(' ' * depth + 'a:' + chr(10) for depth in range(1_000))}---\n",
    "list.md": "---\n- title: A story\n---\n",
    "twice.md": f"---\n{FIELDS}title: Another\n---\n",
    "open.md": f"---\n{FIELDS}",
    "control.md": f"---\n{FIELDS}a: \x07\n---\n",
    "nul.md": f"---\n{FIELDS}a: \0\n---\n",
    "latin.md": f"---\n{FIELDS}a: é\n---\n".encode("latin-1"),
    "large.md": "---\n" + "x" * 50_000_000,
    "line.jsonl": "x" * 50_000_000 + f'\n{{"title": "After it", "webUrl": "{key("after")}"}}\n',
    "deep.json": "[" * 100_000,
    "nan.jsonl": '{"title": NaN}\n',
    "surrogate.jsonl": '{"title": "\\ud800"}\n',
    "entities.xml": '<!DOCTYPE rss [<!ENTITY a "b">]><rss><channel><title>&a;</title></channel></rss>',
    "external.xml": '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/rss.dtd"><rss/>',
    "nested.html": f'<script type="application/ld+json">{"[CDATA[" * 5_000}</script>',
}
GOOD = {
    "mark.md": f"\ufeff---\ntitle: A story\nwebUrl: {key('mark')}\n---\n",
    "nested.json": json.dumps({"title": "Nested", "webUrl": key("nested")})[:-1]
    + f', "published": {"[" * 1_000 + "]" * 1_000}}}',
    "undated.json": json.dumps(
        {"title": "Undated", "webUrl": key("undated"), "publishedDateTime": "0001-01-01"}
    ),
}


def test_bad_files_are_named_at_once_and_stop_none_of_the_others(store: Store, tmp_path: Path) -> None:
    for name, text in (BAD | GOOD).items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    start = time.process_time()
    report = import_paths(store, [tmp_path])
    assert time.process_time() - start < 0.1 * len(BAD | GOOD)
    told = {Path(rejection.path).name: rejection for rejection in report.rejections}
    assert told.keys() == BAD.keys()
    assert report.saved.new == len(GOOD) + 1, "a line that is too long stops no other of its file"
    for name, line in (("twice.md", 4), ("control.md", 4), ("nul.md", 4), ("latin.md", 4), ("open.md", 1)):
        assert told[name].line == line
    for name in GOOD:
        assert store.find(key(name.partition(".")[0])) is not None


def test_of_very_many_bad_lines_some_are_listed(store: Store, tmp_path: Path) -> None:
    lines = ["0"] * (LISTED + 1_234) + [json.dumps(STORY)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    report = import_paths(store, [tmp_path])
    assert report.saved.new == 1
    assert [one.line for one in report.rejections] == [*range(1, LISTED + 1), None]
    assert report.rejections[-1].reason == "1,234 more of it are rejected and not listed"
