"""Made-up news is the same every time, as large as asked for, and shaped like news."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from benchmarks.news import CURATED, news, save
from recommender.corpus import Corpus
from recommender.store import Store


@pytest.fixture(scope="module")
def archive() -> Corpus:
    return news(6_000, seed=3)


def same(left: Corpus, right: Corpus) -> bool:
    return all(np.array_equal(getattr(left, one.name), getattr(right, one.name)) for one in fields(Corpus))


def test_a_seed_is_an_archive() -> None:
    assert same(news(700, seed=1), news(700, seed=1))
    assert not same(news(700, seed=1), news(700, seed=2))


@pytest.mark.parametrize("stories", [0, 1, 2, 37, 1_000])
def test_as_many_as_asked_for(stories: int) -> None:
    corpus = news(stories)
    assert {
        len(getattr(corpus, one.name)) for one in fields(Corpus) if one.name not in ("links", "blocks")
    } == {stories}
    assert len(set(corpus.urls)) == stories
    assert all(corpus.titles)


def test_a_larger_archive_is_a_longer_one() -> None:
    for stories, rate in ((1_000, 100.0), (3_000, 100.0), (3_000, 250.0)):
        published = news(stories, rate=rate).published
        assert (np.diff(published) >= 0).all()
        assert np.ptp(published) == pytest.approx(stories / rate, rel=0.05)
        a_day = np.bincount((published - np.floor(published[0])).astype(int))[:-1]
        assert a_day == pytest.approx(rate, rel=0.1)


def test_links_are_as_a_store_gives_them(archive: Corpus) -> None:
    source, target = archive.links.T
    assert archive.links.min() >= 0
    assert archive.links.max() < len(archive)
    assert (source != target).all()
    assert (np.diff(source) >= 0).all()
    assert len(np.unique(archive.links, axis=0)) == len(archive.links)
    sources, links = np.unique(source, return_counts=True)
    assert len(sources) / len(archive) == pytest.approx(CURATED, abs=0.01)
    assert 2 < links.mean() < 4


def test_links_are_mostly_to_the_same_event(archive: Corpus) -> None:
    words = [set(title.lower().split()) for title in archive.titles]
    alike = [len(words[source] & words[target]) for source, target in archive.links]
    by_chance = [len(words[source] & words[target - 300]) for source, target in archive.links]
    assert np.mean(alike) > np.mean(by_chance) + 2
    assert np.median(np.abs(np.diff(archive.published[archive.links]))) < 1


def test_words_are_as_common_as_words_are(archive: Corpus) -> None:
    """Zipf: frequency falls with rank by a power near 1; Heaps: words come ever more slowly, but come."""
    texts = [f"{title} {text}".lower() for title, text in zip(archive.titles, archive.excerpts, strict=True)]
    words = np.array(" ".join(texts).replace(".", "").split())
    _, first, often = np.unique(words, return_index=True, return_counts=True)
    often = np.sort(often)[::-1]
    ranks = np.geomspace(30, 5_000, 30).astype(int)
    slope, _ = np.polyfit(np.log(ranks), np.log(often[ranks - 1]), 1)
    assert -1.2 < slope < -0.6
    half = (first < len(words) / 2).mean()
    assert 0.55 < half < 0.75
    assert 0.3 < (often == 1).mean() < 0.6


def test_titles_and_excerpts_have_the_length_of_news(archive: Corpus) -> None:
    assert 9 < np.mean([len(title.split()) for title in archive.titles]) < 13
    assert 25 < np.mean([len(excerpt.split()) for excerpt in archive.excerpts]) < 36


def test_a_store_gives_back_what_was_saved(tmp_path: Path) -> None:
    corpus = news(200, seed=5)
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        save(store, corpus)
        assert same(store.corpus(), corpus)
