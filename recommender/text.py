"""Stories as TF-IDF vectors: what their words, and the letters of their titles, have in common.

Terms are hashed to 31 bits (scikit-learn's ``HashingVectorizer``), so a
vocabulary is a sorted array of integers rather than strings: it is fitted and
saved without pickle, read at once, and blocks of stories can be
vectorised apart from one another.  A term that only one story has can match
nothing; it counts in that story's length and is then left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, HashingVectorizer

from recommender.terms import Rarity, Vocabulary

TITLE_WEIGHT = 0.6
"""Share of the title in ``words``; the excerpt has the rest.  On earlier folds the best for
``coronavirus`` and within .015 of the best elsewhere (docs/evaluation.md)."""

Views = Mapping[str, sp.csr_matrix]
"""Name of a view → matrix (n, terms), float32, rows of length 1, or shorter by the terms of one story only.

``words`` is of length 1 again, since it is a mixture of two; a row without terms is 0.
"""

VIEWS = ("words", "title", "excerpt", "text", "trigrams", "letters", "blend")
"""``words``: words and word pairs of title and excerpt as two weighted fields.  ``title``, ``excerpt``: the
same, one field alone; ``text``: the two read as one.  ``trigrams``: the title's character trigrams within
words.  ``letters``: those, without counts or idf.  ``blend``: the views of ``BLEND`` side by side."""

BLEND = ("words", "text", "trigrams", "letters")
"""Views whose mean similarity is that in ``blend``: untrained, times a decay in time, it ranks better than
any single view on every newsroom it was tried on (docs/evaluation.md)."""


@dataclass(frozen=True, slots=True)
class Terms(Rarity):
    """The terms a space knows, and how rare each is.

    Smoothed as in scikit-learn: ln((1 + n) / (1 + df)) + 1.
    """

    @classmethod
    def count(cls, stories: sp.csr_matrix) -> Terms:
        """Learn from counts (n, 2³¹) of ``n`` stories: terms of two stories or more."""
        n = stories.shape[0]
        hashes, frequency = np.unique(stories.indices, return_counts=True)
        shared = frequency > 1
        idf = np.log((1 + n) / (1 + frequency[shared])) + 1
        return cls(hashes[shared].astype(np.int32), idf.astype(np.float32), float(np.log((1 + n) / 2) + 1))

    def weigh(self, counts: sp.csr_matrix, *, flat: bool = False) -> sp.csr_matrix:
        """Turn counts (n, 2³¹) into rows of length 1 over the terms (n, t).

        The weight is (1 + ln count) · idf, or 1 where ``flat``.
        """
        place = np.searchsorted(self.hashes, counts.indices)
        place[place == len(self.hashes)] = 0
        known = self.hashes[place] == counts.indices if len(self.hashes) else np.zeros(len(place), bool)
        if flat:
            weight = np.ones(counts.nnz, np.float32)
        else:
            idf = np.where(known, self.idf[place], np.float32(self.unseen)) if known.any() else self.unseen
            weight = ((1 + np.log(counts.data)) * idf).astype(np.float32)
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        length = np.sqrt(np.bincount(rows, weight.astype(np.float64) ** 2, counts.shape[0]))
        weight /= np.maximum(length, 1e-12).astype(np.float32)[rows]
        shape = (counts.shape[0], len(self.hashes))
        matrix = sp.csr_matrix((weight[known], (rows[known], place[known])), shape=shape, dtype=np.float32)
        matrix.sort_indices()
        return matrix


class TextSpace:
    """TF-IDF over titles and excerpts, in the views of ``VIEWS``.

    Learned state: ``words_`` and ``trigrams_``, both ``Terms``.
    """

    words_: Terms
    trigrams_: Terms

    def __init__(self, title_weight: float = TITLE_WEIGHT) -> None:
        self.title_weight = title_weight

    def fit(self, titles: Sequence[str], excerpts: Sequence[str]) -> Self:
        """Learn terms and idf from ``n`` stories."""
        self.fit_transform(titles, excerpts)
        return self

    def fit_transform(self, titles: Sequence[str], excerpts: Sequence[str]) -> dict[str, sp.csr_matrix]:
        """Learn from the stories and return their views, each (n, terms)."""
        counts = _count(titles, excerpts)
        self.words_ = Terms.count(_present(counts["title"] + counts["excerpt"]))
        self.trigrams_ = Terms.count(counts["trigrams"])
        return self._views(counts)

    def transform(self, titles: Sequence[str], excerpts: Sequence[str]) -> dict[str, sp.csr_matrix]:
        """Make the views of stories the space need not have seen, each (n, terms)."""
        return self._views(_count(titles, excerpts))

    def vocabulary(self) -> Vocabulary:
        """Give what was learned in the form in which it is stored."""
        return Vocabulary(self.title_weight, ENGLISH_STOP_WORDS, self.words_, self.trigrams_)

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> Self:
        """Make the space that ``vocabulary`` was made from.

        Raises ``ValueError`` where it passes over other words than this
        program: the same text would have other terms.
        """
        if vocabulary.stop_words != ENGLISH_STOP_WORDS:
            raise ValueError("a vocabulary with other stop words than this program's")
        space = cls(vocabulary.title_weight)
        space.words_, space.trigrams_ = (
            Terms(one.hashes, one.idf, one.unseen) for one in (vocabulary.words, vocabulary.trigrams)
        )
        return space

    def _views(self, counts: Mapping[str, sp.csr_matrix]) -> dict[str, sp.csr_matrix]:
        title = self.words_.weigh(counts["title"])
        excerpt = self.words_.weigh(counts["excerpt"])
        views = {
            "words": unit_rows(self.title_weight * title + (1 - self.title_weight) * excerpt),
            "title": title,
            "excerpt": excerpt,
            "text": self.words_.weigh(_present(counts["title"] + counts["excerpt"])),
            "trigrams": self.trigrams_.weigh(counts["trigrams"]),
            "letters": self.trigrams_.weigh(counts["trigrams"], flat=True),
        }
        share = np.float32(len(BLEND) ** -0.5)
        views["blend"] = sp.csr_matrix(sp.hstack([views[view] * share for view in BLEND], format="csr"))
        return views


def _count(titles: Sequence[str], excerpts: Sequence[str]) -> dict[str, sp.csr_matrix]:
    words = _hasher(analyzer="word", ngram_range=(1, 2), stop_words=list(ENGLISH_STOP_WORDS))
    trigrams = _hasher(analyzer="char_wb", ngram_range=(3, 3))
    return {
        "title": _hashed(words, titles),
        "excerpt": _hashed(words, excerpts),
        "trigrams": _hashed(trigrams, titles),
    }


def _hashed(hasher: HashingVectorizer, texts: Sequence[str]) -> sp.csr_matrix:
    # scikit-learn lets a StopIteration out where there are no texts.
    return hasher.transform(texts) if len(texts) else sp.csr_matrix((0, hasher.n_features), dtype=np.float32)


def _hasher(**analysis: object) -> HashingVectorizer:
    return HashingVectorizer(
        n_features=2**31 - 1, alternate_sign=False, norm=None, dtype=np.float32, **analysis
    )


def _present(counts: sp.csr_matrix) -> sp.csr_matrix:
    counts.sum_duplicates()
    return counts


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale rows to length 1; rows of zeros stay.  Columns come out in order, which products of rows need."""
    length = np.sqrt(matrix.multiply(matrix).sum(axis=1)).A1
    scaled = sp.csr_matrix(sp.diags(1 / np.maximum(length, 1e-12)) @ matrix, dtype=np.float32)
    scaled.sort_indices()
    return scaled
