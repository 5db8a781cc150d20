"""What takes long is made once, aside; nobody waits for it longer than is said, or without a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from recommender import aside
from recommender.aside import WAITING, Aside
from recommender.errors import InProgress, ModelNotFound, RecommenderError


class Slow:
    """Makes a number greater than the one before, or fails, when it is let."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.may = threading.Event()
        self.error: RecommenderError | None = None

    def __call__(self) -> int:
        assert self.may.wait(20)
        number = next(self.numbers)
        if self.error is not None:
            raise self.error
        return number

    def over(self) -> None:
        """Let it, and wait until that is done."""
        self.may.set()
        for thread in threading.enumerate():
            if thread.name == "making ready: it":
                thread.join(20)
                assert not thread.is_alive()


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Something slow, which ends with the test."""
    made = Slow()
    yield made
    made.may.set()


def test_what_is_made_is_given_to_all_until_it_is_not_so_any_more(slow: Slow) -> None:
    slow.may.set()
    thing = Aside(slow, "it")
    assert [thing.get(), thing.get(), thing.get(lambda one: one == 1)] == [1, 1, 1]
    assert thing.get(lambda one: one == 2) == 2
    assert thing.get() == 2


def test_all_who_wait_are_given_one_thing(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "WITHIN", 20.0)
    thing = Aside(slow, "it")
    with ThreadPoolExecutor(WAITING) as pool:
        waiting = [pool.submit(thing.get) for _ in range(WAITING)]
        slow.may.set()
        assert {one.result(20) for one in waiting} == {1}


def test_who_waited_long_is_told_and_the_next_is_given_it(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "WITHIN", 0.05)
    thing = Aside(slow, "it")
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(InProgress, match="it is being made ready"):
            thing.get()
        assert time.monotonic() - began < 5
    slow.over()
    monkeypatch.setattr(aside, "WITHIN", 20.0)
    assert thing.get(lambda _: False) == 1, "it changed meanwhile, and who was told to come again gets it"
    assert thing.get(lambda _: False) == 2, "once"


def test_what_nobody_came_for_is_made_again_where_it_changed(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "WITHIN", 0.0)
    monkeypatch.setattr(aside, "HELD", 0.0)
    thing = Aside(slow, "it")
    with pytest.raises(InProgress):
        thing.get()
    slow.over()
    monkeypatch.setattr(aside, "WITHIN", 20.0)
    assert thing.get(lambda one: one == 2) == 2


def test_more_than_a_few_do_not_wait(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "WITHIN", 20.0)
    thing = Aside(slow, "it")
    with ThreadPoolExecutor(WAITING + 1) as pool:
        asked = [pool.submit(thing.get) for _ in range(WAITING + 1)]
        ends = time.monotonic() + 10
        while not (told := [one for one in asked if one.done()]):
            assert time.monotonic() < ends
            time.sleep(0.01)
        assert isinstance(told[0].exception(), InProgress)
        slow.may.set()
        assert [one.result(20) for one in asked if one is not told[0]] == [1] * WAITING


def test_a_failure_is_told_to_all_who_wait_and_the_next_tries_again(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "WITHIN", 20.0)
    slow.error = ModelNotFound("no m1")
    thing = Aside(slow, "it")
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(thing.get) for _ in range(2)]
        ends = time.monotonic() + 10
        while thing._seats._value > WAITING - len(waiting):
            assert time.monotonic() < ends
            time.sleep(0.01)
        slow.may.set()
        assert {str(one.exception(20)) for one in waiting} == {"no m1"}
    slow.error = None
    assert thing.get() == 2, "two waited for one attempt"


def test_a_failure_that_nobody_waited_for_is_told_to_the_next(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "WITHIN", 0.0)
    slow.error = ModelNotFound("no m1")
    thing = Aside(slow, "it")
    with pytest.raises(InProgress):
        thing.get()
    slow.over()
    monkeypatch.setattr(aside, "WITHIN", 20.0)
    with pytest.raises(ModelNotFound, match="no m1"):
        thing.get()
    slow.error = None
    assert thing.get() == 2


def test_where_no_thread_can_be_had_the_next_who_asks_tries_again(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.may.set()
    thing = Aside(slow, "it")
    with monkeypatch.context() as full:
        full.setattr(threading, "_start_new_thread", refuses)
        full.setattr(threading, "_start_joinable_thread", refuses, raising=False)
        with pytest.raises(RuntimeError, match="can't start"):
            thing.get()
    assert thing.get() == 1


def refuses(*_: object, **__: object) -> None:
    """Start no thread, as a system that has too many."""
    raise RuntimeError("can't start new thread")
