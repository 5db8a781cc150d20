"""Editors' orders in the store: what is in force, what is kept of who and when, and how it is taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from stories import document, key, save, story

from recommender.store import Action, Change, Orders, Record, Store, answering, in_force


def ids(store: Store, names: str) -> list[int]:
    """Save stories and give their ids."""
    save(store, *(document(story(name)) for name in names))
    return [found.id for name in names if (found := store.find(key(name)))]


def force(store: Store, name: str = "a") -> Orders | None:
    """What ``find`` says is in force."""
    found = store.find(key(name))
    assert found is not None
    return None if found.orders is None else Orders.read(found.orders)


def test_orders_are_read_with_the_story(store: Store) -> None:
    a, b, c, d, e = ids(store, "abcde")
    assert force(store) is None
    assert store.curate(a, b, "pin", by="Ada", at=10)
    assert store.curate(a, c, "pin", 2, by="Ada", at=11)
    assert store.curate(a, d, "block", by="Bo", at=12)
    assert store.curate(a, e, "pin", 2, by="Bo", at=13)
    # By slot, of two the later, then those without, as they came.
    right = Orders([(e, 2), (c, 2), (b, None)], frozenset([d]))
    assert force(store) == right
    assert store.orders() == {a: right}
    assert force(store, "b") is None
    reasons = store.find(key("a"), reasons=True)
    assert reasons is not None
    assert (reasons.orders, reasons.reasons, reasons.parts) == (right.pack(), None, None)


def test_the_last_order_of_a_pair_is_in_force_and_all_are_kept(store: Store) -> None:
    a, b, c = ids(store, "abc")
    store.curate(a, b, "pin", 3, by="Ada", at=10)
    store.curate(a, b, "block", by="Bo", at=11)
    store.curate(b, a, "pin", by="Ada", at=12)
    assert force(store) == Orders([], frozenset([b]))
    assert force(store, "b") == Orders([(a, None)], frozenset())
    assert store.curate(a, b, "clear", by="Cy", at=13)
    assert force(store) is None
    told = [record._replace(id=0) for record in store.curation(a)]
    assert told == [
        Record(0, a, b, "pin", 3, "Ada", 10),
        Record(0, a, b, "block", None, "Bo", 11),
        Record(0, a, b, "clear", None, "Cy", 13),
    ]
    assert [record.article for record in store.curation()] == [a, a, b, a]
    assert store.curation(c) == []


def test_what_is_so_already_is_not_written_again(store: Store) -> None:
    a, b, c = ids(store, "abc")
    assert not store.curate(a, b, "clear", by="Ada", at=1)
    assert store.curate(a, b, "pin", 1, by="Ada", at=1)
    assert not store.curate(a, b, "pin", 1, by="Bo", at=2)
    assert store.curate(a, c, "pin", 1, by="Bo", at=3)
    # Not the newest any more: given again, it wins the slot.
    assert store.curate(a, b, "pin", 1, by="Ada", at=4)
    assert force(store) == Orders([(b, 1), (c, 1)], frozenset())
    assert not store.curate(a, 10**6, "clear", by="Ada", at=5)
    assert len(store.curation(a)) == 3


def test_undo_takes_back_one_line_after_the_other(store: Store) -> None:
    a, b, c = ids(store, "abc")
    store.curate(a, b, "pin", 1, by="Ada", at=1)
    store.curate(a, c, "block", by="Ada", at=2)
    store.curate(a, b, "block", by="Bo", at=3)
    store.curate(a, b, "clear", by="Bo", at=4)
    assert force(store) == Orders([], frozenset([c]))
    steps = []
    for at in range(5, 10):
        taken = store.undo(a, by="Cy", at=at)
        steps.append((taken and (taken.other, taken.action), force(store)))
    assert steps == [
        ((b, "clear"), Orders([], frozenset([b, c]))),
        ((b, "block"), Orders([(b, 1)], frozenset([c]))),
        ((c, "block"), Orders([(b, 1)], frozenset())),
        ((b, "pin"), None),
        (None, None),
    ]
    kept = store.curation(a)
    assert [(one.action, one.by) for one in kept[4:]] == [("undo", "Cy")] * 4
    assert [one.undone for one in kept[4:]] == [kept[n].id for n in (3, 2, 1, 0)]


def test_undo_of_a_pair_leaves_the_others(store: Store) -> None:
    a, b, c = ids(store, "abc")
    store.curate(a, b, "pin", by="Ada", at=1)
    store.curate(a, c, "pin", by="Ada", at=2)
    taken = store.undo(a, b, by="Bo", at=3)
    assert taken is not None
    assert taken.other == b
    assert force(store) == Orders([(c, None)], frozenset())
    assert store.undo(a, b, by="Bo", at=4) is None
    assert store.undo(b, by="Bo", at=4) is None


def test_an_order_is_a_change_of_its_story(store: Store) -> None:
    a, b = ids(store, "ab")
    before = store.revision()
    store.curate(a, b, "pin", by="", at=1)
    assert store.changes(before) == [Change(a, False, before + 1)]
    store.curate(a, b, "pin", by="", at=1)
    assert store.revision() == before + 1
    store.undo(a, by="", at=2)
    assert store.changes(before + 1) == [Change(a, False, before + 2)]


def test_an_order_is_given_while_long_work_is_done(store_url: str) -> None:
    with Store.open(store_url) as first, Store.open(store_url) as second, ThreadPoolExecutor(1) as other:
        a, b = ids(first, "ab")
        with first.writing("recompute"):
            assert second.curate(a, b, "pin", by="", at=1)
            assert force(first) == Orders([(b, None)], frozenset())
            assert other.submit(first.curate, a, b, "block", by="", at=2).result()
        assert force(second) == Orders([], frozenset([b]))


def test_what_is_in_force_is_written_with_the_log_or_not_at_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, c = ids(store, "abc")
    store.curate(a, b, "pin", by="", at=1)

    def fail(_: object) -> str:
        raise RuntimeError("power")

    monkeypatch.setattr(Orders, "pack", fail)
    with pytest.raises(RuntimeError, match="power"):
        store.curate(a, c, "pin", by="", at=2)
    monkeypatch.undo()
    assert len(store.curation(a)) == 1
    assert force(store) == Orders([(b, None)], frozenset())


def test_the_story_is_found_with_its_orders_along_primary_keys(tmp_path: Path) -> None:
    """Whatever SQLite's planner may think of: one row of ``orders``, not all of them."""
    with Store.open(f"sqlite:///{tmp_path}/s.sqlite") as store, store._database.answering() as connection:
        told = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {answering._FOUND.text}", ("x",)).all()
    (plan,) = [row[3] for row in told if "orders" in row[3]]
    assert plan.startswith("SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)")


def test_an_older_store_has_no_orders(store_url: str) -> None:
    with Store.open(store_url) as store:
        a, b = ids(store, "ab")
        store.curate(a, b, "pin", by="", at=1)
        with store._writer.transaction("test") as connection:
            for table in ("searched", "events", "feeds", "keys", "orders", "curation"):
                connection.execute(text(f"DROP TABLE {table}"))
            connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    with Store.open(store_url) as store:
        assert force(store) is None
        assert store.curate(a, b, "block", by="", at=1)
        assert force(store) == Orders([], frozenset([b]))


# The fold


ACTIONS: st.SearchStrategy[Action] = st.sampled_from(["pin", "block", "clear"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 3), ACTIONS, st.one_of(st.none(), st.integers(1, 2))),
        st.tuples(st.one_of(st.none(), st.integers(1, 3)), st.just("undo"), st.none()),
    ),
    max_size=12,
)


@given(STEPS)
def test_undo_is_as_if_the_line_had_never_been(steps: list[tuple[int | None, Action, int | None]]) -> None:
    """Against a list from which undone lines are cut."""
    log: list[Record] = []
    left: list[Record] = []
    for number, (other, action, slot) in enumerate(steps, 1):
        if action == "undo":
            last = [one for one in left if other is None or one.other == other][-1:]
            for one in last:
                left.remove(one)
                log.append(Record(number, 7, one.other, "undo", None, "", number, one.id))
        else:
            assert other is not None
            line = Record(number, 7, other, action, slot if action == "pin" else None, "", number)
            log.append(line)
            left.append(line)
    right = {one.other: one for one in left}
    found = in_force(log)
    assert {one.other: one for one in found} == {
        other: one for other, one in right.items() if one.action != "clear"
    }
    kinds = [one.action for one in found]
    assert kinds == sorted(kinds, reverse=True), "pins, then blocks"
    assert Orders.read(Orders.of(found).pack()) == Orders.of(found)


# What is learned from it


def pairs(store: Store, names: str) -> tuple[list[str], list[str]]:
    """Links and blocks of the corpus, as pairs of names."""
    corpus = store.corpus()
    named = [url.rsplit("/", 1)[-1] for url in corpus.urls]
    assert sorted(named) == sorted(names)
    assert store.links(corpus.ids).tolist() == corpus.links.tolist()
    links, blocks = (
        [named[one] + named[other] for one, other in rows.tolist()] for rows in (corpus.links, corpus.blocks)
    )
    return links, blocks


def test_a_pin_is_a_link_ahead_of_the_documents(store: Store) -> None:
    b, c, d, e = (story(name) for name in "bcde")
    save(store, document(story("a"), b, c), document(d, links=[key("a")]), document(e))
    id_of = {name: found.id for name in "abcde" if (found := store.find(key(name)))}
    assert pairs(store, "abcde") == (["ab", "ac", "da"], [])
    store.curate(id_of["a"], id_of["e"], "pin", by="", at=1)
    store.curate(id_of["a"], id_of["c"], "pin", 2, by="", at=2)
    store.curate(id_of["b"], id_of["d"], "pin", by="", at=3)
    assert pairs(store, "abcde") == (["ac", "ae", "ab", "bd", "da"], [])
    save(store, document(replace(e, removed=True)))
    assert pairs(store, "abcd") == (["ac", "ab", "bd", "da"], [])


def test_a_blocked_pair_is_no_link_from_either_side(store: Store) -> None:
    b, c = story("b"), story("c")
    save(store, document(story("a"), b, c), document(b, links=[key("a")]), document(c, b))
    id_of = {name: found.id for name in "abc" if (found := store.find(key(name)))}
    assert pairs(store, "abc") == (["ab", "ac", "ba", "cb"], [])
    store.curate(id_of["b"], id_of["a"], "block", by="", at=1)
    assert pairs(store, "abc") == (["ac", "cb"], ["ba"])
    # What one editor pins and another blocks is no lesson.
    store.curate(id_of["a"], id_of["b"], "pin", by="", at=2)
    assert pairs(store, "abc") == (["ac", "cb"], ["ba"])
    store.undo(id_of["b"], by="", at=3)
    assert pairs(store, "abc") == (["ab", "ac", "ba", "cb"], [])
    store.curate(id_of["c"], id_of["b"], "block", by="", at=4)
    save(store, document(replace(b, removed=True)))
    assert pairs(store, "ac") == (["ac"], [])
