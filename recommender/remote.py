"""Folders and files at a URL, read through fsspec with what is asked of a ``Path``; nothing is written.

``s3://bucket/models``, ``file:///srv/models``: what comes before ``://`` may
need a package of its own, such as ``s3fs``, and settings of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple, Self

from recommender.errors import MissingExtra, UsageError

_URL = re.compile(r"[a-z][a-z0-9+.-]*://")


def is_url(place: object) -> bool:
    """Tell a URL from a path."""
    return isinstance(place, str) and _URL.match(place) is not None


class Stat(NamedTuple):
    """What of ``os.stat_result`` every storage can tell."""

    st_size: int


@dataclass(frozen=True, slots=True)
class Remote:
    """A file or a folder; make one with ``at``.  Methods are those of ``Path`` and raise ``OSError``."""

    filesystem: Any
    path: str
    url: str

    @classmethod
    def at(cls, url: str) -> Self:
        """Look at a URL, without a connection so far.

        Raises ``MissingExtra`` where a package is not installed, ``UsageError``
        for a URL of no kind that fsspec knows.
        """
        if find_spec("fsspec") is None:
            raise MissingExtra(
                f"{_shown(url)} needs fsspec, not installed here: pip install 'recommender[remote]'"
            )
        from fsspec.core import url_to_fs

        try:
            filesystem, path = url_to_fs(url)
        except ImportError as error:
            raise MissingExtra(f"{_shown(url)}: {error}") from error
        except ValueError as error:
            raise UsageError(f"{_shown(url)}: {error}") from error
        return cls(filesystem, path.rstrip("/"), url.rstrip("/"))

    @property
    def name(self) -> str:
        """What stands last."""
        return self.path.rpartition("/")[2]

    def __truediv__(self, name: str) -> Self:
        return type(self)(self.filesystem, f"{self.path}/{name}", f"{self.url}/{name}")

    def __str__(self) -> str:
        return _shown(self.url)

    def is_dir(self) -> bool:
        """Tell whether a folder is there."""
        return bool(self.filesystem.isdir(self.path))

    def is_file(self) -> bool:
        """Tell whether a file is there."""
        return bool(self.filesystem.isfile(self.path))

    def iterdir(self) -> Iterator[Self]:
        """Give what is in the folder, by name."""
        # Others may have written since this program looked last.
        self.filesystem.invalidate_cache(self.path)
        for path in sorted(self.filesystem.ls(self.path, detail=False)):
            yield self / path.rstrip("/").rpartition("/")[2]

    def stat(self) -> Stat:
        """Ask for the size of the file."""
        size = self.filesystem.size(self.path)
        if size is None:
            raise OSError(f"{self}: its size is not told")
        return Stat(int(size))

    def read_bytes(self) -> bytes:
        """Read the file."""
        return bytes(self.filesystem.cat_file(self.path))

    def read_text(self, encoding: str) -> str:
        """Read the file."""
        return self.read_bytes().decode(encoding)


def _shown(url: str) -> str:
    """Leave out a name and a password: messages are kept in logs."""
    return re.sub(r"//[^/@]*@", "//", url)
