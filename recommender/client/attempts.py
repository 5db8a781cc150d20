"""When a request is sent again: one generator, which a sync and an async client drive.

It yields what is to be sent, or how long to wait, and is sent what came back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import httpx2

from recommender.client.answers import Posted
from recommender.client.calls import Call, posted
from recommender.client.problems import Unreachable

T = TypeVar("T")

FIRST: Final = 0.25
"""Longest wait in seconds before the second attempt; it doubles with each."""

LONGEST: Final = 8.0
"""Longest wait, unless the service names a longer one."""

FAILURES: Final = (httpx2.TransportError, httpx2.DecodingError)
"""What may come instead of a response."""


class Send(NamedTuple):
    """Send this, and give up after ``timeout`` seconds of silence."""

    call: Call[Any]
    timeout: float


class Wait(NamedTuple):
    """Wait as long."""

    seconds: float


Outcome: TypeAlias = httpx2.Response | httpx2.RequestError | None
Steps: TypeAlias = Generator[Send | Wait, Outcome, T]


@dataclass(frozen=True, slots=True)
class Policy:
    """How long and how often: seconds of silence, times it is sent again, seconds in all."""

    timeout: float
    retries: int
    deadline: float

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.deadline <= 0 or self.retries < 0:
            raise ValueError(
                f"timeout and deadline have to be above 0, retries not below; they are {self.timeout}, "
                f"{self.deadline} and {self.retries}"
            )


def attempts(call: Call[T], policy: Policy, clock: Callable[[], float]) -> Steps[T]:
    """Send a request until it is answered, it was sent as often as may be, or the next wait is too long.

    Waits are drawn evenly from 0 to a bound that doubles ("full jitter"), on
    top of what the service asks for in ``Retry-After``: clients that failed
    together do not come back together.
    """
    began = clock()
    ends = began + policy.deadline
    for before in count():
        outcome = yield Send(call, min(policy.timeout, max(ends - clock(), 0.001)))
        response, error = (outcome, None) if isinstance(outcome, httpx2.Response) else (None, outcome)
        if response is not None and response.status_code not in call.passing:
            return call.read(response, before)
        wait = random.uniform(0, min(LONGEST, FIRST * 2 ** min(before, 9)))  # noqa: S311  (no secret)
        if response is not None:
            wait += retry_after(response)
        if call.once or before == policy.retries or clock() + wait >= ends:
            if response is not None:
                return call.read(response, before)
            raise Unreachable(
                f"{call.method} /{call.path}: no answer to {before + 1} "
                f"{'attempts' if before else 'attempt'} in {clock() - began:.1f} s: "
                f"{type(error).__name__}: {error}"
            ) from error
        yield Wait(wait)
    raise AssertionError("count ends never")


def several(parts: Iterable[Call[list[T]]], policy: Policy, clock: Callable[[], float]) -> Steps[list[T]]:
    """Send parts one after the other, and put the lists that they are answered with one after the other."""
    told: list[T] = []
    for part in parts:
        told += yield from attempts(part, policy, clock)
    return told


def published(parts: Iterable[Call[Posted]], policy: Policy, clock: Callable[[], float]) -> Steps[Posted]:
    """Send parts one after the other, and put their answers together."""
    told = []
    for part in parts:
        told.append((yield from attempts(part, policy, clock)))  # noqa: PERF401  (no comprehension can)
    return posted(told)


def retry_after(response: httpx2.Response) -> float:
    """Read how many seconds to wait at least; 0 where nothing is said that can be understood."""
    told = response.headers.get("retry-after", "").strip()
    if told.isdecimal() and len(told) < 10:
        return float(told)
    try:
        moment = parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
