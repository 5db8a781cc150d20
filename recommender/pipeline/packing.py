"""Lists as the store keeps them: stories ranked, block by block, with the reasons for every neighbour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.engine import Engine
from recommender.features import GROUP_OF, GROUPS, NAMES, features
from recommender.index import Index
from recommender.pipeline.curating import CuratedLinks
from recommender.pipeline.listing import listed
from recommender.pipeline.progress import Progress
from recommender.pipeline.ranking import STORIES
from recommender.ranker import Ranker
from recommender.reasons import Parts


@dataclass(frozen=True, slots=True)
class Packer:
    """Ranks stories of an index, which knows their links, and packs ``k`` neighbours of each.

    ``groups`` (n,) are the stories' groups of copies (``copies.groups``).
    """

    index: Index
    ranker: Ranker
    curated: CuratedLinks
    groups: NDArray[np.int64]
    parts: Parts
    k: int

    @classmethod
    def of(
        cls, index: Index, ranker: Ranker, curated: CuratedLinks, groups: NDArray[np.int64], k: int
    ) -> Self:
        """Make one for stories with these links, which the index has been told."""
        # What the trees say before they have looked at anything is the same of every pair.
        nothing = np.zeros((1, len(NAMES)), np.float32)
        parts = Parts(GROUPS, float(ranker.parts(nothing, GROUP_OF)[0, -1]))
        return cls(index, ranker, curated, groups, parts, k)

    def lists(
        self, stories: NDArray[np.int64], engine: Engine, progress: Progress
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """Give of each story (s,), ascending, its id, its packed neighbours, and the reasons for them."""
        blocks = [stories[start : start + STORIES] for start in range(0, len(stories), STORIES)]
        packed = progress(engine(_pack, self, blocks), len(blocks), "ranking stories")
        for block, lists in zip(blocks, packed, strict=True):
            for article, both in zip(self.index.columns.ids[block].tolist(), lists, strict=True):
                yield article, *both

    def packed(self, stories: NDArray[np.int64], pairs: Pairs) -> list[tuple[bytes, bytes]]:
        """Pack of each story (s,), ascending, every curated candidate, then the best, ``k`` in all.

        ``pairs`` are its candidates.  Gives neighbours and the reasons for them.
        """
        curated, parts = self.curated, self.parts
        matrix = features(self.index, pairs)
        scores = self.ranker.score(matrix)
        places, sides = curated.of_pairs(pairs)
        lists = listed(stories, pairs.story, pairs.candidate, scores, places, self.groups, self.k)
        kept = lists.pairs
        packed = lists.packed(self.index.columns.ids, pairs.candidate, scores, places)
        shown = Pairs(pairs.story[kept], pairs.candidate[kept])
        shares = self.ranker.parts(matrix[kept], GROUP_OF)[:, :-1]
        reasons = parts.pack(shares, sides[kept], curated.beside(shown, lists.place))
        return [(packed[a:b].tobytes(), reasons[a:b].tobytes()) for a, b in pairwise(lists.starts.tolist())]


def _pack(packer: Packer, stories: NDArray[np.int64]) -> list[tuple[bytes, bytes]]:
    return packer.packed(stories, packer.index.pairs(stories, packer.curated.among(stories)))
