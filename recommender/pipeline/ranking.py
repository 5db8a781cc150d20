"""Ranking stories' candidates, block by block: what training, evaluation and recompute share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.engine import Engine
from recommender.features import features
from recommender.index import Index
from recommender.pipeline.progress import Progress
from recommender.ranker import Ranker

STORIES = 512
"""Stories ranked together."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Stories' candidates, scored: ``pairs`` (p,), ``scores`` (p,) float32."""

    pairs: Pairs
    scores: NDArray[np.float32]

    def best(self, stories: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """Pick each story's ``k`` best: rows (stories, k), −1 where a list has ended; equal scores by row."""
        found = np.full((len(stories), k), -1, np.int64)
        place = {int(story): row for row, story in enumerate(stories)}
        for story, run in self.pairs.runs():
            order = np.argsort(-self.scores[run], kind="stable")[:k]
            found[place[story], : len(order)] = self.pairs.candidate[run][order]
        return found


def rank(
    index: Index,
    ranker: Ranker,
    stories: NDArray[np.int64],
    engine: Engine,
    progress: Progress,
    label: str,
) -> Ranked:
    """Score all candidates of some stories (s,), ascending."""
    batches = [stories[start : start + STORIES] for start in range(0, len(stories), STORIES)]
    parts = list(progress(engine(rank_block, (index, ranker), batches), len(batches), label))
    if not parts:
        nothing = np.empty(0, np.int64)
        return Ranked(Pairs(nothing, nothing), np.empty(0, np.float32))
    return Ranked(joined([part.pairs for part in parts]), np.concatenate([part.scores for part in parts]))


def best(
    index: Index, ranker: Ranker, stories: NDArray[np.int64], k: int, engine: Engine
) -> NDArray[np.int64]:
    """Pick the ``k`` best of some stories (s,), ascending, as ``Ranked.best`` does, keeping no others."""
    batches = [stories[start : start + STORIES] for start in range(0, len(stories), STORIES)]
    parts = engine(_best_of_block, (index, ranker, k), batches)
    return np.concatenate([np.empty((0, k), np.int64), *parts])


def _best_of_block(shared: tuple[Index, Ranker, int], stories: NDArray[np.int64]) -> NDArray[np.int64]:
    index, ranker, k = shared
    return rank_block((index, ranker), stories).best(stories, k)


def rank_block(shared: tuple[Index, Ranker], stories: NDArray[np.int64]) -> Ranked:
    """Score the candidates of a block of stories (b,), ascending."""
    index, ranker = shared
    pairs, matrix = _describe((index, ()), stories)
    return Ranked(pairs, ranker.score(matrix))


def describe(
    index: Index, stories: NDArray[np.int64], engine: Engine, progress: Progress, *more: Pairs
) -> tuple[Pairs, NDArray[np.float32]]:
    """Find the candidates of some stories (s,), ascending, and their features (p, features).

    Those of ``more`` pairs that are of these stories are among them.
    """
    batches = [stories[start : start + STORIES] for start in range(0, len(stories), STORIES)]
    parts = list(progress(engine(_describe, (index, more), batches), len(batches), "describing pairs"))
    return joined([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _describe(
    shared: tuple[Index, tuple[Pairs, ...]], stories: NDArray[np.int64]
) -> tuple[Pairs, NDArray[np.float32]]:
    index, more = shared
    pairs = index.pairs(stories, *more)
    return pairs, features(index, pairs)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Put pairs behind each other."""
    return Pairs(
        np.concatenate([part.story for part in parts]), np.concatenate([part.candidate for part in parts])
    )


def linked(pairs: Pairs, links: NDArray[np.int64], stories: int) -> NDArray[np.bool_]:
    """Tell which pairs (p,) an editor linked, in either direction; ``stories`` is how many there are."""
    keys = np.concatenate([links[:, 0] * stories + links[:, 1], links[:, 1] * stories + links[:, 0]])
    return np.isin(pairs.story * stories + pairs.candidate, keys)
