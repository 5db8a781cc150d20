"""Recompute: rank every story's candidates and publish all lists in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender import copies, default, models
from recommender.candidates import Pairs
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.engine import Engine, local
from recommender.features import GROUP_OF, GROUPS, NAMES, features
from recommender.index import Index, prepare
from recommender.pipeline.curating import CuratedLinks
from recommender.pipeline.listing import listed
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.ranking import STORIES
from recommender.ranker import Ranker
from recommender.reasons import Parts
from recommender.search import SEARCH
from recommender.store import Store

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
        search, ranker, name = SEARCH, default.ranker(), default.NAME
    else:
        model = models.load(root, active)
        search, ranker, name = model.search, model.ranker, model.id
    with store.writing("recompute"):
        corpus = store.corpus()
        space, index = prepare(corpus, search, engine)
        index = index.knowing(corpus.links)
        curated = CuratedLinks.of(corpus)
        # What the trees say before they have looked at anything is the same of every pair.
        nothing = np.zeros((1, len(NAMES)), np.float32)
        parts = Parts(GROUPS, float(ranker.parts(nothing, GROUP_OF)[0, -1]))
        rows = np.arange(len(corpus))
        batches = [rows[start : start + STORIES] for start in range(0, len(rows), STORIES)]
        shared = (index, ranker, parts, curated, corpus.ids, copies.groups(corpus, index), k)
        blocks = progress(engine(_pack_block, shared, batches), len(batches), "ranking stories")
        counted = _Counted(zip(corpus.ids.tolist(), chain.from_iterable(blocks), strict=True))
        generation = store.publish(
            name, counted, parts=parts.to_json(), vocabulary=space.vocabulary().to_bytes()
        )
    return Recomputed(generation, name, len(corpus), counted.bytes // NEIGHBOUR_DTYPE.itemsize)


class _Counted:
    """Lists on their way to the store, and how many bytes of neighbours they were."""

    def __init__(self, lists: Iterable[tuple[int, tuple[bytes, bytes]]]) -> None:
        self._lists = lists
        self.bytes = 0

    def __iter__(self) -> Iterator[tuple[int, bytes, bytes]]:
        for article, (packed, reasons) in self._lists:
            self.bytes += len(packed)
            yield article, packed, reasons


def _pack_block(
    shared: tuple[Index, Ranker, Parts, CuratedLinks, NDArray[np.int64], NDArray[np.int64], int],
    stories: NDArray[np.int64],
) -> list[tuple[bytes, bytes]]:
    """Rank a block of stories and pack their lists: every curated one, then the best, ``k`` in all.

    With each list come the reasons for it.
    """
    index, ranker, parts, curated, ids, groups, k = shared
    pairs = index.pairs(stories, curated.among(stories))
    matrix = features(index, pairs)
    scores = ranker.score(matrix)
    places, sides = curated.of_pairs(pairs)
    lists = listed(stories, pairs.story, pairs.candidate, scores, places, groups, k)
    kept = lists.pairs
    packed = np.zeros(len(kept), NEIGHBOUR_DTYPE)
    packed["article"] = ids[pairs.candidate[kept]]
    packed["score"] = scores[kept]
    packed["curated"] = places[kept]
    packed["group"] = lists.group
    shown = Pairs(pairs.story[kept], pairs.candidate[kept])
    shares = ranker.parts(matrix[kept], GROUP_OF)[:, :-1]
    reasons = parts.pack(shares, sides[kept], curated.beside(shown, lists.place))
    return [(packed[a:b].tobytes(), reasons[a:b].tobytes()) for a, b in pairwise(lists.starts.tolist())]
