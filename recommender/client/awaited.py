"""The client for asyncio: another thin way to send what ``calls`` describes, as ``attempts`` says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2

from recommender.client import calls
from recommender.client.answers import Hits, Posted, Ready, Related, Story
from recommender.client.attempts import (
    FAILURES,
    Outcome,
    Policy,
    Send,
    Steps,
    Wait,
    attempts,
    published,
    several,
)
from recommender.client.calls import Call
from recommender.client.curation import Audit, Curation
from recommender.client.options import Options, Reason, RelatedOptions
from recommender.client.problems import ProblemError
from recommender.client.reports import Evaluation, Models
from recommender.client.sending import described, prepared

T = TypeVar("T")


class AsyncClient:
    """``Client`` for asyncio: the same, awaited; ``async with`` closes it."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        retries: int = 3,
        deadline: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = Policy(timeout, retries, deadline)
        self._http = httpx2.AsyncClient(**described(url, key), transport=transport)
        self._sleep = sleep
        self._clock = clock

    async def close(self) -> None:
        """As ``Client.close``."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def related(self, url: str, **options: Unpack[RelatedOptions]) -> Related:
        """As ``Client.related``."""
        return await self._ask(calls.related(url, options))

    async def related_many(
        self, urls: Iterable[str], **options: Unpack[Options]
    ) -> list[Related | ProblemError]:
        """As ``Client.related_many``."""
        return await self._drive(several(calls.related_many(urls, options), self._policy, self._clock))

    async def drafted(
        self,
        title: str = "",
        excerpt: str = "",
        *,
        draft: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> Related:
        """As ``Client.drafted``."""
        return await self._ask(calls.drafted(title, excerpt, draft, options))

    async def story(self, url: str) -> Story:
        """As ``Client.story``."""
        return await self._ask(calls.story(url))

    async def search(self, q: str, limit: int = 10) -> Hits:
        """As ``Client.search``."""
        return await self._ask(calls.search(q, limit))

    async def publish(self, stories: Iterable[Mapping[str, Any]]) -> Posted:
        """As ``Client.publish``."""
        return await self._drive(published(calls.publish(stories), self._policy, self._clock))

    async def remove(self, url: str) -> None:
        """As ``Client.remove``."""
        await self._ask(calls.remove(url))

    async def pin(self, url: str, other: str, slot: int | None = None, by: str = "") -> Curation:
        """As ``Client.pin``."""
        return await self._ask(calls.order(url, other, "pin", slot, by))

    async def block(self, url: str, other: str, by: str = "") -> Curation:
        """As ``Client.block``."""
        return await self._ask(calls.order(url, other, "block", None, by))

    async def clear(self, url: str, other: str, by: str = "") -> Curation:
        """As ``Client.clear``."""
        return await self._ask(calls.clear(url, other, by))

    async def undo(self, url: str, by: str = "") -> Curation:
        """As ``Client.undo``."""
        return await self._ask(calls.undo(url, by))

    async def count(self, events: Sequence[Mapping[str, Any]]) -> None:
        """As ``Client.count``."""
        await self._ask(calls.count(events))

    async def curation(self, url: str) -> Curation:
        """As ``Client.curation``."""
        return await self._ask(calls.curation(url))

    async def audit(self, reason: Reason | None = None, limit: int = 20) -> Audit:
        """As ``Client.audit``."""
        return await self._ask(calls.audit(reason, limit))

    async def models(self) -> Models:
        """As ``Client.models``."""
        return await self._ask(calls.models())

    async def evaluation(self) -> Evaluation:
        """As ``Client.evaluation``."""
        return await self._ask(calls.evaluation())

    async def ready(self) -> Ready:
        """As ``Client.ready``."""
        return await self._ask(calls.ready())

    async def _ask(self, call: Call[T]) -> T:
        return await self._drive(attempts(call, self._policy, self._clock))

    async def _drive(self, steps: Steps[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                answer: T = done.value
                return answer
            outcome = await (self._sleep(step.seconds) if isinstance(step, Wait) else self._send(step))

    async def _send(self, step: Send) -> Outcome:
        try:
            return await self._http.request(**prepared(*step))
        except FAILURES as error:
            return error
