"""Whether a new model may take the place of the active one: the two are asked what neither has seen.

The active model has seen the links it learned from, so it is asked about the
stories that came out after the newest of them; and the new recipe learns for
this from the links before that time alone.  So both know the same, and what is
compared is what ``train`` would make today with what is there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from recommender import default, models
from recommender.articles import iso
from recommender.corpus import Corpus
from recommender.engine import Engine
from recommender.errors import ModelError, NothingToLearn
from recommender.evaluation import cold, compare
from recommender.events import Events
from recommender.index import Index, prepare
from recommender.models import Model
from recommender.pipeline.clicking import NO_CHOICES, choices_before
from recommender.pipeline.evaluating import OURS, Evaluation
from recommender.pipeline.learning import learn
from recommender.pipeline.progress import Progress
from recommender.pipeline.ranking import rank

FEWEST = 30
"""Queries that a verdict takes: of fewer, an interval says too little to refuse by."""

K = 10
"""Length of the lists that are compared."""

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Comparison:
    """The new recipe beside the ``active`` model (``default`` for none), cold, after ``cut``.

    ``new`` and ``old`` are their mean nDCG@10 over ``queries``; ``ahead`` is
    the new one's lead and its paired interval.  Where nobody can tell, these
    are ``None``, and ``reason`` says why.
    """

    active: str | None
    cut: str | None = None
    queries: int = 0
    new: float | None = None
    old: float | None = None
    ahead: dict[str, Any] | None = None
    reason: str | None = None

    @property
    def worse(self) -> bool:
        """Whether the new one is worse, by more than which stories happened to be asked."""
        return self.ahead is not None and self.ahead["interval"][1] < 0

    def told(self) -> dict[str, Any]:
        """Everything, as a report has it."""
        return asdict(self) | {"worse": self.worse}


def newest(corpus: Corpus) -> str | None:
    """Tell when the newest linked story came out: what is later, who learned from these has not seen."""
    times = corpus.published[np.unique(corpus.links)]
    times = times[~np.isnan(times)]
    return iso(datetime.fromtimestamp(round(times.max() * _DAY), UTC)) if len(times) else None


def days(moment: str) -> float:
    """Read a time of ``newest`` in days since 1970, as a corpus has them."""
    return datetime.fromisoformat(moment).timestamp() / _DAY


def compared(
    index: Index,
    corpus: Corpus,
    root: models.Root,
    evaluation: Evaluation | None,
    engine: Engine,
    progress: Progress,
    events: Events | None = None,
) -> Comparison:
    """Compare what is learned now with what is active in ``root``.

    ``index`` is of the stories of ``corpus``.  ``evaluation`` is the cold one of
    the new recipe beside the default ranker, ``None`` where there is none.  With
    ``events`` the new recipe learns from clicks too.
    """
    name: str | None = None
    try:
        name = models.active(root)
        if name is None:
            return _with_default(evaluation)
        model = models.load(root, name)
    except ModelError as error:
        return Comparison(name, reason=f"the active model cannot be used: {error}")
    return _with_model(index, corpus, model, engine, progress, events)


def _with_default(evaluation: Evaluation | None) -> Comparison:
    if evaluation is None or not evaluation.learned:
        return Comparison(default.NAME, reason="too few links are left to learn from when some are held back")
    found = Comparison(default.NAME, iso(evaluation.cut), evaluation.queries)
    return _judged(found, evaluation.systems, OURS, default.NAME)


def _with_model(
    index: Index, corpus: Corpus, model: Model, engine: Engine, progress: Progress, events: Events | None
) -> Comparison:
    until = model.manifest["data"].get("until")
    if until is None:
        reason = f"{model.id} does not say until when the stories are that it learned from"
        return Comparison(model.id, reason=reason)
    try:
        split = cold(corpus, days(until))
    except NothingToLearn:
        return _judged(Comparison(model.id, until), {}, OURS, model.id)
    found = Comparison(model.id, until, len(split.queries))
    if found.queries < FEWEST:
        return _judged(found, {}, OURS, model.id)
    links = split.corpus.links
    choices = NO_CHOICES if events is None else choices_before(events, split)
    try:
        # With the default that counts in the active one, too, whether or not it has seen this newsroom.
        learned = learn(index, links, default.ranker(), engine, progress, choices=choices)
    except NothingToLearn as error:
        return Comparison(model.id, until, found.queries, reason=f"before {until} there are only {error}")
    other = index if model.search == index.search else prepare(corpus, model.search, engine)[1]
    lists = {
        name: rank(one.knowing(links), ranker, split.queries, engine, progress, name).best(split.queries, K)
        for name, one, ranker in ((OURS, index, learned), (model.id, other, model.ranker))
    }
    return _judged(found, compare(lists, split, K), OURS, model.id)


def _judged(found: Comparison, systems: dict[str, Any], new: str, old: str) -> Comparison:
    if found.queries < FEWEST:
        reason = f"{found.queries} linked stories are newer than {found.cut}; {FEWEST} are needed"
        return Comparison(found.active, found.cut, found.queries, reason=reason)
    return Comparison(
        found.active,
        found.cut,
        found.queries,
        systems[new]["ndcg"],
        systems[old]["ndcg"],
        systems[old]["ahead"],
    )
