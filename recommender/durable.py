"""Files and folders that are whole or not there: after a failure, a kill, a power cut.

What is to be is written beside its place under a name that nobody reads,
``.NAME.partial``, and waited for until it is on the disk; then it takes its
place by a rename, and that is waited for, too.  All functions raise
``OSError``, and leave nothing beside.  What a process left that was killed is
removed by the next that writes there.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial"
"""How a name ends, after a dot at its beginning, of what is not whole yet."""

_OURS: Final = re.compile(rf"\..+-\d+{re.escape(PARTIAL)}")
"""What a process writes into a folder that is the program's own, under a name that is nobody else's."""


class Disk:
    """All that is done to a disk, step by step; tests put another in its place, which ends at any step."""

    def make(self, folder: Path) -> None:
        """Make a folder in another."""
        folder.mkdir()

    def write(self, path: Path, body: bytes) -> None:
        """Write a file, which may not be on the disk yet."""
        path.write_bytes(body)

    def sync(self, path: Path) -> None:
        """Wait until a file is on the disk, or the names in a folder."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_all(self) -> None:
        """Wait until all that anybody wrote is on the disk: sooner than file by file, if they are many."""
        os.sync()

    def place(self, folder: Path, name: Path) -> None:
        """Give a folder its name, which no other has."""
        folder.rename(name)

    def replace(self, path: Path, target: Path) -> None:
        """Give a file its name, and take it from another."""
        path.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with all that is in it."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


disk = Disk()


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, if need be."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):  # another process was sooner, or the next step names what is there
        disk.make(folder)
    disk.sync(folder.parent)


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of these files, by name, into one that is the program's own; it is to be new."""
    make_folder(folder.parent)
    with _among(folder.parent):
        partial = _beside(folder)
        with _nothing_left(partial):
            disk.make(partial)
            for name, body in contents.items():
                disk.write(partial / name, body)
                disk.sync(partial / name)
            disk.sync(partial)
            disk.place(partial, folder)
        disk.sync(folder.parent)


def write_file(path: Path, body: bytes) -> None:
    """Write a file into a folder that is the program's own; it replaces one of its name."""
    with _among(path.parent):
        partial = _beside(path)
        with _nothing_left(partial):
            disk.write(partial, body)
            disk.sync(partial)
            disk.replace(partial, path)
        disk.sync(path.parent)


@contextmanager
def written(target: Path) -> Iterator[Path]:
    """Name a file to write, which takes the name of ``target`` when the ``with`` block ends well.

    Raises ``BlockingIOError`` where another process is writing it.
    """
    partial = target.with_name(f".{target.name}{PARTIAL}")
    with _alone(partial), _nothing_left(partial):
        yield partial
        disk.sync(partial)
        disk.replace(partial, target)
        disk.sync(target.parent)


def remove_file(path: Path) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        disk.remove(path)
    disk.sync(path.parent)


def replace_all(folder: Path, partial: Path, groups: Iterable[Iterable[str]]) -> None:
    """Let files of the folder ``partial`` take their places in ``folder``, group by group.

    Names may be of files in folders.  Before a group takes its places, all
    of ``partial`` is on the disk, and the groups before it are in theirs.
    """
    disk.sync_all()
    for names in groups:
        touched = set[Path]()
        for name in names:
            place = (folder / name).parent
            if place not in touched:
                make_folder(place)
            disk.replace(partial / name, folder / name)
            touched.add(place)
        for place in sorted(touched):
            disk.sync(place)


Body = bytes | Mapping[str, bytes] | None
"""What is to be: a file's bytes, a folder's files by their names, or nothing."""


@contextmanager
def staged(folder: Path, wanted: Mapping[str, Body]) -> Iterator[Callable[[], None]]:
    """Write what is to have these names in ``folder``, the program's own, all of it or nothing.

    It is on the disk when the block begins.  What the block is given lets it
    take its names, in their order.  If the block ends badly, whatever had a
    name has it again.  A file is replaced in one step, a folder in two.
    """
    make_folder(folder)
    stage = _beside(folder / "staged")
    new, old = stage / "new", stage / "old"
    with _among(folder):
        try:
            for part in (stage, new, old):
                disk.make(part)
            for name, body in wanted.items():
                _write(new / name, body)
                _write(old / name, (folder / name).read_bytes() if (folder / name).is_file() else None)
            for part in (new, old, stage):
                disk.sync(part)
            with ExitStack() as back:
                back.callback(disk.sync, folder)

                def place() -> None:
                    for name, body in wanted.items():
                        _swap(folder / name, new / name, old / name, body, back)
                        disk.sync(folder)

                yield place
                back.pop_all()
        finally:
            with suppress(OSError):  # or the next who writes there does it
                disk.remove(stage)


def _beside(path: Path) -> Path:
    # Numbers of processes are not enough: in containers that share a folder, all are the first.
    return path.with_name(f".{path.name}-{secrets.randbits(64)}{PARTIAL}")


def _write(path: Path, body: Body) -> None:
    if isinstance(body, bytes):
        disk.write(path, body)
        disk.sync(path)
    elif body is not None:
        disk.make(path)
        for name, part in body.items():
            _write(path / name, part)
        disk.sync(path)


def _swap(path: Path, new: Path, old: Path, body: Body, back: ExitStack) -> None:
    """Put ``new`` in the place of what is at ``path``, and note what takes that ``back``."""
    if path.is_dir():
        disk.place(path, old)
        back.callback(disk.place, old, path)
    if isinstance(body, bytes):
        disk.replace(new, path)
    elif body is not None:
        disk.place(new, path)
    elif path.exists():
        disk.remove(path)
    if old.is_file():
        back.callback(disk.replace, old, path)
    elif body is not None:
        back.callback(disk.remove, path)


@contextmanager
def _nothing_left(partial: Path) -> Iterator[None]:
    """Remove what is not whole if it does not come to be so."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            disk.remove(partial)
        raise


@contextmanager
def _among(folder: Path) -> Iterator[None]:
    """Be one of those who write into a folder; whoever is the only one removes what the dead have left."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some disks of a network lock no folders: there the remains stay, which harm nobody.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in folder.iterdir():
                if _OURS.fullmatch(path.name):
                    disk.remove(path)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Make a file, or take that of a dead process, and be the only one who writes it."""
    descriptor = _locked(partial)
    while not _is_at(descriptor, partial):  # who wrote it a moment ago has given it its name since
        os.close(descriptor)
        descriptor = _locked(partial)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
