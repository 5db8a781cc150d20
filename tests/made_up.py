"""Made-up news that several files of tests bring in, most of it first and the rest later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from recommender.corpus import Corpus

STORIES, MORE = 480, 30
"""Stories that are there from the beginning, and those that come later."""

NOBODY = Path("no-models")
"""A folder without models: the default ranker ranks."""


def until(corpus: Corpus, end: int, *, without: Sequence[int] = ()) -> Corpus:
    """Take the first stories and the links between them, but some."""
    kept = np.setdiff1d(np.arange(end), without)
    row = np.full(len(corpus), -1)
    row[kept] = np.arange(len(kept))
    links = row[corpus.links]
    return replace(
        corpus,
        ids=corpus.ids[kept],
        published=corpus.published[kept],
        quality=corpus.quality[kept],
        links=links[(links >= 0).all(axis=1)],
        **{
            name: [getattr(corpus, name)[story] for story in kept]
            for name in ("urls", "titles", "excerpts", "providers", "types", "topics", "tags")
        },
    )
