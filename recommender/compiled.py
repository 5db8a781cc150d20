"""Functions compiled to machine code, for the loops over pairs of stories that numpy has no words for.

They are compiled once, by the first process that calls them, and kept beside
this package as Python keeps its own; they hold no lock of the interpreter, so
threads run them side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def compiled(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile ``function`` when it is first called; arithmetic is IEEE's, as numpy's is."""
    try:
        made = numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:  # no folder can be written, neither the package's nor the user's
        made = numba.njit(function, nogil=True, error_model="numpy")
    return cast("Callable[Given, Returned]", made)


def inlined(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Compile ``function`` into each that calls it: where handing on arrays costs more than the work."""
    return cast("Callable[Given, Returned]", numba.njit(function, inline="always", error_model="numpy"))
