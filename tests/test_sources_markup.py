from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from recommender.articles import Document, Image, Rejection
from recommender.sources import parse, syndicated
from recommender.sources.syndicated import MAX_ITEMS

KEY = "https://a.example/x-1"
SUMMER = datetime(2020, 6, 15, 18, 3, tzinfo=UTC)


def parsed(raw: bytes | str, suffix: str) -> list[Document | Rejection]:
    stream = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    return list(parse(stream, suffix, "folder/file"))


def story(raw: bytes | str, suffix: str = ".html") -> Document:
    [found] = parsed(raw, suffix)
    assert isinstance(found, Document), found
    return found


def rejection(raw: bytes | str, suffix: str = ".html") -> Rejection:
    [found] = parsed(raw, suffix)
    assert isinstance(found, Rejection), found
    return found


# Feeds

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>
<title>The &amp; Paper</title><link>https://www.paper.example/</link><language>en</language>
<item><title>A &lt;b&gt;bold&lt;/b&gt; move &amp;amp; more</title><link>https://paper.example/a?utm_source=rss</link>
<description>&lt;p&gt;One&lt;script&gt;x()&lt;/script&gt;&lt;/p&gt;&lt;p&gt;two’s&lt;/p&gt;</description>
<pubDate>Mon, 15 Jun 2020 20:03:00 +0200</pubDate><category>Tech</category>
<media:content url="https://paper.example/a.jpg" width="10" height="20" medium="image"/>
<media:content url="https://paper.example/a.mp4" type="video/mp4"/>
<enclosure url="https://paper.example/b.jpg" type="image/jpeg" length="1"/></item>
<item><title>No link</title></item>
<item><title>Odd link</title><link>http://[</link></item>
<item><title>Script link</title><link>javascript:alert(1)</link></item>
<item><title>Undated</title><link>https://paper.example/b</link><pubDate>soon</pubDate></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>At</title><link href="https://at.example/"/>
<entry><title type="text">1 &lt; 2</title><link rel="alternate" href="https://at.example/1"/>
<updated>2020-06-15T18:03:00Z</updated><summary type="html">&lt;i&gt;hi&lt;/i&gt;</summary>
<source><title>Other</title><link href="https://other.example/"/></source></entry></feed>"""


@pytest.mark.parametrize("suffix", [".xml", ".rss", ".atom", ".rdf"])
def test_rss(suffix: str) -> None:
    one, no_link, odd, script, undated = parsed(RSS, suffix)
    assert isinstance(one, Document)
    article = one.article
    assert (one.origin, article.key) == ("folder/file#1", "https://paper.example/a")
    assert (article.title, article.excerpt) == ("A bold move & more", "One two’s")
    assert article.published_at == SUMMER
    assert (article.provider.name, article.provider.domain) == ("The & Paper", "paper.example")
    assert (article.topics, article.locale) == (("Tech",), "en")
    assert article.images == (
        Image("https://paper.example/a.jpg", 10, 20),
        Image("https://paper.example/b.jpg"),
    )
    for number, item in ((2, no_link), (3, odd), (4, script)):
        assert isinstance(item, Rejection)
        assert item.reason.startswith(f"entry {number}: neither webUrl nor originalUrl")
    assert isinstance(undated, Document)
    assert undated.article.published_at is None
    assert undated.warnings == ("publishedDateTime is not a time in 1900–2200: left out",)


def test_atom() -> None:
    found = story(ATOM, ".xml")
    assert (found.article.title, found.article.excerpt) == ("1 < 2", "hi")
    assert (found.article.provider.name, found.article.provider.domain) == ("Other", "other.example")
    assert found.article.published_at == SUMMER


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_feeds_in_other_encodings(encoding: str) -> None:
    raw = RSS.replace("’", "é").replace("utf-8", encoding).encode(encoding)
    found = parsed(raw, ".xml")[0]
    assert isinstance(found, Document)
    assert found.article.excerpt == "One twoés"


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("raw", "line", "reason"),
    [
        (f'<?xml version="1.0"?>\n{LAUGHS}<rss><channel><title>&b;</title></channel></rss>', 2, "entities"),
        ('<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss/>', 1, "entities"),
        (f"{LAUGHS}<rss/>".encode("utf-16"), 1, "entities"),
        ("<html><body>x</body></html>", None, "neither RSS nor Atom"),
        ("<rss><channel><item><title>x</title>\n</rss>", 2, "not XML"),
        ("", None, "not XML"),
        ("junk", 1, "not XML"),
        ('<?xml version="1.0" encoding="no-such"?><rss/>', None, "not XML"),
        ("<rss><channel>" + "<a>" * 100_000, None, "not XML"),
        ("<rss><channel>&nbsp;</channel></rss>", 1, "not XML"),
    ],
    ids=[
        "laughs",
        "external",
        "utf-16",
        "html",
        "unclosed",
        "empty",
        "junk",
        "encoding",
        "deep",
        "undeclared",
    ],
)
def test_bad_feeds(raw: str | bytes, line: int | None, reason: str) -> None:
    found = rejection(raw, ".xml")
    assert reason in found.reason
    assert line in (None, found.line)


@pytest.mark.parametrize("tag", ["category", "Category", "dc:subject", "itunes:keywords"])
def test_topics_without_end_are_cut(tag: str) -> None:
    topics = "".join(f"<{tag}>{number}</{tag}>" for number in range(20_000))
    if tag == "itunes:keywords":
        topics = f"<{tag}>one</{tag}><{tag}>{','.join(map(str, range(100_000)))}</{tag}>"
    spaces = (
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:itunes="http://www.itunes.com/DTDs/PodCast-1.0.dtd"'
    )
    items = f"<item><title>A</title><link>{KEY}</link>{topics}</item>" * 2
    start = time.process_time()
    found = parsed(f'<rss version="2.0" {spaces}><channel>{items}</channel></rss>', ".xml")
    assert time.process_time() - start < 4
    for each in found:
        assert isinstance(each, Document)
        assert each.article.topics[:1] == (("one",) if tag == "itunes:keywords" else ("0",))
    assert len(found) == 2


@pytest.mark.parametrize("element", ["<item/>", "<a/>", "<item><link>x</link></item>"])
def test_feeds_that_are_much_work_are_refused_at_once(element: str) -> None:
    raw = f'<rss version="2.0"><channel>{element * (2_000_000 // len(element))}</channel></rss>'.encode()
    start = time.process_time()
    [polled] = syndicated(raw, "folder/file")
    assert time.process_time() - start < 1
    assert polled == Rejection("folder/file", None, "more than 50,000 elements: not read")


def test_a_text_without_end_is_cut() -> None:
    text = "&lt;p&gt;word &amp;amp; &lt;b&gt;x&lt;/b&gt;" * 100_000
    raw = f"<rss version='2.0'><channel><item><title>A</title><link>{KEY}</link><description>{text}"
    start = time.process_time()
    found = story(f"{raw}</description></item></channel></rss>", ".xml")
    assert time.process_time() - start < 1
    assert found.article.excerpt.startswith("word & x word & x")
    assert len(found.article.excerpt) > 19_000


def test_a_file_may_have_more_of_them() -> None:
    raw = f"<rss version='2.0'><channel>{'<a/>' * 4_900_000}</channel></rss>"
    start = time.process_time()
    assert rejection(raw, ".xml").reason == "more than 300,000 elements: not read"
    assert time.process_time() - start < 10
    item = f"<item><title>A</title><link>{KEY}</link>{'<a/>' * 1_000}</item>"
    found = parsed(f"<rss version='2.0'><channel>{item * 60}</channel></rss>", ".xml")
    assert [type(one) for one in found] == [Document] * 60


def test_of_a_json_feed_without_end_some_thousand_items_are_looked_at() -> None:
    raw = b'{"version": "https://jsonfeed.org/version/1.1", "items": [%b1]}' % (b"1," * 2_400_000)
    start = time.process_time()
    found = list(syndicated(raw, "folder/file"))
    assert time.process_time() - start < 2
    assert len(found) == MAX_ITEMS


# Web pages

HEAD = """<title>Tab title</title>
<meta property="og:title" content="Graph &amp; title"><meta property="og:description" content="Of it">
<meta property="og:url" content="https://a.example/og"><meta property="og:image" content="https://i.example/1.jpg">
<meta property="og:image:width" content="640"><meta property="og:site_name" content="The A">
<meta property="article:published_time" content="2020-06-15T18:03:00Z">
<meta property="article:section" content="Tech">
<meta property="article:tag" content="AI"><meta property="article:tag" content="AWS">
<link rel="canonical" href="https://www.a.example/x-1"><link rel="amphtml" href="https://amp.a.example/x-1">"""

LD: dict[str, Any] = {
    "@context": "https://schema.org",
    "@type": "NewsArticle",
    "headline": "A &quot;story&quot;",
    "description": "Of <b>it</b>",
    "datePublished": "2020-06-15T18:03:00Z",
    "url": "https://www.a.example/x-1",
    "image": [
        {"@type": "ImageObject", "url": "https://i.example/1.jpg", "width": {"value": 640}},
        "https://i.example/2.jpg",
    ],
    "publisher": {"@type": "Organization", "name": "The A", "logo": {"url": "https://i.example/logo.png"}},
    "articleSection": ["Tech"],
    "keywords": "AI, AWS,",
    "inLanguage": "en",
}


def page(script: str, head: str = "") -> str:
    opening = '<script type="application/ld+json">'
    return f"<!DOCTYPE html><html><head>{head}{opening}{script}</script></head><body><p>x</p></body></html>"


def test_open_graph() -> None:
    body = '<body><a href="https://a.example/2">Related</a></body>'
    found = story(f"<!DOCTYPE html><html><head>{HEAD}</head>{body}</html>")
    article = found.article
    assert (found.origin, article.key, article.amp_web_url) == (
        "folder/file",
        KEY,
        "https://amp.a.example/x-1",
    )
    assert (article.title, article.excerpt, article.type) == ("Graph & title", "Of it", "article")
    assert (article.provider.name, article.provider.domain) == ("The A", "a.example")
    assert (article.topics, article.tags) == (("Tech",), ("AI", "AWS"))
    assert article.images == (Image("https://i.example/1.jpg", 640),)
    assert article.published_at == SUMMER
    assert (found.links, found.warnings) == ((), ())


def test_json_ld() -> None:
    found = story(page(json.dumps(LD)))
    article = found.article
    assert (article.key, article.title, article.excerpt) == (KEY, 'A "story"', "Of it")
    assert (article.provider.name, article.provider.domain) == ("The A", "a.example")
    assert article.provider.images == (Image("https://i.example/logo.png"),)
    assert article.images == (Image("https://i.example/1.jpg", 640), Image("https://i.example/2.jpg"))
    assert (article.topics, article.tags, article.locale) == (("Tech",), ("AI", "AWS"), "en")
    assert (article.published_at, found.warnings) == (SUMMER, ())


@pytest.mark.parametrize(
    "script",
    [
        json.dumps([{"@type": "WebPage"}, LD]),
        json.dumps({"@graph": [{"@type": "Organization", "name": "x"}, LD]}),
        json.dumps({"@type": "WebPage", "mainEntity": LD}),
        json.dumps({**LD, "@type": ["Thing", "OpinionNewsArticle"]}),
        json.dumps({**LD, "@type": "https://schema.org/BlogPosting"}),
        json.dumps({**LD, "url": None, "mainEntityOfPage": {"@id": LD["url"]}}),
        json.dumps({**LD, "url": None, "mainEntityOfPage": LD["url"]}),
        f"<!-- {json.dumps(LD)} -->",
        f"//<![CDATA[\n{json.dumps(LD)}\n//]]>",
        f"\n{json.dumps(LD)};",
        f"{json.dumps(LD)}}};",
        json.dumps(LD).replace("Of <b>", "Of\n<b>"),
        json.dumps({**LD, "wordCount": float("nan")}),
    ],
    ids=[
        "list",
        "graph",
        "nested",
        "types",
        "address",
        "main id",
        "main",
        "comment",
        "CDATA",
        ";",
        "};",
        "\\n",
        "NaN",
    ],
)
def test_json_ld_as_pages_write_it(script: str) -> None:
    article = story(page(script)).article
    assert (article.key, article.title, article.excerpt) == (KEY, 'A "story"', "Of it")


def test_json_ld_references() -> None:
    paper = {"@type": "Organization", "@id": "#paper", "name": "The A"}
    graph = {"@graph": [{**LD, "publisher": {"@id": "#paper"}}, paper]}
    assert story(page(json.dumps(graph))).article.provider.name == "The A"


def test_json_ld_is_filled_up_from_open_graph() -> None:
    article = story(page(json.dumps({"@type": "Article", "headline": "Headline"}), HEAD)).article
    assert (article.title, article.excerpt, article.key) == ("Headline", "Of it", KEY)
    assert (article.provider.name, article.tags) == ("The A", ("AI", "AWS"))


@pytest.mark.parametrize(
    "script",
    ["", "{", "[[[", "null", '{"@type": 7}', "[" * 100_000, '{"a":' * 100_000],
    ids=["empty", "brace", "brackets", "null", "type", "deep list", "deep object"],
)
def test_json_ld_that_is_none_leaves_open_graph(script: str) -> None:
    assert story(page(script, HEAD)).article.title == "Graph & title"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "no HTML"),
        ("<!-- x -->", "no HTML"),
        ("<html><head><title>x</title></head></html>", "neither a schema.org article"),
        (page(json.dumps({"@type": "Recipe", "name": "Soup"})), "neither a schema.org article"),
        (page(json.dumps({**LD, "url": "/relative"})), "neither webUrl nor originalUrl"),
        (page(json.dumps({**LD, "url": "javascript:x"})), "neither webUrl nor originalUrl"),
        (page(json.dumps({**LD, "headline": " "})), "no title"),
        ("<div>" * 100_000, "neither a schema.org article"),
    ],
    ids=["empty", "comment", "title", "recipe", "relative", "script", "untitled", "deep"],
)
def test_pages_that_are_no_story(raw: str, reason: str) -> None:
    start = time.process_time()
    assert reason in rejection(raw).reason
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "head",
    [
        f"<a {' '.join(f'a{number}=1' for number in range(100_000))}>",
        "<p>" * 1_500_000,
        page("[CDATA[" * 600_000),
        page("[" + "0," * 2_000_000 + "0]"),
        page(json.dumps({**LD, "keywords": ",<" * 1_000_000})),
        page(json.dumps({**LD, "description": "<p>" * 1_000_000})),
    ],
    ids=["attributes", "elements", "CDATA", "numbers", "keywords", "description"],
)
def test_pages_that_are_much_work_for_a_tree_are_read_at_once(head: str) -> None:
    start = time.process_time()
    found = story(f"{HEAD}{head}")
    assert time.process_time() - start < 5
    assert found.article.key == KEY


def test_page_in_another_encoding() -> None:
    head = '<meta charset="iso-8859-1"><meta property="og:title" content="Café">'
    raw = f'<html><head>{head}<link rel="canonical" href="http://a.example/x"></head></html>'
    assert story(raw.encode("latin-1"), ".htm").article.title == "Café"
