"""Evaluate: the ranker, fitted on the links a protocol leaves, against baselines on those it hides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender import default
from recommender.articles import iso
from recommender.corpus import Corpus
from recommender.engine import Engine, local
from recommender.errors import NothingToLearn, UsageError
from recommender.evaluation import (
    BASELINES,
    Reliability,
    Split,
    baseline,
    cold,
    compare,
    per_query,
    reliability,
    slices,
    warm,
)
from recommender.events import Events
from recommender.index import Index, prepare
from recommender.pipeline.clicking import NO_CHOICES, choices_before
from recommender.pipeline.learning import learn, unread
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.ranking import Ranked, best, linked, rank
from recommender.ranker import Ranker

SYSTEMS = (default.NAME, *BASELINES)
"""What this project is compared with unless told."""

OURS = "recommender"
"""This project's name among the systems: the first of them."""

WITHOUT_CLICKS = "without clicks"
"""What ours would be, had it not learned from clicks too."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Systems measured side by side; ``systems`` as ``evaluation.compare`` gives them, ours first.

    ``cut`` is cold's, ``seed`` warm's; the other one is ``None``.
    """

    protocol: str
    cut: datetime | None
    seed: int | None
    k: int
    queries: int
    relevant: int
    stories: int
    learned: bool
    systems: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was asked and what every system answered, to be looked at from all sides.

    ``ranked`` holds lists (q, k) of rows by system, ours first, −1 where one
    has ended; ``scored`` is every candidate of ours with its score.
    """

    split: Split
    ranked: Mapping[str, NDArray[np.int64]]
    scored: Ranked
    k: int
    learned: bool

    def summary(self) -> Evaluation:
        """Measure the systems side by side.  Raises ``UnsoundEvaluation`` for lists that none may give."""
        cut = self.split.cut
        return Evaluation(
            protocol=self.split.protocol,
            cut=None if cut is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=cut),
            seed=self.split.seed,
            k=self.k,
            queries=len(self.split.queries),
            relevant=int(sum(map(len, self.split.relevant))),
            stories=len(self.split.corpus),
            learned=self.learned,
            systems=compare(self.ranked, self.split, self.k),
        )

    def report(self) -> dict[str, Any]:
        """Everything as JSON has it: the summary, ``slices`` and ``reliability``."""
        summary = self.summary()
        return asdict(summary) | {
            "cut": iso(summary.cut),
            "slices": slices(self.ranked, self.split, self.k),
            "reliability": self.reliable(),
        }

    def reliable(self) -> dict[str, Any]:
        """Give ``reliability`` as JSON has it."""
        return {name: asdict(each) for name, each in self.reliability().items()}

    def reliability(self) -> dict[str, Reliability]:
        """Tell whether our scores are chances: of all pairs ``scored``, and of the first k, the ``shown``.

        The second is the harder question: what is shown was chosen for its
        scores, and the best of many are the ones most likely to be too high.
        """
        pairs, stories = self.scored.pairs, len(self.split.corpus)
        asked = np.repeat(self.split.queries, [len(right) for right in self.split.relevant])
        right = linked(pairs, np.column_stack((asked, np.concatenate(self.split.relevant))), stories)
        first = self.split.queries[:, None] * stories + self.ranked[OURS]
        shown = np.isin(pairs.story * stories + pairs.candidate, first[self.ranked[OURS] >= 0])
        scores = self.scored.scores
        return {
            "scored": reliability(pairs.story, scores, right),
            "shown": reliability(pairs.story[shown], scores[shown], right[shown]),
        }

    def per_query(self) -> Iterator[dict[str, Any]]:
        """Give every query's answers and metrics, as ``evaluation.per_query`` does."""
        return per_query(self.ranked, self.split, self.k)


def judge(
    corpus: Corpus,
    cut: datetime | None = None,
    k: int = 10,
    systems: Iterable[str] = SYSTEMS,
    engine: Engine = local,
    progress: Progress = silent,
    *,
    protocol: str = "cold",
    seed: int | None = None,
) -> Judgement:
    """Hide links by a protocol, and ask this project's ranking and the named baselines for them.

    ``cut`` belongs to the cold protocol, ``seed`` (0 unless told) to the warm
    one.  Raises ``UsageError`` for a system or a protocol there is not, or
    what belongs to the other protocol; ``MissingExtra`` for a system whose
    package is not installed; ``NothingToLearn`` where nothing is left to ask
    for.
    """
    chosen = list(dict.fromkeys(systems))
    for name in chosen:
        if name != default.NAME:
            baseline(name)
    split = _split(corpus, protocol, cut, seed)
    _, index = prepare(split.corpus, engine=engine)
    return ask(index, split, k, chosen, engine, progress)


def _split(corpus: Corpus, protocol: str, cut: datetime | None, seed: int | None) -> Split:
    if protocol == "cold":
        if seed is not None:
            raise UsageError("--seed is of the warm protocol; the cold one draws nothing")
        return cold(corpus, None if cut is None else cut.timestamp() / 86_400)
    if protocol == "warm":
        if cut is not None:
            raise UsageError("--cut is of the cold protocol; the warm one hides links of any time")
        return warm(corpus, seed=0 if seed is None else seed)
    raise UsageError(f"no protocol {protocol!r}; there are: cold, warm")


def ask(
    index: Index,
    split: Split,
    k: int = 10,
    systems: Iterable[str] = (),
    engine: Engine = local,
    progress: Progress = silent,
    left_out: Collection[str] = (),
    events: Events | None = None,
) -> Judgement:
    """Ask what a split hides, with an index of the same stories, made already.

    ``left_out`` are groups of features (``features.GROUPS``) that our ranking
    does without: an ablation.  With ``events`` it learns from clicks too, and
    ``WITHOUT_CLICKS`` is a system beside it.  Raises as ``judge``, and
    ``UsageError`` for a group there is not.
    """
    index, ranker, learned = ready(index, split, engine, progress, left_out, events)
    found = rank(index, ranker, split.queries, engine, progress, "ranking queries")
    ranked = {OURS: found.best(split.queries, k)}
    if events is not None:
        index, ranker, _ = ready(index, split, engine, progress, left_out)
        ranked[WITHOUT_CLICKS] = best(index, ranker, split.queries, k, engine)
    for name in progress(list(systems), len(list(systems)), "baselines"):
        if name == default.NAME:
            fair = default.ranker(without=split.corpus.urls)
            ranked[name] = best(index, fair, split.queries, k, engine)
        else:
            ranked[name] = baseline(name)(split.corpus, split.queries, k)
    return Judgement(split, ranked, found, k, learned)


def ready(
    index: Index,
    split: Split,
    engine: Engine,
    progress: Progress,
    left_out: Collection[str] = (),
    events: Events | None = None,
) -> tuple[Index, Ranker, bool]:
    """Give the index and the ranker to judge a split with, and whether links taught the ranker anything.

    The only place where an evaluation gets them: both know of links what
    ``split.corpus`` shows, and nothing else; of ``events`` the ranker knows those
    before the cut.  ``index`` is of the same stories; the ranker reads no
    feature of the groups ``left_out``.  Raises ``UnsoundEvaluation`` if the
    split leaks.
    """
    split.check()
    links, blocks = split.corpus.links, split.corpus.blocks
    choices = NO_CHOICES if events is None else choices_before(events, split)
    fair = unread(default.ranker(without=split.corpus.urls), left_out)
    try:
        ranker = learn(index, links, fair, engine, progress, left_out, blocks=blocks, choices=choices)
        return index.knowing(links), ranker, True
    except NothingToLearn:
        return index.knowing(links), fair, False
