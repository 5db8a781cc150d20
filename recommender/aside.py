"""What takes long to make ready: made once for all who ask, aside, and waited for so long and no longer.

::

    asked ──► made, and still so? ──► given at once
                    │ no
                    ▼
              one thread makes it ──► within 4 s: given to all who wait
                                  ──► later: they are told, and who asks again is given it
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import BoundedSemaphore, Lock, Thread
from typing import Final, Generic, TypeVar

from recommender.errors import InProgress

T = TypeVar("T")

WITHIN: Final = 4.0
"""Seconds that are waited: enough to load 100,000 stories, and less than programs wait for an answer."""

WAITING: Final = 8
"""How many wait at once: each holds one of a server's 40 threads, which others need."""

HELD: Final = 30.0
"""Seconds for which what nobody was given is kept for who was told to ask again, changed meanwhile or not."""


class Aside(Generic[T]):
    """Something that ``make`` takes long to make; safe to share between threads.

    ``what`` begins the sentence that those are told who waited in vain.
    """

    def __init__(self, make: Callable[[], T], what: str) -> None:
        self._make = make
        self._what = what
        self._deciding = Lock()
        self._seats = BoundedSemaphore(WAITING)
        self._made: Future[T] | None = None
        self._held = -math.inf  # until when what was made is given to the next, whatever it is

    def get(self, fresh: Callable[[T], bool] = lambda _: True) -> T:
        """Give what was made, if it is ``fresh``; else have it made, and wait.

        Raises InProgress if that takes longer, or too many wait; and what
        ``make`` raises, to all who wait. The next who asks has it made again.
        """
        with self._deciding:
            if self._made is None or (self._made.done() and not self._good(self._made, fresh)):
                begun = Future[T]()
                Thread(target=self._work, args=(begun,), name=f"making ready: {self._what}").start()
                self._made = begun  # not before: where no thread can be had, all would wait in vain
            made = self._made
        if not self._waited(made):
            raise InProgress(f"{self._what} is being made ready, which takes a while: ask again in a moment")
        self._held = -math.inf
        return made.result()

    def _good(self, made: Future[T], fresh: Callable[[T], bool]) -> bool:
        return time.monotonic() < self._held or (made.exception() is None and fresh(made.result()))

    def _work(self, made: Future[T]) -> None:
        try:
            value = self._make()
        except BaseException as error:  # noqa: BLE001  (raised again in the threads of those who asked)
            self._held = time.monotonic() + HELD
            made.set_exception(error)
        else:
            self._held = time.monotonic() + HELD
            made.set_result(value)

    def _waited(self, made: Future[T]) -> bool:
        if made.done():
            return True
        if not self._seats.acquire(blocking=False):
            return False
        try:
            return bool(wait([made], WITHIN).done)
        finally:
            self._seats.release()
