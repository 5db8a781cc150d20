"""Stories written as front matter: YAML between ``---`` lines, then perhaps a body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any

from recommender.articles import Document, Rejection
from recommender.errors import InvalidStory
from recommender.sources import layout, strictyaml
from recommender.sources.story import document

MAX_BYTES = 5_000_000
"""Largest file that is read."""
MAX_FRONT = 500_000
"""Characters of front matter that are parsed, at a second or more a million; of 9,500 real files the longest
has 113,000."""
MAX_BODY = 100_000
"""Characters of the body in which a paragraph is looked for: what is kept of one is a fifth of that."""

_OPENING = re.compile(r"---[ \t]*\n")
# These begin with a literal, which the search jumps to; "^" would stop it at every line.
_CLOSING = re.compile(r"\n(?:---|\.\.\.)[ \t]*(?:\n|$)")
_SECRET = re.compile(r'\nsecured: *"[^"\\\n]*" *(?=\n)')
_PARAGRAPH = re.compile(r"^[^\W_].*(?:\n.*\S.*)*", re.MULTILINE)


def read(raw: bytes, origin: str, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read the one story of a front-matter file.

    Args:
        raw: the file, UTF-8 with or without a byte order mark.
        origin: the file's path, which names the story's document.
        zone: that of times that do not say theirs.

    Yields:
        the story, or why it is none, with the line.
    """
    try:
        yield parse(raw, origin, zone)
    except InvalidStory as error:
        yield Rejection(origin, error.line, error.reason)


def parse(raw: bytes, origin: str, zone: tzinfo = UTC) -> Document:
    """Return the story of a front-matter file.

    Raises:
        InvalidStory: not UTF-8, no front matter or too much of it, not
            YAML as ``strictyaml`` allows it, or not a story.
    """
    front, body = _divided(_decoded(raw))
    # The encrypted blob is never looked at; it is often the largest field.  Its line stays, empty.
    front = _SECRET.sub("\n", front)
    if len(front) > MAX_FRONT:
        raise InvalidStory(f"front matter of more than {MAX_FRONT:,} characters: not read", 1)
    values: dict[str, Any] | None = layout.parse(front)
    if values is None:
        values = strictyaml.parse(front, first_line=2)
    if not values.get("excerpt") and (paragraph := _PARAGRAPH.search(body, 0, MAX_BODY)):
        values["excerpt"] = " ".join(paragraph[0].split())
    return document(values, origin, zone)


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise InvalidStory(f"not UTF-8: byte 0x{byte:02X} cannot stand here", line) from None
    return text.replace("\r\n", "\n") if "\r" in text else text


def _divided(text: str) -> tuple[str, str]:
    """Return the lines between the markers, and the body after them."""
    opening = _OPENING.match(text)
    if opening is None:
        raise InvalidStory("no front matter: the first line is not ---", 1)
    start = opening.end()
    # From the line break before the first field, so that front matter without a field is found empty.
    closing = _CLOSING.search(text, start - 1)
    if closing is None:
        raise InvalidStory("the front matter that begins here has no closing --- line", 1)
    return text[start : closing.start() + 1], text[closing.end() :]
