"""Compiled functions: kept on the disk where one can be written, and doing without where none can."""

from __future__ import annotations

import errno
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile

from recommender.compiled import Kept, compiled


def halved(number: float, by: float) -> float:
    return number / by


def added(one: float, other: float) -> float:
    return one + other


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def test_a_function_is_kept_and_holds_no_lock(folder: Path) -> None:
    made: Any = compiled(halved)
    assert made(3.0, 2.0) == 1.5
    assert made.targetoptions["nogil"]
    again: Any = compiled(halved)
    assert again(3.0, 2.0) == 1.5
    assert sum(again.stats.cache_hits.values()) == 1
    assert list(folder.rglob("*.nbc"))


def test_processes_that_compile_side_by_side_write_one_after_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else both may take the same number, and a third is given code for arguments of other types.

    Locks of a folder that was opened twice are those of two processes.
    """
    made: Any = compiled(added)
    made(1.0, 2.0)
    made(1, 2)
    shutil.rmtree(made._cache.cache_path)
    write = IndexDataCacheFile._save_index

    def slowly(file: IndexDataCacheFile, overloads: dict[Any, str]) -> None:
        time.sleep(0.2)  # long enough for the other to have read the index, if it may
        write(file, overloads)

    monkeypatch.setattr(IndexDataCacheFile, "_save_index", slowly)
    with ThreadPoolExecutor(2) as pool:
        saved = [pool.submit(Kept(added).save_overload, *each) for each in made.overloads.items()]
    assert [each.result() for each in saved] == [None, None]
    assert len(list(folder.rglob("*.nbc"))) == 2
    third: Any = compiled(added)
    assert (third(1, 2), third(1.5, 2.0)) == (3, 3.5)
    assert sum(third.stats.cache_hits.values()) == 2


def test_where_nothing_can_be_written_a_function_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nowhere(*_: Any) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(Kept, "__init__", nowhere)
    assert compiled(halved)(3.0, 2.0) == 1.5


def test_on_a_full_disk_a_function_is_compiled_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    assert compiled(halved)(3.0, 2.0) == 1.5


def test_arithmetic_is_that_of_numpy() -> None:
    plain = numba.njit(error_model="numpy")(halved)
    for made in (compiled(halved), plain):
        assert made(1.0, 0.0) == np.inf
        assert np.isnan(made(0.0, 0.0))
