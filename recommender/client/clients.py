"""The client: a thin way to send what ``calls`` describes, as ``attempts`` says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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


class Client:
    """A client of the service at ``url``; safe to share between threads, and to be closed.

    ``key`` is an API key, for what needs one.  ``timeout`` is how many seconds of
    silence end an attempt, ``retries`` how often a request is sent again that
    was not answered, or with 429, 502, 503 or 504, and ``deadline`` the seconds
    after which no further attempt begins.  ``transport`` is httpx2's; ``sleep`` and
    ``clock`` (seconds) are for tests.  Raises ValueError for what cannot be.

    Methods raise ProblemError where the service says no, NotFound, Unauthorized
    and Forbidden among them, Unreachable where there is no answer, and
    UnexpectedAnswer where there is one that is not the service's.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        retries: int = 3,
        deadline: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = Policy(timeout, retries, deadline)
        self._http = httpx2.Client(**described(url, key), transport=transport)
        self._sleep = sleep
        self._clock = clock

    def close(self) -> None:
        """Close the connections; the client is not to be used after."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def related(self, url: str, **options: Unpack[RelatedOptions]) -> Related:
        """Ask for the stories to read after the one at ``url``, any form of its address."""
        return self._ask(calls.related(url, options))

    def related_many(self, urls: Iterable[str], **options: Unpack[Options]) -> list[Related | ProblemError]:
        """Ask for the lists of any number of stories, in parts of 1,000 at most, as one asks for one.

        In the order of the URLs: a list, or the error that asking for that one
        alone would raise.
        """
        return self._drive(several(calls.related_many(urls, options), self._policy, self._clock))

    def drafted(
        self,
        title: str = "",
        excerpt: str = "",
        *,
        draft: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> Related:
        """Ask for the stories to read after a text; ``draft`` has what else is known, as a story has it."""
        return self._ask(calls.drafted(title, excerpt, draft, options))

    def story(self, url: str) -> Story:
        """Ask for the story at ``url``."""
        return self._ask(calls.story(url))

    def search(self, q: str, limit: int = 10) -> Hits:
        """Look for stories by words of them, newest first, or by any form of a URL."""
        return self._ask(calls.search(q, limit))

    def publish(self, stories: Iterable[Mapping[str, Any]]) -> Posted:
        """Save stories, in the fields of the seed document, in parts of 500 at most.

        Each is told of by itself, in order, those that were rejected too.  An
        error ends it after the parts before: to publish all of it again is safe.
        """
        return self._drive(published(calls.publish(stories), self._policy, self._clock))

    def remove(self, url: str) -> None:
        """Take a story back."""
        self._ask(calls.remove(url))

    def pin(self, url: str, other: str, slot: int | None = None, by: str = "") -> Curation:
        """Pin a story into the list of another, at a place from 1 or the first that is free."""
        return self._ask(calls.order(url, other, "pin", slot, by))

    def block(self, url: str, other: str, by: str = "") -> Curation:
        """Block a story from the list of another."""
        return self._ask(calls.order(url, other, "block", None, by))

    def clear(self, url: str, other: str, by: str = "") -> Curation:
        """Take back the order about two stories, if there is one."""
        return self._ask(calls.clear(url, other, by))

    def undo(self, url: str, by: str = "") -> Curation:
        """Undo what was last done about a story's list; sent once, whatever comes of it."""
        return self._ask(calls.undo(url, by))

    def count(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Count what readers were shown and clicked, 1 to 500 events; sent once, whatever comes of it."""
        self._ask(calls.count(events))

    def curation(self, url: str) -> Curation:
        """Ask what was ordered about a story's list."""
        return self._ask(calls.curation(url))

    def audit(self, reason: Reason | None = None, limit: int = 20) -> Audit:
        """Ask which links look wrong, and which pairs look unlinked: ``limit`` of each reason, or of one."""
        return self._ask(calls.audit(reason, limit))

    def models(self) -> Models:
        """Ask which models there are."""
        return self._ask(calls.models())

    def evaluation(self) -> Evaluation:
        """Ask how good the model is whose lists are served."""
        return self._ask(calls.evaluation())

    def ready(self) -> Ready:
        """Ask whether stories can be answered for; not to be ready is an answer and no error."""
        return self._ask(calls.ready())

    def _ask(self, call: Call[T]) -> T:
        return self._drive(attempts(call, self._policy, self._clock))

    def _drive(self, steps: Steps[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                answer: T = done.value
                return answer
            outcome = self._sleep(step.seconds) if isinstance(step, Wait) else self._send(step)

    def _send(self, step: Send) -> Outcome:
        try:
            return self._http.request(**prepared(*step))
        except FAILURES as error:
            return error
