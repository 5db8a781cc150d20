"""Compiled functions: kept on the disk where one can be written, and doing without where none can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from recommender.compiled import compiled


def halved(number: float, by: float) -> float:
    return number / by


def test_a_function_is_kept_and_holds_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def njit(function: Callable[..., float], **options: Any) -> Callable[..., float]:
        asked.update(options)
        return function

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(halved)(3.0, 2.0) == 1.5
    assert asked == {"cache": True, "nogil": True, "error_model": "numpy"}


def test_where_nothing_can_be_written_a_function_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, asked = numba.njit, []

    def njit(function: Callable[..., float], **options: Any) -> Any:
        asked.append(options.pop("cache", False))
        if asked[-1]:
            raise RuntimeError("cannot cache function: no locator available")
        return real(function, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(halved)(3.0, 2.0) == 1.5
    assert asked == [True, False]


def test_arithmetic_is_that_of_numpy() -> None:
    plain = numba.njit(error_model="numpy")(halved)
    for made in (compiled(halved), plain):
        assert made(1.0, 0.0) == np.inf
        assert np.isnan(made(0.0, 0.0))
