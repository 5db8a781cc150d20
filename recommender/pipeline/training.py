"""Train: learn from every curated link, write a model folder, say how good it is, and whether it is worse."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recommender import default, models
from recommender.articles import iso
from recommender.engine import Engine, local
from recommender.errors import NothingToLearn
from recommender.evaluation import cold
from recommender.index import prepare
from recommender.models import Model
from recommender.pipeline.clicking import NO_CHOICES, choices, choices_before
from recommender.pipeline.evaluating import SYSTEMS, Evaluation, ask
from recommender.pipeline.learning import learn
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.promoting import Comparison, compared, newest
from recommender.store import Store


@dataclass(frozen=True, slots=True)
class Trained:
    """A new model, what its manifest says of it, how it compares, and whether it is active now.

    ``clicks`` is how many were counted, 0 where none were asked for.
    """

    model: Model
    report: dict[str, Any]
    comparison: Comparison
    activated: bool
    clicks: int


def train(
    store: Store,
    root: models.Root,
    *,
    activate: bool = True,
    force: bool = False,
    clicks: bool = False,
    engine: Engine = local,
    progress: Progress = silent,
) -> Trained:
    """Learn a ranker from links, pins and blocks, write it below ``root``, and make it the active one.

    Its report is a cold evaluation of the same settings with the newest fifth
    of the linked stories held back; the model itself learns from all of them.
    With ``clicks`` it also learns what readers like (``clicking``), and the
    report has ``clicks``, how many pairs that is, and what it would be without.
    It does not become active, unless by ``force``, where it is worse than what
    is (``promoting``).  What is served does not change: that takes a recompute.
    Raises ``NothingToLearn`` where the links are too few, ``ModelsReadOnly``
    before anything is learned where ``root`` is a URL.
    """
    root = models.writable(root)
    corpus = store.corpus()
    events = store.events() if clicks else None
    chosen = NO_CHOICES if events is None else choices(events, corpus)
    _, index = prepare(corpus, engine=engine)
    before = default.ranker()
    ranker = learn(index, corpus.links, before, engine, progress, blocks=corpus.blocks, choices=chosen)
    evaluation: Evaluation | None = None
    earlier = NO_CHOICES
    try:
        split = cold(corpus)
        judged = ask(index, split, 10, SYSTEMS, engine, progress, events=events)
        evaluation = judged.summary()
        report = asdict(evaluation) | {
            "cut": iso(evaluation.cut),
            "reliability": judged.reliable(),
        }
        earlier = NO_CHOICES if events is None else choices_before(events, split)
    except NothingToLearn as error:
        report = {"protocol": "cold", "reason": str(error)}
    if clicks:
        report["clicks"] = {"pairs": len(chosen.liked), "before_cut": len(earlier.liked)}
    comparison = compared(index, corpus, root, evaluation, engine, progress, events)
    report["comparison"] = comparison.told()
    data = {
        "stories": len(corpus),
        "links": len(corpus.links),
        "linked_stories": len(np.unique(corpus.links)),
        "until": newest(corpus),
        "fingerprint": models.fingerprint(corpus),
    }
    model = models.write(root, ranker, index.search, data, report)
    activated = activate and (force or not comparison.worse)
    if activated:
        models.activate(root, model.id)
    # A server may have the store and no models: it tells from this what there is.
    store.record_model(model.id, report | {"data": data})
    counted = 0 if events is None else int(events.clicked.sum())
    return Trained(model, report, comparison, activated, counted)
