"""Functions compiled to machine code, for the loops over pairs of stories that numpy has no words for.

They are compiled by the first process that calls them, and kept beside this
package as Python keeps its own; they hold no lock of the interpreter, so
threads run them side by side.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2s
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

Given = ParamSpec("Given")
Returned = TypeVar("Returned")

_PACKAGE = Path(__file__).parent
_FOLDER = "recommender-machine-code-"


def _kept() -> str:
    """Name the folder for machine code of this very program; those of earlier ones are removed.

    numba would look at the file of a function alone, not at those of the
    functions and numbers that were compiled into it.
    """
    digest = blake2s(digest_size=8)
    for source in sorted(_PACKAGE.rglob("*.py")):
        digest.update(source.read_bytes())
    named: str = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    place = Path(named or _PACKAGE / "__pycache__")
    name = f"{_FOLDER}{digest.hexdigest()}"
    for other in place.glob(f"{_FOLDER}*"):
        if other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    return os.fspath(place / name)


numba.config.CACHE_DIR = _kept()  # type: ignore[attr-defined]


class Kept(FunctionCache):
    """numba's cache of a function, which one process at a time writes.

    numba gives an overload the next free number, by an index that two processes
    may read before either writes it.  Then both have the same file, and who
    later looks for one of them is given code for arguments of other types,
    which reads and writes wherever those lead it.
    """

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep what was compiled; on a full disk it is compiled again by the next process."""
        with suppress(OSError), self._alone():
            super().save_overload(signature, data)  # type: ignore[no-untyped-call]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        os.makedirs(self.cache_path, exist_ok=True)  # noqa: PTH103  (numba's is a text)
        folder = os.open(self.cache_path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def compiled(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile ``function`` when it is first called; arithmetic is IEEE's, as numpy's is."""
    made: Any = numba.njit(function, nogil=True, error_model="numpy")
    with suppress(RuntimeError):  # no folder can be written, neither the package's nor the one that was named
        # What `cache=True` does with numba's own.
        made._cache = Kept(function)  # type: ignore[no-untyped-call]  # noqa: SLF001
    return cast("Callable[Given, Returned]", made)


def inlined(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile ``function`` into each that calls it: where handing on arrays costs more than the work."""
    return cast("Callable[Given, Returned]", numba.njit(function, inline="always", error_model="numpy"))
