from __future__ import annotations

import io
import json
import os
import pickle
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Document, Image, Rejection
from recommender.errors import UsageError
from recommender.sources import SUFFIXES, discover, parse, read

STORY = {"title": "A story", "webUrl": "https://www.a.example/x-1"}
KEY = "https://a.example/x-1"


def parsed(raw: bytes | str, suffix: str) -> list[Document | Rejection]:
    stream = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    return list(parse(stream, suffix, "folder/file"))


def rejection(raw: bytes | str, suffix: str) -> Rejection:
    [found] = parsed(raw, suffix)
    assert isinstance(found, Rejection), found
    assert found.path == "folder/file"
    return found


# Files


def test_discover(tmp_path: Path) -> None:
    for name in (
        "b.md",
        "a.TXT",
        "sub/c.jsonl",
        "sub/README.md",
        ".hidden/d.md",
        ".e.md",
        "f.pdf",
        "readme.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = discover([tmp_path / "f.pdf", tmp_path, tmp_path / "b.md"])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "f.pdf",
        "a.TXT",
        "b.md",
        "sub/c.jsonl",
    ]


def test_discover_says_what_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.md does not exist"):
        discover([tmp_path, tmp_path / "nothing.md"])


def test_read_names_the_file_as_given(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(STORY))
    assert [item.origin for item in read(path) if isinstance(item, Document)] == [path.as_posix()]
    assert pickle.loads(pickle.dumps(read)) is read


def test_a_file_that_cannot_be_opened_is_rejected(tmp_path: Path) -> None:
    for path in (tmp_path / "none.md", tmp_path):
        [found] = read(path)
        assert isinstance(found, Rejection)
        assert "cannot be read" in found.reason


def test_a_pipe_or_a_device_in_a_folder_is_no_story(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "zero.md").symlink_to("/dev/zero")
    (tmp_path / "gone.md").symlink_to(tmp_path / "nowhere.md")
    (tmp_path / "story.md").touch()
    assert [path.name for path in discover([tmp_path])] == ["gone.md", "story.md"]
    assert discover([tmp_path / "pipe.md"]) == [tmp_path / "pipe.md"], (
        "who names it waits for who writes to it"
    )


@pytest.mark.parametrize("suffix", ["", ".pdf", ".docx"])
def test_unknown_suffix(suffix: str) -> None:
    assert ".jsonl" in rejection("x", suffix).reason


@pytest.mark.parametrize("suffix", sorted(SUFFIXES - {".jsonl", ".ndjson"}))
def test_large_files_are_not_read(suffix: str) -> None:
    stream = io.BytesIO(b"[" * 50_000_000)
    start = time.process_time()
    [found] = parse(stream, suffix, "file")
    assert time.process_time() - start < 0.1
    assert isinstance(found, Rejection)
    assert "larger than" in found.reason


@given(st.sampled_from(sorted(SUFFIXES)), st.binary(max_size=300))
def test_no_bytes_raise(suffix: str, raw: bytes) -> None:
    for found in parsed(raw, suffix):
        assert isinstance(found, Document | Rejection)


TEXT_SCRAPS = [
    "---\n",
    "title: x\n",
    "webUrl: https://a.example/x\n",
    "- ",
    "&",
    "\n",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\x00",
]
JSON_SCRAPS = [
    '{"title":',
    '"x"',
    '"webUrl":',
    '"https://a.example/x"',
    '"@type":"Article"',
    '"related":',
    "NaN",
]
XML_SCRAPS = [
    "<rss><channel>",
    "<item>",
    "<title>x</title>",
    "<link>http://[</link>",
    "</item>",
    "</channel></rss>",
]
HTML_SCRAPS = [
    "<!DOCTYPE x>",
    '<script type="application/ld+json">',
    "</script>",
    "<![CDATA[",
    '<meta property="og:title" content="x">',
    '<link rel="canonical" href="https://a.example/x">',
]
SCRAPS = [scrap.encode() for scrap in TEXT_SCRAPS + JSON_SCRAPS + XML_SCRAPS + HTML_SCRAPS]


@given(
    st.sampled_from(sorted(SUFFIXES)),
    st.lists(st.sampled_from([*SCRAPS, b"\xff\xfe", b"\xe2\x80\x8b"]), max_size=14).map(b"".join),
)
def test_no_scraps_raise(suffix: str, raw: bytes) -> None:
    for found in parsed(raw, suffix):
        assert isinstance(found, Document | Rejection)


@pytest.mark.parametrize("name", ["coronavirus", "diablo4", "azure"])
def test_corpora(corpora: Path, name: str) -> None:
    found = [item for path in discover([corpora / name]) for item in read(path)]
    rejected = [item for item in found if isinstance(item, Rejection)]
    expected = [(4, "the control character U+0097 is not allowed")] if name == "coronavirus" else []
    assert [(item.line, item.reason) for item in rejected] == expected
    assert len(found) == len(list((corpora / name).iterdir()))
    documents = [item for item in found if isinstance(item, Document)]
    # Entries of related, less links of a story to itself and repeated ones, counted by other means.
    links = {"coronavirus": 1627 - 69 - 3, "diablo4": 3430 - 7 - 29, "azure": 89919 - 10 - 147}[name]
    assert sum(len(item.links) for item in documents) == links
    warnings = [warning for item in documents for warning in item.warnings]
    left_out = sum(warning.endswith(("the story itself: left out", "link: left out")) for warning in warnings)
    assert left_out == {"coronavirus": 72, "diablo4": 36, "azure": 157}[name]


AT = "2020-06-15T20:03"
DATED = {**STORY, "publishedDateTime": AT}
ITEM = {"title": "x", "url": STORY["webUrl"], "date_published": AT}
ENTRY = (
    f"<item><title>x</title><link>{STORY['webUrl']}</link><pubDate>Mon, 15 Jun 2020 20:03:00</pubDate></item>"
)
HEAD = f"""<meta property="og:title" content="x"><link rel="canonical" href="{STORY["webUrl"]}">
<meta property="article:published_time" content="{AT}">"""


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".md", f"---\ntitle: x\nwebUrl: {STORY['webUrl']}\npublishedDateTime: {AT}\n---\n"),
        (".json", json.dumps(DATED)),
        (".json", json.dumps([DATED])),
        (".jsonl", json.dumps(DATED)),
        (".json", json.dumps({"version": "https://jsonfeed.org/version/1", "items": [ITEM]})),
        (".xml", f'<rss version="2.0"><channel>{ENTRY}</channel></rss>'),
        (".html", HEAD),
    ],
    ids=["front matter", "JSON", "list", "JSONL", "JSON Feed", "RSS", "HTML"],
)
def test_times_without_a_zone_are_of_the_newsroom_s(suffix: str, text: str) -> None:
    [found] = parse(io.BytesIO(text.encode()), suffix, "file", ZoneInfo("Europe/Berlin"))
    assert isinstance(found, Document)
    assert found.article.published_at == datetime(2020, 6, 15, 18, 3, tzinfo=UTC)


# JSON


def test_json_of_one_story() -> None:
    [found] = parsed(json.dumps({**STORY, "quality": 81, "removed": True, "topics": [None, "AI"]}), ".json")
    assert isinstance(found, Document)
    assert (found.origin, found.article.key) == ("folder/file", KEY)
    assert (found.article.quality, found.article.removed, found.article.topics) == (81.0, True, ("AI",))


def test_json_of_several_stories() -> None:
    one, bad, two = parsed("\ufeff" + json.dumps([STORY, 7, {**STORY, "title": "Two"}]), ".json")
    assert isinstance(one, Document)
    assert isinstance(two, Document)
    assert (one.origin, two.origin, two.article.title) == ("folder/file#1", "folder/file#3", "Two")
    assert bad == Rejection("folder/file", None, "story 2: not a JSON object")


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"", 1),
        (b'{"title":\n\n nope}', 3),
        (b'{"title": NaN}', 1),
        (b'{\n"title": "\\ud800"}', 2),
        (b'{\n"title": "\xff"}', None),
        (b"[" * 100_000, 1),
        (b'{"a":' * 100_000, 1),
    ],
    ids=["empty", "word", "NaN", "surrogate", "bytes", "brackets", "braces"],
)
def test_bad_json(raw: bytes, line: int | None) -> None:
    found = rejection(raw, ".json")
    assert found.reason.startswith("not JSON")
    assert line in (None, found.line)


@pytest.mark.parametrize(("raw", "reason"), [(b'"x"', "not a JSON object"), (b"{}", "no title")])
def test_json_that_is_no_story(raw: bytes, reason: str) -> None:
    assert rejection(raw, ".json").reason == reason


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".JSONL"])
def test_a_bad_line_does_not_stop_the_rest(suffix: str) -> None:
    good = orjson.dumps(STORY)
    lines = [
        b"\xef\xbb\xbf" + good,
        b"",
        b"  ",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"\xff",
        b"x" * 5_000_001,
        b'{"title": "x"}',
        good + b"\r",
        good,
    ]
    found = parsed(b"\n".join(lines), suffix)
    read_lines = [item.origin for item in found if isinstance(item, Document)]
    assert read_lines == ["folder/file#1", "folder/file#12", "folder/file#13"]
    rejected = {item.line: item.reason for item in found if isinstance(item, Rejection)}
    assert list(rejected) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert rejected[5] == "not a JSON object"
    assert rejected[10] == "longer than 5 MB: not read"
    assert rejected[11].startswith("neither webUrl nor originalUrl")


class _Endless(io.RawIOBase):
    """A story a line, for ever."""

    line = orjson.dumps(STORY) + b"\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[: len(self.line)] = self.line
        return len(self.line)


def test_lines_are_streamed() -> None:
    found = parse(io.BufferedReader(_Endless()), ".jsonl", "pipe")
    first, second = next(found), next(found)
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.origin, second.origin) == ("pipe#1", "pipe#2")


def test_json_feed() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "The Paper",
        "home_page_url": "https://www.paper.example/",
        "language": "en-GB",
        "items": [
            {
                "id": "1",
                "url": STORY["webUrl"],
                "title": "A story",
                "content_html": "<p>Of <b>two</b></p><p>words &amp; more</p>",
                "date_published": "2020-06-15T18:03:00Z",
                "image": "https://i.example/1.jpg",
                "tags": ["AI", "AI"],
            },
            7,
            {"id": "https://a.example/2", "title": "Two", "summary": "S", "content_text": "T"},
            {"id": "3", "title": "Three"},
        ],
    }
    one, seven, two, three = parsed(json.dumps(feed), ".json")
    assert isinstance(one, Document)
    article = one.article
    assert (one.origin, article.key, article.title) == ("folder/file#1", KEY, "A story")
    assert (article.excerpt, article.locale, article.topics) == ("Of two words & more", "en-GB", ("AI",))
    assert (article.provider.name, article.provider.domain) == ("The Paper", "paper.example")
    assert article.published_at == datetime(2020, 6, 15, 18, 3, tzinfo=UTC)
    assert article.images == (Image("https://i.example/1.jpg"),)
    assert isinstance(two, Document)
    assert (two.origin, two.article.excerpt) == ("folder/file#3", "S")
    assert seven == Rejection("folder/file", None, "item 2: no title")
    assert isinstance(three, Rejection)
    assert three.reason.startswith("item 4: neither webUrl")


def test_json_feed_without_items() -> None:
    assert "list of items" in rejection('{"version": "https://jsonfeed.org/version/1"}', ".json").reason
