"""Recompute: rank every story's candidates and publish all lists in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender import copies, default, models
from recommender.candidates import GENERATORS, Pairs
from recommender.corpus import NEIGHBOUR_DTYPE, Corpus
from recommender.engine import Engine, local
from recommender.features import features
from recommender.index import Index, prepare
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.ranking import STORIES
from recommender.ranker import Ranker
from recommender.store import Store

MOST_PLACES = np.iinfo(np.int16).max - 1
"""Places in an editor's list that can be told apart."""

NEIGHBOURS = 50
"""Neighbours kept for a story."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A published generation: its number, the model that ranked it (``default`` for none), its size."""

    generation: int
    model: str
    stories: int
    neighbours: int


def recompute(
    store: Store, root: Path, k: int = NEIGHBOURS, engine: Engine = local, progress: Progress = silent
) -> Recomputed:
    """Rank every story with the active model of ``root`` and publish the lists.

    Without a model the default ranker ranks, under the name ``default``.  The
    text space is fitted anew, since today's words were not there when the
    model was trained; what was learned speaks of similarities only.  Raises
    ``ModelCorrupt`` or ``ModelIncompatible`` where the active model cannot be
    used, ``StoreLocked`` if somebody else writes.
    """
    active = models.active(root)
    if active is None:
        generators, ranker, name = GENERATORS, default.ranker(), default.NAME
    else:
        model = models.load(root, active)
        generators, ranker, name = model.generators, model.ranker, model.id
    with store.writing("recompute"):
        corpus = store.corpus()
        _, index = prepare(corpus, generators, engine)
        index = index.knowing(corpus.links)
        curated = _Curated.of(corpus)
        rows = np.arange(len(corpus))
        batches = [rows[start : start + STORIES] for start in range(0, len(rows), STORIES)]
        shared = (index, ranker, curated, corpus.ids, copies.groups(corpus, index), k)
        parts = list(progress(engine(_pack_block, shared, batches), len(batches), "ranking stories"))
        lists = [packed for part in parts for packed in part]
        generation = store.publish(name, zip(corpus.ids.tolist(), lists, strict=True))
    kept = sum(map(len, lists)) // NEIGHBOUR_DTYPE.itemsize
    return Recomputed(generation, name, len(corpus), kept)


@dataclass(frozen=True, slots=True)
class _Curated:
    """Links in both directions, sorted by story: ``place`` is 1 for the first in the story's own list.

    A story's own links come first, in the editor's order, then stories whose
    editors linked to it.
    """

    pairs: Pairs
    place: NDArray[np.int64]

    @classmethod
    def of(cls, corpus: Corpus) -> _Curated:
        both = np.concatenate([corpus.links, corpus.links[:, ::-1]])
        _, first = np.unique(both, axis=0, return_index=True)
        both = both[np.sort(first)]
        both = both[np.argsort(both[:, 0], kind="stable")]
        starts = np.searchsorted(both[:, 0], both[:, 0])
        place = np.arange(len(both)) - starts + 1
        order = np.lexsort((both[:, 1], both[:, 0]))
        # Places beyond int16 are cut away with the rest of so long a list.
        return cls(Pairs(both[order, 0], both[order, 1]), np.minimum(place[order], MOST_PLACES))

    def among(self, stories: NDArray[np.int64]) -> _Curated:
        rows = np.isin(self.pairs.story, stories)
        return _Curated(Pairs(self.pairs.story[rows], self.pairs.candidate[rows]), self.place[rows])

    def places(self, pairs: Pairs, stories: int) -> NDArray[np.int64]:
        """Place of each pair (p,) in the curated list, 0 for none."""
        keys = self.pairs.story * stories + self.pairs.candidate
        wanted = pairs.story * stories + pairs.candidate
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        if len(keys) == 0:
            return np.zeros(len(wanted), np.int64)
        return np.where(keys[at] == wanted, self.place[at], 0)


def _pack_block(
    shared: tuple[Index, Ranker, _Curated, NDArray[np.int64], NDArray[np.int64], int],
    stories: NDArray[np.int64],
) -> list[bytes]:
    """Rank a block of stories and pack their lists: every curated one, then the best, ``k`` in all."""
    index, ranker, curated, ids, groups, k = shared
    curated = curated.among(stories)
    pairs = index.pairs(stories, curated.pairs)
    packed = np.zeros(len(pairs), NEIGHBOUR_DTYPE)
    packed["article"] = ids[pairs.candidate]
    packed["score"] = ranker.score(features(index, pairs))
    packed["curated"] = curated.places(pairs, len(ids))
    lists = {}
    for story, run in pairs.runs():
        some = packed[run]
        first = np.where(some["curated"] > 0, some["curated"], np.iinfo(np.int16).max)
        kept = np.lexsort((some["article"], -some["score"], first))[:k]
        kept = kept[np.lexsort((some["article"][kept], -some["score"][kept]))]
        some = some[kept]
        some["group"] = copies.numbered(groups[pairs.candidate[run][kept]], groups[story])
        lists[story] = some.tobytes()
    return [lists.get(int(story), b"") for story in stories]
