"""Lists to be judged, for the tests of the evaluation."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from corpora import corpus_of
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.corpus import Corpus
from recommender.evaluation import Scores, Split

Run = tuple[list[list[int]], list[set[int]]]

ANSWERS = 25
"""``RUN`` lists stories and answers below this."""

RUN: st.SearchStrategy[Run] = st.integers(1, 12).flatmap(
    lambda queries: st.tuples(
        st.lists(
            st.lists(st.integers(0, ANSWERS), unique=True, max_size=14), min_size=queries, max_size=queries
        ),
        st.lists(st.sets(st.integers(0, ANSWERS), min_size=1), min_size=queries, max_size=queries),
    )
)
"""Lists, some empty, and right answers for each."""

DAY = st.sampled_from([np.nan, 0.0, 1.0, 2.0, 3.0, 4.5])


@st.composite
def linked_corpora(draw: st.DrawFn) -> Corpus:
    """Draw stories, some undated, with links as a store gives them: unique, none to itself."""
    published = draw(st.lists(DAY, min_size=2, max_size=9))
    row = st.integers(0, len(published) - 1)
    links = draw(st.lists(st.tuples(row, row), max_size=15, unique=True))
    apart = [(source, target) for source, target in links if source != target]
    return corpus_of(["x"] * len(published), published=published, links=apart)


def padded(lists: Sequence[Sequence[int]], width: int) -> NDArray[np.int64]:
    """Write lists as rows, −1 where one has ended."""
    width = max(width, *map(len, lists))
    return np.array([[*each, *[-1] * (width - len(each))] for each in lists], np.int64)


def scores_of(lists: list[list[int]], relevant: list[set[int]], k: int) -> Scores:
    """Measure lists."""
    return Scores.of(padded(lists, k), [np.array(sorted(right)) for right in relevant], k)


def split_of(relevant: Sequence[Sequence[int]], stories: int = 100, first: int = 80) -> Split:
    """Ask rows ``first``, ``first + 1`` … of ``stories`` for given answers."""
    queries = np.arange(first, first + len(relevant))
    return Split(corpus_of(["x"] * stories), -1.0, queries, [np.array(sorted(right)) for right in relevant])


def independent_scorer() -> ModuleType:
    """Load the scorer that judges this project from outside; skip where it is not."""
    path = Path(__file__).parents[2] / "shared" / "tools" / "score.py"
    if not path.is_file():
        pytest.skip("no independent scorer in ../shared/tools")
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
