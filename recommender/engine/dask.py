"""Blocks run by the workers of a Dask cluster, over TCP.

What all blocks read is scattered once; then a task is the name of a function,
a block, and a reference.  Workers need this package, and neither the store nor
the models.  A worker that dies costs time: what it was at work on is run by
others, and what only it held is sent again.  Without its scheduler a run ends.
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import dask
from dask.utils import parse_timedelta
from distributed import Client, Future, LocalCluster
from distributed.client import ClosedClientError
from distributed.scheduler import KilledWorker
from distributed.utils import silence_logging_cmgr

from recommender import __version__
from recommender.engine.here import AHEAD, Block, Result, Shared, cores
from recommender.engine.parcel import Parcel
from recommender.errors import EngineLost, EngineUnavailable, UsageError

ATTEMPTS: Final = 5
"""Times in a row that a run begins anew after a loss; a block that is done counts from the start."""

LOOK: Final = 1.0
"""Seconds between two looks at whether anybody is still at work."""

_PAUSE = 0.1
"""Seconds between two questions whether somebody has come."""

_INSTALL: Final = "install the version of this program on all machines: pip install 'recommender[dask]'"

_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
_GONE = (CancelledError, ClosedClientError, OSError)
"""What Dask raises where a worker or the scheduler is gone; a time that is over is an ``OSError``."""


@contextmanager
def cluster(scheduler: str = "", patience: float | None = None) -> Iterator[Cluster]:
    """Connect to a cluster; without a ``scheduler``'s address start one here, a worker for each core.

    ``patience``: seconds to wait for a scheduler, and for a first worker where
    there is none; unless told, Dask's own ``distributed.comm.timeouts.connect``.
    Raises as ``engine.opened``.
    """
    if scheduler and not _ADDRESS.fullmatch(scheduler):
        raise UsageError(f"--scheduler {scheduler!r}: expected an address such as tcp://host:8786")
    if patience is None:
        patience = float(parse_timedelta(dask.config.get("distributed.comm.timeouts.connect")))
    with ExitStack() as ended:
        # What goes wrong is told by name, once: Dask's own lines come with tracebacks, and after the end.
        ended.enter_context(silence_logging_cmgr(logging.CRITICAL))
        if not scheduler:
            # No limit of memory: like the engine ``processes``, and a limit's end would be a killed worker.
            started = LocalCluster(
                n_workers=cores(), threads_per_worker=1, memory_limit=None, dashboard_address=None,
                host="127.0.0.1", silence_logs=logging.CRITICAL,
            )  # fmt: skip
            scheduler = ended.enter_context(started).scheduler_address
        try:
            # What is large goes to workers and comes from them, not through the scheduler.
            client = Client(scheduler, timeout=patience, set_as_default=False, direct_to_workers=True)
        except OSError as error:
            raise EngineUnavailable(
                f"no Dask scheduler answers at {scheduler} within {patience:g} s: start one with "
                f"`dask scheduler`, or name another with --scheduler ({error})"
            ) from error
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"--scheduler {scheduler!r} cannot be used: {error}") from error
        _check(ended.enter_context(client), scheduler)
        yield Cluster(client, scheduler, patience)


def _check(client: Client, scheduler: str) -> None:
    """Raise ``EngineUnavailable`` unless the scheduler has this version: it reads what tasks are made of."""
    try:
        there = client.run_on_scheduler(_version)
    except (ImportError, AttributeError):
        there = "of none or an older version"
    except _GONE as error:
        raise EngineUnavailable(f"{scheduler}: its scheduler went away: {error}") from error
    if there != __version__:
        raise EngineUnavailable(f"{scheduler}: its recommender is {there}; {_INSTALL}")


def _version() -> str:
    return __version__


class Cluster:
    """An engine; make one with ``cluster``."""

    def __init__(self, client: Client, address: str, patience: float) -> None:
        self.client = client
        self.patience = patience
        self._address = address

    def __call__(
        self, function: Callable[[Shared, Block], Result], shared: Shared, blocks: Iterable[Block]
    ) -> Iterator[Result]:
        """Run as every ``Engine`` does; ``function`` is a module's own.

        Raises ``EngineUnavailable`` where there are no workers, or workers of
        another version than this program's; ``EngineLost`` where the scheduler
        or the last worker goes away and none comes back.
        """
        run: _Run | None = None
        for block in blocks:
            # Nothing is sent where there is nothing to do.
            run = run or _Run(self, function, shared)
            run.add(block)
            while run.full():
                yield run.first()
        while run is not None and run.waiting:
            yield run.first()

    def threads(self) -> int:
        """Count the threads of all workers; wait for some where there are none.

        Raises ``EngineLost`` where none come.
        """
        deadline = time.monotonic() + self.patience
        while not (found := self._threads()):
            if self.client.status == "closed" or time.monotonic() > deadline:
                gone = "there is no worker" if self.client.status == "running" else "the scheduler is gone"
                raise EngineLost(f"{self._address}: {gone}, and none came within {self.patience:g} s")
            time.sleep(_PAUSE)
        return found

    def _threads(self) -> int:
        scheduler = self.client.scheduler
        if scheduler is None or self.client.status != "running":
            return 0
        try:
            told = self.client.sync(scheduler.ncores, callback_timeout=self.patience)
        except _GONE:
            return 0
        return sum(told.values())


@dataclass(slots=True)
class _Task:
    """A block whose result is waited for; ``future`` is ``None`` while nobody has it, or nobody any more."""

    block: Parcel
    future: Future[Parcel] | None = None


class _Run:
    """One call of an engine: what is under way."""

    def __init__(self, cluster: Cluster, function: Callable[..., Any], shared: object) -> None:
        self._cluster = cluster
        self._function = f"{function.__module__}:{function.__qualname__}"
        self._parcel = Parcel.of(shared)
        self._shared: Future[Parcel] | None = None
        self.waiting: deque[_Task] = deque()
        try:
            self._threads = cluster.threads()
        except EngineLost as error:
            raise EngineUnavailable(f"{error}; start workers with `dask worker`") from error

    def add(self, block: object) -> None:
        """Note a block; it is sent when somebody waits."""
        self.waiting.append(_Task(Parcel.of(block)))

    def full(self) -> bool:
        """Tell whether enough is under way: results wait for those before them, and memory has an end."""
        return len(self.waiting) > AHEAD * self._threads

    def first(self) -> Any:
        """Wait for the result of the first block, and take it away."""
        for _ in range(ATTEMPTS):
            try:
                future = self._awaited()
                if future.status == "finished":
                    result = future.result(timeout=self._cluster.patience).open()
                    self.waiting.popleft()
                    return result
            except _GONE:
                self._look()
                continue
            # What the block itself raises is nobody's loss.
            if (error := future.exception()) is not None:
                if isinstance(error, KilledWorker):
                    raise EngineLost(f"{error} Most often they have too little memory.") from error
                raise error.with_traceback(future.traceback())
        raise EngineLost(f"{ATTEMPTS} times in a row workers were gone before a block was done")

    def _awaited(self) -> Future[Parcel]:
        """Send what nobody has, and wait until the first block is done, while somebody may do it."""
        if self._shared is None:
            # In a list, for it is one thing; by a name of its own, for a name by content would read it all.
            try:
                (self._shared,) = self._cluster.client.scatter(
                    [self._parcel], broadcast=True, hash=False, timeout=self._cluster.patience
                )
            except (ImportError, AttributeError) as error:
                raise EngineUnavailable(
                    f"a worker has no recommender, or an older one; {_INSTALL}"
                ) from error
        for task in self.waiting:
            if task.future is None:
                task.future = self._cluster.client.submit(
                    _work, __version__, self._function, self._shared, task.block, pure=False
                )
        first = self.waiting[0].future
        assert first is not None  # noqa: S101  (sent above)
        while True:
            try:
                first.exception(timeout=LOOK)
            except TimeoutError:
                if self._look():
                    raise CancelledError from None
                continue
            if first.cancelled():
                raise CancelledError
            return first

    def _look(self) -> bool:
        """Look who is there, and forget the futures of what is to be sent again; tell if that is anything.

        What is done, and held by those who are left, is not done again.
        """
        self._threads = self._cluster.threads()
        lost = [task for task in self.waiting if task.future is not None and task.future.cancelled()]
        for task in lost:
            task.future = None
        if self._shared is not None and self._shared.status != "finished":
            self._shared = None
            return True
        return bool(lost)


def _work(version: str, function: str, shared: Parcel, block: Parcel) -> Parcel:
    """Run a block, in a worker."""
    if version != __version__:
        raise EngineUnavailable(f"a worker's recommender is {__version__}, not {version}; {_INSTALL}")
    module, _, name = function.partition(":")
    return Parcel.of(getattr(import_module(module), name)(shared.open(), block.open()))
