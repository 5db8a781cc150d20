"""Answers given lately, given again as they are while nothing that they are made of has changed.

Readers ask for few of the stories most of the time: the thousand most read of
100,000 are more than half of what is asked.  Such an answer is found by the
bytes of the request's path and query, ahead of the routing::

    request ──► kept, and the store is as it was? ──► the same bytes again
                   │ no
                   └──► routes ──► service ──► answer, kept if it is a 200

"As it was" is what the store says (``Store.state``): whatever is written to it,
by whichever process, ends all that was kept before, so an answer is of the
active generation and shows stories as they are.

While a store is away what is kept is given all the same, said to be stale, for
``caching.STALE`` seconds after it was made; a store that is a server is looked at
until it answers again, and nobody else waits for it meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from starlette.types import Scope

from recommender.api.caching import STALE, Answered
from recommender.api.opening import Opening
from recommender.errors import StoreError
from recommender.service import Service

PATHS: Final = {path: f"{path}?".encode() for path in ("/related", "/articles")}
"""Where answers are kept, and what their keys begin with."""

KEEPS: Final = 60.0
"""Seconds that an answer is kept, for some change by time alone: the hour of a story comes, or it grows old.

As long as those answers that everybody else may keep for the shortest time.
"""

LOOKS: Final = 0.25
"""Seconds between two looks at a store that is a server; at a file, every request looks: it takes 0.5 µs."""

SLOW: Final = 2.0
"""Seconds after which readers wait no longer for a look at a server."""

AGAIN: Final = 0.5
"""Seconds between two looks at a server that did not answer."""

LONGEST: Final = 1_000
"""Bytes of a query at most: those of readers are shorter."""

MOST: Final = 20_000
"""Answers kept at most, however small."""

BESIDE: Final = 600
"""Bytes, about, that an answer takes beside its body, path and query."""

OFTEN: Final = 0.8
"""Share of the room that answers asked for again may take."""

Key: TypeAlias = bytes

_log = logging.getLogger(__name__)


class _Part(OrderedDict[Key, Answered]):
    """Answers in the order in which they were asked for, and how many bytes they take."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def put(self, key: Key, answer: Answered) -> None:
        self[key] = answer
        self.bytes += _size(key, answer)

    def drop(self, key: Key) -> Answered:
        answer = self.pop(key)
        self.bytes -= _size(key, answer)
        return answer

    def pop_first(self) -> tuple[Key, Answered]:
        key, answer = self.popitem(last=False)
        self.bytes -= _size(key, answer)
        return key, answer


def _size(key: Key, answer: Answered) -> int:
    return len(answer.body) + len(key) + BESIDE


class Lately:
    """The answers given lately, at most ``room`` bytes of them.

    An answer that was asked for again goes to a part of its own, four fifths
    of the room, from which it comes back when others need the place; of the
    others, those not asked for the longest leave first.  So what is asked
    once, by whoever goes through the archive, does not crowd out what many
    read.

    For one event loop, not for threads.  ``again`` counts what was given
    again, ``staled`` what of it was stale, ``bytes`` what is kept.  ``clock``
    gives seconds, and only goes on.
    """

    def __init__(self, room: int, opening: Opening, clock: Callable[[], float] = time.monotonic) -> None:
        self.again = 0
        self.staled = 0
        self._room = room
        self._opening = opening
        self._clock = clock
        self._once = _Part()
        self._often = _Part()
        self._state: Hashable = None
        self._looked = -KEEPS
        self._thread = ThreadPoolExecutor(1, "looking")
        self._looking: asyncio.Task[None] | None = None
        self._lost = False

    def __len__(self) -> int:
        return len(self._once) + len(self._often)

    @property
    def bytes(self) -> int:
        """What is kept, with what it takes beside."""
        return self._once.bytes + self._often.bytes

    @property
    def state(self) -> Hashable:
        """The store as it was last seen; whatever is read from it from now on is of that state or a later."""
        return self._state

    async def find(self, scope: Scope) -> Answered | None:
        """Find the answer to a GET, if it was given lately and would be the same now, or nobody can tell."""
        path = PATHS.get(scope["path"])
        if path is None or not self._room:
            return None
        known = await self._look()
        if self._lost:
            return self.stale(scope)
        answer = self._get(path + scope["query_string"]) if known else None
        if answer is None or answer.until <= self._clock():
            return None
        self.again += 1
        return answer

    def stale(self, scope: Scope) -> Answered | None:
        """Find the answer to a GET, to be given because the store is away, unless it is too old for that."""
        path = PATHS.get(scope["path"])
        answer = None if path is None else self._get(path + scope["query_string"])
        if answer is None or (age := self._clock() - (answer.until - KEEPS)) >= STALE:
            return None
        self.again += 1
        self.staled += 1
        return answer.stale(age)

    def _get(self, key: Key) -> Answered | None:
        answer = self._often.get(key)
        if answer is not None:
            self._often.move_to_end(key)
        elif (answer := self._once.get(key)) is not None:
            self._promote(key)
        return answer

    def keep(self, scope: Scope, answer: Answered, state: Hashable) -> None:
        """Keep the answer to a GET, made from a store whose ``state`` this was before anything was read."""
        query: bytes = scope["query_string"]
        key = PATHS[scope["path"]] + query
        if state is None or state != self._state or len(query) > LONGEST or _size(key, answer) > self._room:
            return
        answer.until = self._clock() + KEEPS
        part = self._often if key in self._often else self._once
        if key in part:
            part.drop(key)
        part.put(key, answer)
        while self.bytes > self._room or len(self) > MOST:
            (self._once or self._often).pop_first()

    def _promote(self, key: Key) -> None:
        self._often.put(key, self._once.drop(key))
        while self._often.bytes > self._room * OFTEN or len(self._often) > MOST * OFTEN:
            self._once.put(*self._often.pop_first())

    async def _look(self) -> bool:
        """Look whether the store is as it was; false if nobody can tell, or somebody else is looking."""
        service = self._opening.opened
        if service is None or (self._looking is not None and not self._looking.done()):
            return False
        if service.immediate:
            try:
                self._saw(service.state())
            except StoreError:  # those who ask are told by what answers them
                return False
        elif self._clock() - self._looked >= LOOKS:
            looking = self._looking = asyncio.create_task(self._ask(service))
            await asyncio.wait({looking}, timeout=SLOW)
            if looking.done():
                looking.result()
            else:
                self._lost = True
        return not self._lost

    async def _ask(self, service: Service, pause: float = 0.0) -> None:
        """Look at a store that is a server, and again later if it does not answer."""
        await asyncio.sleep(pause)
        now = self._clock()
        try:
            # In a thread that nobody else takes, who waits for the server.
            state = await asyncio.get_running_loop().run_in_executor(self._thread, service.state)
        except StoreError as error:
            if not self._opening.away:
                _log.warning("the store is away, and what was answered lately is given again: %s", error)
            self._lost = self._opening.away = True
            self._looking = asyncio.create_task(self._ask(service, AGAIN))
        else:
            if self._opening.away:
                _log.warning("the store is back")
            self._lost = self._opening.away = False
            self._looked = now
            self._saw(state)

    def _saw(self, state: Hashable) -> None:
        if state != self._state:
            self._state = state
            self._once, self._often = _Part(), _Part()
