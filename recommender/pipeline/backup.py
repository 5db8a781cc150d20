"""Backups: a store and its models in one file; ``restoring`` brings them back.

::

    news.zip
      store/articles.jsonl …      a row a line, table by table (``Store.dumped``)
      models/active history       which model recomputes use, and used before
      models/20261122-…/…         every model that is as it was written, file by file
      manifest.json               what it is and what it lacks, SHA-256 of every file and of itself
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from recommender import __version__, models, pointing
from recommender.errors import ModelCorrupt, ModelError
from recommender.pipeline.exporting import whole
from recommender.store import COLUMNS, REVISION, Store

FORMAT: Final = 2
MANIFEST: Final = "manifest.json"
ID: Final = re.compile("[a-z0-9][a-z0-9-]{0,63}")
"""What a model is called."""
POINTERS: Final = ("models/active", "models/history")

_LISTS: Final = COLUMNS["generations"].index("lists")


class Contents(NamedTuple):
    """What a backup has: of which time and which generation (``None`` before the first), and how much.

    ``left_out`` says which models it does not have, and why.
    """

    made: str
    generation: int | None
    stories: int
    models: int
    left_out: Mapping[str, str]

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Contents:
        """Read them off a backup's manifest."""
        names = {name.split("/")[1] for name in manifest["files"] if name.count("/") == 2}
        made, generation, stories = (manifest[part] for part in ("made", "generation", "stories"))
        return cls(made, generation, stories, len(names), manifest["left_out"])


def back_up(store: Store, root: models.Root, target: Path) -> Contents:
    """Write all of a store, as it is at one moment, and its models; others may read and write meanwhile.

    A model that is not as it was written is left out, and that is told, in the
    file too: what only the store has, such as editors' orders, is not to go
    without a backup for its sake.  The file appears under its name when it is
    whole, in place of one that was there.  Raises UsageError where it cannot
    be written, ModelCorrupt where nobody can tell which model is active.
    """
    files: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    with (
        whole(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        partial.chmod(0o600)  # addresses of feeds are in it, and stories that are not out yet
        for name, body in _model_files(root, left_out):
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
            "left_out": left_out,
            "columns": COLUMNS,
            "files": files,
        }
        manifest["sha256"] = checksum(manifest)
        archive.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return Contents.of(manifest)


def checksum(manifest: Mapping[str, Any]) -> str:
    """Compute SHA-256 of a manifest that has none, in hex."""
    return hashlib.sha256(orjson.dumps(manifest)).hexdigest()


def _model_files(root: models.Root, left_out: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Read the pointers, and then every model: what is trained meanwhile is not pointed to."""
    active, history = models.active(root), pointing.history(root)
    for name in (*([active] if active else []), *history):
        if not ID.fullmatch(name):
            raise ModelCorrupt(
                f"{pointing.place(root)}: {name[:80]!r}, in `active` or `history`, is no model's name; "
                "put the right one there, or delete the file"
            )
    pointers = (active or "", "\n".join(history))
    yield from zip(POINTERS, (text.encode() for text in pointers), strict=True)
    for name in sorted({*models.names(root), *([active] if active else [])}):
        try:
            contents = models.contents(root, name)
        except ModelError as error:
            left_out[name] = str(error)
        else:
            yield from ((f"models/{name}/{file}", body) for file, body in contents.items())


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
