"""Functions compiled to machine code, for the loops over pairs of stories that numpy has no words for.

They are compiled by the first process that calls them, and kept beside this
package as Python keeps its own; they hold no lock of the interpreter, so
threads run them side by side.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from hashlib import blake2s
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba

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


def compiled(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile ``function`` when it is first called; arithmetic is IEEE's, as numpy's is."""
    try:
        made = numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:  # no folder can be written, neither the package's nor the one that was named
        made = numba.njit(function, nogil=True, error_model="numpy")
    return cast("Callable[Given, Returned]", made)


def inlined(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile ``function`` into each that calls it: where handing on arrays costs more than the work."""
    return cast("Callable[Given, Returned]", numba.njit(function, inline="always", error_model="numpy"))
