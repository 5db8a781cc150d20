"""Train: learn from every curated link, write a model folder, say how good it is."""

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
from recommender.pipeline.evaluating import SYSTEMS, ask
from recommender.pipeline.learning import learn
from recommender.pipeline.progress import Progress, silent
from recommender.store import Store


@dataclass(frozen=True, slots=True)
class Trained:
    """A new model, and what its manifest says of it."""

    model: Model
    report: dict[str, Any]


def train(
    store: Store,
    root: models.Root,
    *,
    activate: bool = True,
    engine: Engine = local,
    progress: Progress = silent,
) -> Trained:
    """Learn a ranker from the store's links, pins and blocks and write it below ``root``.

    Its report is a cold evaluation of the same settings with the newest fifth
    of the linked stories held back; the model itself learns from all of them.
    What is served does not change: that takes a recompute.  Raises
    ``NothingToLearn`` where the links are too few, ``ModelsReadOnly`` before
    anything is learned where ``root`` is a URL.
    """
    root = models.writable(root)
    corpus = store.corpus()
    _, index = prepare(corpus, engine=engine)
    ranker = learn(index, corpus.links, default.ranker(), engine, progress, blocks=corpus.blocks)
    try:
        evaluation = ask(index, cold(corpus), 10, SYSTEMS, engine, progress).summary()
        report = asdict(evaluation) | {"cut": iso(evaluation.cut)}
    except NothingToLearn as error:
        report = {"protocol": "cold", "reason": str(error)}
    data = {
        "stories": len(corpus),
        "links": len(corpus.links),
        "linked_stories": len(np.unique(corpus.links)),
        "fingerprint": models.fingerprint(corpus),
    }
    model = models.write(root, ranker, index.search, data, report)
    if activate:
        models.activate(root, model.id)
    store.record_model(model.id, report)
    return Trained(model, report)
