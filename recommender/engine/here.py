"""Blocks run on this machine: by threads of this process, or by processes of their own."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Shared = TypeVar("Shared")
Block = TypeVar("Block")
Result = TypeVar("Result")


AHEAD = 4
"""Blocks a thread may be ahead of what is waited for."""


def local(
    function: Callable[[Shared, Block], Result], shared: Shared, blocks: Iterable[Block]
) -> Iterator[Result]:
    """Run in this process, a thread for each core: compiled functions and numpy hold no lock.

    Results wait for those before them; no block is begun when ``AHEAD`` results a thread are
    waiting, so memory is bounded by the blocks and not by their number.
    """
    workers = cores()
    if workers < 2:
        for block in blocks:
            yield function(shared, block)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for block in blocks:
            waiting.append(pool.submit(function, shared, block))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def processes(
    function: Callable[[Shared, Block], Result], shared: Shared, blocks: Iterable[Block]
) -> Iterator[Result]:
    """Run on all cores of this machine.

    ``function`` must be a module's top-level function.  A single block runs
    here: starting workers would take longer.
    """
    blocks = list(blocks)
    if len(blocks) < 2:
        yield from local(function, shared, blocks)
        return
    context = multiprocessing.get_context(_start_method())
    with ProcessPoolExecutor(cores(), context, _receive, (function, shared)) as pool:
        yield from pool.map(_work, blocks)


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_method() -> str:
    """Choose how workers start.

    A fork costs nothing, but the fork of a process with threads, those of
    numeric libraries too, may hang.  So only a process that has but one is
    forked (an import that loaded no numpy); any other starts new ones.
    """
    tasks = Path("/proc/self/task")
    alone = tasks.is_dir() and len(list(tasks.iterdir())) == 1
    return "fork" if alone else "spawn"


_task: tuple[Callable[[Any, Any], Any], Any]
"""In a worker, which serves one run only: the function and what all blocks read."""


def _receive(function: Callable[[Any, Any], Any], shared: Any) -> None:
    # A worker lives for one run, and what blocks make has no cycles: looking for some is time lost.
    gc.disable()
    global _task
    _task = (function, shared)


def _work(block: Any) -> Any:
    function, shared = _task
    return function(shared, block)
