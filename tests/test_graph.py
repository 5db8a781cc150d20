"""Links around a story against a slow search, story by story; and that a story's own links never count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
import pytest
from corpora import pairs_of, rows
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import graph as module
from recommender.candidates import Pairs
from recommender.graph import CANDIDATES, LinkGraph

NAMES = ("linked near", "links near", "link share", "link path")

Link = tuple[int, int]


@dataclass(frozen=True)
class Web:
    """Stories with their lists (a story and its score, best first), and links between them."""

    lists: list[list[tuple[int, float]]]
    links: list[Link]

    def around(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The lists as rows, with room for one more."""
        n = len(self.lists)
        found, scores = np.full((n, max(n, 1)), -1, np.int32), np.zeros((n, max(n, 1)), np.float32)
        for story, list_ in enumerate(self.lists):
            for place, (other, score) in enumerate(list_):
                found[story, place], scores[story, place] = other, score
        return found, scores

    def graph(self, links: Sequence[Link] | None = None) -> LinkGraph:
        return LinkGraph.of(*self.around(), linked(self.links if links is None else links))


def linked(links: Sequence[Link]) -> NDArray[np.int64]:
    return np.array(links, np.int64).reshape(-1, 2)


@st.composite
def webs(draw: st.DrawFn, most: int = 7) -> Web:
    """Draw few stories, so that what stands around one is often linked, and often to that one only."""
    n = draw(st.integers(1, most))
    score = st.sampled_from([0.9, 0.5, 0.25, 0.03])
    lists = []
    for story in range(n):
        others = draw(st.permutations([other for other in range(n) if other != story]))
        length = draw(st.integers(0, len(others)))
        scores = sorted((draw(score) for _ in range(length)), reverse=True)
        lists.append(list(zip(others, scores, strict=False)))
    row = st.integers(0, n - 1)
    couples = draw(st.lists(st.tuples(row, row), max_size=2 * n))
    return Web(lists, [(one, other) for one, other in couples if one != other])


def judge_columns(web: Web, story: int, other: int) -> dict[str, float]:
    """Describe one pair, as if the first story had no links at all."""
    known = {frozenset(link) for link in web.links if story not in link}
    best = web.lists[story][0][1] if web.lists[story] else 1.0
    near = {one: score / best for one, score in web.lists[story][: module.AROUND]}
    partners = {
        one: [each for each in range(len(web.lists)) if frozenset((one, each)) in known] for one in near
    }
    telling = {one: weight for one, weight in near.items() if partners[one]}
    whole = sum(telling.values()) or 1.0
    toward = web.lists[other][: module.AROUND]
    among = sum(score for _, score in toward) or 1.0
    back = {one: score / among for one, score in toward}
    return {
        "linked near": sum(telling.values()) / (sum(near.values()) or 1.0),
        "links near": sum(weight for one, weight in telling.items() if other in partners[one]),
        "link share": sum(weight for one, weight in telling.items() if other in partners[one]) / whole,
        "link path": sum(
            weight / whole * back.get(partner, 0.0)
            for one, weight in telling.items()
            for partner in partners[one]
        ),
    }


def judge_candidates(web: Web, story: int) -> list[int]:
    """Rank what the stories around one are linked to; the first few, those linked to most first."""
    found = {
        other: judge_columns(web, story, other)["links near"]
        for other in range(len(web.lists))
        if other != story
    }
    most = sorted((other for other in found if found[other] > 0), key=lambda other: (-found[other], other))
    return most[: module.CANDIDATES]


def others(n: int, story: int) -> Pairs:
    return pairs_of(*((story, other) for other in range(n) if other != story))


def columns(graph: LinkGraph, pairs: Pairs) -> NDArray[np.float32]:
    """Columns by name, as ``NAMES``, a value a pair."""
    found = graph.columns(pairs.story, pairs.candidate)
    assert (found.shape, found.dtype) == ((len(pairs), len(NAMES)), np.float32)
    return found.T


def candidates(graph: LinkGraph, story: int) -> list[int]:
    found = graph.candidates(rows(story))
    assert (found.shape, found.dtype) == ((1, module.CANDIDATES), np.int32)
    return listed(found[0])


def listed(row: NDArray[np.int32]) -> list[int]:
    """Read a row, which ends where the first −1 is."""
    some = row[row >= 0].tolist()
    assert row.tolist() == some + [-1] * (len(row) - len(some))
    return some


# A story's own links

# What is around 0 is linked to nothing but 0; and to 0 and one other.
ONLY_TO_IT = Web([[(1, 0.9), (2, 0.5)], [], [], []], [(1, 0), (2, 3)])
BACK_TO_IT = Web([[(1, 0.9)], [], [(0, 0.9), (3, 0.5)], []], [(1, 0), (1, 3)])


@settings(max_examples=300)
@given(webs(), st.data())
@example(ONLY_TO_IT, None)
@example(BACK_TO_IT, None)
def test_a_storys_own_links_change_nothing_that_is_known_of_it(web: Web, data: st.DataObject | None) -> None:
    n = len(web.lists)
    story = data.draw(st.integers(0, n - 1)) if data is not None else 0
    row = st.integers(0, n - 1).filter(lambda other: other != story)
    more = data.draw(st.lists(row, max_size=6)) if data is not None and n > 1 else []
    turned = data.draw(st.lists(st.booleans(), min_size=len(more), max_size=len(more))) if more else []
    own = [(other, story) if back else (story, other) for other, back in zip(more, turned, strict=True)]
    bare = [link for link in web.links if story not in link]
    with patch.object(module, "CANDIDATES", 2):
        without = web.graph(bare)
        for links in (web.links, bare + own, web.links + own):
            graph = web.graph(links)
            # To the last bit: trees tell apart whatever differs, and a trace of a link is the link.
            np.testing.assert_array_equal(
                columns(graph, others(n, story)), columns(without, others(n, story)), err_msg=str(links)
            )
            assert candidates(graph, story) == candidates(without, story), links


def test_a_storys_own_links_change_nothing_among_many_stories() -> None:
    random = np.random.default_rng(0)
    n = 120
    lists = [
        [
            (int(other), 1 - place / 30)
            for place, other in enumerate(random.permutation(n)[:25])
            if other != row
        ]
        for row in range(n)
    ]
    # Neighbours are linked, as they are in a newsroom; some stories have one link, some have ten.
    links = [
        (row, lists[row][place][0])
        for row in range(n)
        for place in random.permutation(20)[: random.integers(0, 4)]
    ]
    web = Web(lists, links)
    graph = web.graph()
    changed = 0
    for story in range(n):
        left = [link for link in links if story not in link]
        changed += len(left) < len(links)
        bare, pairs = web.graph(left), others(n, story)
        np.testing.assert_array_equal(columns(graph, pairs), columns(bare, pairs))
        assert candidates(graph, story) == candidates(bare, story)
        assert len(candidates(graph, story)) == CANDIDATES
    assert changed > 100


def test_a_neighbour_that_only_the_story_itself_is_linked_to_is_linked_to_nothing() -> None:
    found = dict(zip(NAMES, columns(ONLY_TO_IT.graph(), pairs_of((0, 3), (0, 1))), strict=True))
    assert found["linked near"] == pytest.approx(0.5 / 1.4)
    assert found["link share"] == pytest.approx([1, 0])
    # To anybody else it is.
    elsewhere = Web([*ONLY_TO_IT.lists, [(1, 0.9)]], ONLY_TO_IT.links).graph()
    assert columns(elsewhere, pairs_of((4, 0))).ravel() == pytest.approx([1, 1, 1, 0])


def test_the_story_itself_takes_no_place_among_its_candidates() -> None:
    with patch.object(module, "CANDIDATES", 1):
        assert candidates(BACK_TO_IT.graph(), 0) == [3]


def test_no_path_leads_over_the_story_itself() -> None:
    # 1 stands around 0 and is linked to 0 and 3, both of which stand around 2.
    path = columns(BACK_TO_IT.graph(), pairs_of((0, 2)))[3]
    assert path == pytest.approx(0.5 / 1.4)


# Against a slow search


@settings(max_examples=200)
@given(webs(), st.integers(1, 4), st.integers(1, 3))
def test_columns_and_candidates_are_what_a_slow_search_finds(web: Web, around: int, most: int) -> None:
    n = len(web.lists)
    with patch.multiple(module, AROUND=around, CANDIDATES=most):
        graph = web.graph()
        pairs = pairs_of(*((story, other) for story in range(n) for other in range(n) if story != other))
        ours = columns(graph, pairs)
        for place, (story, other) in enumerate(zip(pairs.story, pairs.candidate, strict=True)):
            right = judge_columns(web, int(story), int(other))
            found = dict(zip(NAMES, ours[:, place].tolist(), strict=True))
            assert found == pytest.approx(right, abs=1e-6), (story, other)
        together = graph.candidates(np.arange(n))
        for story in range(n):
            own = listed(together[story])
            assert own == candidates(graph, story)
            near = [judge_columns(web, story, other)["links near"] for other in range(n) if other != story]
            if len(np.unique(np.round(near, 4))) == len(np.unique(near)):  # no ties but exact ones
                assert own == judge_candidates(web, story)


@given(web=webs(), data=st.data())
def test_stories_that_follow_see_what_they_would_have_seen_from_the_start(
    web: Web, data: st.DataObject
) -> None:
    n = len(web.lists)
    first = data.draw(st.integers(1, n))
    lists = [[one for one in list_ if one[0] < max(first, story)] for story, list_ in enumerate(web.lists)]
    web = Web(lists, web.links)
    found, scores = web.around()
    known = [link for link in web.links if max(link) < first]
    with_them = [link for link in web.links if max(link) >= first]
    earlier = LinkGraph.of(found[:first, :first], scores[:first, :first], linked(known))
    second = data.draw(st.integers(first, n))
    now = [link for link in with_them if max(link) < second]
    later = [link for link in with_them if max(link) >= second]
    middle = earlier.following(found[first:second, :second], scores[first:second, :second], linked(now))
    graph = middle.following(found[second:], scores[second:], linked(later))
    if later:  # what comes with later stories is seen by those alone
        first = second
    else:
        graph = middle.joined(graph)
    whole = web.graph()
    for story in range(first, n):
        assert columns(graph, others(n, story)) == pytest.approx(columns(whole, others(n, story)))
        assert candidates(graph, story) == candidates(whole, story)


@given(webs(), st.data())
def test_a_link_in_both_directions_or_told_twice_counts_once(web: Web, data: st.DataObject) -> None:
    n = len(web.lists)
    assume(web.links)
    again = data.draw(st.lists(st.sampled_from(web.links), min_size=1))
    turned = [(other, one) for one, other in data.draw(st.lists(st.sampled_from(web.links)))]
    once, more = web.graph(sorted(set(web.links))), web.graph([*web.links, *again, *turned])
    for story in range(n):
        np.testing.assert_allclose(
            columns(more, others(n, story)), columns(once, others(n, story)), atol=1e-6
        )
        assert candidates(more, story) == candidates(once, story)


def test_only_the_stories_nearest_stand_around() -> None:
    n = module.AROUND + 4
    far = Web([[(other, 1 - other / 100) for other in range(1, n)], *([[]] * (n - 1))], [])
    linked_to = {
        other: columns(far.graph([(other, n - 1)]), pairs_of((0, n - 1)))[1, 0] for other in (20, 21)
    }
    assert linked_to[20] == pytest.approx(0.80 / 0.99)
    assert linked_to[21] == 0


def test_what_the_linked_stories_around_say_weighs_1_together_however_far_they_are() -> None:
    far = Web([[(1, 0.9), (2, 1e-30), (3, 1e-30)], [], [], [], [], []], [(2, 4), (3, 4), (3, 5)])
    share = columns(far.graph(), pairs_of((0, 4), (0, 5)))
    assert share[0] == pytest.approx(0, abs=1e-20)
    assert share[2] == pytest.approx([1, 0.5])


# Nothing to go by


@given(webs())
def test_without_links_nothing_is_known_and_nobody_is_found(web: Web) -> None:
    n = len(web.lists)
    graph = web.graph([])
    for story in range(n):
        assert not columns(graph, others(n, story)).any()
    assert (graph.candidates(np.arange(n)) == -1).all()


@given(webs())
def test_a_story_without_neighbours_knows_of_no_links(web: Web) -> None:
    n = len(web.lists)
    alone = Web([[], *web.lists[1:]], web.links)
    assert not columns(alone.graph(), others(n, 0)).any()
    assert candidates(alone.graph(), 0) == []


def test_no_stories_no_pairs() -> None:
    graph = Web([], []).graph()
    assert graph.candidates(rows()).shape == (0, CANDIDATES)
    assert columns(graph, pairs_of()).shape == (4, 0)
    assert columns(ONLY_TO_IT.graph(), pairs_of()).shape == (4, 0)
