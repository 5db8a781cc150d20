"""Whether anybody has written to a store in SQLite, for what it costs to read a hundred bytes.

In WAL mode a commit shows to readers by the header of the WAL-index, the file
``-shm`` beside the store that all its processes share as memory: a counter,
the length of the log, its running checksum and its salts.  It begins with two
copies of that header, of which a commit writes the second and then the first
(https://sqlite.org/walformat.html#the_wal_index_header).  SQLite itself tells
by these bytes whether what it knows is of an older state; asked for
``PRAGMA data_version`` it does so too, but takes and gives back a lock first.

So as long as both copies have the same bytes, nobody has committed anything.
Copies that differ, or are half written, are another state, too: a look may
find one without a reason, but never miss one.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Final

_COPIES: Final = 2 * 48
"""Bytes of the two copies of the header."""

_VERSION: Final = (3_007_000).to_bytes(4, sys.byteorder)
"""How a header begins that is laid out so; all have been, since WAL came with SQLite 3.7.0."""

_DESCRIPTORS: Final = Path("/dev/fd")
"""Where a process finds the files that it has open, on Linux and macOS."""


class Watch:
    """Tells one state of an SQLite file from another; safe to share between threads.

    Its connection keeps the file in WAL mode, and the WAL-index where it is.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            self._version()  # what opens the WAL-index, if there is one
        except BaseException:
            self._connection.close()
            raise
        self._index = _opened(Path(f"{path}-shm"))

    def state(self) -> Hashable:
        """Give another value once anybody has committed anything; raises as SQLite does."""
        return self._version() if self._index is None else os.pread(self._index, _COPIES, 0)

    def close(self) -> None:
        """Close the connection; the watch is not to be used after."""
        self._connection.close()

    def _version(self) -> int:
        # Changes when another connection commits, and counts for each connection by itself.
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version


def _opened(index: Path) -> int | None:
    """Find the descriptor that SQLite itself has of the WAL-index; ``None`` without one that can be read.

    It stays open as long as any connection of this process does.  One of our own
    would have to stay open for good: as soon as a process closes any, it
    loses all its locks on that file, those of SQLite too.
    """
    try:
        shared = index.stat()
        descriptors = [int(each.name) for each in _DESCRIPTORS.iterdir()]
    except OSError:
        return None
    for descriptor in descriptors:
        try:
            if os.path.samestat(os.fstat(descriptor), shared):
                return descriptor if os.pread(descriptor, len(_VERSION), 0) == _VERSION else None
        except OSError:  # closed since, as that of the folder is
            continue
    return None
