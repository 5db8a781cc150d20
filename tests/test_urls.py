from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recommender import urls
from recommender.articles import Document
from recommender.errors import InvalidURL
from recommender.sources import read
from recommender.urls import MAX_LENGTH, canonical, domain, story_key

STORY = "https://news.example/2020/06/a-story-of-cops-22976063"


@pytest.mark.parametrize(
    "form",
    [
        STORY,
        STORY + "/",
        STORY + "//",
        STORY + "#comments",
        STORY + "?",
        STORY + "?utm_source=x&UTM_Medium=y",
        STORY + "?fbclid=1&gclid=2&CMP=share&ref=home",
        STORY + "?utm_source=x&amp;utm_medium=y",
        STORY + "%20",
        STORY + "\u2028/",
        STORY + "/index.html",
        f"  {STORY}\n",
        STORY.replace("https", "http"),
        STORY.replace("https", "HTTPS"),
        STORY.replace("news.example", "NEWS.Example"),
        STORY.replace("news.example", "www.news.example"),
        STORY.replace("news.example", "news.example."),
        STORY.replace("news.example", "news.example:443"),
        STORY.replace("https://news.example", "http://news.example:80"),
        STORY.replace("/2020", "//2020"),
        STORY.replace("/06/", "/05/../06/"),
        STORY.replace("story", "%73tory"),
    ],
)
def test_forms_of_one_address_have_one_key(form: str) -> None:
    assert canonical(form) == STORY


@pytest.mark.parametrize(
    "form",
    [
        "https://news.example/2020/06/a-story-of-cops-22976063/amp",
        "https://news.example/2020/06/a-story-of-cops-22976063/amp/?utm_source=x",
        "https://news.example/amp/2020/06/a-story-of-cops-22976063",
        "https://news.example/AMP/2020/06/a-story-of-cops-22976063",
        "https://news.example/.amp/2020/06/a-story-of-cops-22976063",
        "https://news.example/google-amp/2020/06/a-story-of-cops-22976063",
        "https://news.example/platform/amp/2020/06/a-story-of-cops-22976063",
        "https://news.example/2020/amp/06/a-story-of-cops-22976063",
        "https://news.example/2020/06/a-story-of-cops-22976063.amp",
        "https://news.example/2020/06/a-story-of-cops-22976063.amphtml",
        "https://news.example/2020/06/a-story-of-cops-22976063/amp.html",
        "https://amp.news.example/2020/06/a-story-of-cops-22976063",
        "https://amp.www.news.example/2020/06/a-story-of-cops-22976063",
        *(
            f"{STORY}?{query}"
            for query in ("amp", "amp=1", "AMP", "_amp=true", "amphtml=1", "outputType=amp")
        ),
        *(f"{STORY}?{query}" for query in ("context=amp", "template=ampart", "view=AMP", "platform=amp")),
        "https://cdn.ampproject.org/c/s/news.example/2020/06/a-story-of-cops-22976063",
        "https://news-example.cdn.ampproject.org/c/s/news.example/2020/06/a-story-of-cops-22976063/amp",
        "https://news-example.cdn.ampproject.org/v/s/news.example/2020/06/a-story-of-cops-22976063?amp_js_v=a6&usqp=mq3",
        "http://news-example.cdn.ampproject.org/c/news.example/2020/06/a-story-of-cops-22976063/amp#x",
        "https://www.google.com/amp/s/news.example/2020/06/a-story-of-cops-22976063/amp",
        "https://www.google.com//amp/s/news.example/2020/06/a-story-of-cops-22976063/amp",
        "https://www.google.co.uk/amp/s/amp.news.example/2020/06/a-story-of-cops-22976063",
        "https://cdn.ampproject.org/c/s/www.google.com/amp/s/news.example/2020/06/a-story-of-cops-22976063",
    ],
)
def test_amp_forms_lead_to_the_story(form: str) -> None:
    assert canonical(form) == STORY


@pytest.mark.parametrize(
    ("amp", "plain"),
    [
        ("https://a.example/x/article_c9fb.amp.html", "https://a.example/x/article_c9fb.html"),
        ("https://a.example/amp-articles/some-game/1100-6482691/", "https://a.example/articles/some-game/1100-6482691"),
        ("https://a.example/article-amp/235316/guard", "https://a.example/article/235316/guard"),
        ("https://a.example/news/article-8290801/amp/People.html", "https://a.example/news/article-8290801/People.html"),
        ("https://a.example/amp/US/first-patient/story?id=70533621", "https://a.example/US/first-patient/story?id=70533621"),
    ],
)  # fmt: skip
def test_amp_paths_of_publishers(amp: str, plain: str) -> None:
    assert canonical(amp) == canonical(plain) == plain


@pytest.mark.parametrize(
    "url",
    [
        "https://music.example/reviews/amp",  # a story about amplifiers, or their section
        "https://music.example/guitar/amp/ten-best",
        "https://music.example/amp",
        "https://music.example/2020/05/amp",
        "https://music.example/best-tube-amp",
        "https://music.example/guitar-amp/ten-best",
        "https://shop.example/fuse?amp=50",
        "https://shop.example/fuse?version=amplified",
        "https://www.amp/guitar",
        "https://cdn.ampproject.org/i/s",
    ],
)
def test_amp_as_a_word_is_kept(url: str) -> None:
    assert canonical(url).removeprefix("https://") == url.removeprefix("https://").removesuffix("/")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/aB", "https://a.example/ab"),
        ("https://m.a.example/story-1", "https://a.example/story-1"),
        ("https://mobile.a.example/story-1", "https://a.example/story-1"),
        ("https://a.example/story?id=1", "https://a.example/story?id=2"),
        ("https://a.example/?p=1", "https://a.example/"),
        ("https://a.example/watch?v=x", "https://a.example/watch?v=X"),
        ("https://a.example/video/?471800-1/governor", "https://a.example/video/?471792-103/washington"),
        ("https://a.example/a%2Fb", "https://a.example/a/b"),
        ("https://a.example:8080/x", "https://a.example/x"),
        ("https://exаmple.com/x", "https://example.com/x"),  # a Cyrillic а
        ("https://a.example/x?tag=1&tag=2", "https://a.example/x?tag=2&tag=1"),
        ("https://a.example/x?a=1", "https://a.example/x?a=1&b"),
    ],
)
def test_what_may_be_two_stories_stays_two(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "name", ["id", "v", "p", "ArticleID", "objectid", "vid", "page", "story", "contentID", "oid"]
)
def test_parameters_that_select_the_story_are_kept(name: str) -> None:
    assert canonical(f"https://a.example/x?utm_source=y&{name}=7#z") == f"https://a.example/x?{name}=7"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/it’s", "https://a.example/it%e2%80%99s"),
        ("https://a.example/it's", "https://a.example/it%27s"),
        ("https://a.example/x?q=it's", "https://a.example/x?q=it%27s"),
        ("https://a.example/x?q=a%20b", "https://a.example/x?q=a+b"),
        ("https://a.example/%7Euser", "https://a.example/~user"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("https://a.example/x?b=2&a=1", "https://a.example/x?a=1&b=2"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://bücher.example/x", "https://BÜCHER.example/x"),
        ("http://0x7f.1/x", "http://127.0.0.1/x"),
        ("https:\\\\a.example\\x", "https://a.example/x"),
    ],
)
def test_spellings_of_one_address(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


def test_no_character_vanishes_from_a_host() -> None:
    """Whatever it is: an address with it is another story's, or no address."""
    for character in map(chr, range(0x80, 0x110000)):
        try:
            key = canonical(f"https://exam{character}ple.com/a-b")
        except InvalidURL:
            continue
        assert key != "https://example.com/a-b", f"U+{ord(character):04X}"


def test_an_emoji_in_a_path_stays_as_it_is() -> None:
    assert canonical("https://a.example/❤️-x") == "https://a.example/%E2%9D%A4%EF%B8%8F-x"


@pytest.mark.parametrize("url", ["http://localhost:8000/x", "http://127.0.0.1/x", "http://[::1]:81/x"])
def test_local_hosts_are_hosts(url: str) -> None:
    assert canonical(url) == url.replace("http:", "https:")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "starts with http"),
        ("javascript:alert(1)", "starts with http"),
        ("data:text/html,x", "starts with http"),
        ("ftp://a.example/x", "starts with http"),
        ("//a.example/x", "starts with http"),
        ("www.a.example/x", "starts with http"),
        ("/x", "starts with http"),
        ("https://", "no host"),
        ("https:///", "no host"),
        ("https://a b/", "no host"),
        ("https://[::1/", "no host"),
        ("https://a.example:99999/", "no host"),
        ("https://user@a.example/", "user"),
        ("https://user:secret@a.example/", "user"),
        ("https://@a.example/", "user"),
        ("https://cdn.ampproject.org/c/s/user@a.example/x", "user"),
        ("https://ex%E2%80%8Bample.com/", "encoded"),
        ("https://a.example/\u200bx", "U+200B"),
        ("https://exa\u200dmple.com/", "U+200D"),
        ("https://exa\xadmple.com/", "U+00AD"),
        ("https://exa\ufe0fmple.com/", "U+FE0F"),
        ("https://exa\U0001d173mple.com/", "U+1D173"),
        ("https://a.example/\u202egpj.exe", "U+202E"),
        ("https://a.example/a\tb", "U+0009"),
        ("https://a.example/a\nb", "U+000A"),
        ("https://a.example/\x00", "U+0000"),
        ("https://a.example/\ud800", "U+D800"),
        ("https://a.example/" + "x" * MAX_LENGTH, "2,048"),
        ("https://a.example/" + "é" * 400, "2,048 characters once encoded"),
    ],
)
def test_refused(url: str, reason: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        canonical(url)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400


def test_longest_address() -> None:
    longest = "https://a.example/".ljust(MAX_LENGTH, "x")
    assert canonical(longest) == longest


@pytest.mark.parametrize("around", ["{}" + " " * 3_000_000, "\n" * 3_000_000 + "{}", "{}" + "." * 3_000_000])
def test_what_is_too_long_is_refused_before_it_is_looked_at_and_is_not_kept(around: str) -> None:
    """What is put around an address, too: normal forms are kept by what they were made of."""
    kept = canonical.cache_info().currsize
    with pytest.raises(InvalidURL, match="is longer than 2,048 characters"):
        canonical(around.format("https://news.example"))
    assert canonical.cache_info().currsize == kept


def test_refusal_names_the_address_but_not_at_length() -> None:
    with pytest.raises(InvalidURL, match=r"ftp://a\.example/xxx") as caught:
        canonical("ftp://a.example/" + "x" * 1_500)
    assert "x" * 80 not in str(caught.value)


def test_domain() -> None:
    assert domain("https://www.News.example:8080/x") == "news.example"
    assert domain("http://[::1]:81/") == "[::1]"
    with pytest.raises(InvalidURL):
        domain("news.example")


def test_story_key_is_of_title_time_and_provider() -> None:
    moment = datetime(2020, 6, 15, 18, 3, tzinfo=UTC)
    key = story_key("Diablo 4:  the ﬁrst look", moment, "Polygon.com")
    elsewhere = moment.astimezone(timezone(timedelta(hours=-5)))
    assert key == story_key(" DIABLO 4: the first\nlook", elsewhere.replace(microsecond=9), "polygon.com ")
    others = [
        story_key("Diablo 4: the second look", moment, "polygon.com"),
        story_key("Diablo 4: the first look", moment + timedelta(seconds=1), "polygon.com"),
        story_key("Diablo 4: the first look", None, "polygon.com"),
        story_key("Diablo 4: the first look", moment, "kotaku.com"),
    ]
    assert len({key, *others}) == 5
    assert key.startswith("story:")
    assert len(key) == len("story:") + 32


HOSTS = st.from_regex(r"(www\.|amp\.|m\.)?[a-z0-9]{1,8}(-[a-z]{1,3})?(\.[a-z]{2,5}){1,2}", fullmatch=True)
PARTS = [
    "amp",
    "AMP",
    "amp.html",
    "x.amp",
    "index.html",
    "news",
    "a-story-2020",
    "12345",
    "%41",
    "%",
    "é",
    "it's",
    "",
]
SEGMENTS = st.sampled_from(PARTS) | st.text(
    st.characters(exclude_characters="?#\\", min_codepoint=33), max_size=6
)
PAIRS = st.sampled_from(
    ["utm_source=x", "amp", "amp=1", "id=7", "q=a b", "amp;ref=1", "%61mp", "a'=%27", "=", ""]
)
ADDRESSES = st.builds(
    lambda scheme, host, path, query: (
        f"{scheme}://{host}/{'/'.join(path)}{'?' if query else ''}{'&'.join(query)}"
    ),
    st.sampled_from(["http", "https"]),
    HOSTS
    | st.sampled_from(["cdn.ampproject.org/c/s", "a-example.cdn.ampproject.org/v", "www.google.de/amp/s"]),
    st.lists(SEGMENTS, max_size=5),
    st.lists(PAIRS, max_size=4),
)


@given(st.text() | ADDRESSES | ADDRESSES.map(lambda url: url.removeprefix("https:")))
@example("https://a.b/%%37E")
@example("http://a.b:443/")
@example("https://www.amp.www.a.b/story-1/index.html/amp/amp%20/")
@example("https://cdn.ampproject.org/c/s/cdn.ampproject.org/c/s//x.y/z")
@example("https://www.google.com//amp/s/news.example/x")
@example("http://google.co.uk//amp/^.")
def test_canonical_is_idempotent_and_raises_nothing_else(url: str) -> None:
    try:
        key = canonical(url)
    except InvalidURL:
        return
    assert key.startswith("https://")
    assert canonical(key) == key


@given(ADDRESSES)
def test_plain_addresses_need_no_parser(url: str) -> None:
    """The quick way and the whole way give the same; the quick way is taken."""
    try:
        expected = urls._normalised(url)
    except InvalidURL:
        expected = None
    if expected is None:
        with pytest.raises(InvalidURL):
            canonical(url)
    else:
        assert canonical(url) == expected


@given(
    host=st.from_regex(r"[a-z]{1,8}\.[a-z]{2,5}", fullmatch=True),
    path=st.lists(st.from_regex(r"[a-zA-Z0-9._~-]{1,12}", fullmatch=True), max_size=4),
    query=st.lists(st.from_regex(r"(id|p|q)=[a-z0-9]{1,4}", fullmatch=True), max_size=3),
)
def test_variants_do_not_change_the_key(host: str, path: list[str], query: list[str]) -> None:
    base = f"{host}/{'/'.join(path)}"
    joined = "&".join(query)
    key = canonical(f"https://{base}?{joined}")
    for variant in (
        f"http://{base}?{joined}",
        f"https://www.{base}?{joined}",
        f"HTTPS://{base.replace(host, host.upper())}?{joined}#part",
        f"https://{base.replace(host, host + ':443', 1)}?{joined}",
        f"https://{base}/?utm_source=mail&{joined}&fbclid=x",
        f" https://{base}?{joined}&utm_campaign=y\t",
    ):
        assert canonical(variant) == key


# What follows reads real stories, which are not part of the project.

FORMS = frozenset({"mod", "CMP", "itm_source", "itm_content", "itm_term", "_mc", "amp"})
"""The parameters by which addresses of one story differ in the corpora; looked at by a person, one by one."""

CORPORA = ["coronavirus", "diablo4", "azure"]


def _read(folder: Path) -> list[Document]:
    return [found for path in sorted(folder.iterdir()) for found in read(path) if isinstance(found, Document)]


def _bare(url: str) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Judge what an address is of, by rules simpler than the code's and by Python's own parser."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return (
        parts.netloc.removeprefix("www."),
        parts.path.rstrip("/").removesuffix(".amphtml"),
        tuple(sorted(pair for pair in pairs if pair[0] not in FORMS)),
    )


@pytest.mark.parametrize(("name", "share"), [("coronavirus", 0.68), ("diablo4", 0.93), ("azure", 0.83)])
def test_corpora(corpora: Path, name: str, share: float) -> None:
    """No two stories share a key; most AMP addresses lead to their story by rule alone."""
    documents = _read(corpora / name)
    stories = [story for found in documents for story in (found.article, *found.related)]
    addresses = defaultdict(set)
    for story in stories:
        addresses[story.key].add(_bare(story.web_url or story.original_url))
    assert {key: forms for key, forms in addresses.items() if len(forms) > 1} == {}
    with_amp = [found.article for found in documents if found.article.amp_web_url]
    derived = [
        story
        for story in with_amp
        if story.key == canonical(story.amp_web_url) == canonical(story.cdn_amp_web_url)
    ]
    assert len(derived) / len(with_amp) > share


def test_entries_without_an_address_are_found_by_story_key(corpora: Path) -> None:
    documents = _read(corpora / "diablo4")
    named = defaultdict(set)
    for found in documents:
        story = found.article
        named[story_key(story.title, story.published_at, story.provider.domain)].add(story.key)
    keys = [key for found in documents for key in found.links if key.startswith("story:")]
    assert len(keys) > 200
    assert [key for key in keys if len(named[key]) != 1] == []


@pytest.mark.parametrize(
    "host",
    [
        "xcdn.ampproject.org",
        "notbing-amp.com",
        "google.com.evil.example",
        "google.evil",
        "www.google.com.evil",
    ],
)
@pytest.mark.parametrize("path", ["c/s", "v/s", "amp/s"])
def test_a_host_that_only_looks_like_a_cache_speaks_for_nobody(host: str, path: str) -> None:
    assert canonical(f"https://{host}/{path}/news.example/story") != canonical("https://news.example/story")
