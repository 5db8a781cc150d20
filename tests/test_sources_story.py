from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Document, Image, Provider, details
from recommender.errors import InvalidStory
from recommender.sources import document
from recommender.urls import canonical, story_key

URL = "https://a.example/x-1"


def story(**fields: Any) -> Document:
    return document({"title": "A story", "webUrl": URL, **fields}, "origin")


def linked(*entries: Any) -> Document:
    return story(related=list(entries))


def test_the_least_a_story_can_be() -> None:
    found = document({"title": "A story", "originalUrl": "http://www.a.example/x-1/?utm_source=y"}, "here")
    assert found.origin == "here"
    assert found.article.key == URL
    assert found.article.url == found.article.original_url == "http://www.a.example/x-1/?utm_source=y"
    assert found.article.web_url == ""
    assert (found.article.type, found.article.published, found.article.removed) == ("article", None, False)
    assert (found.related, found.links, found.warnings) == ((), (), ())


@pytest.mark.parametrize("title", [None, "", "  ", "\u200a\n", "\x00\x1b", [], ["x"], {"a": "b"}, True])
def test_without_a_title_it_is_no_story(title: Any) -> None:
    with pytest.raises(InvalidStory, match="no title"):
        story(title=title)


@pytest.mark.parametrize("url", [None, "", " ", "javascript:alert(1)", "https://u@a.example/", 5, ["x"]])
def test_without_an_address_it_is_no_story(url: Any) -> None:
    with pytest.raises(InvalidStory, match="neither webUrl nor originalUrl"):
        story(webUrl=url)


def test_original_url_stands_in_for_a_bad_one() -> None:
    found = story(webUrl="data:text/html,x", originalUrl=URL)
    assert (found.article.key, found.article.url, found.article.web_url) == (URL, URL, "")
    [warning] = found.warnings
    assert warning.startswith("webUrl left out: 'data:")


def test_addresses_that_are_not_safe_to_link_are_dropped() -> None:
    found = story(
        ampWebUrl="javascript:x", cdnAmpWebUrl="https://u:p@a.example/", originalUrl="x", images=["data:x"]
    )
    article = found.article
    assert (article.amp_web_url, article.cdn_amp_web_url, article.original_url, article.images) == (
        "",
        "",
        "",
        (),
    )
    assert [warning.partition(" ")[0] for warning in found.warnings] == [
        "originalUrl",
        "ampWebUrl",
        "cdnAmpWebUrl",
        "images[0].url",
    ]


@pytest.mark.parametrize("url", ["https:/a.example/x", "https:a.example/x", r"HTTPS:\\a.example\x"])
def test_addresses_that_would_lead_elsewhere_from_a_page_are_kept_in_their_normal_form(url: str) -> None:
    assert story(webUrl=url).article.url == "https://a.example/x"


def test_addresses_are_kept_as_written_but_for_outer_space() -> None:
    assert story(webUrl=" HTTP://WWW.A.example/x-1?utm_source=y#z\n").article.url == (
        "HTTP://WWW.A.example/x-1?utm_source=y#z"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  A   story\n of two\tlines ", "A story of two lines"),
        ("<b>Bold</b> & more", "<b>Bold</b> & more"),
        ("\x1b[31mRed\x07 \x9balert", "[31mRed alert"),
        ("half \ud83d emoji", "half emoji"),
        ("\N{NO-BREAK SPACE}A\N{NO-BREAK SPACE}story", "A story"),
        (1984, "1984"),
        ("None", "None"),
        ("x" * 1_001, "x" * 1_000),
    ],
)
def test_titles(text: Any, expected: str) -> None:
    assert story(title=text).article.title == expected


def test_long_texts_are_cut_with_a_warning() -> None:
    found = story(title="x" * 1_001, excerpt="y" * 20_001)
    assert (len(found.article.title), len(found.article.excerpt)) == (1_000, 20_000)
    assert found.warnings == (
        "title has 1,001 characters: cut to 1,000",
        "excerpt has 20,001 characters: cut to 20,000",
    )


@pytest.mark.parametrize("value", [None, "", [], {}, ["x"], True, False])
@pytest.mark.parametrize("name", ["excerpt", "category", "locale", "featuredContent", "type"])
def test_what_is_no_text_is_left_out(name: str, value: Any) -> None:
    found = story(**{name: value})
    article = found.article
    fields = (article.excerpt, article.category, article.locale, article.featured_content)
    assert fields == ("", "", "", "")
    assert article.type == "article"
    assert len(found.warnings) == (value not in (None, ""))


SUMMER = datetime(2020, 6, 15, 18, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-06-15T18:03:00Z", SUMMER),
        ("2020-06-15t18:03:00z", SUMMER),
        (" 2020-06-15T18:03:00Z ", SUMMER),
        ("2020-06-15T18:03Z", SUMMER),
        ("2020-06-15T13:03:00-05:00", SUMMER),
        ("2020-06-15T13:03:00-0500", SUMMER),
        ("2020-06-15 18:03:00", SUMMER),
        ("2020-06-15T18:03:00.250Z", SUMMER.replace(microsecond=250_000)),
        ("2020-06-15T18:03:00.123456789Z", SUMMER.replace(microsecond=123_456)),
        ("2020-06-15", SUMMER.replace(hour=0, minute=0)),
        ("Mon, 15 Jun 2020 18:03:00 GMT", SUMMER),
        ("Mon, 15 Jun 2020 20:03:00 +0200", SUMMER),
        ("15 Jun 2020 18:03:00 -0000", SUMMER),
        ("1900-01-01", datetime(1900, 1, 1, tzinfo=UTC)),
        ("2200-12-31T23:59:59Z", datetime(2200, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times(text: str, expected: datetime) -> None:
    found = story(publishedDateTime=text)
    assert found.article.published_at == expected
    assert found.article.published_at.tzinfo is UTC
    assert found.warnings == ()


def test_times_without_a_zone_are_of_the_one_given() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for text, expected in (
        ("2020-06-15T20:03:00", SUMMER),
        ("2020-06-15T18:03:00Z", SUMMER),
        ("Mon, 15 Jun 2020 20:03:00", SUMMER),
        ("Mon, 15 Jun 2020 18:03:00 -0000", SUMMER),
        ("Mon, 15 Jun 2020 18:03:00 GMT", SUMMER),
        ("2020-12-15T19:03:00", SUMMER.replace(month=12)),
    ):
        entry = {"title": "Linked", "webUrl": "https://a.example/linked", "publishedDateTime": text}
        found = document(
            {"title": "A", "webUrl": URL, "publishedDateTime": text, "related": [entry]}, "a", berlin
        )
        assert found.article.published_at == found.related[0].published_at == expected
        assert found.article.published_at.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2020-02-30",
        "2020-06-15T25:00:00Z",
        "2020-13-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1899-12-31T23:00:00Z",
        "2201-01-01",
        "Mon, 99 Jun 2020 18:03:00 GMT",
        "Mon, 15 Jun 99999999999 18:03:00 GMT",
        1592244180,
        [],
        True,
    ],
)
def test_impossible_times_leave_the_story_undated(value: Any) -> None:
    found = story(publishedDateTime=value)
    assert found.article.published_at is None
    assert found.warnings == ("publishedDateTime is not a time in 1900–2200: left out",)


@pytest.mark.parametrize("value", [None, ""])
def test_no_time_is_no_trouble(value: Any) -> None:
    found = story(publishedDateTime=value)
    assert (found.article.published_at, found.warnings) == (None, ())


@pytest.mark.parametrize(
    ("value", "expected", "warned"),
    [
        ("42", 42.0, False),
        (" -1 ", -1.0, False),
        (42, 42.0, False),
        (4.5, 4.5, False),
        ("1e3", 1000.0, False),
        (None, None, False),
        ("", None, False),
        ("nan", None, True),
        ("-Infinity", None, True),
        (float("inf"), None, True),
        ("many", None, True),
        (True, None, True),
        ([1], None, True),
        (10**400, None, True),
    ],
)
def test_numbers(value: Any, expected: float | None, warned: bool) -> None:
    found = story(quality=value)
    assert found.article.quality == expected
    assert bool(found.warnings) is warned


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        ("no", False),
        (1, True),
        (None, None),
        ("", None),
    ],
)
def test_booleans(value: Any, expected: bool | None) -> None:
    found = story(published=value, removed=value)
    assert (found.article.published, found.article.removed) == (expected, bool(expected))
    assert found.warnings == ()


NESTED: list[Any] = []
for _ in range(2_000):
    NESTED = [NESTED]


@pytest.mark.parametrize("value", ["perhaps", [], {"a": True}, NESTED], ids=["word", "list", "map", "deep"])
def test_what_is_neither_true_nor_false_is_said(value: Any) -> None:
    found = story(removed=value)
    assert found.article.removed is False
    assert found.warnings == ("removed is neither true nor false: left out",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["AI", "AWS  AI", "AI", None, "", " AI "], ("AI", "AWS AI")),
        ("AI", ("AI",)),
        (None, ()),
        ("", ()),
        ([], ()),
        ([2020], ("2020",)),
        ([["x"], "y"], ("y",)),
        ({"a": "b"}, ()),
    ],
)
def test_lists_of_words(value: Any, expected: tuple[str, ...]) -> None:
    found = story(topics=value, tags=value)
    assert found.article.topics == found.article.tags == expected


def test_long_lists_are_cut() -> None:
    found = story(tags=[str(number) for number in range(500)])
    assert len(found.article.tags) == 200
    assert found.warnings == ("tags has 500 entries: cut to 200",)


def test_images() -> None:
    image = {
        "url": "https://i.example/1.jpg",
        "width": "300",
        "height": 200,
        "isCached": "true",
        "title": None,
    }
    odd = {"url": "https://i.example/2.jpg", "width": "wide", "height": -5}
    found = story(images=[image, None, "https://i.example/3.jpg", odd, {"width": 5}, 7])
    assert found.article.images == (
        Image("https://i.example/1.jpg", 300, 200, True),
        Image("https://i.example/3.jpg"),
        Image("https://i.example/2.jpg"),
    )
    assert found.warnings == (
        "images[2].width is not a finite number: left out",
        "images[4] is a number, not an image: left out",
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"name": " Mic ", "domain": "MIC.com"}, Provider("Mic", "mic.com")),
        ({"name": None, "domain": None, "images": None}, Provider()),
        ("Mic", Provider("Mic")),
        (None, Provider()),
        (["Mic"], Provider()),
        (
            {"images": [{"url": "https://i.example/1.jpg"}]},
            Provider(images=(Image("https://i.example/1.jpg"),)),
        ),
    ],
)
def test_providers(value: Any, expected: Provider) -> None:
    assert story(provider=value).article.provider == expected


def test_unknown_fields_are_kept_and_the_secret_is_not() -> None:
    found = story(secured="blob", section={"name": "x", "tags": [1, None, True]}, author="y")
    assert found.article.extra == {"section": {"name": "x", "tags": [1, None, True]}, "author": "y"}
    assert "blob" not in repr(found)
    assert details(found.article)["extra"] == found.article.extra


@pytest.mark.parametrize("value", ["x" * 70_000, {1, 2}, "\ud800", 10**30])
def test_unknown_fields_that_cannot_be_kept(value: Any) -> None:
    found = story(author=value)
    assert found.article.extra == {}
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("unknown fields")


def test_related_stories_in_the_editors_order() -> None:
    one = {
        "title": "One",
        "webUrl": "https://b.example/1?utm_source=rss",
        "quality": "81",
        "provider": {"name": "B"},
    }
    two = {"title": "Two", "originalUrl": "https://b.example/2"}
    found = linked(two, one, dict(two), {**one, "webUrl": "http://www.b.example/1/"})
    assert found.links == ("https://b.example/2", "https://b.example/1")
    assert [story.title for story in found.related] == ["Two", "One"]
    assert found.related[1].url == "https://b.example/1?utm_source=rss"
    assert (found.related[1].quality, found.related[1].provider.name) == (81.0, "B")
    repeated = [f"related[{place}] repeats an earlier link: left out" for place in (2, 3)]
    assert list(found.warnings) == repeated


def test_a_link_without_an_address_is_by_story_key() -> None:
    entry = {
        "title": "Three",
        "publishedDateTime": "2020-06-15T18:03:00Z",
        "webUrl": "",
        "provider": {"domain": "c.d"},
    }
    found = linked({"title": "One", "webUrl": "https://b.example/1"}, entry)
    assert found.links == ("https://b.example/1", story_key("three", SUMMER, "c.d"))
    assert [story.title for story in found.related] == ["One"]


def test_a_story_is_not_related_to_itself() -> None:
    me = {"title": "A story", "webUrl": f"{URL}/?utm_source=x#y"}
    named = {"title": "A Story"}
    original = {"title": "A story", "webUrl": "https://o.example/x"}
    found = story(originalUrl="https://o.example/x", related=[me, named, original])
    assert (found.related, found.links) == ((), ())
    assert list(found.warnings) == [f"related[{place}] is the story itself: left out" for place in range(3)]


def test_a_bad_entry_never_loses_the_story() -> None:
    good = {"title": "One", "webUrl": "https://b.example/1"}
    entries = [None, "x", 5, [], {}, {"webUrl": "https://b.example/2"}, {"title": "T", "x": "\ud800"}, good]
    found = linked(*entries, {**good, "title": "Two", "webUrl": "javascript:x"})
    assert found.links == ("https://b.example/1", story_key("Two", None, ""))
    assert [warning.partition(" ")[0] for warning in found.warnings] == [
        *(f"related[{place}]" for place in (1, 2, 3, 4, 5, 6)),
        "related[8].webUrl",
    ]


@pytest.mark.parametrize(
    ("value", "warned"), [(None, False), ("", False), ([], False), ("x", True), ({"a": 1}, True)]
)
def test_related_that_is_no_list(value: Any, warned: bool) -> None:
    found = story(related=value)
    assert (found.links, bool(found.warnings)) == ((), warned)


def test_related_of_related_is_not_followed() -> None:
    deeper = {"title": "Deep", "webUrl": "https://b.example/3"}
    found = linked({"title": "One", "webUrl": "https://b.example/1", "related": [deeper]})
    assert found.links == ("https://b.example/1",)
    assert found.related[0].extra == {}


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([URL, "2020-01-01", "None"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
STRINGS = ["title", "excerpt", "publishedDateTime", "webUrl", "ampWebUrl", "originalUrl", "type", "quality"]
OTHERS = ["published", "provider", "topics", "images", "related", "name", "domain", "url", "width", "x"]
NAMES = st.sampled_from(STRINGS + OTHERS)
VALUES = st.dictionaries(
    NAMES, PLAIN | st.lists(st.dictionaries(NAMES, PLAIN, max_size=4), max_size=3), max_size=6
)


@given(VALUES, st.booleans())
def test_any_values_are_a_story_or_refused(values: dict[str, Any], complete: bool) -> None:
    if complete:
        values = {**values, "title": "A story", "webUrl": URL}
    try:
        found = document(values, "origin")
    except InvalidStory:
        assert not complete
        return
    article = found.article
    assert article.key == canonical(article.url)
    assert article.title.strip() == article.title != ""
    assert all(link != article.key for link in found.links)
    assert len(set(found.links)) == len(found.links)
    assert {story.key for story in found.related} <= set(found.links)
    for url in (article.url, article.web_url, article.amp_web_url, *(image.url for image in article.images)):
        assert url == "" or url.lower().startswith(("http:", "https:"))
