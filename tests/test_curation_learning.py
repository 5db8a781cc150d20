"""What editors ordered reaches whoever learns; what it then is worth is tested with the learner."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stories import document, key, save, story

from recommender.errors import NothingToLearn
from recommender.index import Index
from recommender.pipeline import evaluating, training
from recommender.pipeline.evaluating import judge
from recommender.pipeline.training import train
from recommender.ranker import Ranker
from recommender.store import Store


def test_blocks_are_learned_from_wherever_links_are(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By train from all of them, by an evaluation from those it leaves."""
    told: list[Any] = []

    def watched(index: Index, links: Any, *_: Any, blocks: Any, **__: Any) -> Ranker:
        told.append((links.tolist(), blocks.tolist()))
        raise NothingToLearn("watched")

    monkeypatch.setattr(training, "learn", watched)
    monkeypatch.setattr(evaluating, "learn", watched)
    b, c = story("b"), story("c")
    save(store, document(story("a"), b, c), document(story("d", day=9), b), document(story("e", day=0)))
    a, b_, c_, d, e = (found.id for name in "abcde" if (found := store.find(key(name))))
    store.curate(a, c_, "block", by="", at=1)
    store.curate(e, b_, "pin", by="", at=2)
    store.curate(d, e, "block", by="", at=3)
    row = {story: at for at, story in enumerate(store.corpus().ids.tolist())}
    with pytest.raises(NothingToLearn, match="watched"):
        train(store, tmp_path)
    links = sorted([[row[a], row[b_]], [row[d], row[b_]], [row[e], row[b_]]])
    assert told.pop() == (links, sorted([[row[a], row[c_]], [row[d], row[e]]]))
    judge(store.corpus(), cut=datetime(2020, 1, 5, tzinfo=UTC), systems=())
    links.remove([row[d], row[b_]])
    assert told.pop() == (links, [[row[a], row[c_]]])
