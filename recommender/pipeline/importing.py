"""Import: from files to the store, all cores parsing, one process writing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path

from recommender import sources
from recommender.articles import Rejection
from recommender.engine import local, processes
from recommender.pipeline.parsing import parse
from recommender.pipeline.progress import Progress, silent
from recommender.store import Saved, Store

BLOCK = 512
"""Files parsed together, and written in one transaction, at most."""

FEW = 512
"""Up to so many files are parsed here: starting workers would take longer."""

Stamped = tuple[Path, str]
"""A file, and what tells whether it changed."""


@dataclass(slots=True)
class Imported:
    """What an import did: files seen and passed over as unchanged, what was saved, what was not and why."""

    files: int = 0
    unchanged: int = 0
    saved: Saved = field(default_factory=Saved)
    rejections: list[Rejection] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """(origin, what was not understood and left out)."""


def import_paths(
    store: Store, paths: Iterable[Path], progress: Progress = silent, zone: tzinfo = UTC
) -> Imported:
    """Import files and folders.

    The links of a file that is gone from an imported folder are forgotten, its
    stories are kept: only a document that says ``removed`` takes a story back.
    A file whose size and time are as they were is not read again, unless
    something in it was rejected.  One bad file never stops the rest.
    ``zone`` is that of times that do not say theirs.  Raises
    ``UsageError`` for a path that does not exist, ``StoreLocked`` if somebody
    else writes.
    """
    places = [path.resolve() for path in paths]
    files = sources.discover(places)
    folders = [place for place in places if place.is_dir()]
    with store.writing("import"):
        known: defaultdict[str, set[str]] = defaultdict(set)
        stamps: dict[str, str] = {}
        for origin, stamp in store.fingerprints().items():
            if not origin.startswith("/"):
                continue  # no file's: it was posted, or is from a feed
            known[file_of(origin)].add(origin)
            stamps[file_of(origin)] = stamp
        report = Imported(files=len(files))
        lost = sorted(set(known) - {path.as_posix() for path in files})
        gone = [file for file in lost if _inside(file, folders) and not Path(file).exists()]
        _forget(store, report, [origin for file in gone for origin in known[file]])
        stamped = [(path, stamp_of(path)) for path in files]
        fresh = [
            (path, stamp) for path, stamp in stamped if not stamp or stamps.get(path.as_posix()) != stamp
        ]
        report.unchanged = len(files) - len(fresh)
        batches = list(_batches(fresh))
        engine = local if len(fresh) <= FEW else processes
        for parsed in progress(engine(parse, zone, batches), len(batches), "importing"):
            report.saved += store.save(parsed.entries)
            report.rejections += parsed.rejections
            report.warnings += parsed.warnings
            told = {entry.origin for entry in parsed.entries}
            _forget(store, report, [origin for file in parsed.whole for origin in known[file] - told])
    return report


def _forget(store: Store, report: Imported, origins: list[str]) -> None:
    if origins:
        report.saved += Saved(links_removed=store.forget(origins))


def _inside(file: str, folders: list[Path]) -> bool:
    return any(folder in Path(file).parents for folder in folders)


def _batches(files: list[Stamped]) -> Iterator[list[Stamped]]:
    """Cut files into blocks, the first ones small, so that writing starts while most is being parsed."""
    start, size = 0, 32
    while start < len(files):
        yield files[start : start + size]
        start, size = start + size, min(2 * size, BLOCK)


def file_of(origin: str) -> str:
    """Name the file of an origin: a file of many stories has ``path#N`` for each."""
    path, mark, number = origin.rpartition("#")
    return path if mark and number.isdigit() else origin


def stamp_of(path: Path) -> str:
    """Tell a file's content by its size and time; empty where it cannot be told."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"
