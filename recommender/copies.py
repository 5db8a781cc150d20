"""Which stories are the same text told twice: one wire report at several outlets, a story under a second URL.

Candidate pairs are those that the stories' lists already hold, so the cost is
linear in them.  A pair are copies if all of this holds:

- they were published at most ``DAYS`` apart, or a date is missing;
- their titles are alike: cosine of letter trigrams;
- of the shorter text's word pairs nearly all are in the longer (outlets cut one
  text at different lengths, which a cosine takes for a difference).  Without
  text nobody can tell, and such a story has no copies;
- neither says what the other denies: a number, or a word that stands in both
  its title and its text, that the other does not have, in both directions.
  That keeps "May 7" from "May 8", "part 1" from "part 2", and one press
  release from the next one made from the same template.

The limits were set by reading pairs around them in three corpora.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer

from recommender.candidates import decayed
from recommender.index import Index
from recommender.likeness import cosines
from recommender.vectors import VIEWS

DAYS: Final = 7.0
"""Days between copies: outlets take over a wire report within hours, a press release within days; what comes
again later is mostly a series, or news."""

ALIKE: Final = 0.7
"""Least cosine of the titles' letter trigrams."""

SHARED: Final = 0.8
"""Least share of the shorter text's word pairs that the longer has."""

SHORT: Final = 16
"""Word pairs under which a text may be a template."""

VERY_ALIKE: Final = 0.9
"""Least cosine of the titles where a text is ``SHORT``."""

STORIES: Final = 16_384
"""Stories looked at together; bounds memory."""

_NEAR: Final = 0.5
"""Least likeness, without decay: far below what copies have in every view."""

Read: TypeAlias = Callable[[NDArray[np.int64]], tuple[Sequence[str], Sequence[str]]]
"""Gives titles and texts of stories by their rows, ascending."""

_TERM: Final = r"[0-9]+|[^\W\d_]+"
"""Words and numbers, apart from one another: in "$42M" and "$42-million" there is the same 42."""


def groups(
    index: Index,
    stories: NDArray[np.int64],
    read: Read,
    known: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Find every story's group of copies, (n,): the least row in it, so its own row for a story alone.

    Looked for are copies of ``stories`` (s,); ``known`` (n,) are the groups as
    they were.  Copies of copies are copies.
    """
    n = len(index)
    ones, others = [np.arange(n)], [known]
    for start in range(0, len(stories), STORIES):
        first, second = copies(index, stories[start : start + STORIES], read)
        ones.append(first)
        others.append(second)
    first, second = np.concatenate(ones), np.concatenate(others)
    graph = sp.csr_matrix((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, least, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.asarray(least[inverse], np.int64)


def copies(
    index: Index,
    stories: NDArray[np.int64],
    read: Read,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the copies of ``stories`` (s,) among those before them: pairs of rows, (p,) and (p,)."""
    first, second = _near(index, stories)
    titles = cosines(index.vectors, first, second)[:, VIEWS.index("letters")]
    alike = titles >= ALIKE
    first, second, titles = first[alike], second[alike], titles[alike]
    # Only stories that may have a copy are read again.
    rows, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = place[: len(first)], place[len(first) :]
    text = _Text.of(*read(rows))
    shorter = np.minimum(text.length[one], text.length[other])
    shared = _dots(text.pairs, text.pairs, one, other)
    same = (
        (shorter > 0)
        & (shared >= SHARED * shorter)
        & ((shorter >= SHORT) | (titles >= VERY_ALIKE))
        & ~(text.denied(one, other) & text.denied(other, one))
    )
    return first[same], second[same]


def _near(index: Index, stories: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gather from stories' lists the pairs near in time and alike: (p,) and (p,), the later story first."""
    found, scores = index.nearest.before[stories], index.nearest.scores[stories]
    row, place = np.nonzero(found >= 0)
    story, other = stories[row], found[row, place].astype(np.int64)
    days = np.abs(index.columns.published[story] - index.columns.published[other])
    near = ~(days > DAYS) & (scores[row, place] >= _NEAR * decayed(days, index.search.decay))
    return story[near], other[near]


class _Text:
    """What some stories say, as sets of hashed terms: rows of 1s (s, 2³¹)."""

    def __init__(self, pairs: sp.csr_matrix, telling: sp.csr_matrix, words: sp.csr_matrix) -> None:
        self.pairs, self.words, self.telling = pairs, words, telling
        self.length = np.diff(pairs.indptr)

    @classmethod
    def of(cls, titles: Sequence[str], excerpts: Sequence[str]) -> _Text:
        title, excerpt = _sets(titles), _sets(excerpts)
        numbers = _sets([f"{one}\n{other}" for one, other in zip(titles, excerpts, strict=True)], r"[0-9]+")
        return cls(
            _sets(excerpts, pairs=True),
            # ``maximum`` of sets is their union, ``multiply`` what they share.
            telling=numbers.maximum(title.multiply(excerpt)),
            words=title.maximum(excerpt),
        )

    def denied(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of each pair (p,) whether ``one`` says something telling that ``other`` does not."""
        told: NDArray[np.int64] = np.diff(self.telling.indptr)[one]
        return told > _dots(self.telling, self.words, one, other)


def _sets(texts: Sequence[str], pattern: str = _TERM, *, pairs: bool = False) -> sp.csr_matrix:
    length = 2 if pairs else 1
    hasher = HashingVectorizer(
        n_features=2**31 - 1,
        token_pattern=pattern,
        ngram_range=(length, length),
        binary=True,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    # scikit-learn lets a StopIteration out where there are no texts.
    return hasher.transform(texts) if texts else sp.csr_matrix((0, hasher.n_features), dtype=np.float32)


def _dots(
    left: sp.csr_matrix, right: sp.csr_matrix, rows: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.float32]:
    return np.asarray(left[rows].multiply(right[others]).sum(axis=1), np.float32).ravel()
