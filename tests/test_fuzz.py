"""Every reader, given what it should read with bytes changed: stories that can be kept, or reasons."""

from __future__ import annotations

import io
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select

from recommender.articles import Document, Rejection
from recommender.entries import Entry, encode
from recommender.errors import InvalidStory
from recommender.service import Options, Service
from recommender.sources import parse
from recommender.store import Store, schema

SEEDS = sorted((Path(__file__).parents[1] / "seeds").glob("*.md"))
INPUTS, SEED = 1_000, 1
"""Inputs of each reader, the same every time."""
LONGEST = 1.0
"""Seconds of this process that an input may take."""

STORY = {
    "title": "Old bridge “closes”",
    "webUrl": "https://www.news.example/bridge-1?utm_source=x",
    "ampWebUrl": "https://amp.news.example/bridge-1",
    "excerpt": "It is of iron.\nIt rusts: ①.",
    "publishedDateTime": "2020-06-15T18:03:00+02:00",
    "quality": 81,
    "published": True,
    "provider": {"name": "News", "domain": "news.example", "images": ["https://i.example/logo.png"]},
    "topics": ["traffic", None, "AI"],
    "images": [{"url": "https://i.example/1.jpg", "width": 640, "isCached": "true", "title": "A bridge"}],
    "section": {"of": [1, 2.5, None]},
    "related": [
        {"title": "Ferries", "webUrl": "https://news.example/ferries", "topics": ["traffic"]},
        {"title": "No address", "publishedDateTime": "2020-06-14"},
    ],
}
JSON = json.dumps(STORY)
FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "News",
    "home_page_url": "https://news.example/",
    "items": [
        {
            "id": f"https://news.example/{number}",
            "title": f"Story {number}",
            "content_html": "<p>Of <b>two</b></p>&amp;",
            "date_published": "Mon, 15 Jun 2020 18:03:00 GMT",
            "image": "https://i.example/1.jpg",
            "tags": ["AI"],
        }
        for number in range(2)
    ],
}
RSS = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>The &amp; Paper</title><link>https://paper.example/</link><language>en</language>
<item><title>A &lt;b&gt;bold&lt;/b&gt; move</title><link>https://paper.example/a</link><category>Tech</category>
<description><![CDATA[<p>One</p><script>x()</script>]]></description><guid>7</guid>
<pubDate>Mon, 15 Jun 2020 20:03:00 +0200</pubDate><media:content url="https://i.example/a.jpg" width="10"
medium="image"/></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>At</title><link href="https://at.example/"/><entry>
<title type="html">1 &amp;lt; 2</title><link href="https://at.example/1"/><updated>2020-06-15T18:03:00Z</updated>
<summary type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">hi</div></summary></entry></feed>"""
PAGE = f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>Tab</title>
<meta property="og:title" content="Graph &amp; title"><meta property="og:image" content="https://i.example/1.jpg">
<meta property="article:published_time" content="2020-06-15T18:03:00Z"><link rel="canonical"
href="https://a.example/x-1"><script type="application/ld+json">
{json.dumps({"@type": "NewsArticle", "headline": "A story", "keywords": "AI, x", "url": "https://a.example/x"})}
</script></head><body><p>x</p></body></html>"""

GOOD: dict[str, Sequence[bytes]] = {
    ".md": [path.read_bytes()[:6_000] for path in SEEDS[:3]]
    + [b"---\ntitle: A\nwebUrl: https://a.example/x\ntopics: [a, 'b']\nexcerpt: >\n  x\n  y\n---\nBody.\n"],
    ".json": [JSON.encode(), json.dumps([STORY, STORY], indent=1).encode()],
    ".jsonl": [f"{JSON}\n{JSON}\n".encode()],
    ".xml": [RSS.encode(), ATOM.encode()],
    "feed.json": [json.dumps(FEED).encode()],
    ".html": [PAGE.encode()],
}
"""Documents of each reader."""

NASTIES = [
    *(
        b"\x00",
        b"\x1b[2J",
        b"\xff\xfe",
        b"\xc2\x9b",
        b"\xe2\x80\xae",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\r",
    ),
    *(b"\\u0000", b"\\ud800", b"&#0;", b"&#x1b;", b"&#xd800;", b"&#x9b;", b"\\x00", b"\xf0\x9f\x92\xa3"),
    *(b"---\n", b"...\n", b": ", b"- ", b"? ", b"&a ", b"*a", b"<<: ", b"!!python/object ", b"%YAML 9\n"),
    *(
        b"[" * 2_000,
        b"[" * 900 + b"]" * 900,
        b"[CDATA[" * 1_500,
        b"{" * 50,
        b'{"a":' * 300,
        b"]" * 9,
        b'"',
        b"'",
        b",",
        b"\n",
        b"\t",
        b"null",
        b"NaN",
    ),
    *(b"1e999", b"9" * 400, b"-0.0", b"true", b"[[]]", b"{}", b"None", b"0001-01-01T00:00+14:00"),
    *(b"9999-12-31T23:59:59-14:00", b"javascript:alert(1)", b"data:text/html,x", b"//", b"@", b"%00", b"%zz"),
    *(b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"<![CDATA[", b"]]>", b"<script>", b"</title>", b"<a " * 99),
    *(b"<p>" * 500, b"<!--", b'"related":', b'"removed":true', b"http://[", b"https://xn--a.example/", b"\\"),
]

Told = list[tuple[str, bytes, Document | Rejection]]


def changed(raw: bytes, chance: random.Random) -> bytes:
    """Flip, delete, double and put in, a few times."""
    data = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        place = chance.randrange(len(data) + 1)
        end = place + chance.choice((1, 2, 9, 80))
        way = chance.randrange(5)
        if way == 0 and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
        elif way == 1:
            del data[place:end]
        elif way == 2:
            data[place:place] = data[place:end]
        else:
            data[place : place if way == 3 else end] = chance.choice(NASTIES)
    return bytes(data)


@pytest.fixture(scope="module")
def told() -> Told:
    """What the readers make of all inputs; nothing else may come of one, and none may take long."""
    chance = random.Random(SEED)
    found: Told = []
    for reader, documents in GOOD.items():
        for number in range(INPUTS):
            raw = changed(chance.choice(documents), chance)
            start = time.process_time()
            results = list(parse(io.BytesIO(raw), reader[reader.index(".") :], f"{reader}-{number}"))
            assert time.process_time() - start < LONGEST, raw
            found += [(reader, raw, result) for result in results]
    return found


def entries(told: Told) -> Iterator[Entry]:
    """Encode what is a story, each under an origin of its own; what the store would not keep is refused."""
    numbers = count()
    for _, raw, result in told:
        if isinstance(result, Document):
            try:
                yield encode(replace(result, origin=f"story {next(numbers)}"), "")
            except InvalidStory as error:
                raise AssertionError(raw) from error


@pytest.mark.parametrize("reader", GOOD)
def test_readers_give_stories_or_reasons(told: Told, reader: str) -> None:
    kinds: Counter[str] = Counter()
    for name, raw, result in told:
        if name != reader:
            continue
        kinds[type(result).__name__] += 1
        orjson.dumps([result.reason] if isinstance(result, Rejection) else result.warnings)
        if isinstance(result, Rejection):
            assert result.path.startswith(reader), raw
            assert result.reason, raw
            assert result.line is None or 1 <= result.line <= raw.count(b"\n") + 1, raw
    assert min(kinds["Document"], kinds["Rejection"]) > INPUTS / 20, (
        "the inputs are neither all good nor all bad"
    )


def test_what_is_a_story_can_be_kept_and_answered(told: Told, store: Store) -> None:
    encoded = list(entries(told))
    store.save(encoded)
    with store._database.snapshot() as connection:
        rows = connection.execute(select(schema.articles.c["key", "url", "card", "details"])).all()
    assert {row.key for row in rows} == {version.key for entry in encoded for version in entry.versions}
    for row in rows:
        card = orjson.loads(row.card)
        assert orjson.dumps(card).decode() == row.card
        assert "\0" not in card["title"] + card["excerpt"]
        assert card["title"]
        assert row.url.lower().startswith(("http://", "https://"))
        assert orjson.loads(row.details) is not None
    service = Service(store)
    for row in rows[:100]:
        answer = orjson.loads(service.related(row.url, Options(fill=True)).json())
        assert answer["url"] == row.url
