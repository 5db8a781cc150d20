"""What is known of stories besides their texts, column by column: numbers, and names as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.corpus import Corpus


@dataclass(frozen=True, slots=True)
class Columns:
    """``n`` stories.

    ``ids``, ``published`` and ``quality`` (n,) are those of ``Corpus``.
    ``provider`` (n,) numbers ``providers``, −1 for a story without one.
    ``topics`` number ``topic_names`` in compressed rows ``topic_starts``,
    ascending, each once.
    """

    ids: NDArray[np.int64]
    published: NDArray[np.float64]
    quality: NDArray[np.float64]
    providers: list[str]
    provider: NDArray[np.int64]
    topic_names: list[str]
    topic_starts: NDArray[np.int64]
    topics: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, corpus: Corpus, providers: Sequence[str] = (), topics: Sequence[str] = ()) -> Self:
        """Read a corpus; names that are known already keep their numbers."""
        provider_of = {name: number for number, name in enumerate(providers)}
        provider = [
            provider_of.setdefault(name, len(provider_of)) if name else -1 for name in corpus.providers
        ]
        topic_of = {name: number for number, name in enumerate(topics)}
        rows = [sorted({topic_of.setdefault(name, len(topic_of)) for name in row}) for row in corpus.topics]
        return cls(
            ids=corpus.ids,
            published=corpus.published,
            quality=corpus.quality,
            providers=list(provider_of),
            provider=np.array(provider, np.int64),
            topic_names=list(topic_of),
            topic_starts=np.cumsum([0, *map(len, rows)]),
            topics=np.array([number for row in rows for number in row], np.int64),
        )

    def rows(self, stories: NDArray[np.int64]) -> Self:
        """Take some stories."""
        lengths = np.diff(self.topic_starts)[stories]
        ends = np.cumsum(lengths)
        at = np.repeat(self.topic_starts[stories] - ends + lengths, lengths) + np.arange(lengths.sum())
        return replace(
            self,
            ids=self.ids[stories],
            published=self.published[stories],
            quality=self.quality[stories],
            provider=self.provider[stories],
            topic_starts=np.r_[0, ends],
            topics=self.topics[at],
        )

    def followed_by(self, corpus: Corpus) -> Self:
        """Put the stories of a corpus behind these."""
        more = type(self).of(corpus, self.providers, self.topic_names)
        return replace(
            more,
            ids=np.r_[self.ids, more.ids],
            published=np.r_[self.published, more.published],
            quality=np.r_[self.quality, more.quality],
            provider=np.r_[self.provider, more.provider],
            topic_starts=np.r_[self.topic_starts, self.topic_starts[-1] + more.topic_starts[1:]],
            topics=np.r_[self.topics, more.topics],
        )
