"""How alike made-up news and real stories are, side by side.

    python -m benchmarks.likeness 5000 ../shared/corpora/coronavirus ../shared/corpora/azure

Numbers only: nothing of a story is shown or kept.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from benchmarks.asking import even, ndcg
from benchmarks.news import news
from benchmarks.ours import ours
from recommender.corpus import Corpus
from recommender.pipeline.importing import import_paths
from recommender.store import Store
from recommender.text import TextSpace

RANKS = (1, 10, 100, 1_000, 5_000)
QUANTILES = (5, 25, 50, 75, 95)
SAMPLE = 500


def describe(corpus: Corpus) -> dict[str, str]:
    """Measure what a collection is like."""
    analyze = CountVectorizer().build_analyzer()
    titles, excerpts = ([analyze(text) for text in texts] for texts in (corpus.titles, corpus.excerpts))
    words = [[*title, *excerpt] for title, excerpt in zip(titles, excerpts, strict=True)]
    telling = [set(some) - ENGLISH_STOP_WORDS for some in words]
    often = np.sort(list(Counter(word for some in telling for word in some).values()))[::-1]
    known, in_all = set[str](), list[int]()
    for some in words:
        known.update(some)
        in_all.append(len(known))
    ranks = np.unique(np.geomspace(30, len(often) / 3, 30).astype(int))
    slope = np.polyfit(np.log(ranks), np.log(often[ranks - 1]), 1)[0]
    source, target = corpus.links.T
    shared = np.array([len(telling[a] & telling[b]) for a, b in corpus.links])
    blend = TextSpace().fit_transform(corpus.titles, corpus.excerpts).view("blend")
    linked = np.asarray(blend[source].multiply(blend[target]).sum(axis=1)).ravel()
    above, best = _around(blend)
    days = np.abs(corpus.published[source] - corpus.published[target])
    return {
        "stories": f"{len(corpus):,}",
        "words in a title": _quantiles([len(some) for some in titles], 0),
        "words in an excerpt": _quantiles([len(some) for some in excerpts], 0),
        "stop words": f"{np.mean([word in ENGLISH_STOP_WORDS for some in words for word in some]):.2f}",
        "different words": f"{in_all[-1]:,}",
        "of them in the first half": f"{in_all[len(in_all) // 2] / in_all[-1]:.2f}",
        "in one story only": f"{(often == 1).mean():.2f}",
        f"share of stories with word {', '.join(map(str, RANKS))}": ", ".join(
            f"{often[rank - 1] / len(corpus):.4f}" for rank in RANKS if rank <= len(often)
        ),
        "slope of that, Zipf": f"{slope:.2f}",
        "links of a linked story": f"{len(corpus.links) / len(np.unique(source)):.1f}",
        "linked stories": f"{len(np.unique(source)) / len(corpus):.2f}",
        "days between linked": _quantiles(days, 2),
        "words shared by linked": _quantiles(shared, 0),
        "cosine of linked": _quantiles(linked, 2),
        "stories of cosine > .2": _quantiles(above, 0),
        "cosine of the best": _quantiles(best, 2),
        "nDCG@10, default ranker": f"{ndcg(corpus, np.arange(len(corpus)), ours(corpus).rows):.3f}",
    }


def _around(view: sp.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Count how many stories some are alike to, and how much to the one most alike."""
    some = even(view.shape[0], SAMPLE)
    similar = (view[some] @ view.T).toarray()
    similar[np.arange(len(some)), some] = 0
    return (similar > 0.2).sum(axis=1), similar.max(axis=1)


def _quantiles(values: NDArray[np.number] | list[int], digits: int) -> str:
    return " ".join(f"{value:.{digits}f}" for value in np.nanpercentile(values, QUANTILES))


def real(folder: Path) -> Corpus:
    """Import a folder of stories into a store of its own and read it back."""
    with tempfile.TemporaryDirectory() as place, Store.open(f"sqlite:///{place}/store.sqlite") as store:
        import_paths(store, [folder])
        return store.corpus()


def main() -> None:
    """Print a column for the made-up news and for each folder."""
    folders = [Path(argument) for argument in sys.argv[2:]]
    described = {"made up": describe(news(int(sys.argv[1])))}
    described |= {folder.name: describe(real(folder)) for folder in folders}
    table = Table("quantiles " + " ".join(map(str, QUANTILES)), *described, box=None)
    for name in described["made up"]:
        table.add_row(name, *(column[name] for column in described.values()))
    Console(highlight=False, width=100 + 30 * len(folders)).print(table)


if __name__ == "__main__":
    main()
