"""Backups: a store and its models in one file, and back into a store of either database.

::

    news.zip
      store/articles.jsonl …      a row a line, table by table (``Store.dumped``)
      models/active history       which model recomputes use, and used before
      models/20261122-…/…         every model that can be read, file by file
      manifest.json               what it is, SHA-256 of every file and of itself

Nothing in it runs when it is restored, no file is written where the backup
says, and all of it is checked before anything is changed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from recommender import __version__, models, pointing
from recommender.errors import BackupCorrupt, ModelCorrupt, StoreNotEmpty, StoreOutdated, UsageError
from recommender.pipeline.exporting import whole
from recommender.store import COLUMNS, REVISION, Row, Store

FORMAT: Final = 1

_MANIFEST: Final = "manifest.json"
_LONGEST: Final = 1 << 24
"""Bytes of a manifest at most."""
_PIECE: Final = 1 << 20
_ID: Final = re.compile("[a-z0-9][a-z0-9-]{0,63}")
_MODEL: Final = re.compile(rf"models/({_ID.pattern})/([a-z]+\.(?:json|npy))")
_POINTERS: Final = ("models/active", "models/history")
_NAMES: Final = frozenset((*_POINTERS, *(f"store/{table}.jsonl" for table in COLUMNS)))
_LISTS: Final = COLUMNS["generations"].index("lists")
_CORRUPT: Final = "not a backup as it was written, and nothing was restored"
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, LookupError, TypeError, AttributeError),
)
"""What reading a damaged archive raises, or a manifest that is none."""


class Contents(NamedTuple):
    """What a backup has: of which time and which generation (``None`` before the first), and how much."""

    made: str
    generation: int | None
    stories: int
    models: int


def back_up(store: Store, root: models.Root, target: Path) -> Contents:
    """Write all of a store, as it is at one moment, and its models; others may read and write meanwhile.

    The file appears under its name when it is whole, in place of one that was
    there.  Raises UsageError where it cannot be written.
    """
    files: dict[str, dict[str, Any]] = {}
    with (
        whole(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        partial.chmod(0o600)  # addresses of feeds are in it, and stories that are not out yet
        for name, body in _model_files(root):
            files[name] = _write(archive, name, [body])
        with store.dumped() as rows:
            for table in COLUMNS:
                name = f"store/{table}.jsonl"
                lines = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows(table))
                files[name] = _write(archive, name, lines)
            served = [row[0] for row in rows("generations") if row[_LISTS] is not None]
        manifest = {
            "format": FORMAT,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "made_with": __version__,
            "revision": REVISION,
            "generation": max(served, default=None),
            "stories": files["store/articles.jsonl"]["pieces"],
            "columns": COLUMNS,
            "files": files,
        }
        manifest["sha256"] = _sha256(manifest)
        archive.writestr(_MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return _contents(manifest)


def check(source: Path) -> Contents:
    """Read a backup to its last byte, and tell what is in it; raises as ``restore``."""
    with _opened(source) as (_, manifest):
        return _contents(manifest)


def restore(store: Store, root: models.Root, source: Path, *, replace: bool = False) -> Contents:
    """Fill a store, of either database, and a folder of models with what a backup has.

    Everything in the file is checked first.  Where there are stories, or
    another model is active, it raises StoreNotEmpty unless it is to
    ``replace`` them.  The store changes in one transaction, models before it
    and which of them is active after it: a failure leaves what is served.

    Raises UsageError where there is no such file, BackupCorrupt for one that
    is not what was written, StoreOutdated for one of another version's tables,
    ModelsReadOnly for models at a URL, and as ``Store.load``.
    """
    folder = models.writable(root)
    with _opened(source) as (archive, manifest):
        active, history = _pointed(archive)
        now = models.active(folder)
        if not replace:
            store.require_empty()
            if now is not None and [now] != active:
                raise StoreNotEmpty(
                    f"model {now} is active in {folder}, and nothing was restored; name another folder with "
                    "--models, or replace what is active: --force"
                )

        def told(table: str) -> Generator[Row]:
            with archive.open(f"store/{table}.jsonl") as lines:
                yield from map(orjson.loads, lines)

        for name, contents in _models(archive, manifest).items():
            _put_model(folder, name, contents)
        store.load(told, replace=replace)
        if active or now is not None:
            pointing.point(folder, *active or [pointing.DEFAULT])
        if history:
            pointing.replace(folder, "history", "\n".join(history))
    return _contents(manifest)


def _model_files(root: models.Root) -> Iterator[tuple[str, bytes]]:
    """Read the pointers, and then every model: what is trained meanwhile is not pointed to."""
    pointers = (models.active(root) or "", "\n".join(pointing.history(root)))
    yield from zip(_POINTERS, (text.encode() for text in pointers), strict=True)
    for manifest in models.listed(root):
        for file in (*manifest["files"], _MANIFEST):
            path = pointing.place(root) / manifest["id"] / file
            try:
                yield f"models/{manifest['id']}/{file}", path.read_bytes()
            except OSError as error:
                raise ModelCorrupt(f"{path}: cannot be read: {error.strerror or error}") from error


def _write(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> dict[str, Any]:
    digest, count, size = hashlib.sha256(), 0, 0
    info = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            count, size = count + 1, size + len(piece)
    return {"pieces": count, "bytes": size, "sha256": digest.hexdigest()}


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
    if archive.getinfo(_MANIFEST).file_size > _LONGEST:
        raise BackupCorrupt(f"{source}: {_CORRUPT}: {_MANIFEST} is too long")
    manifest = orjson.loads(archive.read(_MANIFEST))
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    if manifest.get("sha256") != _sha256(rest):
        raise BackupCorrupt(f"{source}: {_CORRUPT}: {_MANIFEST} is not what was written")
    if manifest["format"] != FORMAT or manifest["revision"] != REVISION or manifest["columns"] != COLUMNS:
        raise StoreOutdated(
            f"{source}: made by recommender {manifest['made_with']} with tables of revision "
            f"{manifest['revision']}, this program has {REVISION}: restore it with that version; an import "
            "of this one then brings the store up to date"
        )
    if sorted(archive.namelist()) != sorted((*manifest["files"], _MANIFEST)):
        raise BackupCorrupt(f"{source}: {_CORRUPT}: it has other files than {_MANIFEST} says")
    if missing := _NAMES - manifest["files"].keys():
        raise BackupCorrupt(f"{source}: {_CORRUPT}: it has no {min(missing)}")
    for name, stated in manifest["files"].items():
        if not (name in _NAMES or _MODEL.fullmatch(name)):
            raise BackupCorrupt(f"{source}: {_CORRUPT}: {name!r} has no place in one")
        _check(archive, name, stated, source)
    active, history = _pointed(archive)
    if len(active) > 1 or not all(_ID.fullmatch(one) for one in (*active, *history)):
        raise BackupCorrupt(f"{source}: {_CORRUPT}: it points to what is no model's name")
    return dict(manifest)


def _pointed(archive: zipfile.ZipFile) -> tuple[list[str], list[str]]:
    """Read which model was active, at most one, and which ones were before."""
    active, history = (archive.read(name).decode().split() for name in _POINTERS)
    return active, history


def _check(archive: zipfile.ZipFile, name: str, stated: Mapping[str, Any], source: Path) -> None:
    digest, left = hashlib.sha256(), stated["bytes"]
    with archive.open(name) as file:
        while left >= 0 and (piece := file.read(_PIECE)):  # no longer than stated, whatever it unpacks to
            digest.update(piece)
            left -= len(piece)
    if left != 0 or digest.hexdigest() != stated["sha256"]:
        raise BackupCorrupt(f"{source}: {_CORRUPT}: {name} is cut short or changed")


def _models(archive: zipfile.ZipFile, manifest: Mapping[str, Any]) -> Mapping[str, Mapping[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    for name in manifest["files"]:
        if parts := _MODEL.fullmatch(name):
            found.setdefault(parts[1], {})[parts[2]] = archive.read(name)
    return found


def _put_model(folder: Path, name: str, contents: Mapping[str, bytes]) -> None:
    """Write a model unless it is there; what bears its name and is not whole makes way."""
    there = folder / name
    try:
        if all((there / file).read_bytes() == body for file, body in contents.items()):
            return
    except OSError:
        shutil.rmtree(there, ignore_errors=True)
    else:
        shutil.rmtree(there)
    models.write_folder(folder, name, contents)


def _contents(manifest: Mapping[str, Any]) -> Contents:
    count = len({parts[1] for name in manifest["files"] if (parts := _MODEL.fullmatch(name))})
    return Contents(manifest["made"], manifest["generation"], manifest["stories"], count)


def _sha256(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(manifest)).hexdigest()
