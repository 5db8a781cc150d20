"""Lists from scored candidates, and what editors linked, against slow rewritings, story by story."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from corpora import corpus_of, pairs_of, rows
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.neighbours import OWN
from recommender.pipeline.curating import MOST_PLACES, CuratedLinks
from recommender.pipeline.listing import Listed, listed
from recommender.reasons import BESIDE, LINKED, LINKED_BACK, NOBODY

STORIES = 9
ROW = st.integers(0, STORIES - 1)

SCORE = st.sampled_from([0.0, 1e-30, 0.25, np.nextafter(np.float32(0.25), np.float32(1)), 0.5, 1.0])


class Scored(NamedTuple):
    """Some stories' candidates, ascending, with scores and the editor's places; and all stories' groups."""

    stories: list[int]
    pairs: list[tuple[int, int]]
    scores: list[float]
    curated: list[int]
    groups: list[int]

    def listed(self, k: int) -> Listed:
        pairs = pairs_of(*self.pairs)
        return listed(
            rows(*self.stories),
            pairs.story,
            pairs.candidate,
            np.array(self.scores, np.float32),
            np.array(self.curated, np.int64),
            np.array(self.groups, np.int64),
            k,
        )


@st.composite
def scored(draw: st.DrawFn) -> Scored:
    stories = sorted(draw(st.sets(ROW)))
    pairs: list[tuple[int, int]] = []
    curated: list[int] = []
    for story in stories:
        others = sorted(draw(st.sets(ROW)) - {story})
        pairs += [(story, other) for other in others]
        places = draw(st.permutations(range(1, len(others) + 1)))
        linked = draw(st.lists(st.booleans(), min_size=len(others), max_size=len(others)))
        curated += [place if link else 0 for place, link in zip(places, linked, strict=True)]
    scores = draw(st.lists(SCORE, min_size=len(pairs), max_size=len(pairs)))
    groups = draw(st.lists(st.integers(0, 3), min_size=STORIES, max_size=STORIES))
    return Scored(stories, pairs, scores, curated, groups)


def judge(given_: Scored, story: int, k: int) -> list[int]:
    """Keep every curated candidate, in the editor's order, then the best; rank what was kept by score."""
    own = [at for at, (one, _) in enumerate(given_.pairs) if one == story]
    scores = [float(np.float32(score)) for score in given_.scores]

    def better(at: int) -> tuple[float, int]:
        return -scores[at], given_.pairs[at][1]

    linked = sorted((at for at in own if given_.curated[at] > 0), key=lambda at: given_.curated[at])
    rest = sorted((at for at in own if given_.curated[at] == 0), key=better)
    return sorted([*linked, *rest][:k], key=better)


@given(scored(), st.integers(1, 10))
@example(Scored([], [], [], [], [0] * STORIES), 3)
@example(Scored([2, 4], [], [], [], [0] * STORIES), 3)
def test_lists_are_what_a_slow_rewriting_makes(given_: Scored, k: int) -> None:
    found = given_.listed(k)
    assert found.starts.tolist()[0] == 0
    assert len(found.starts) == len(given_.stories) + 1
    assert found.starts[-1] == len(found.pairs) == len(found.place) == len(found.group)
    for row, story in enumerate(given_.stories):
        of_it = slice(found.starts[row], found.starts[row + 1])
        assert found.pairs[of_it].tolist() == judge(given_, story, k)
        assert found.place[of_it].tolist() == list(range(found.starts[row + 1] - found.starts[row]))


@given(scored(), st.integers(1, 10))
def test_numbers_say_what_groups_say(given_: Scored, k: int) -> None:
    found = given_.listed(k)
    assert found.group.dtype == np.int16
    for row, story in enumerate(given_.stories):
        of_it = slice(found.starts[row], found.starts[row + 1])
        numbers = found.group[of_it].tolist()
        groups = [given_.groups[given_.pairs[at][1]] for at in found.pairs[of_it]]
        for one, number in zip(groups, numbers, strict=True):
            assert (number == OWN) == (one == given_.groups[story])
            assert (number == 0) == (one != given_.groups[story] and groups.count(one) == 1)
            assert number == OWN or 0 <= number <= len(groups)
        alike = {(one, number) for one, number in zip(groups, numbers, strict=True) if number > 0}
        assert len(alike) == len({one for one, _ in alike}) == len({number for _, number in alike})


def test_groups_are_numbered_within_a_list_by_hand() -> None:
    groups = [8, 7, 3, 9, 7, 3, 8, 3, 5]
    alone = Scored([0], [(0, other) for other in range(1, 8)], [0.5] * 7, [0] * 7, groups)
    first, third, ninth, again, other, own, last = alone.listed(9).group.tolist()
    assert first == again > 0
    assert third == other == last > 0
    assert first != third
    assert (ninth, own) == (0, OWN)
    # A copy that was cut away is no copy in the list.
    assert alone.listed(3).group.tolist() == [0, 0, 0]


def test_scores_of_many_candidates_are_told_apart_to_the_last_bit() -> None:
    random = np.random.default_rng(0)
    n = 3_000
    scores = random.random(n, np.float32)
    scores[1_000:2_000] = np.nextafter(scores[:1_000], np.float32(1))
    candidate = np.arange(1, n + 1)
    found = listed(
        rows(0), np.zeros(n, np.int64), candidate, scores, np.zeros(n, np.int64), np.arange(n + 1), n
    )
    assert found.pairs.tolist() == np.lexsort((candidate, -scores)).tolist()


def test_the_last_place_an_editor_can_give_comes_before_the_best_score() -> None:
    both = Scored([0], [(0, 1), (0, 2)], [0.0, 1.0], [MOST_PLACES, 0], [0] * STORIES)
    assert both.listed(1).pairs.tolist() == [0]


# What editors linked

LINKS = st.lists(
    st.tuples(st.integers(0, STORIES - 1), st.integers(0, STORIES - 1)).filter(
        lambda link: link[0] != link[1]
    ),
    max_size=24,
    unique=True,
)


def links_of(links: list[tuple[int, int]]) -> CuratedLinks:
    return CuratedLinks.of(corpus_of(["x"] * STORIES, links=links).links, STORIES)


def partners(links: list[tuple[int, int]], story: int) -> list[int]:
    """A story's own links in the editor's order, then those whose editors linked to it."""
    own = [other for one, other in links if one == story]
    back = [one for one, other in links if other == story]
    return list(dict.fromkeys([*own, *back]))


def every_pair() -> Pairs:
    return pairs_of(*((one, other) for one in range(STORIES) for other in range(STORIES) if one != other))


@given(LINKS)
def test_places_and_sides_are_what_a_slow_rewriting_finds(links: list[tuple[int, int]]) -> None:
    pairs = every_pair()
    places, sides = links_of(links).of_pairs(pairs)
    for row, (story, other) in enumerate(zip(pairs.story.tolist(), pairs.candidate.tolist(), strict=True)):
        mine = partners(links, story)
        assert places[row] == (mine.index(other) + 1 if other in mine else 0)
        by = LINKED * ((story, other) in links) + LINKED_BACK * ((other, story) in links)
        assert sides[row] == by


@given(LINKS, st.sets(ROW))
def test_among_are_the_links_of_the_stories_asked(links: list[tuple[int, int]], asked: set[int]) -> None:
    stories = sorted(asked)
    found = links_of(links).among(np.array(stories, np.int64))
    right = [(story, other) for story in stories for other in sorted(partners(links, story))]
    assert list(zip(found.story.tolist(), found.candidate.tolist(), strict=True)) == right


def judge_beside(
    links: list[tuple[int, int]], story: int, list_: list[int], places: list[int], other: int
) -> list[int]:
    """Places of those of a list that are linked to one of it: first those linked to its story, too."""
    mine, theirs = partners(links, story), partners(links, other)
    found = sorted(
        (one not in mine, place) for one, place in zip(list_, places, strict=True) if one in theirs
    )
    told = [min(place, NOBODY) for _, place in found][:BESIDE]
    return told + [NOBODY] * (BESIDE - len(told))


@given(LINKS, st.data())
def test_beside_are_what_a_slow_rewriting_finds(links: list[tuple[int, int]], data: st.DataObject) -> None:
    story: list[int] = []
    candidate: list[int] = []
    places: list[int] = []
    right: list[list[int]] = []
    for one in sorted(data.draw(st.sets(ROW))):
        others = data.draw(st.permutations([other for other in range(STORIES) if other != one]))
        list_ = others[: data.draw(st.integers(0, STORIES))]
        # Some places are beyond what a byte can tell.
        own = sorted(data.draw(st.sets(st.integers(0, 300), min_size=len(list_), max_size=len(list_))))
        story += [one] * len(list_)
        candidate += list_
        places += own
        right += [judge_beside(links, one, list_, own, other) for other in list_]
    told = links_of(links).beside(pairs_of(*zip(story, candidate, strict=True)), np.array(places, np.int64))
    assert told.dtype == np.uint8
    assert told.tolist() == right


@pytest.mark.parametrize("stories", [0, 1])
def test_next_to_nothing_is_no_error(stories: int) -> None:
    curated = CuratedLinks.of(np.empty((0, 2), np.int64), stories)
    nothing: NDArray[np.int64] = np.zeros(0, np.int64)
    assert len(curated.among(np.arange(stories))) == 0
    assert curated.beside(Pairs(nothing, nothing), nothing).shape == (0, BESIDE)
    assert [len(each) for each in curated.of_pairs(Pairs(nothing, nothing))] == [0, 0]
