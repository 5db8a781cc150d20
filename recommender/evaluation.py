"""How good a ranking is, measured against editors' links, with intervals.

The cold protocol: links of stories published after a cut are hidden, the
stories themselves stay.  Every story after the cut that has links is a query;
its links, in both directions, are the right answers; every other story is a
candidate.  It asks for what matters: the list of a story on the day it comes
out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer

from recommender.candidates import top_k
from recommender.corpus import Corpus
from recommender.errors import NothingToLearn

HELD_BACK = 0.2
"""Share of the linked stories, the newest, that are queries where no cut is named."""

RESAMPLES = 2_000
METRICS = ("ndcg", "recall", "mrr", "p@1")


@dataclass(frozen=True, slots=True)
class Split:
    """A corpus whose later links are hidden, and what was hidden.

    ``queries`` (q,) are rows, ascending; ``relevant`` their right answers, an
    array of rows each; ``cut`` in days since 1970.
    """

    corpus: Corpus
    cut: float
    queries: NDArray[np.int64]
    relevant: list[NDArray[np.int64]]

    def check(self) -> None:
        """Raise ``AssertionError`` if a hidden link can be seen: an evaluation that leaks is worthless."""
        known = set(self.queries.tolist())
        leaks = [link for link in self.corpus.links.tolist() if known & set(link)]
        if leaks:
            raise AssertionError(f"{len(leaks)} links of queries are visible to the ranker")


def cold(corpus: Corpus, cut: float | None = None) -> Split:
    """Hide the links of stories published after ``cut`` (days since 1970).

    Without one, the cut leaves the newest ``HELD_BACK`` of the linked stories
    after it.  Raises ``NothingToLearn`` where no linked story is after the cut.
    """
    linked = np.unique(corpus.links)
    linked = linked[~np.isnan(corpus.published[linked])]
    if len(linked) == 0:
        raise NothingToLearn("no dated story has curated links: there is nothing to evaluate against")
    if cut is None:
        cut = float(np.quantile(corpus.published[linked], 1 - HELD_BACK))
    late = corpus.published > cut
    hidden = late[corpus.links].any(axis=1)
    both = np.concatenate([corpus.links[hidden], corpus.links[hidden][:, ::-1]])
    both = np.unique(both[late[both[:, 0]]], axis=0)
    queries, starts = np.unique(both[:, 0], return_index=True)
    if len(queries) == 0:
        raise NothingToLearn("no linked story is published after the cut; choose an earlier one")
    split = Split(
        replace(corpus, links=corpus.links[~hidden]), cut, queries, np.split(both[:, 1], starts[1:])
    )
    split.check()
    return split


@dataclass(frozen=True, slots=True)
class Scores:
    """A system's metrics, query by query: each (q,) in 0–1."""

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    mrr: NDArray[np.float64]
    p_at_1: NDArray[np.float64]

    @classmethod
    def of(cls, ranked: NDArray[np.int64], relevant: Sequence[NDArray[np.int64]], k: int = 10) -> Self:
        """Measure lists (q, ≥k) of rows, −1 where a list has ended.

        nDCG@k with binary gain, log2 discount and the ideal over min(k,
        relevant) (Järvelin and Kekäläinen 2002); recall@k over min(k,
        relevant); MRR@k; P@1.  A query without an answer scores 0.
        """
        hits = np.array([np.isin(row[:k], right) for row, right in zip(ranked, relevant, strict=True)])
        hits = hits.reshape(len(relevant), -1).astype(float)
        most = np.array([min(k, len(right)) for right in relevant])
        discount = 1 / np.log2(np.arange(k) + 2)
        first = np.argmax(hits, axis=1)
        return cls(
            ndcg=hits @ discount[: hits.shape[1]] / np.cumsum(discount)[most - 1],
            recall=hits.sum(axis=1) / most,
            mrr=np.where(hits.any(axis=1), 1 / (first + 1), 0.0),
            p_at_1=hits[:, 0],
        )

    def means(self) -> dict[str, float]:
        """Mean of each metric over queries, under the names of ``METRICS``."""
        columns = (self.ndcg, self.recall, self.mrr, self.p_at_1)
        return {name: float(column.mean()) for name, column in zip(METRICS, columns, strict=True)}


def interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over queries (q,); give differences for a paired one."""
    if len(values) < 2:
        return (float(values.mean()), float(values.mean()))
    result = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
    )
    low, high = result.confidence_interval
    return float(low), float(high)


Baseline = Callable[[Corpus, NDArray[np.int64], int], NDArray[np.int64]]


def _by_similarity(vectorizer: TfidfVectorizer, texts: Sequence[str], corpus: Corpus,
                   queries: NDArray[np.int64], k: int, decay: float) -> NDArray[np.int64]:  # fmt: skip
    view = sp.csr_matrix(vectorizer.fit_transform(texts), dtype=np.float32)
    return top_k(queries, view, corpus.published, decay, k)[0]


def tfidf(corpus: Corpus, queries: NDArray[np.int64], k: int, decay: float = np.inf) -> NDArray[np.int64]:
    """Rank by cosine of scikit-learn's default TF-IDF of title and excerpt → (q, k)."""
    texts = [f"{title} {excerpt}" for title, excerpt in zip(corpus.titles, corpus.excerpts, strict=True)]
    return _by_similarity(TfidfVectorizer(), texts, corpus, queries, k, decay)


def tfidf_decay(corpus: Corpus, queries: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Rank by that cosine × exp(−days apart / 7) → (q, k)."""
    return tfidf(corpus, queries, k, decay=7.0)


def trigram_decay(corpus: Corpus, queries: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Rank by TF-IDF of the title's character trigrams × exp(−days apart / 14) → (q, k)."""
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3))
    return _by_similarity(vectorizer, corpus.titles, corpus, queries, k, 14.0)


BASELINES: dict[str, Baseline] = {
    "tfidf": tfidf,
    "tfidf-decay": tfidf_decay,
    "trigram-decay": trigram_decay,
}


def compare(ranked: Mapping[str, NDArray[np.int64]], split: Split, k: int = 10) -> dict[str, Any]:
    """Measure systems side by side; the first one is paired against each of the others.

    Returns for every system its means, the interval of its nDCG, and, but for
    the first, ``ahead``: the first one's lead in nDCG with its paired interval.
    """
    scores = {name: Scores.of(rows, split.relevant, k) for name, rows in ranked.items()}
    ours = next(iter(scores.values()))
    report: dict[str, Any] = {}
    for name, score in scores.items():
        report[name] = {**score.means(), "interval": interval(score.ndcg)}
        if score is not ours:
            lead = ours.ndcg - score.ndcg
            report[name]["ahead"] = {"mean": float(lead.mean()), "interval": interval(lead)}
    return report
