"""From a recompute to an explanation, end to end on the sample newsroom: what is told is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from recommender import default
from recommender.candidates import Pairs
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.engine import local, processes
from recommender.features import GROUPS
from recommender.index import prepare
from recommender.pipeline.curating import CuratedLinks
from recommender.pipeline.importing import import_paths
from recommender.pipeline.learning import learn
from recommender.pipeline.progress import silent
from recommender.pipeline.recomputing import recompute
from recommender.ranker import Ranker
from recommender.reasons import NOBODY
from recommender.service import Options, Service
from recommender.store import Store
from recommender.terms import Text, Vocabulary
from recommender.text import ENGLISH_STOP_WORDS, TextSpace
from recommender.urls import canonical

SEEDS = Path(__file__).parents[1] / "seeds"
TOLERANCE = 1e-4
"""Of the sum of parts to the score as it is shown."""


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    """A ranker with weights and trees, learned from the sample newsroom."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('taught')}/news.sqlite") as store:
        import_paths(store, [SEEDS])
        corpus = store.corpus()
    ranker = learn(prepare(corpus)[1], corpus.links, default.ranker(), local, silent)
    assert len(ranker.nodes)
    assert ranker.weights.any()
    return ranker


@pytest.fixture(params=["taught", "default"])
def newsroom(
    store: Store, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """The sample newsroom, recomputed with either ranker."""
    if request.param == "taught":
        ranker = request.getfixturevalue("taught")
        monkeypatch.setattr(default, "ranker", lambda: ranker)
    import_paths(store, [SEEDS])
    recompute(store, tmp_path / "models")
    return store


def explained(store: Store, **options: Any) -> dict[str, list[dict[str, Any]]]:
    service = Service(store)
    asked = Options(**{"explain": True, "limit": 50, "fill": False, "duplicates": "show"} | options)
    return {url: service.related(url, asked).items for url in store.corpus().urls}


def test_parts_add_up_and_links_and_terms_are_there(newsroom: Store) -> None:
    corpus = newsroom.corpus()
    row = {url: number for number, url in enumerate(corpus.urls)}
    links = set(map(tuple, corpus.links.tolist()))
    texts = [Text.of(*both, ENGLISH_STOP_WORDS) for both in zip(corpus.titles, corpus.excerpts, strict=True)]
    answers = explained(newsroom)
    assert sum(map(len, answers.values())) > 5_000
    bases, sides, told = set(), set(), 0
    for url, items in answers.items():
        story = row[url]
        listed = {row[item["webUrl"]] for item in items}
        for item in items:
            why, other = item["why"], row[item["webUrl"]]
            assert list(why["parts"]) == [*GROUPS, "base"]
            assert abs(expit(sum(why["parts"].values())) - item["score"]) <= TOLERANCE
            bases.add(why["parts"]["base"])
            there = {
                ((story, other) in links, (other, story) in links): by
                for by in ("story", "item", "both")
                if why["curated"] and why["curated"]["by"] == by
            }
            assert (why["curated"] is not None) == (item["source"] == "curated")
            for pair, by in there.items():
                assert pair == (by in ("story", "both"), by in ("item", "both"))
                sides.add(by)
            for beside in why["co_curated"]:
                third = row[beside["webUrl"]]
                assert third in listed - {other}
                assert {(third, other), (other, third)} & links
                told += 1
            for term in why["terms"]:
                for text, fields in ((texts[story], term["story"]), (texts[other], term["item"])):
                    assert text.fields(term["term"]) == fields
    assert len(bases) == 1
    assert sides == {"story", "item"} or sides == {"story", "item", "both"}
    assert told > 100


def test_the_vocabulary_is_that_of_the_recompute(newsroom: Store) -> None:
    corpus = newsroom.corpus()
    generation = newsroom.generation()
    assert generation is not None
    packed = newsroom.vocabulary(generation.id)
    assert packed is not None
    again = TextSpace().fit(corpus.titles, corpus.excerpts)
    assert Vocabulary.from_bytes(packed).to_bytes() == again.vocabulary().to_bytes()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_engines_note_the_same_reasons(store: Store, tmp_path: Path) -> None:
    import_paths(store, [SEEDS])
    noted = []
    for engine in (local, processes):
        recompute(store, tmp_path / "models", engine=engine)
        found = [store.find(canonical(url), reasons=True) for url in store.corpus().urls[:20]]
        noted.append([(each.reasons, each.parts) for each in found if each])
    assert noted[0] == noted[1]
    assert len(noted[0]) == 20


@pytest.mark.parametrize("stories", [0, 1])
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_next_to_nothing_is_no_error(store: Store, tmp_path: Path, stories: int) -> None:
    for number in range(stories):
        (tmp_path / f"{number}.md").write_text("---\ntitle: One\nwebUrl: https://news.example/1\n---\n")
    import_paths(store, [tmp_path])
    recompute(store, tmp_path / "models")
    assert all(items == [] for items in explained(store).values())


# What editors linked beside a pair


def links(*pairs: tuple[int, int], stories: int = 6) -> CuratedLinks:
    return CuratedLinks.of(np.array(pairs, np.int64).reshape(-1, 2), stories)


def beside(curated: CuratedLinks, *listed: int) -> list[list[int]]:
    """Ask for the list of story 0, whose places are those given."""
    candidates = np.array(listed, np.int64)
    told = curated.beside(Pairs(np.zeros_like(candidates), candidates), np.arange(len(listed)))
    return [[listed[place] for place in row if place != NOBODY] for row in told.tolist()]


def test_stories_beside_are_of_the_list_and_linked_either_way() -> None:
    curated = links((1, 2), (3, 1), (1, 5))
    assert beside(curated, 1, 2, 3, 4) == [[2, 3], [1], [1], []]
    assert beside(curated, 3, 4, 2, 1) == [[1], [], [1], [3, 2]]
    assert beside(links(), 1, 2) == [[], []]
    assert beside(curated) == []


def test_those_linked_to_both_come_first_and_the_story_itself_never() -> None:
    curated = links((1, 2), (1, 3), (1, 4), (1, 5), (4, 0), (0, 1))
    assert beside(curated, 1, 2, 3, 4, 5) == [[4, 2, 3], [1], [1], [1], [1]]


def test_places_beyond_a_byte_are_not_told() -> None:
    curated = links((1, 2))
    pairs = Pairs(np.zeros(2, np.int64), np.array([1, 2]))
    assert curated.beside(pairs, np.array([0, 300])).tolist() == [[NOBODY] * 3, [0, NOBODY, NOBODY]]


def test_sides_are_whose_link_it_is() -> None:
    curated = links((0, 1), (1, 0), (0, 2), (3, 0))
    pairs = Pairs(np.zeros(4, np.int64), np.array([1, 2, 3, 4]))
    places, sides = curated.of_pairs(pairs)
    assert (places.tolist(), sides.tolist()) == ([1, 2, 3, 0], [3, 1, 2, 0])


def test_reasons_stand_beside_their_neighbours(newsroom: Store) -> None:
    for url in newsroom.corpus().urls[:10]:
        found = newsroom.find(canonical(url), reasons=True)
        assert found is not None
        assert found.packed
        assert found.reasons
        size = len(found.packed) // NEIGHBOUR_DTYPE.itemsize
        assert len(found.reasons) == size * (2 * len(GROUPS) + 4)
