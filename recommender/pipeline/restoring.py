"""A backup brought back: into a store of either database, and a folder of models; all of it or nothing.

Nothing in the file runs when it is restored, no file is written where the
backup says, and all of it is checked before anything is changed.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from recommender import durable, models
from recommender.errors import BackupCorrupt, ModelError, StoreNotEmpty, StoreOutdated, UsageError
from recommender.pipeline.backup import FORMAT, ID, MANIFEST, POINTERS, Contents, checksum
from recommender.store import COLUMNS, REVISION, Row, Store

_LONGEST: Final = 1 << 24
"""Bytes of a manifest at most."""
_PIECE: Final = 1 << 20
_MODEL: Final = re.compile(rf"models/({ID.pattern})/([a-z]+\.(?:json|npy))")
_NAMES: Final = frozenset((*POINTERS, *(f"store/{table}.jsonl" for table in COLUMNS)))
_CORRUPT: Final = "not a backup as it was written, and nothing was restored"
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, LookupError, TypeError, AttributeError),
)
"""What reading a damaged archive raises, or a manifest that is none."""


def check(source: Path) -> Contents:
    """Read a backup to its last byte, and tell what is in it; raises as ``restore``."""
    with _opened(source) as (_, manifest):
        return Contents.of(manifest)


def restore(store: Store, root: models.Root, source: Path, *, replace: bool = False) -> Contents:
    """Fill a store, of either database, and a folder of models with what a backup has.

    Everything in the file is checked first, and models are on the disk beside
    their places.  Where there are stories, or another model is active, it
    raises StoreNotEmpty unless it is to ``replace`` them.  The store changes in
    one transaction; just before its end models and pointers take their places.
    Any failure leaves store, models and pointers as they were.  A process that
    is killed leaves the old store or the new one: the old one perhaps with
    models of the backup, one of them active; restored again, all is the backup's.

    Raises UsageError where there is no such file, BackupCorrupt for one that
    is not what was written, StoreOutdated for one of another version's tables,
    ModelsReadOnly for models at a URL, ModelError where they cannot be
    written, and as ``Store.loading``.
    """
    folder = models.writable(root)
    with _opened(source) as (archive, manifest):
        wanted = _wanted(folder, archive, manifest)
        if not replace:
            store.require_empty()
            _require_inactive(folder, wanted["active"])

        def told(table: str) -> Generator[Row]:
            with archive.open(f"store/{table}.jsonl") as lines:
                yield from map(orjson.loads, lines)

        try:
            with durable.staged(folder, wanted) as place, store.loading(told, replace=replace):
                place()
        except OSError as error:
            raise ModelError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return Contents.of(manifest)


def _wanted(
    folder: Path, archive: zipfile.ZipFile, manifest: Mapping[str, Any]
) -> dict[str, Mapping[str, bytes] | bytes | None]:
    """Tell which models are to be written, those that are there already left out, and the pointers."""
    found: dict[str, dict[str, bytes]] = {}
    for name in manifest["files"]:
        if parts := _MODEL.fullmatch(name):
            found.setdefault(parts[1], {})[parts[2]] = archive.read(name)
    wanted: dict[str, Mapping[str, bytes] | bytes | None] = {
        name: files for name, files in found.items() if not _is_there(folder / name, files)
    }
    # As ``pointing`` writes them: who activates notes it first.
    active, history = _pointed(archive)
    wanted["history"] = "".join(f"{name}\n" for name in history).encode() or None
    wanted["active"] = "".join(f"{name}\n" for name in active).encode() or None
    return wanted


def _is_there(folder: Path, files: Mapping[str, bytes]) -> bool:
    try:
        return all((folder / name).read_bytes() == body for name, body in files.items())
    except OSError:
        return False


def _require_inactive(folder: Path, wanted: object) -> None:
    now = models.active(folder)
    if now is not None and f"{now}\n".encode() != wanted:
        raise StoreNotEmpty(
            f"model {now} is active in {folder}, and nothing was restored; name another folder with "
            "--models, or replace what is active: --force"
        )


@contextmanager
def _opened(source: Path) -> Iterator[tuple[zipfile.ZipFile, Mapping[str, Any]]]:
    """Open a backup that is what was written, to the last byte."""
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(zipfile.ZipFile(source))
            manifest = _checked(archive, source)
        except OSError as error:
            raise UsageError(f"{source}: cannot be read: {error.strerror or error}") from error
        except _BROKEN as error:
            raise BackupCorrupt(f"{source}: {_CORRUPT}: {error}") from error
        yield archive, manifest


def _checked(archive: zipfile.ZipFile, source: Path) -> Mapping[str, Any]:
    if archive.getinfo(MANIFEST).file_size > _LONGEST:
        raise BackupCorrupt(f"{source}: {_CORRUPT}: {MANIFEST} is too long")
    manifest = orjson.loads(archive.read(MANIFEST))
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    if manifest.get("sha256") != checksum(rest):
        raise BackupCorrupt(f"{source}: {_CORRUPT}: {MANIFEST} is not what was written")
    if manifest["format"] != FORMAT or manifest["revision"] != REVISION or manifest["columns"] != COLUMNS:
        raise StoreOutdated(
            f"{source}: made by recommender {manifest['made_with']} with tables of revision "
            f"{manifest['revision']}, this program has {REVISION}: restore it with that version; an import "
            "of this one then brings the store up to date"
        )
    if sorted(archive.namelist()) != sorted((*manifest["files"], MANIFEST)):
        raise BackupCorrupt(f"{source}: {_CORRUPT}: it has other files than {MANIFEST} says")
    if missing := _NAMES - manifest["files"].keys():
        raise BackupCorrupt(f"{source}: {_CORRUPT}: it has no {min(missing)}")
    for name, stated in manifest["files"].items():
        if not (name in _NAMES or _MODEL.fullmatch(name)):
            raise BackupCorrupt(f"{source}: {_CORRUPT}: {name!r} has no place in one")
        _check(archive, name, stated, source)
    active, history = _pointed(archive)
    left_out = dict(manifest["left_out"])
    if len(active) > 1 or not all(ID.fullmatch(one) for one in (*active, *history)):
        raise BackupCorrupt(f"{source}: {_CORRUPT}: it points to what is no model's name")
    if active and not (f"models/{active[0]}/{MANIFEST}" in manifest["files"] or active[0] in left_out):
        raise BackupCorrupt(f"{source}: {_CORRUPT}: it does not have {active[0]}, which was active")
    return {**manifest, "left_out": left_out}


def _pointed(archive: zipfile.ZipFile) -> tuple[list[str], list[str]]:
    """Read which model was active, at most one, and which ones were before."""
    active, history = (archive.read(name).decode().split() for name in POINTERS)
    return active, history


def _check(archive: zipfile.ZipFile, name: str, stated: Mapping[str, Any], source: Path) -> None:
    digest, left = hashlib.sha256(), stated["bytes"]
    with archive.open(name) as file:
        while left >= 0 and (piece := file.read(_PIECE)):  # no longer than stated, whatever it unpacks to
            digest.update(piece)
            left -= len(piece)
    if left != 0 or digest.hexdigest() != stated["sha256"]:
        raise BackupCorrupt(f"{source}: {_CORRUPT}: {name} is cut short or changed")
