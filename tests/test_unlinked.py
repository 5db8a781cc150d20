"""Stories that look unlinked: what lists are sure of and no editor linked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stories import document, key, save, story

from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.neighbours import OWN
from recommender.pipeline.unlinked import unlinked
from recommender.store import Store

One = tuple[str, float, int, int]
"""A neighbour: name, score, place among the curated ones (0 for none), group of copies (0 for none)."""

NAMES = "abcdef"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as opened:
        save(opened, *(document(story(name)) for name in NAMES))
        yield opened


def id_of(store: Store, name: str) -> int:
    found = store.find(key(name))
    assert found is not None
    return found.id


def publish(store: Store, lists: dict[str, Sequence[One]]) -> None:
    rows = []
    for name, listed in lists.items():
        packed = np.array([(id_of(store, one[0]), *one[1:]) for one in listed], NEIGHBOUR_DTYPE)
        rows.append((id_of(store, name), packed.tobytes()))
    store.publish("m", rows)


def told(store: Store, **options: object) -> list[tuple[str, int, str]]:
    """Tell it as (story, links, names of the sure ones)."""
    names = {id_of(store, name): name for name in NAMES}
    return [
        (names[one.story], one.links, "".join(names[each.article] for each in one.sure))
        for one in unlinked(store, **options)  # type: ignore[arg-type]
    ]


def test_before_a_recompute_there_is_nothing(store: Store) -> None:
    assert unlinked(store) == []


def test_the_surest_first_each_two_stories_once(store: Store) -> None:
    lists: dict[str, Sequence[One]] = {
        "a": [("b", 0.9, 0, 0), ("c", 0.8, 1, 0), ("d", 0.6, 0, 0), ("e", 0.49, 0, 0)],
        "b": [("a", 0.95, 0, 0), ("c", 0.7, 0, 0)],
        "d": [("a", 0.6, 0, 0)],
        "f": [],
    }
    publish(store, lists)
    # a and b are told of at b, the surer one; equally sure ones at the story that came first.
    assert told(store) == [("b", 0, "ac"), ("a", 1, "d")]
    assert told(store, limit=1) == [("b", 0, "ac")]
    assert told(store, least=0.9) == [("b", 0, "a")]
    assert unlinked(store)[0].sure[0].score == 0.95


def test_copies_of_the_story_and_of_what_is_linked_are_left_out(store: Store) -> None:
    publish(
        store,
        {
            "a": [
                ("b", 0.9, 0, OWN),
                ("c", 0.9, 1, 1),
                ("d", 0.9, 0, 1),
                ("e", 0.9, 0, 2),
                ("f", 0.8, 0, 2),
            ]
        },
    )
    assert told(store) == [("a", 1, "ef")]


def test_removed_stories_are_left_out(store: Store) -> None:
    publish(store, {"a": [("b", 0.9, 0, 0), ("c", 0.8, 0, 0)], "d": [("a", 0.7, 0, 0)]})
    for name in "bd":
        save(store, document(replace(story(name), removed=True), origin=name))
    assert told(store) == [("a", 0, "c")]


def test_what_an_editor_ordered_about_is_left_out_whichever_way(store: Store) -> None:
    publish(store, {"a": [("b", 0.9, 0, 0), ("c", 0.8, 0, 0), ("d", 0.7, 0, 0)]})
    store.curate(id_of(store, "a"), id_of(store, "b"), "pin", by="", at=1)
    store.curate(id_of(store, "c"), id_of(store, "a"), "block", by="", at=1)
    assert told(store) == [("a", 0, "d")]
    store.curate(id_of(store, "c"), id_of(store, "a"), "clear", by="", at=2)
    assert told(store) == [("a", 0, "cd")]


def test_a_link_of_any_score_counts_and_hides_its_copies(store: Store) -> None:
    publish(store, {"a": [("b", 0.9, 0, 3), ("c", 0.8, 0, 0), ("d", 0.1, 1, 3), ("e", 0.05, 2, 0)]})
    assert told(store) == [("a", 2, "c")]
