"""Stories as vectors: what their words, and the letters of their titles, have in common.

A story is kept as counts.  What its terms weigh in each view follows from
those, their idf and six lengths, so all views together take no more room than
one matrix would (0.6 KB a story).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.analysis import MOST

VIEWS = ("words", "title", "excerpt", "text", "trigrams", "letters", "blend")
"""``words``: words and word pairs of title and excerpt as two weighted fields.  ``title``, ``excerpt``: the
same, one field alone; ``text``: the two read as one.  ``trigrams``: the title's character trigrams within
words.  ``letters``: those, without counts or idf.  ``blend``: the views of ``BLEND`` side by side."""

BLEND = ("words", "text", "trigrams", "letters")
"""Views whose mean similarity is that in ``blend``: untrained, times a decay in time, it ranks better than
any single view on the average of the newsrooms it was tried on (docs/evaluation.md)."""

TITLE, EXCERPT, WORDS, TEXT, TRIGRAMS, LETTERS = range(6)
"""Columns of ``Vectors.scales``."""

LOG = np.r_[0, 1 + np.log(np.arange(1, 2 * MOST + 1))].astype(np.float32)
"""What a count is worth: 1 + ln count, and 0 for none."""


class Vectors(NamedTuple):
    """``n`` stories as vectors, in compressed rows.

    ``words`` are numbers of words and pairs of words, ascending within a
    story's row ``starts[i]:starts[i + 1]``, with their counts in the title and
    in the excerpt; ``letters`` those of the title's trigrams.  A term's weight
    is ``LOG[count]`` · idf · ``scales[story, view]``: the last makes the row of
    length 1, counting terms of one story only, too; in ``LETTERS`` it is the
    whole weight.  ``words`` as a view is ``title_weight`` of the title's and
    the rest of the excerpt's, · ``scales[story, WORDS]``.
    """

    word_starts: NDArray[np.int64]
    words: NDArray[np.int32]
    in_title: NDArray[np.uint8]
    in_excerpt: NDArray[np.uint8]
    letter_starts: NDArray[np.int64]
    letters: NDArray[np.int32]
    letter_counts: NDArray[np.uint8]
    scales: NDArray[np.float32]
    word_idf: NDArray[np.float32]
    letter_idf: NDArray[np.float32]
    title_weight: np.float32

    def view(self, name: str) -> sp.csr_matrix:
        """Make the matrix (n, terms) of a view of ``VIEWS``, whose rows have cosines as their products."""
        if name == "blend":
            return sp.csr_matrix(sp.hstack([self.view(part) for part in BLEND], "csr") * len(BLEND) ** -0.5)
        of_letters = name in ("trigrams", "letters")
        starts = self.letter_starts if of_letters else self.word_starts
        terms = self.letters if of_letters else self.words
        idf = self.letter_idf if of_letters else self.word_idf
        scale = np.repeat(self.scales, np.diff(starts), axis=0)
        title = LOG[self.in_title] * self.word_idf[self.words]
        excerpt = LOG[self.in_excerpt] * self.word_idf[self.words]
        match name:
            case "title":
                weight = title * scale[:, TITLE]
            case "excerpt":
                weight = excerpt * scale[:, EXCERPT]
            case "words":
                share = self.title_weight
                weight = share * title * scale[:, TITLE] + (1 - share) * excerpt * scale[:, EXCERPT]
                weight *= scale[:, WORDS]
            case "text":
                both = self.in_title.astype(np.int64) + self.in_excerpt
                weight = LOG[both] * self.word_idf[self.words] * scale[:, TEXT]
            case "trigrams":
                weight = LOG[self.letter_counts] * self.letter_idf[self.letters] * scale[:, TRIGRAMS]
            case "letters":
                weight = scale[:, LETTERS]
            case _:
                raise ValueError(f"no view {name!r}; there are: {', '.join(VIEWS)}")
        # A copy, since leaving out zeros moves what stays.
        shape = (len(self.scales), len(idf))
        matrix = sp.csr_matrix((weight.astype(np.float32), terms, starts), shape, copy=True)
        matrix.eliminate_zeros()
        return matrix
