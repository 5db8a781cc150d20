"""Stories in JSON: one a line, one a file, a list of them, or a JSON Feed.

JSON is parsed by orjson: no NaN, no lone surrogates, no nesting beyond 1,024
levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any, BinaryIO

import orjson

from recommender.articles import Document, Rejection
from recommender.errors import InvalidStory
from recommender.sources import jsonfeed
from recommender.sources.story import document

MAX_LINE = 5_000_000
"""Longest line of a JSONL file that is read, in bytes."""
MAX_BYTES = 32_000_000
"""Largest JSON file that is read: it is held in memory whole.  A JSONL file may have any size."""

_MARK = b"\xef\xbb\xbf"


def read_lines(stream: BinaryIO, origin: str, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read a story a line, without holding more than a line.

    Args:
        stream: the file, UTF-8; empty lines are passed over.
        origin: the file's path; a story's document is ``origin#LINE``.
        zone: that of times that do not say theirs.

    Yields:
        each line's story, or why it is none.
    """
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            yield Rejection(origin, number, f"longer than {MAX_LINE // 1_000_000} MB: not read")
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE)
            continue
        if number == 1:
            line = line.removeprefix(_MARK)
        if not line.isspace() and line:
            yield _from_line(line, origin, number, zone)


def read(raw: bytes, origin: str, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read a JSON file: a story, a list of stories, or a JSON Feed.

    Args:
        raw: the file, UTF-8.
        origin: the file's path; a story of several is ``origin#N``, counted from 1.
        zone: that of times that do not say theirs.

    Yields:
        each story, or why it is none.
    """
    try:
        value = orjson.loads(raw.removeprefix(_MARK))
    except orjson.JSONDecodeError as error:
        yield Rejection(origin, error.lineno, f"not JSON: {error.msg}")
        return
    if not isinstance(value, list):
        single = not jsonfeed.is_feed(value)
        yield from [_document(value, origin, origin, zone)] if single else jsonfeed.read(value, origin, zone)
        return
    for number, item in enumerate(value, start=1):
        yield _document(item, f"{origin}#{number}", origin, zone, what=f"story {number}: ")


def _from_line(line: bytes, origin: str, number: int, zone: tzinfo) -> Document | Rejection:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Rejection(origin, number, f"not JSON: {error.msg}")
    return _document(value, f"{origin}#{number}", origin, zone, number)


def _document(
    value: Any, origin: str, path: str, zone: tzinfo, line: int | None = None, what: str = ""
) -> Document | Rejection:
    if not isinstance(value, dict):
        return Rejection(path, line, f"{what}not a JSON object")
    try:
        return document(value, origin, zone)
    except InvalidStory as error:
        return Rejection(path, line, what + error.reason)
