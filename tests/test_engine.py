"""The same blocks, the same answer, in order, wherever they run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from recommender.engine import ENGINES, Engine, local, opened, processes
from recommender.engine import here as module
from recommender.engine.here import AHEAD
from recommender.errors import InvalidStory, UsageError

# Functions of workers are a module's own, or they cannot travel.


def slower_first(shared: dict[str, float], block: int) -> tuple[int, int]:
    time.sleep(shared["wait"] * (4 - block))
    return block * block, os.getpid()


def fails_on_two(shared: str, block: int) -> int:
    if block == 2:
        raise InvalidStory(f"{shared} {block}", line=7)
    return block


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Every engine of this machine; test_engine_dask.py runs what follows with a cluster's."""
    with opened(request.param) as found:
        yield found


def test_results_come_in_the_order_of_the_blocks(engine: Engine) -> None:
    found = list(engine(slower_first, {"wait": 0.05}, iter(range(5))))
    assert [square for square, _ in found] == [0, 1, 4, 9, 16]


def test_no_blocks_have_no_results(engine: Engine) -> None:
    assert list(engine(slower_first, {"wait": 0.0}, [])) == []


def test_what_a_block_raises_arrives(engine: Engine) -> None:
    results = engine(fails_on_two, "bad block", range(6))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InvalidStory, match=r"^bad block 2$") as caught:
        next(results)
    assert caught.value.line == 7


class Asked:
    """Blocks, which note that they were asked for."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.asked: list[int] = []

    def __iter__(self) -> Iterator[int]:
        for block in range(self.blocks):
            self.asked.append(block)
            yield block


def test_one_core_works_one_block_after_the_other_and_only_when_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "cores", lambda: 1)
    blocks, threads = Asked(3), set()

    def add(shared: int, block: int) -> int:
        threads.add(threading.get_ident())
        return shared + block

    results = local(add, 10, blocks)
    assert blocks.asked == []
    assert next(results) == 10
    assert blocks.asked == [0]
    assert list(results) == [11, 12]
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("workers", [2, 3])
def test_local_is_only_so_far_ahead_of_what_is_waited_for(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "cores", lambda: workers)
    blocks, begun = Asked(40), []

    def note(shared: int, block: int) -> int:
        begun.append(block)
        return shared + block

    results = local(note, 10, blocks)
    assert blocks.asked == []
    for told, result in enumerate(results):
        assert result == 10 + told
        # What was told, what is waiting, and none beyond.
        assert len(blocks.asked) == min(told + 1 + AHEAD * workers, 40)
        assert len(begun) <= len(blocks.asked)
    assert sorted(begun) == list(range(40))


@pytest.mark.parametrize("workers", [2, 3])
def test_local_works_side_by_side_a_thread_a_core(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: workers)
    # Blocks wait for one another: one after the other they would wait for ever.
    together = threading.Barrier(workers)
    threads = set()

    def meet(shared: int, block: int) -> int:
        together.wait(timeout=30)
        threads.add(threading.get_ident())
        return shared + block

    assert list(local(meet, 10, range(4 * workers))) == list(range(10, 10 + 4 * workers))
    assert len(threads) == workers
    assert threading.get_ident() not in threads


def test_the_first_of_several_blocks_that_fail_is_what_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 2)
    late = threading.Event()

    def fail(shared: str, block: int) -> int:
        if block == 1:
            late.wait(timeout=30)
            raise InvalidStory(shared, line=block)
        late.set()
        if block > 1:
            raise InvalidStory(shared, line=block)
        return block

    results = local(fail, "bad block", range(4))
    assert next(results) == 0
    with pytest.raises(InvalidStory) as caught:
        next(results)
    assert caught.value.line == 1


def test_local_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 2)
    before = threading.active_count()
    results = local(lambda shared, block: shared + block, 10, range(30))
    assert next(results) == 10
    assert isinstance(results, Generator)
    results.close()
    assert threading.active_count() == before


def test_processes_are_others_than_this_one() -> None:
    assert os.getpid() not in {pid for _, pid in processes(slower_first, {"wait": 0.0}, range(2))}


SCRIPT = """
import threading
from recommender.engine import here

def times(shared, block):
    return shared * block

if __name__ == "__main__":
    print(here._start_method(), *here.processes(times, 2, range(4)))
    done = threading.Event()
    threading.Thread(target=done.wait).start()
    print(here._start_method(), *here.processes(times, 2, range(4)))
    done.set()
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc to count threads in")
def test_only_a_process_of_one_thread_is_forked(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, "-W", "error", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.stdout, run.stderr) == ("fork 0 2 4 6\nspawn 0 2 4 6\n", "")


def test_an_engine_is_found_by_name() -> None:
    with opened("local") as one, opened("processes") as other:
        assert (one, other) == (local, processes)
    with (
        pytest.raises(UsageError, match="no engine 'steam'; there are: local, processes, dask"),
        opened("steam"),
    ):
        pass
