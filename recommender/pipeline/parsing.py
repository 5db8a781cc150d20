"""Parsing a block of files: the part of an import that runs on all cores.

It is a module of its own because every worker imports it: it needs neither the
database nor the numeric libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path

from recommender import sources
from recommender.articles import Rejection
from recommender.entries import Entry, encode, share
from recommender.errors import InvalidStory


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a block of files says.

    ``whole`` are the files in which nothing was refused; ``warnings`` are
    pairs of an origin and what was not understood in it.
    """

    whole: list[str]
    entries: list[Entry]
    rejections: list[Rejection]
    warnings: list[tuple[str, str]]


def parse(zone: tzinfo, batch: list[tuple[Path, str]]) -> Parsed:
    """Read a block of files, each with the stamp that tells whether it changed; times are of ``zone``."""
    parsed = Parsed([], [], [], [])
    for path, stamp in batch:
        refused = len(parsed.rejections)
        entries = list(_entries(path, stamp, zone, parsed))
        if len(parsed.rejections) == refused:
            parsed.whole.append(path.as_posix())
        else:
            # Without a stamp the file is read again next time, and what is refused in it told again.
            entries = [replace(entry, fingerprint="") for entry in entries]
        parsed.entries.extend(entries)
    return replace(parsed, entries=share(parsed.entries))


def _entries(path: Path, stamp: str, zone: tzinfo, parsed: Parsed) -> Iterator[Entry]:
    for result in sources.read(path, zone):
        if isinstance(result, Rejection):
            parsed.rejections.append(result)
            continue
        parsed.warnings.extend((result.origin, warning) for warning in result.warnings)
        try:
            yield encode(result, stamp)
        except InvalidStory as error:
            parsed.rejections.append(Rejection(result.origin, error.line, error.reason))
