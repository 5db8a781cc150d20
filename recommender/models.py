"""Model folders: written whole or not at all, checked by checksum before use, one of them active.

::

    models/
      active history              which of them recomputes use, and used before (``pointing``)
      20261122-101502-1f3a9c/     immutable
        manifest.json             what it is, what it learned from, SHA-256 of every file and of itself
        weights.npy               the ranker's weighted sum
        nodes.npy roots.npy       its trees

Nothing in a folder runs when it is loaded.  ``models/`` may stand at a URL
(``remote``), as it was copied there, and is then read, with the same checks.
"""

from __future__ import annotations

import hashlib
import io
import platform
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import sklearn
from numpy.typing import NDArray

from recommender import __version__, durable
from recommender.corpus import fingerprint
from recommender.errors import ModelCorrupt, ModelError, ModelIncompatible, ModelNotFound
from recommender.features import NAMES
from recommender.pointing import DEFAULT, Root, active, before, place, point, writable
from recommender.ranker import Ranker
from recommender.remote import Remote
from recommender.search import Search
from recommender.trees import NODE

__all__ = [
    "Model",
    "Root",
    "activate",
    "active",
    "contents",
    "fingerprint",
    "listed",
    "load",
    "names",
    "rollback",
    "writable",
    "write",
]

FORMAT = 3
"""Raised when an older program could not read a folder."""

MAX_BYTES = 1 << 30
"""A model's file larger than this is not read."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FILE = re.compile(r"[a-z]+\.(?:json|npy)")
_FILES = {
    "weights.npy": np.dtype("<f8"),
    "nodes.npy": NODE,
    "roots.npy": np.dtype("<i8"),
}
"""What each array of a folder is made of; all have one dimension."""


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model: what finds candidates, and what ranks them."""

    id: str
    ranker: Ranker
    search: Search
    manifest: Mapping[str, Any]


def write(
    root: Root,
    ranker: Ranker,
    search: Search,
    data: Mapping[str, Any],
    report: Mapping[str, Any],
) -> Model:
    """Write a new model folder below ``root`` and return the model.

    ``data`` says what it learned from (with its ``fingerprint``), ``report``
    how it evaluated.  The folder appears under its name only when all of it is
    on the disk.
    """
    root = writable(root)
    made = datetime.now(UTC)
    base = f"{made:%Y%m%d-%H%M%S}-{str(data['fingerprint'])[:6]}"
    free = chain([base], (f"{base}-{number}" for number in count(2)))
    name = next(name for name in free if not (root / name).exists())
    arrays: dict[str, NDArray[Any]] = {
        "weights.npy": ranker.weights,
        "nodes.npy": ranker.nodes,
        "roots.npy": ranker.roots,
    }
    files = {file: _npy(array) for file, array in arrays.items()}
    manifest = {
        "format": FORMAT,
        "id": name,
        "created": made.isoformat(timespec="seconds"),
        "made_with": {
            "recommender": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "data": dict(data),
        "search": asdict(search),
        "features": list(NAMES),
        "ranker": {"slope": ranker.slope, "offset": ranker.offset},
        "report": dict(report),
        "files": {file: {"bytes": len(body), "sha256": _sha256(body)} for file, body in files.items()},
    }
    manifest = orjson.loads(orjson.dumps(manifest))  # as ``load`` gives it back: lists for tuples
    manifest["sha256"] = _sha256(orjson.dumps(manifest))
    files["manifest.json"] = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
    try:
        durable.write_folder(root / name, files)
    except OSError as error:
        raise ModelError(f"{root / name}: cannot be written: {error.strerror}") from error
    return Model(name, ranker, search, manifest)


def load(root: Root, name: str) -> Model:
    """Read and check a model.

    Raises ``ModelNotFound``, ``ModelIncompatible`` for a newer format or other
    features than this program's, ``ModelCorrupt`` naming the file otherwise.
    """
    folder = _folder(root, name)
    manifest = _manifest(folder)
    try:
        search = Search(**manifest["search"])
        if manifest["features"] != list(NAMES):
            raise ModelIncompatible(
                f"{folder}: made for other features than this program's; train again with `recommender "
                "train`, or let the default ranker rank: `recommender models activate default`"
            )
        arrays = {file: _array(folder / file, manifest["files"][file]) for file in _FILES}
        parameters = manifest["ranker"]
        ranker = Ranker(
            arrays["weights.npy"],
            arrays["nodes.npy"],
            arrays["roots.npy"],
            float(parameters["slope"]),
            float(parameters["offset"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelCorrupt(f"{folder / 'manifest.json'}: {type(error).__name__}: {error}") from error
    if len(ranker.weights) != len(NAMES):
        raise ModelCorrupt(
            f"{folder / 'weights.npy'}: {len(ranker.weights)} weights of {len(NAMES)} features"
        )
    try:
        ranker.check()
    except ModelCorrupt as error:
        raise ModelCorrupt(f"{folder}/{error}") from error
    return Model(name, ranker, search, manifest)


def names(root: Root) -> list[str]:
    """Name the model folders, oldest first, those that cannot be read among them."""
    home = place(root)
    folders: Iterable[Path | Remote] = home.iterdir() if _is_dir(home) else ()
    return sorted(
        one.name for one in folders if _ID.fullmatch(one.name) and (one / "manifest.json").is_file()
    )


def listed(root: Root) -> list[Mapping[str, Any]]:
    """Read the manifests of all models, oldest first; a folder that cannot be read is left out."""
    found: list[Mapping[str, Any]] = []
    for name in names(root):
        with suppress(ModelError):
            found.append(_manifest(place(root) / name) | {"id": name})  # by which it is found
    return found


def contents(root: Root, name: str) -> dict[str, bytes]:
    """Read a model's files, each as it was written, the manifest last; raises ``ModelError`` as ``load``."""
    folder = _folder(root, name)
    try:
        found = {file: _stated(folder / file, stated) for file, stated in _manifest(folder)["files"].items()}
    except (KeyError, TypeError) as error:
        raise ModelCorrupt(f"{folder / 'manifest.json'}: {type(error).__name__}: {error}") from error
    return found | {"manifest.json": _read(folder / "manifest.json")}


def activate(root: Root, name: str) -> None:
    """Let recomputes use a model, after checking it, or the ranker called ``default``."""
    root = writable(root)
    if name != DEFAULT:
        load(root, name)
    point(root, name)


def rollback(root: Root) -> str:
    """Activate what was active before, and give its name; twice is where one was.

    Raises ``NoEarlierModel`` where nothing was, and as ``load`` where that
    cannot be used any more.
    """
    name = before(writable(root))
    activate(root, name)
    return name


def _folder(root: Root, name: str) -> Path | Remote:
    home = place(root)
    folder = home / name
    if not _ID.fullmatch(name) or not _is_dir(folder):
        raise ModelNotFound(
            f"no model {name[:80]!r} in {home}; `recommender models list` shows what there is"
        )
    return folder


def _is_dir(folder: Path | Remote) -> bool:
    try:
        return folder.is_dir()
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read: {error}") from error


def _manifest(folder: Path | Remote) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = orjson.loads(_read(path))
    except orjson.JSONDecodeError as error:
        raise ModelCorrupt(f"{path}: not JSON: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise ModelCorrupt(f"{path}: not a manifest")
    # Every format has this checksum: first see that this is what was written, then what it says.
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    if manifest.get("sha256") != _sha256(orjson.dumps(rest)):
        raise ModelCorrupt(f"{path}: not what was written: changed")
    if manifest["format"] > FORMAT:
        raise ModelIncompatible(
            f"{folder}: format {manifest['format']}, this program reads up to {FORMAT}; upgrade the program"
        )
    if not all(isinstance(manifest.get(part), dict) for part in ("data", "report", "files")):
        raise ModelCorrupt(f"{path}: not a manifest: no data, no report, or no files")
    if not all(_FILE.fullmatch(file) for file in manifest["files"]):
        raise ModelCorrupt(f"{path}: names a file that is no model's")
    return manifest


def _array(path: Path | Remote, stated: Mapping[str, Any]) -> NDArray[Any]:
    body = _stated(path, stated)
    # Not ``np.load``: it reads zip files and pickles, too, and believes a size before it has seen the data.
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    except ValueError as error:
        raise ModelCorrupt(f"{path}: not an array: {error}") from error
    expected, start = _FILES[path.name], stream.tell()
    length, over = divmod(len(body) - start, expected.itemsize)
    if (version, dtype, shape, over) != ((1, 0), expected, (length,), 0):
        raise ModelCorrupt(f"{path}: expected one dimension of {expected}")
    return np.frombuffer(body, expected, offset=start)


def _stated(path: Path | Remote, stated: Mapping[str, Any]) -> bytes:
    body = _read(path)
    if len(body) != stated["bytes"] or _sha256(body) != stated["sha256"]:
        raise ModelCorrupt(f"{path}: not what the manifest says: cut short or changed")
    return body


def _read(path: Path | Remote) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelCorrupt(f"{path}: larger than {MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ModelCorrupt(f"{path}: cannot be read: {error.strerror or error}") from error


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
