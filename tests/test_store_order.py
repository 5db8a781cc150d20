"""Importing, on both databases: any order of documents, in any batches, ends in the same store."""

from __future__ import annotations

import logging
from itertools import pairwise, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stories import content, document, key, save, story, wipe

from recommender.articles import Document
from recommender.store import AliasKind, Saved, Store, encode

NAMES = ("a", "b", "c", "d")
ADDRESSES = (*(key(name) for name in NAMES), "https://news.example/shared-address", "")
versions = st.builds(
    story,
    st.sampled_from(NAMES),
    day=st.sampled_from((None, 1, 2)),
    title=st.sampled_from(("one", "two")),
    original_url=st.sampled_from(ADDRESSES),
    amp_web_url=st.sampled_from(ADDRESSES),
    removed=st.booleans(),
)


@st.composite
def archives(draw: st.DrawFn) -> tuple[list[Document], list[list[Document]]]:
    """Draw documents of distinct origins, and the same in another order cut into batches."""
    stories = draw(st.lists(st.tuples(versions, st.lists(versions, max_size=3)), min_size=1, max_size=6))
    documents = [document(own, *linked, origin=f"o{place}") for place, (own, linked) in enumerate(stories)]
    shuffled = draw(st.permutations(documents))
    cuts = sorted(draw(st.sets(st.integers(1, len(documents)))) | {0, len(documents)})
    return documents, [shuffled[start:end] for start, end in pairwise(cuts)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(archives())
def test_any_order_and_any_batches_end_in_the_same_store(
    store: Store, archive: tuple[list[Document], list[list[Document]]]
) -> None:
    documents, batches = archive
    wipe(store)
    save(store, *documents)
    at_once = content(store)
    wipe(store)
    counts = sum((save(store, *batch) for batch in batches), Saved())
    assert content(store) == at_once
    assert (counts.new, counts.links_added) == (len(at_once["articles"]), len(at_once["links"]))
    # The rules, said again the slow way.
    tellings = [(version, each.origin) for each in documents for version in encode(each, "").versions]
    for address, row in at_once["articles"].items():
        told = [(version, origin) for version, origin in tellings if version.key == address]
        best = max(version.rank for version, _ in told)
        winners = sorted((origin, version.card) for version, origin in told if version.rank == best)
        assert (row[-1], row[5]) == winners[0]
    for alias, (owner, kind) in at_once["aliases"].items():
        claims = {
            (kind, version.key) for version, _ in tellings for name, kind in version.aliases if name == alias
        }
        claims |= {(AliasKind.OWN, version.key) for version, _ in tellings if version.key == alias}
        assert (kind, owner) == min(claims)


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "batches"])
def test_of_documents_that_tell_a_story_differently_it_is_logged_which_counts(
    store: Store, together: bool, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = (document(story("a", day=day, title=f"Day {day}"), origin=f"o{day}") for day in (1, 2))
    mention = document(story("b"), story("a", title="Short"), origin="o3")
    again = document(story("a", day=2, title="Day 2"), origin="o4\x1b")
    for order in permutations((old, new, mention, again)):
        wipe(store)
        caplog.clear()
        with caplog.at_level(logging.INFO, "recommender.store.precedence"):
            for batch in [order] if together else [[one] for one in order]:
                save(store, *batch)
        assert content(store)["articles"][key("a")][-1] == "o2"
        told = [record.getMessage() for record in caplog.records]
        assert told
        for line in told:
            assert line.startswith(f"{key('a')} is told differently by 'o")
            assert line.endswith(" and by 'o1': the first counts")
    # Who tells the same again, or corrects what it told itself, disputes nothing.
    caplog.clear()
    with caplog.at_level(logging.INFO, "recommender.store.precedence"):
        save(store, new)
        save(store, document(story("b", title="Another"), origin="o3"))
    assert caplog.records == []
