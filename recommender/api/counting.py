"""What readers did, on its way to the store: counted as it comes in, and written a few times a minute.

::

    POST /events ──add──► counts of this process ──every 10 s──► Store.record_events
                              ▲                        │ the store does not answer
                              └───────── put back ◄────┘

Whatever is written ends all answers that are kept (``lately``), so it is written
seldom, and by all processes in the same moment.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.concurrency import run_in_threadpool

from recommender.api.opening import Opening
from recommender.errors import StoreError
from recommender.service.counting import Counts, Observed
from recommender.store import Count

EVERY: Final = 10.0
"""Seconds between two writes, unless there is much to write."""

MUCH: Final = 10_000
"""Rows that are written before it is time."""

BATCH: Final = 2_000
"""Rows of one transaction: 12 ms on SQLite, for which other writers wait."""

ROOM: Final = 100_000
"""Rows kept at most while the store does not answer: 28 MB."""

_DAY: Final = 86_400

_log = logging.getLogger(__name__)


class Counting:
    """Counts what readers did, and writes it while it is ``running``; for one event loop, not for threads.

    ``clock`` tells the time in seconds since 1970 (UTC).
    """

    def __init__(self, opening: Opening, clock: Callable[[], float] = time.time) -> None:
        self._opening = opening
        self._clock = clock
        self._counts = Counts(ROOM)
        self._wake = asyncio.Event()
        self._ending = False
        self._away = False

    def __len__(self) -> int:
        """Count the rows that are not written yet."""
        return len(self._counts)

    def add(self, seen: Observed) -> None:
        """Count an event, of today."""
        self._counts.add(int(self._clock()) // _DAY, seen)
        if len(self._counts) >= MUCH and not self._away:
            self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what is counted for the length of an ``async with`` block, and what is left at its end."""
        self._wake, self._ending = asyncio.Event(), False
        writing = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._ending = True
            self._wake.set()
            await writing

    async def _run(self) -> None:
        ending = False
        while not ending:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY - self._clock() % EVERY):
                    await self._wake.wait()
            self._wake.clear()
            ending = self._ending
            await self._write()
        if self._counts:
            _log.error("%d counts of what readers did are lost: the store does not answer", len(self))

    async def _write(self) -> None:
        """Write what is there now; what comes meanwhile is for the next time."""
        left = len(self._counts)
        while left > 0 and (batch := self._counts.take(BATCH)):
            left -= len(batch)
            try:
                unknown = await run_in_threadpool(self._record, batch)
            except StoreError as error:
                self._away = True
                self._counts.put_back(batch)
                _log.warning("%d counts of what readers did wait for the store: %s", len(self), error)
                break
            except Exception:  # noqa: BLE001  (tried again, it would be in the way of all that come after)
                _log.exception("%d counts of what readers did cannot be written, and are lost", len(batch))
                continue
            self._away = False
            if unknown:
                _log.warning(
                    "%d counts were left out: of stories or lists that are not in the store", unknown
                )
        if self._counts.dropped:
            _log.warning("%d counts of what readers did are lost: too many waited", self._counts.dropped)
            self._counts.dropped = 0

    def _record(self, counts: Sequence[Count]) -> int:
        return self._opening().store.record_events(counts)
