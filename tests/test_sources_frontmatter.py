from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from recommender.articles import Document, Rejection
from recommender.errors import InvalidStory
from recommender.sources import frontmatter, layout, strictyaml
from recommender.sources.frontmatter import MAX_FRONT

FIELDS = 'title: "A story"\nwebUrl: "https://a.example/x"\n'


def read(text: str | bytes) -> Document | Rejection:
    raw = text if isinstance(text, bytes) else text.encode()
    [found] = frontmatter.read(raw, "folder/file.md")
    return found


def story(text: str | bytes) -> Document:
    found = read(text)
    assert isinstance(found, Document), found
    return found


@pytest.mark.parametrize(
    "text",
    [
        f"---\n{FIELDS}---\n",
        f"---\n{FIELDS}---",
        f"---\n{FIELDS}...\n",
        f"--- \n{FIELDS}---  \n",
        f"\ufeff---\n{FIELDS}---\n",
        f"---\n{FIELDS}---\nbody\n---\nmore",
        f"---\n{FIELDS}---\n".replace("\n", "\r\n"),
        f"---\n# a comment\n{FIELDS}---\n",
        "---\n{title: A story, webUrl: 'https://a.example/x'}\n---\n",
        f'---\nsecured: "x: [y"\n{FIELDS}---\n',
        f"---\nsecured: 'x'\n{FIELDS}---\n",
        f"---\nsecured: >\n  x\n  y\n{FIELDS}---\n",
    ],
)
def test_accepted(text: str) -> None:
    found = story(text)
    assert (found.article.title, found.article.key) == ("A story", "https://a.example/x")
    assert found.origin == "folder/file.md"
    assert found.warnings == ()
    assert found.article.extra == {}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "first line"),
        ("title: x\n", 1, "first line"),
        ("\n---\ntitle: x\n---\n", 1, "first line"),
        ("---\ntitle: x\n", 1, "no closing"),
        ("---\ntitle: x\n--- \x0b\n", 1, "no closing"),
        ("---\n---\n", 2, "empty"),
        ("---\n\n\n---\n", 2, "empty"),
        ("---\n- a\n- b\n---\n", 2, "a list"),
        ("---\njust words\n---\n", 2, "a text"),
        ("---\ntitle: x\ntitle: y\n---\n", 3, "'title' stands here a second time"),
        ("---\ntitle: x\nprovider:\n  name: y\n  name: z\n---\n", 5, "'name' stands here a second time"),
        ("---\ntitle: &a x\n---\n", 2, "anchor"),
        ("---\ntitle: x\nexcerpt: *a\n---\n", 3, "alias"),
        ("---\ntitle: x\na: !!python/object/apply:os.system [ls]\n---\n", 3, "tag"),
        ("---\ntitle: x\n? [a]\n: b\n---\n", 3, "cannot be a key"),
        ("---\ntitle: 'x\n---\n", 3, "not YAML"),
        ("---\ntitle: x: y\n---\n", 2, "not YAML"),
        ("---\ntitle: x\n  excerpt: y\n---\n", 3, "not YAML"),
        ("---\ntitle: x\n\texcerpt: y\n---\n", 3, "not YAML"),
        ('---\ntitle: "\\ud800"\n---\n', 2, "not YAML"),
        ("---\ntitle: x\nexcerpt: a\x97b\n---\n", 3, "control character U+0097"),
        ("---\ntitle: x\nexcerpt: \x00\n---\n", 3, "control character U+0000"),
        ('---\ntitle: x\nexcerpt: "a\x1b[31m"\n---\n', 3, "control character U+001B"),
        ('---\ntitle: x\nsecured: "blob"\n\nexcerpt: "\x07"\n---\n', 5, "control character U+0007"),
        ("---\ntitle: é\n---\n".encode("latin-1"), 2, "not UTF-8: byte 0xE9"),
        ("---\ntitle: x\n---\n".encode("utf-16"), 1, "not UTF-8"),
        ("---\nwebUrl: https://a.example/x\n---\n", None, "no title"),
        ("---\ntitle: x\n---\n", None, "neither webUrl nor originalUrl"),
    ],
)
def test_rejected_by_name_and_line(text: str | bytes, line: int | None, reason: str) -> None:
    found = read(text)
    assert isinstance(found, Rejection)
    assert (found.path, found.line) == ("folder/file.md", line)
    assert reason in found.reason
    assert len(found.reason) < 300
    assert "\n" not in found.reason


BOMB = "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 20))


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ("title: " + "[" * 30_000, "nested deeper than 20"),
        ("title: " + "[" * 30_000 + "]" * 30_000, "nested deeper than 20"),
        ("title: " + "{a: " * 30_000, "nested deeper than 20"),
        ("- " * 30_000, "nested deeper than 20"),
        ("\n".join(" " * 2 * n + "a:" for n in range(400)), "nested deeper than 20"),
        (BOMB, "anchor"),
        ("title: x\n" * 50_000, "second time"),
        ("a: '" + "x\n" * 100_000, "not YAML"),
    ],
    ids=["open", "brackets", "braces", "dashes", "blocks", "merge bomb", "doubled", "unclosed"],
)
def test_hostile_front_matter_is_rejected_with_little_work(front: str, reason: str) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        found = read(f"---\n{front}\n---\n")
    finally:
        sys.setprofile(None)
    assert isinstance(found, Rejection)
    assert reason in found.reason
    # A function entered or left a byte at most: no work that grows faster than the text.
    assert calls < 2_000 + len(front)


@pytest.mark.parametrize(
    "field",
    ['"key{}": "v"\n', "key{}: v\n", "key{}: [a, b, {{c: d}}]\n", "key{}: é\n"],
    ids=["quoted", "plain", "flow", "other letters"],
)
def test_more_front_matter_than_stories_have_is_refused_unread(field: str) -> None:
    whole = "".join(map(field.format, range(4_000_000 // len(field))))
    start = time.process_time()
    found = read(f"---\n{whole}---\n")
    assert time.process_time() - start < 0.1
    assert found == Rejection("folder/file.md", 1, "front matter of more than 500,000 characters: not read")


@pytest.mark.parametrize("entries", ["word, ", "x,"])
def test_as_much_front_matter_as_may_be_is_read(entries: str) -> None:
    head = "title: x\nwebUrl: https://a.example/x\na: ["
    front = head + entries * ((MAX_FRONT - len(head) - 2) // len(entries)) + "]\n"
    start = time.process_time()
    assert isinstance(read(f"---\n{front}---\n"), Document)
    assert time.process_time() - start < 5
    assert isinstance(read(f'---\n{front}secured: "{"x" * 1_000_000}"\n---\n'), Document), "it is not parsed"


def test_a_body_without_end_is_looked_at_as_far_as_is_kept() -> None:
    start = time.process_time()
    found = read("---\ntitle: x\nwebUrl: https://a.example/x\n---\n" + "w\n" * 2_400_000)
    assert time.process_time() - start < 0.5
    assert isinstance(found, Document)
    assert len(found.article.excerpt) > 19_000


def test_twenty_levels_are_allowed() -> None:
    levels = "".join("  " * n + "a:\n" for n in range(19))
    assert layout.parse(levels + "  " * 19 + "a: x\n") == strictyaml.parse(levels + "  " * 19 + "a: x\n")
    with pytest.raises(InvalidStory, match="deeper than 20"):
        strictyaml.parse(levels + "  " * 19 + "a:\n" + "  " * 20 + "a: x\n")


def test_null_is_nothing_and_quoted_null_is_a_word() -> None:
    found = story(
        f'---\n{FIELDS}excerpt: null\ncategory: "null"\nlocale: ~\ntype:\ntopics: [~, a, null]\n---\n'
    )
    assert (found.article.excerpt, found.article.category) == ("", "null")
    assert (found.article.locale, found.article.type) == ("", "article")
    assert found.article.topics == ("a",)


def test_body_lends_an_excerpt() -> None:
    body = "\n# Title\n\n![picture](x)\n\nFirst words,\nof two lines.\n\nSecond.\n"
    assert story(f"---\n{FIELDS}---\n{body}").article.excerpt == "First words, of two lines."
    assert story(f"---\n{FIELDS}excerpt: Its own\n---\n{body}").article.excerpt == "Its own"


def test_secret_is_dropped_unread() -> None:
    found = story(f'---\n{FIELDS}secured: "{"x" * 50_000}"\n---\n')
    assert "xxx" not in repr(found)


def test_seed() -> None:
    """The story that the project is made around, read to its last field."""
    path = Path(__file__).parents[1] / "seeds" / "000_b001c2bd3364b9d0.txt"
    found = story(path.read_bytes())
    article = found.article
    assert article.key == (
        "https://mic.com/p/amazon-is-banning-cops-from-using-its-facial-recognition-tech-for-one-year-22976063"
    )
    assert article.url == article.web_url == article.key.replace("mic.com", "www.mic.com")
    assert article.title == "Amazon is banning cops from using its facial recognition tech for one year"
    assert article.excerpt.startswith("As cities and municipalities")
    assert article.published_at is not None
    assert article.published_at.isoformat() == "2020-06-15T18:03:00+00:00"
    assert (article.category, article.type, article.quality, article.heat) == ("news", "article", 42.0, -1.0)
    assert (article.published, article.removed) == (False, False)
    assert (article.provider.name, article.provider.domain) == ("Mic", "mic.com")
    assert article.topics == ("AWS AI", "AI")
    [image] = article.images
    assert (image.width, image.height, image.is_cached, image.title) == (1200, 630, True, article.title)
    assert [story.provider.domain for story in found.related] == [
        "geekwire.com",
        "theguardian.com",
        "fastcompany.com",
        "bizjournals.com",
    ]
    assert found.links == tuple(story.key for story in found.related)
    assert found.links[2].endswith("bans-dont-go-far-enough")  # ?partner=rss is how it came, not what it is
    assert [story.quality for story in found.related] == [81.0, 55.0, 39.0, 36.0]
    assert found.related[1].amp_web_url.startswith("https://amp.theguardian.com/")
    assert found.warnings == ()
    assert article.extra == {}


# Both YAML readers, held against each other and against PyYAML's own.


class _Loader(yaml.CSafeLoader):
    """PyYAML's loader with no types but null, and that for values only: a key is a name."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag == "tag:yaml.org,2002:null"]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


WORDS = st.text(st.sampled_from("ab:#-'\"\\ ,[]{}&*!|>%@`~?/.\t\x85\u2028é0_=+\xa0\ufeff\x07"), max_size=8)
KEYS = st.sampled_from(["a", "b", "title", "null", "true", "x_1", "Ünder", "a b", "-", "?", "1"])
INDENTS = st.sampled_from(["", "", "  ", "  ", "    ", "- ", "  - ", "    - ", " ", "-", "  -"])
VALUES = st.sampled_from(
    ["", " ", ' "q"', ' "q\\"r"', " w", " -1", " null", " ~", " 'x'", ' ""', " a: b", " [a]"]
)
LINES = st.builds(
    lambda indent, key, value: f"{indent}{key}:{value}", INDENTS, KEYS, VALUES | WORDS.map(" {}".format)
)
OTHERS = st.sampled_from(["", "  - x", "- x", '  - "q"', "  x", "# c", "  - ", "- - x", '"', "---", "..."])
DOCUMENTS = st.lists(LINES | OTHERS, max_size=8).map(lambda lines: "".join(f"{line}\n" for line in lines))
# PyYAML itself writes U+0085 as a line break, and lone surrogates as escapes that it does not read.
TEXTS = st.text(st.characters(exclude_characters="\x85", exclude_categories=["Cs"]), max_size=20)
VALUE = st.recursive(
    st.none() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_layout_reads_only_what_yaml_reads_and_the_same(text: str) -> None:
    found = layout.parse(text)
    if found is not None:
        assert found == strictyaml.parse(text)


@given(DOCUMENTS)
def test_strict_reads_what_yaml_reads_and_the_same(text: str) -> None:
    try:
        found = strictyaml.parse(text)
    except InvalidStory as caught:
        error = caught
    else:
        assert found == yaml.load(text, Loader=_Loader)
        return
    assert error.line is not None
    assert 1 <= error.line <= text.count("\n") + 1


@given(st.dictionaries(st.from_regex(r"[a-zA-Z_]\w{0,8}", fullmatch=True), VALUE, min_size=1), st.booleans())
def test_what_yaml_writes_is_read_back(values: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(values, allow_unicode=True, default_flow_style=flow, sort_keys=False)
    assert strictyaml.parse(text) == values


def test_the_usual_layout_needs_no_yaml() -> None:
    text = (Path(__file__).parents[1] / "seeds" / "000_b001c2bd3364b9d0.txt").read_text("utf-8")
    front = text.split("---\n")[1]
    found = layout.parse(front)
    assert found is not None
    assert found == strictyaml.parse(front)


@pytest.mark.parametrize("name", ["coronavirus", "diablo4", "azure"])
def test_layout_reads_the_corpora_as_yaml_does(corpora: Path, name: str) -> None:
    paths = sorted((corpora / name).iterdir())[:: 10 if name == "azure" else 1]
    fronts = [path.read_text("utf-8").split("---\n")[1] for path in paths]
    found = [(layout.parse(front), front) for front in fronts]
    usual = [(values, front) for values, front in found if values is not None]
    assert len(usual) > 0.8 * len(found)
    assert all(values == strictyaml.parse(front) for values, front in usual)
