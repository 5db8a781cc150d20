"""Learn the default ranker from newsrooms' stories and write recommender/default.json.

    python -m benchmarks.default_ranker ../shared/corpora/coronavirus ../shared/corpora/diablo4 …

The same stories give the same file, byte by byte.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from recommender import default
from recommender.corpus import Corpus
from recommender.features import NAMES, features
from recommender.index import prepare
from recommender.mixing import Newsroom, select
from recommender.pipeline.importing import import_paths
from recommender.pipeline.ranking import linked
from recommender.store import Store

POOL = [place for place, name in enumerate(NAMES) if "×" in name]
"""Features that may have a weight: similarities that fade with time."""

STORIES = 300
"""Linked stories taken of each newsroom, so that none outweighs another."""


def main(folders: Sequence[Path], target: Path) -> None:
    """Learn from the stories in ``folders``, each a newsroom, and write ``target``."""
    corpora = {folder.name: corpus_of(folder) for folder in folders}
    rooms = {name: newsroom(corpus) for name, corpus in corpora.items()}
    apart = {
        name: {
            "linked": [corpus.urls[row] for row in np.unique(corpus.links)],
            "without": learn([room for other, room in rooms.items() if other != name]),
        }
        for name, corpus in corpora.items()
    }
    target.write_bytes(default.write(apart, learn(list(rooms.values()))))


def corpus_of(folder: Path) -> Corpus:
    """Import a folder into a store of its own and read it back."""
    with (
        tempfile.TemporaryDirectory() as place,
        Store.open(f"sqlite:///{place}/s.sqlite", create=True) as store,
    ):
        import_paths(store, [folder])
        return store.corpus()


def newsroom(corpus: Corpus) -> Newsroom:
    """Describe the candidates of ``STORIES`` linked stories, drawn at random."""
    _, index = prepare(corpus)
    stories, links = np.unique(both_ways(corpus.links)[:, 0], return_counts=True)
    drawn = np.sort(np.random.default_rng(0).permutation(len(stories))[:STORIES])
    pairs = index.pairs(stories[drawn])
    labels = linked(pairs, corpus.links, len(corpus))
    # A story without a candidate has no rows; there is none in a newsroom of this size.
    return Newsroom.of(features(index, pairs)[:, POOL], pairs.story, labels, links[drawn])


def both_ways(links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give links (m, 2) in both directions, each once, sorted."""
    return np.unique(np.concatenate([links, links[:, ::-1]]), axis=0)


def learn(rooms: Sequence[Newsroom]) -> Mapping[str, Any]:
    """Select weights, and calibrate them with every newsroom counting the same."""
    weights = select(rooms, POOL.index(NAMES.index(default.UNTAUGHT))).round(4)
    sums = np.concatenate([room.matrix @ weights for room in rooms]) * default.SHARPNESS
    labels = np.concatenate([room.linked for room in rooms])
    share = np.concatenate([np.full(len(room.linked), 1 / len(room.linked)) for room in rooms])
    platt = LogisticRegression(C=1e6).fit(sums[:, None], labels, share * len(labels) / len(rooms))
    named = {NAMES[place]: weight for place, weight in zip(POOL, weights.tolist(), strict=True) if weight}
    return {
        "weights": named,
        "slope": round(float(platt.coef_[0, 0]), 4),
        "offset": round(float(platt.intercept_[0]), 4),
    }


if __name__ == "__main__":
    output = Path(__file__).parents[1] / "recommender" / "default.json"
    main([Path(argument) for argument in sys.argv[1:]], output)
