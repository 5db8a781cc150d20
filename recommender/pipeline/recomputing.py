"""Recompute: rank every story's candidates and publish all lists in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender import copies, default, models
from recommender.candidates import GENERATORS, Pairs
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.engine import Engine, local
from recommender.features import GROUP_OF, GROUPS, NAMES, features
from recommender.index import Index, prepare
from recommender.pipeline.curating import CuratedLinks
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.ranking import STORIES
from recommender.ranker import Ranker
from recommender.reasons import Parts
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
        generators, ranker, name = GENERATORS, default.ranker(), default.NAME
    else:
        model = models.load(root, active)
        generators, ranker, name = model.generators, model.ranker, model.id
    with store.writing("recompute"):
        corpus = store.corpus()
        space, index = prepare(corpus, generators, engine)
        index = index.knowing(corpus.links)
        curated = CuratedLinks.of(corpus)
        # What the trees say before they have looked at anything is the same of every pair.
        nothing = np.zeros((1, len(NAMES)), np.float32)
        parts = Parts(GROUPS, float(ranker.parts(nothing, GROUP_OF)[0, -1]))
        rows = np.arange(len(corpus))
        batches = [rows[start : start + STORIES] for start in range(0, len(rows), STORIES)]
        shared = (index, ranker, parts, curated, corpus.ids, copies.groups(corpus, index), k)
        blocks = list(progress(engine(_pack_block, shared, batches), len(batches), "ranking stories"))
        lists = [both for block in blocks for both in block]
        generation = store.publish(
            name,
            ((article, *both) for article, both in zip(corpus.ids.tolist(), lists, strict=True)),
            parts=parts.to_json(),
            vocabulary=space.vocabulary().to_bytes(),
        )
    kept = sum(len(packed) for packed, _ in lists) // NEIGHBOUR_DTYPE.itemsize
    return Recomputed(generation, name, len(corpus), kept)


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
    packed = np.zeros(len(pairs), NEIGHBOUR_DTYPE)
    packed["article"] = ids[pairs.candidate]
    packed["score"] = ranker.score(matrix)
    packed["curated"], sides = curated.of_pairs(pairs, len(ids))
    kept: list[NDArray[np.int64]] = []
    for story, run in pairs.runs():
        some = packed[run]
        first = np.where(some["curated"] > 0, some["curated"], np.iinfo(np.int16).max)
        best = np.lexsort((some["article"], -some["score"], first))[:k]
        best = run.start + best[np.lexsort((some["article"][best], -some["score"][best]))]
        packed["group"][best] = copies.numbered(groups[pairs.candidate[best]], groups[story])
        kept.append(best)
    rows = np.concatenate(kept) if kept else np.zeros(0, np.int64)
    ends = np.cumsum([0, *map(len, kept)])
    places = np.arange(len(rows)) - np.repeat(ends[:-1], np.diff(ends))
    listed = Pairs(pairs.story[rows], pairs.candidate[rows])
    shares = ranker.parts(matrix[rows], GROUP_OF)[:, :-1]
    reasons = parts.pack(shares, sides[rows], curated.beside(listed, places, len(ids)))
    packed = packed[rows]
    lists = {int(listed.story[a]): (packed[a:b].tobytes(), reasons[a:b].tobytes()) for a, b in pairwise(ends)}
    return [lists.get(int(story), (b"", b"")) for story in stories]
