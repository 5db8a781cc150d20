"""What is hidden, what is asked, and the guard that nothing hidden can be seen.

Cold asks for the list of a story on the day it comes out: links of stories
published after a cut are hidden, the stories themselves stay.  Warm asks for
a story of the archive whose links nobody has drawn: its own are hidden, those
around it stay.  A fold is cold at an earlier time: what to tune on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recommender.corpus import Corpus
from recommender.errors import NothingToLearn, UnsoundEvaluation, UsageError

HELD_BACK = 0.2
"""Share of the linked stories, the newest, that are cold's queries where no cut is named."""

SHARE = 0.1
"""Share of the linked stories, drawn at random, that are warm's queries."""

Protocol = Literal["cold", "warm"]


@dataclass(frozen=True, slots=True)
class Split:
    """A corpus without the links that are asked for, and what is asked.

    ``corpus.links`` and ``corpus.blocks`` are those that may be seen.
    ``queries`` (q,) are rows, ascending; ``relevant`` their right answers, an
    array of rows each, ascending.  ``cut`` is in days since 1970, ``None`` for
    warm; ``seed`` is what warm drew its queries with, ``None`` for cold.
    """

    corpus: Corpus
    cut: float | None
    queries: NDArray[np.int64]
    relevant: list[NDArray[np.int64]]
    protocol: Protocol = "cold"
    seed: int | None = None

    def check(self) -> None:
        """Raise ``UnsoundEvaluation`` if a hidden link can be seen, or a query has no proper answers.

        An evaluation that leaks is worthless, so whatever fits or ranks calls
        this first.
        """
        self._check_queries()
        self._check_answers()
        for name, pairs in (("links", self.corpus.links), ("blocks", self.corpus.blocks)):
            touched = np.isin(pairs, self.queries).any(axis=1)
            if touched.any():
                raise UnsoundEvaluation(f"{touched.sum()} {name} of queries are visible to the ranker")
        if self.protocol == "cold":
            self._check_cut()

    def _check_queries(self) -> None:
        if len(self.queries) == 0:
            raise UnsoundEvaluation("there are no queries")
        if (np.diff(self.queries) <= 0).any():
            raise UnsoundEvaluation("the queries are not in ascending order, each once")
        if self.queries[0] < 0 or self.queries[-1] >= len(self.corpus):
            raise UnsoundEvaluation(f"a query is none of the {len(self.corpus)} stories")

    def _check_answers(self) -> None:
        if len(self.relevant) != len(self.queries):
            raise UnsoundEvaluation(f"{len(self.queries)} queries have {len(self.relevant)} sets of answers")
        for query, right in zip(self.queries.tolist(), self.relevant, strict=True):
            if len(right) == 0:
                raise UnsoundEvaluation(f"query {query} has no right answer")
            if (np.diff(right) <= 0).any():
                raise UnsoundEvaluation(f"answers of query {query} are not in ascending order, each once")
            if right[0] < 0 or right[-1] >= len(self.corpus):
                raise UnsoundEvaluation(f"an answer of query {query} is none of the stories")
            if query in right:
                raise UnsoundEvaluation(f"query {query} is its own answer")
        # Links count both ways: of two queries, each is an answer of the other or neither is.
        asked = np.repeat(self.queries, [len(right) for right in self.relevant])
        answers = np.concatenate(self.relevant)
        mutual = np.isin(answers, self.queries)
        there = set(zip(asked[mutual].tolist(), answers[mutual].tolist(), strict=True))
        if lost := [pair for pair in there if pair[::-1] not in there]:
            raise UnsoundEvaluation(f"{len(lost)} answers are missing: their links are answers one way only")

    def _check_cut(self) -> None:
        if self.cut is None:
            raise UnsoundEvaluation("the cold protocol has no cut")
        late = self.corpus.published > self.cut
        seen = late[self.corpus.links].any(axis=1)
        if seen.any():
            raise UnsoundEvaluation(f"{seen.sum()} links of stories after the cut are visible to the ranker")
        if not late[self.queries].all():
            raise UnsoundEvaluation("a query is not published after the cut")


def cold(corpus: Corpus, cut: float | None = None) -> Split:
    """Hide the links of stories published after ``cut`` (days since 1970), and ask for them.

    Without a cut, it leaves the newest ``HELD_BACK`` of the linked stories
    after it.  Right answers are links in both directions, also to older
    stories.  Raises ``NothingToLearn`` where no linked story is after the cut.
    """
    linked = np.unique(corpus.links)
    linked = linked[~np.isnan(corpus.published[linked])]
    if len(linked) == 0:
        raise NothingToLearn("no dated story has curated links: there is nothing to evaluate against")
    if cut is None:
        cut = float(np.quantile(corpus.published[linked], 1 - HELD_BACK))
    late = corpus.published > cut
    if not late[linked].any():
        raise NothingToLearn("no linked story is published after the cut; choose an earlier one")
    split = Split(*_hide(corpus, late, cut), protocol="cold")
    split.check()
    return split


def fold(corpus: Corpus, start: float, end: float) -> Split:
    """Ask, cold, for stories between two points in time, as if no later story had links: what to tune on.

    ``start`` and ``end`` are shares of the linked stories by time: 0.5 and
    0.65 hide the links of the newer half and ask for the oldest 15 % of it.
    No link of a story after ``end`` is learned from or asked for, so a fold
    that ends at 1 − ``HELD_BACK`` leaves what ``cold`` asks unseen.  The
    stories themselves stay candidates.  Raises ``UsageError`` unless
    0 < start < end ≤ 1, ``NothingToLearn`` where no linked story is between.
    """
    if not 0 < start < end <= 1:
        raise UsageError(f"fold {start}–{end}: expected two shares, more than 0 and at most 1, in order")
    linked = np.unique(corpus.links)
    times = corpus.published[linked]
    times = times[~np.isnan(times)]
    if len(times) == 0:
        raise NothingToLearn("no dated story has curated links: there is nothing to evaluate against")
    first, last = np.quantile(times, [start, end])
    later = (corpus.published > last)[corpus.links].any(axis=1)
    return cold(replace(corpus, links=corpus.links[~later]), float(first))


def warm(corpus: Corpus, share: float = SHARE, seed: int = 0) -> Split:
    """Hide the links of a random ``share`` of the linked stories, both directions, and ask for them.

    At least one story is asked; one without a date may be.  All other links
    stay.  Right answers are links in both directions, also to another query.
    The same stories, links and seed give the same queries.  Raises
    ``UsageError`` for a share outside 0–1, ``NothingToLearn`` where there is
    no link.
    """
    if not 0 < share <= 1:
        raise UsageError(f"share {share}: expected more than 0 and at most 1")
    linked = np.unique(corpus.links)
    if len(linked) == 0:
        raise NothingToLearn("no story has curated links: there is nothing to evaluate against")
    drawn = np.random.default_rng(seed).choice(linked, max(1, round(share * len(linked))), replace=False)
    asked = np.zeros(len(corpus), np.bool_)
    asked[drawn] = True
    split = Split(*_hide(corpus, asked, None), protocol="warm", seed=seed)
    split.check()
    return split


def _hide(
    corpus: Corpus, asked: NDArray[np.bool_], cut: float | None
) -> tuple[Corpus, float | None, NDArray[np.int64], list[NDArray[np.int64]]]:
    """Take out every link and block of a story of ``asked`` (n,); give the first four fields of a split."""
    hidden = asked[corpus.links].any(axis=1)
    both = np.concatenate([corpus.links[hidden], corpus.links[hidden][:, ::-1]])
    both = np.unique(both[asked[both[:, 0]]], axis=0)
    queries, starts = np.unique(both[:, 0], return_index=True)
    seen = replace(
        corpus, links=corpus.links[~hidden], blocks=corpus.blocks[~asked[corpus.blocks].any(axis=1)]
    )
    return seen, cut, queries, np.split(both[:, 1], starts[1:])
