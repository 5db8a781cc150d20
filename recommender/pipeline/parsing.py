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
from recommender.articles import Document, Rejection
from recommender.entries import Entry, encode, share
from recommender.errors import InvalidStory

LISTED = 1_000
"""Rejections of one file that are listed; of more, the count is told: a file may have a million."""


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
    refused = 0
    for result in sources.read(path, zone):
        if isinstance(result, Document):
            parsed.warnings.extend((result.origin, warning) for warning in result.warnings)
            try:
                yield encode(result, stamp)
                continue
            except InvalidStory as error:
                result = Rejection(result.origin, error.line, error.reason)
        refused += 1
        if refused <= LISTED:
            parsed.rejections.append(result)
    if refused > LISTED:
        reason = f"{refused - LISTED:,} more of it are rejected and not listed"
        parsed.rejections.append(Rejection(sources.named(path), None, reason))
