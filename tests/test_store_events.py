"""What readers were shown and clicked, in the store: added up, by whoever writes, and read as columns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from stories import document, packed, save, story

from recommender.events import Events
from recommender.store import Count, Store, Total
from recommender.store import events as stored


@pytest.fixture
def known(store: Store) -> Store:
    """A store of three stories, with ids 1 to 3, and two generations."""
    save(store, *(document(story(name)) for name in "abc"))
    assert store.corpus().ids.tolist() == [1, 2, 3]
    assert [store.publish(model, [(1, packed((2, 0.9), (3, 0.8)))]) for model in ("m1", "m2")] == [1, 2]
    return store


def count(shown: int = 1, clicked: int = 0, **where: int) -> Count:
    return Count(20_000, 1, 1, 2, 2, 1, shown, clicked)._replace(**where)


def rows(events: Events) -> Iterator[Count]:
    columns = [getattr(events, name) for name in Count._fields]
    return (Count(*map(int, row)) for row in zip(*columns, strict=True))


def test_nothing_was_counted_yet(store: Store) -> None:
    events = store.events()
    assert (len(events), events.models) == (0, {})
    assert store.record_events([]) == 0
    assert events.day.dtype == events.shown.dtype == np.int64
    assert (events.source.dtype, events.rank.dtype) == (np.int8, np.int16)


def test_counts_are_added_up_where_everything_else_is_equal(known: Store) -> None:
    others = [
        count(day=20_001),
        count(generation=2),
        count(article=3),
        count(other=3),
        count(source=0),
        count(rank=50),
    ]
    assert known.record_events([count(3, 1), *others]) == 0
    assert known.record_events([count(0, 2), count(4), count(day=20_001)]) == 0
    told = list(rows(known.events()))
    assert told == sorted([count(7, 3), count(2, day=20_001), *others[1:]])
    assert known.events().models == {1: "m1", 2: "m2"}


def test_counts_since_a_day(known: Store) -> None:
    known.record_events([count(day=day, generation=1 + day % 2) for day in (19_999, 20_000, 20_001)])
    recent = known.events(20_001)
    assert (recent.day.tolist(), recent.models) == ([20_001], {2: "m2"})
    assert known.events(20_000).day.tolist() == [20_000, 20_001]
    assert len(known.events(20_002)) == 0


def test_days_are_added_up_where_everything_else_is_equal(known: Store) -> None:
    others = [count(generation=2), count(article=3), count(other=3), count(source=1), count(rank=2)]
    known.record_events([count(3, 1), count(0, 2, day=20_001), count(4, 0, day=20_005), *others])
    events = known.events()
    assert len(events) == 8
    found = events.over_days()
    assert sorted(rows(found)) == sorted([count(7, 3), *others])
    assert (found.models, found.rank.dtype) == (events.models, events.rank.dtype)
    assert len(known.events(20_006).over_days()) == 0


def test_many_rows_are_read_in_parts(known: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_ROWS", 7)
    counts = [count(day + rank, day=day, rank=rank) for day in range(1, 11) for rank in range(1, 6)]
    known.record_events(counts)
    assert list(rows(known.events())) == counts


def test_what_was_made_up_is_left_out(known: Store) -> None:
    most = 10**18 - 1
    made_up = [count(generation=3), count(article=most), count(other=4), count(generation=most)]
    assert known.record_events([made_up[0], count(), *made_up[1:]]) == 4
    assert list(rows(known.events())) == [count()]
    assert known.record_events(made_up) == 4


def test_removed_stories_count(known: Store) -> None:
    """What readers saw, they saw."""
    known.remove("https://news.example/b")
    assert known.record_events([count()]) == 0
    assert len(known.events()) == 1


def test_whoever_keeps_answers_is_told(known: Store) -> None:
    before = known.state()
    known.record_events([count()])
    assert known.state() != before


def test_two_processes_add_to_the_same_rows(known: Store, store_url: str) -> None:
    program = f"""
from recommender.store import Count, Store
with Store.open({store_url!r}, create=False) as store:
    print(flush=True)
    for _ in range(50):
        store.record_events([Count(20_000, 1, 1, other, 2, 1, 1, 1) for other in (2, 3)])
"""
    command = [sys.executable, "-c", program]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    for other in others:
        assert other.stdout is not None
        other.stdout.readline()
    for _ in range(50):
        known.record_events([count(other=3), count(other=2)])
    for other in others:
        other.communicate(timeout=60)
        assert other.returncode == 0
    assert list(rows(known.events())) == [count(150, 100), count(150, 100, other=3)]


def test_who_counts_needs_no_numpy() -> None:
    program = "import recommender.store.events, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_totals_are_by_model_source_and_rank(known: Store) -> None:
    assert known.event_totals() == []
    assert known.publish("m1", [(1, packed((2, 0.9)))]) == 3
    counts = [count(3, 1), count(4, day=20_001), count(5, 2, article=3), count(6, 3, generation=3)]
    others = [count(7, 1, generation=2), count(8, rank=2), count(9, source=0)]
    known.record_events(counts + others)
    assert known.event_totals() == [
        Total("m1", 0, 1, 9, 0),
        Total("m1", 2, 1, 18, 6),
        Total("m1", 2, 2, 8, 0),
        Total("m2", 2, 1, 7, 1),
    ]
    assert all(type(number) is int for total in known.event_totals() for number in total[1:])


def test_totals_of_more_than_a_number_of_32_bits(known: Store) -> None:
    known.record_events([count(2**40), count(2**40, day=20_001)])
    assert known.event_totals() == [Total("m1", 2, 1, 2**41, 0)]
