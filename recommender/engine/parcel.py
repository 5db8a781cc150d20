"""What travels between machines: a thing pickled once, with its arrays beside it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, Self, SupportsIndex

import numpy as np

_ALIGNED = 16
"""What the address of a buffer is to be a multiple of: no number here is larger."""


class Parcel:
    """Something on its way: pickled when it is packed, its arrays beside it, and unpickled where it is used.

    Those who only hand it on, as the scheduler does, neither read it nor load
    what it is made of.  Its arrays are writable if they were at home, and always
    at addresses that are multiples of their numbers' size: Dask promises neither,
    and functions would be compiled again for arrays of another kind.
    """

    __slots__ = ("_body", "_buffers", "_content")
    _content: Any

    def __init__(self, body: bytes, buffers: Sequence[Any]) -> None:
        self._body = body
        self._buffers = buffers

    @classmethod
    def of(cls, content: object) -> Self:
        """Pack something."""
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(content, protocol=5, buffer_callback=buffers.append)
        return cls(body, [buffer.raw() for buffer in buffers])

    def open(self) -> Any:
        """Unpack it; again, it is the same object."""
        try:
            return self._content
        except AttributeError:
            self._buffers = [_usable(buffer) for buffer in self._buffers]
            self._content = pickle.loads(self._body, buffers=self._buffers)  # noqa: S301  (see docs/operations.md)
            return self._content

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type[Self], tuple[bytes, list[Any]]]:
        # Beside the rest, and so not copied, only from protocol 5 on; Dask's scheduler speaks 4.
        beside = pickle.PickleBuffer if int(protocol) >= 5 else bytes
        return type(self), (self._body, [beside(buffer) for buffer in self._buffers])

    def __sizeof__(self) -> int:
        return len(self._body) + sum(map(len, self._buffers))


def _usable(buffer: Any) -> Any:
    view = np.frombuffer(buffer, np.uint8)
    return view if view.flags.writeable and view.ctypes.data % _ALIGNED == 0 else view.copy()
