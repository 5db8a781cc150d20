"""A static export: the answer for every story as a file of its own, for a CDN that serves files alone.

::

    DIR/3f/3f0a….json   what GET /related?url= answers for a story
    DIR/urls.jsonl      a line a story: {"url": …, "file": "3f/3f0a….json"}
    DIR/index.json      what all this is, and how files are named

A file that is there is whole, and what ``urls.jsonl`` names is there, at any
moment and after any failure, a power cut too.  A list that did not change is not written again,
so a sync sends only those that did; its file is of the generation in which it
was written.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from recommender import durable
from recommender.articles import iso
from recommender.errors import UnknownStory, UsageError
from recommender.pipeline.progress import Progress, silent
from recommender.service import Options, Service
from recommender.store import Store
from recommender.urls import canonical

DIGITS: Final = 32
"""Hexadecimal digits of a file's name: two stories of one name would take 2⁶⁴ stories."""

INDEX: Final = "index.json"
ADDRESSES: Final = "urls.jsonl"
PARTIAL: Final = ".recommender.partial"
_NAMES: Final = (
    f"The first {DIGITS} hexadecimal digits of the SHA-256 of the story's URL in its normal form, UTF-8, "
    f"and .json, in a folder of the first two; {ADDRESSES} has them all."
)
_STORIES: Final = f"[0-9a-f][0-9a-f]/{'[0-9a-f]' * DIGITS}.json"


class Exported(NamedTuple):
    """How many stories have a file now, and how many files were written and deleted for it."""

    stories: int
    written: int
    deleted: int


def file_of(url: str) -> str:
    """Name the file of the story at ``url``, any form of its address: ``3f/3f0a….json``.

    Raises InvalidURL.
    """
    name = sha256(canonical(url).encode()).hexdigest()[:DIGITS]
    return f"{name[:2]}/{name}.json"


def export(
    store: Store,
    folder: Path,
    limit: int = 10,
    progress: Progress = silent,
    *,
    clock: Callable[[], float] = time.time,
) -> Exported:
    """Write the answer for every story, ``limit`` items at most, into a folder; made if need be.

    Answers are those of ``Service.related``: pins, blocks and fill hold.  Each
    is of the moment in which it was made; ``index.json`` names the generation
    that was served at the first one.  All are made before the first file is
    replaced; files of stories that are gone are deleted last, and other files
    are left alone.  ``clock`` tells the time in seconds since 1970 (UTC).

    Raises UsageError where the folder cannot be written, or another export
    is writing there.
    """
    folder = folder.resolve()
    if not folder.name:  # its files are not the export's to replace
        raise UsageError(f"{folder}: is the root of all folders; name one for the export alone")
    partial = folder / PARTIAL  # on the same disk, wherever that is mounted
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _empty(partial)
            try:
                return _export(store, folder, partial, limit, progress, clock)
            finally:
                shutil.rmtree(partial)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error


def _export(
    store: Store, folder: Path, partial: Path, limit: int, progress: Progress, clock: Callable[[], float]
) -> Exported:
    generation = store.generation()
    with store.exported() as (urls, _):
        stories = sorted(urls.items())
    service = Service(store, clock=clock)
    options = Options(limit=limit)
    changed: list[str] = []
    addresses: dict[str, str] = {}
    for _, url in progress(stories, len(stories), "exporting"):
        try:
            answer = service.related(url, options).json()
        except UnknownStory:
            continue  # taken back a moment ago
        file = file_of(url)
        addresses[file] = url
        if _is_another(folder / file, answer):
            _write(partial / file, answer)
            changed.append(file)
    lines = _lines(addresses)
    differs = _differs(folder / ADDRESSES, lines)
    if differs:
        _write(partial / ADDRESSES, lines)
    index = {
        "generation": None if generation is None else generation.id,
        "model": None if generation is None else generation.model,
        "made": iso(datetime.fromtimestamp(int(clock()), UTC)),
        "stories": len(addresses),
        "limit": limit,
        "names": _NAMES,
    }
    _write(partial / INDEX, orjson.dumps(index, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    # Stories first, then what names them.
    durable.replace_all(folder, partial, (changed, (ADDRESSES,) if differs else (), (INDEX,)))
    gone = [path for path in folder.glob(_STORIES) if f"{path.parent.name}/{path.name}" not in addresses]
    for path in gone:
        path.unlink()
    return Exported(len(addresses), len(changed), len(gone))


def _lines(addresses: dict[str, str]) -> bytes:
    return b"".join(
        orjson.dumps({"url": url, "file": file}, option=orjson.OPT_APPEND_NEWLINE)
        for file, url in addresses.items()
    )


def _differs(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return True


def _is_another(path: Path, answer: bytes) -> bool:
    """Tell whether an answer is another than the one there, but for the generation that each is of."""
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        return True
    return there != answer and _list(there) != _list(answer)


def _list(answer: bytes) -> object:
    try:
        told = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return answer
    return {**told, "id": None, "generation": None} if isinstance(told, dict) else answer


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    durable.disk.write(path, content)


def _empty(folder: Path) -> None:
    """Make a folder anew: who was killed left one."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only export that writes there; the lock of a dead process is gone by itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{folder}: another export is writing there; wait for it to end") from None
        yield
    finally:
        os.close(descriptor)
