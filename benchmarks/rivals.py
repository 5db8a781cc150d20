"""The best-known ways to find the ten most alike of every story, each as its own documentation has it used.

    python -m benchmarks.rivals 5000 50000
    python -m benchmarks.rivals 1000000 --budget 100

`benchmarks.recompute` measures them beside this project.  All read title and excerpt as one text, and know
neither time nor what editors link.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.apart import Meter, keep, measure
from benchmarks.asking import Answer, ask, ndcg, others
from benchmarks.news import news
from benchmarks.record import table
from recommender.corpus import Corpus

Ints = NDArray[np.int64]
Rival = Callable[[Corpus, int], Answer]
"""Makes a corpus ready, and gives what answers: the ``k`` best of some stories."""

THREADS = 2


def scikit_learn(corpus: Corpus, k: int) -> Answer:
    """TfidfVectorizer, and NearestNeighbors by brute force."""
    from sklearn.neighbors import NearestNeighbors

    view = _tfidf(corpus)
    nearest = NearestNeighbors(n_neighbors=k + 1, metric="cosine", algorithm="brute").fit(view)
    return lambda stories: others(nearest.kneighbors(view[stories], return_distance=False), stories, k)


def sparse_dot_topn(corpus: Corpus, k: int, stop_words: str | None = None) -> Answer:
    """TfidfVectorizer, and the product of the vectors that keeps the best alone."""
    from sparse_dot_topn import sp_matmul_topn

    view = _tfidf(corpus, stop_words)
    columns = view.T.tocsr()

    def answer(stories: Ints) -> Ints:
        best = sp_matmul_topn(view[stories], columns, k + 1, sort=True, n_threads=THREADS)
        lists = np.full((len(stories), k + 1), -1)
        row = np.repeat(np.arange(len(stories)), np.diff(best.indptr))
        lists[row, np.arange(best.nnz) - best.indptr[row]] = best.indices
        return others(lists, stories, k)

    return answer


def sparse_dot_topn_without_stop_words(corpus: Corpus, k: int) -> Answer:
    """Leave out the commonest words of English, which are most of the work."""
    return sparse_dot_topn(corpus, k, "english")


def bm25(corpus: Corpus, k: int) -> Answer:
    """BM25 by bm25s, each story's own text as the query."""
    import bm25s
    from bm25s.tokenization import Tokenized

    tokens = bm25s.tokenize(_texts(corpus), show_progress=False)
    retriever = bm25s.BM25(backend="numba" if find_spec("numba") else "numpy")
    retriever.index(tokens, show_progress=False)

    def answer(stories: Ints) -> Ints:
        queries = Tokenized([tokens.ids[story] for story in stories], tokens.vocab)
        found, _ = retriever.retrieve(queries, k=k + 1, show_progress=False, n_threads=THREADS)
        return others(np.asarray(found, np.int64), stories, k)

    return answer


def more_like_this(corpus: Corpus, k: int) -> Answer:
    """Tantivy's "more like this", by a story's 25 most telling words, as Lucene and Elasticsearch have it."""
    import tantivy

    schema = (
        tantivy.SchemaBuilder()
        .add_text_field("text", stored=True)
        .add_integer_field("row", fast=True, stored=False)
        .build()
    )
    index = tantivy.Index(schema)
    writer = index.writer(heap_size=512_000_000, num_threads=THREADS)
    for row, text in enumerate(_texts(corpus)):
        writer.add_document(tantivy.Document(text=text, row=row))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    addresses = [hit for _, hit in searcher.search(tantivy.Query.all_query(), len(corpus)).hits]
    place = dict(zip(searcher.fast_field_values("row", addresses), addresses, strict=True))

    def answer(stories: Ints) -> Ints:
        lists = np.full((len(stories), k + 1), -1)
        for found, story in zip(lists, stories.tolist(), strict=True):
            # Its defaults are for long documents: there, a word that matters comes twice.
            query = tantivy.Query.more_like_this_query(
                place[story], min_doc_frequency=2, min_term_frequency=1, max_query_terms=25
            )
            hits = [hit for _, hit in searcher.search(query, k + 1, count=False).hits]
            found[: len(hits)] = searcher.fast_field_values("row", hits)
        return others(lists, stories, k)

    return answer


RIVALS: dict[str, Rival] = {
    "scikit-learn": scikit_learn,
    "sparse_dot_topn": sparse_dot_topn,
    "sparse_dot_topn, no stop words": sparse_dot_topn_without_stop_words,
    "bm25s": bm25,
    "tantivy": more_like_this,
}
PACKAGES = {"scikit-learn": "sklearn", "sparse_dot_topn, no stop words": "sparse_dot_topn"}
"""What to import, where it is called otherwise."""


def asked(corpus: Corpus, name: str, k: int, budget: float) -> tuple[dict[str, Any], dict[str, Ints]]:
    """Measure a rival in this process; see ``apart.measure``."""
    with Meter() as making:
        answer = RIVALS[name](corpus, k)
    with Meter() as answering:
        result = ask(answer, len(corpus), budget)
    facts = {
        "prepare_seconds": making.seconds,
        "answer_seconds": result.seconds,
        "seconds": making.seconds + result.seconds,
        # The answers' share of the CPU is multiplied as their seconds are.
        "cpu_seconds": making.cpu_seconds + answering.cpu_seconds / answering.seconds * result.seconds,
        "peak_mb": max(making.peak_mb, answering.peak_mb),
        "ndcg": ndcg(corpus, result.stories, result.lists),
        "asked": len(result.stories) / len(corpus),
    }
    return facts, {"stories": result.stories, "lists": result.lists}


def _texts(corpus: Corpus) -> list[str]:
    return [f"{title} {excerpt}" for title, excerpt in zip(corpus.titles, corpus.excerpts, strict=True)]


def _tfidf(corpus: Corpus, stop_words: str | None = None) -> sp.csr_matrix:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(stop_words=stop_words, dtype=np.float32).fit_transform(_texts(corpus))


def measured(
    folder: Path, stories: int, names: Sequence[str], budget: float, timeout: float
) -> list[dict[str, Any]]:
    """Measure rivals on the stories kept in a folder: a row each, none where a package is missing."""
    found = []
    for name in names:
        if find_spec(PACKAGES.get(name, name)) is None:
            continue
        result = measure(folder, "benchmarks.rivals:asked", timeout, name=name, k=10, budget=budget)
        found.append({"stories": stories, "system": name, **(result[0] if result else {"over": timeout})})
    return found


def main() -> None:
    """Print a table a size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="+", type=int, metavar="STORIES")
    parser.add_argument("--system", action="append", choices=list(RIVALS), help="only this one, or these")
    parser.add_argument("--budget", type=float, default=300, metavar="SECONDS", help="beyond it, a sample")
    parser.add_argument("--timeout", type=float, default=1_800, metavar="SECONDS", help="beyond it, nothing")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as place:
            keep(Path(place), news(size))
            rows = measured(
                Path(place), size, arguments.system or list(RIVALS), arguments.budget, arguments.timeout
            )
        console.print(table(rows))


if __name__ == "__main__":
    main()
