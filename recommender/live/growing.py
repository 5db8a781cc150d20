"""Columns of stories at whose end more is put without moving what is there.

An archive of a hundred thousand stories is 200 MB of arrays; a story that
comes adds a few hundred bytes to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = NDArray[Any]

SPARE = 1.1
"""Room made for a column, as a multiple of what it needs: then nothing is moved until a tenth has come."""

STARTS = "starts"
"""How the name of a column ends that tells where compressed rows begin, and in the end where they end."""


class Growing:
    """Columns of the same stories, by name.

    Those before and those after others came share their room: only the newest
    may be followed by more, or what followed before is overwritten.  So what
    comes for a moment can be let go of without a trace.
    """

    def __init__(self, rooms: Mapping[str, Column], sizes: Mapping[str, int]) -> None:
        self._rooms = rooms
        self._sizes = sizes

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> Self:
        """Begin with these columns, which are copied."""
        rooms = {name: _roomy(column, len(column)) for name, column in columns.items()}
        return cls(rooms, {name: len(column) for name, column in columns.items()})

    def __getitem__(self, name: str) -> Column:
        return self._rooms[name][: self._sizes[name]]

    def followed_by(self, columns: Mapping[str, Column]) -> Self:
        """Put more behind some of the columns; starts count on from the last."""
        rooms, sizes = dict(self._rooms), dict(self._sizes)
        for name, column in columns.items():
            values = column[1:] + self[name][-1] if name.endswith(STARTS) else column
            start = sizes[name]
            sizes[name] = end = start + len(values)
            if end > len(rooms[name]):
                rooms[name] = _roomy(self[name], end)
            rooms[name][start:end] = values
        return type(self)(rooms, sizes)


def _roomy(column: Column, rows: int) -> Column:
    room = np.empty((int(rows * SPARE) + 1, *column.shape[1:]), column.dtype)
    room[: len(column)] = column
    return room
