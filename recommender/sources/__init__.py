"""Readers: one a format, from files and streams to stories with their curated links.

A reader never raises for what it reads.  It yields a ``Document`` for each
story and a ``Rejection``, with the line where there is one, for each thing that
is none; one bad file, line or entry never stops the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import BinaryIO

from recommender.articles import Document, Rejection
from recommender.errors import UsageError
from recommender.sources import feeds, frontmatter, jsonfiles, webpage
from recommender.sources.story import document
from recommender.sources.syndicated import syndicated

__all__ = ["SUFFIXES", "discover", "document", "named", "parse", "read", "syndicated"]

_Reader = Callable[[bytes, str, tzinfo], Iterator[Document | Rejection]]

_FRONT_MATTER = (frontmatter.read, frontmatter.MAX_BYTES)
_FEED = (feeds.read, feeds.MAX_BYTES)
_PAGE = (webpage.read, webpage.MAX_BYTES)
_READERS: dict[str, tuple[_Reader, int]] = {
    ".md": _FRONT_MATTER,
    ".markdown": _FRONT_MATTER,
    ".txt": _FRONT_MATTER,
    ".json": (jsonfiles.read, jsonfiles.MAX_BYTES),
    ".xml": _FEED,
    ".rss": _FEED,
    ".atom": _FEED,
    ".rdf": _FEED,
    ".html": _PAGE,
    ".htm": _PAGE,
    ".xhtml": _PAGE,
}
"""For each suffix, its reader and the size in bytes beyond which a file is not read."""
_LINES = frozenset((".jsonl", ".ndjson"))

_PIECE = 131_072
"""Bytes asked for first: to ask for the limit at once would reserve that much memory for every file."""

SUFFIXES = frozenset(_READERS) | _LINES
"""The suffixes of files that hold stories, in lower case."""


def discover(paths: Iterable[Path]) -> list[Path]:
    """Find the files to read.

    Args:
        paths: files, taken whatever their name; and folders, searched to any
            depth for files with one of ``SUFFIXES``, but for hidden ones,
            those in hidden folders, and READMEs.

    Returns:
        each file once, in the order of ``paths``, a folder's sorted.

    Raises:
        UsageError: a path does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_stories(path)))
        elif path.exists():
            found[path] = None
        else:
            raise UsageError(f"{path} does not exist: give a file or a folder of stories")
    return list(found)


def read(path: Path, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read a file by the reader of its suffix.

    The documents of a file that holds several are called ``path#N``: by line
    in JSONL, by place elsewhere, counted from 1.  ``zone`` is that of times that do not
    say theirs.

    Yields:
        each story, or why it is none; a file that cannot be opened, or whose
        name is not UTF-8, is one rejection.
    """
    origin = named(path)
    if origin != path.as_posix():
        yield Rejection(origin, None, "its name is not UTF-8: rename the file")
        return
    try:
        with path.open("rb") as stream:
            yield from parse(stream, path.suffix, origin, zone)
    except OSError as error:
        yield Rejection(origin, None, f"cannot be read: {error.strerror or error}")


def named(path: Path) -> str:
    r"""Return what a file is known by: its path; bytes of it that are not UTF-8 are written ``\xe9``."""
    return os.fsencode(path.as_posix()).decode(errors="backslashreplace")


def parse(stream: BinaryIO, suffix: str, origin: str, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read a stream of bytes by the reader of a suffix.

    Args:
        stream: where the bytes come from; it is not closed.
        suffix: one of ``SUFFIXES``, in any case.
        origin: what the stream is known by, in place of a path.
        zone: that of times that do not say theirs.

    Yields:
        each story, or why it is none.
    """
    suffix = suffix.lower()
    if suffix in _LINES:
        yield from jsonfiles.read_lines(stream, origin, zone)
        return
    if suffix not in _READERS:
        known = " ".join(sorted(SUFFIXES))
        yield Rejection(origin, None, f"no reader for the suffix {suffix!r}; there are readers for {known}")
        return
    reader, limit = _READERS[suffix]
    raw = stream.read(_PIECE)
    if len(raw) == _PIECE:
        raw += stream.read(limit + 1 - _PIECE)
    if len(raw) > limit:
        yield Rejection(origin, None, f"larger than {limit // 1_000_000} MB: not read")
        return
    yield from reader(raw, origin, zone)


def _stories(folder: Path) -> Iterator[Path]:
    """Yield a folder's files of stories in order; links to other folders are not followed.

    Nor are pipes and devices among them: who names a pipe waits for who
    writes to it, who names a folder does not.
    """
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            hidden = name.startswith(".") or path.stem.lower() == "readme"
            if path.suffix.lower() in SUFFIXES and not hidden and (path.is_file() or not path.exists()):
                yield path  # a link to nowhere is told of when it is read
