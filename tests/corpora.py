"""Corpora made up for tests: tiny ones by hand, and a newsroom whose right answers are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender import default
from recommender.candidates import Pairs
from recommender.corpus import Corpus
from recommender.features import FEATURES, features
from recommender.index import Index, prepare
from recommender.ranker import Ranker
from recommender.text import TextSpace


def corpus_of(
    titles: Sequence[str],
    *,
    excerpts: Sequence[str] | None = None,
    published: Sequence[float] | None = None,
    quality: Sequence[float] | None = None,
    providers: Sequence[str] | None = None,
    topics: Sequence[tuple[str, ...]] | None = None,
    links: Iterable[tuple[int, int]] = (),
) -> Corpus:
    """Make a corpus column by column: all on one day, nothing else told, unless given."""
    n = len(titles)
    return Corpus(
        ids=np.arange(1, n + 1),
        urls=[f"https://news.example/{row}" for row in range(n)],
        titles=list(titles),
        excerpts=list(excerpts or [""] * n),
        published=np.array(published if published is not None else [0.0] * n, np.float64),
        quality=np.array(quality if quality is not None else [np.nan] * n, np.float64),
        providers=list(providers or [""] * n),
        types=["article"] * n,
        topics=list(topics or [()] * n),
        tags=[()] * n,
        links=np.array(list(links), np.int64).reshape(-1, 2),
    )


def rows(*numbers: int) -> NDArray[np.int64]:
    """Write rows of a corpus."""
    return np.array(numbers, np.int64)


def pairs_of(*couples: tuple[int, int]) -> Pairs:
    """Write pairs (story, candidate)."""
    both = np.array(couples, np.int64).reshape(-1, 2)
    return Pairs(both[:, 0], both[:, 1])


EVENT = 4
"""Stories of one event in ``newsroom``."""


def newsroom(events: int = 60, seed: int = 0) -> Corpus:
    """Write stories of events, ``EVENT`` each; an editor linked each story to all others of its event.

    An event has eight words and is over in two days.  Six days later the next
    one has the same words, as when a trial goes into its second week, and no
    link to the first: what is alike must be near in time as well.
    """
    random = np.random.default_rng(seed)
    stock = ["".join(random.choice(list("abcdefghiklmnoprstuvw"), 7)) for _ in range(60)]
    titles, excerpts, published, links = [], [], [], []
    words: list[str] = []
    for event in range(events):
        if event % 2 == 0:
            words = list(random.choice(stock, 8, replace=False))
        for member in range(EVENT):
            titles.append(" ".join(random.permutation(words)[:4]))
            excerpts.append(" ".join([*random.permutation(words)[:6], *random.choice(stock, 6)]))
            published.append(event // 2 * 3 + event % 2 * 6 + random.random() * 2)
            first = event * EVENT
            links += [(first + member, first + other) for other in range(EVENT) if other != member]
    providers = [f"outlet-{random.integers(6)}.example" for _ in titles]
    return corpus_of(titles, excerpts=excerpts, published=published, providers=providers, links=links)


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of a corpus: its index, its pairs with features, which are linked, a ranker."""

    corpus: Corpus
    space: TextSpace
    index: Index
    pairs: Pairs
    matrix: NDArray[np.float32]
    linked: NDArray[np.bool_]
    ranker: Ranker


def learned(corpus: Corpus, taught: int) -> Learned:
    """Fit a ranker on the first ``taught`` stories; links among these are what the index knows."""
    space, index = prepare(corpus)
    index = index.knowing(corpus.links[(corpus.links < taught).all(axis=1)])
    pairs = index.pairs(np.arange(len(corpus)))
    matrix = features(index, pairs)
    couples = set(map(tuple, corpus.links.tolist()))
    linked = np.array([couple in couples for couple in zip(pairs.story, pairs.candidate, strict=True)])
    early = pairs.story < taught
    directions = [feature.direction for feature in FEATURES]
    weights = default.ranker().weights
    ranker = Ranker.fit(matrix[early], pairs.story[early], linked[early], directions, weights)
    return Learned(corpus, space, index, pairs, matrix, linked, ranker)
