"""The same text told twice, and what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from corpora import corpus_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.copies import groups
from recommender.corpus import Corpus
from recommender.index import Index, prepare


class Told(NamedTuple):
    title: str
    excerpt: str
    day: float = 0.0


TITLE = "Harbour bridge closes after inspectors find cracks in its third pier"
TEXT = (
    "The old harbour bridge was closed to all traffic on Thursday after inspectors found cracks in its third "
    "pier, the port authority said. Ferries will run late into the night until divers have looked at the "
    "others, and buses go by way of the tunnel."
)
WIRE = Told(TITLE, TEXT)
OTHERS = [
    Told(f"{name} wins the pie contest of {town}", f"A baker from {town} called {name} won with plums.")
    for name, town in [("Ada", "Ellery"), ("Bo", "Hensley"), ("Cy", "Fenlight"), ("Di", "Bracken")]
]
"""Stories of the same days that have nothing to do with it."""


def groups_of(corpus: Corpus, index: Index) -> NDArray[np.int64]:
    """Look for copies of all stories; none are known."""
    everything = np.arange(len(corpus))

    def read(stories: NDArray[np.int64]) -> tuple[list[str], list[str]]:
        return [corpus.titles[row] for row in stories], [corpus.excerpts[row] for row in stories]

    return groups(index, everything, read, everything)


def grouped(*stories: Told) -> list[int]:
    """Groups of some stories among others."""
    told = [*stories, *OTHERS]
    corpus = corpus_of(
        [one.title for one in told],
        excerpts=[one.excerpt for one in told],
        published=[one.day for one in told],
    )
    _, index = prepare(corpus)
    found = groups_of(corpus, index)
    assert found.shape == (len(told),)
    assert found[len(stories) :].tolist() == list(range(len(stories), len(told)))
    return found[: len(stories)].tolist()


def test_copies_of_copies_are_found_whoever_is_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [Told(TITLE, TEXT, day) for day in (0, 6, 12, 18)]
    whole = grouped(*told)
    monkeypatch.setattr("recommender.copies.STORIES", 2)
    assert grouped(*told) == whole == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "copy",
    [
        WIRE,
        Told(f"{TITLE} | Harbour Herald", TEXT, 1.2),
        Told(TITLE.title(), TEXT[:150], 0.1),
        Told(f"UPDATE 1-{TITLE}", f"PORT ELLERY (AP) — {TEXT[:170]}", 2),
        Told(TITLE.replace("closes", "is closed"), TEXT.replace("was closed", "has been closed"), 0.5),
        Told(TITLE, TEXT, 6.9),
        Told(TITLE, TEXT, np.nan),
    ],
    ids=["word for word", "outlet's name", "cut short", "dateline", "edited", "days later", "undated"],
)
def test_the_same_text_is_a_copy(copy: Told) -> None:
    assert grouped(WIRE, copy) == [0, 0]
    assert grouped(copy, WIRE) == [0, 0]


@pytest.mark.parametrize(
    "other",
    [
        Told("Port Ellery shuts main crossing on safety grounds", TEXT.replace("harbour", "port")),
        Told(TITLE, "Drivers waited for hours at the tunnel; the mayor promised a new crossing by spring."),
        Told(TITLE, ""),
        Told(TITLE, TEXT, 7.1),
        Told("Ferries to run late while the bridge is closed", TEXT),
    ],
    ids=["another article", "another text", "no text", "a week later", "another headline"],
)
def test_two_stories_of_one_event_are_not(other: Told) -> None:
    assert grouped(WIRE, other) == [0, 1]


def daily(cases: str, day: int) -> Told:
    text = f"The health ministry reported {cases} new cases of the fever on the island since yesterday"
    return Told("Fever: daily update", f"{text}, and asked people to stay at home until the weekend.", day)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (daily("1,284", 1), daily("1,209", 2)),
        (Told("Live updates, May 7: what to know", TEXT), Told("Live updates, May 8: what to know", TEXT, 1)),
        (Told("Harbour Weekly 12", TEXT[:60]), Told("Harbour Weekly 13", TEXT[:60], 7)),
        (Told("Harbour Weekly 12", ""), Told("Harbour Weekly 13", "", 7)),
        (Told("Harbour Weekly", ""), Told("Harbour Weekly", "", 7)),
        (Told(f"{TITLE}, part 1", TEXT), Told(f"{TITLE}, part 2", TEXT)),
        (
            Told(f"{TITLE} in Ellery", TEXT.replace("port", "Ellery")),
            Told(f"{TITLE} in Hensley", TEXT.replace("port", "Hensley")),
        ),
        (
            Told("New harbour office opens in Ellery", "We are glad to open this new office for you."),
            Told("New harbour office opens in Hensley", "We are glad to open this new office for you.", 1),
        ),
    ],
    ids=["numbers", "dates", "weekly", "no text", "same title", "parts", "names", "short template"],
)
def test_a_series_is_not(one: Told, other: Told) -> None:
    assert grouped(one, other) == [0, 1]


def test_a_number_only_one_of_them_has_is_no_difference() -> None:
    assert grouped(Told(f"{TITLE}: 3 hurt", TEXT), WIRE) == [0, 0]


def test_copies_of_copies_are_copies() -> None:
    # Each is a copy of the next one; the first and the last are twelve days apart.
    assert grouped(WIRE, Told(TITLE, TEXT, 12), Told(TITLE, TEXT, 6)) == [0, 0, 0]


def test_two_groups_stay_apart() -> None:
    second = Told("Green comet comes to the evening sky this week", TEXT.replace("bridge", "comet").upper())
    other = Told("Green comet comes to evening sky", second.excerpt, 1)
    assert grouped(WIRE, second, Told(TITLE, TEXT, 1), other) == [0, 1, 0, 1]


@pytest.mark.parametrize("told", [[], [WIRE]])
def test_next_to_nothing_is_no_error(told: Sequence[Any]) -> None:
    corpus = corpus_of([one.title for one in told], excerpts=[one.excerpt for one in told])
    assert groups_of(corpus, prepare(corpus)[1]).tolist() == list(range(len(told)))


@given(st.permutations([WIRE, Told(f"{TITLE} | Herald", TEXT, 2), daily("3", 0), daily("4", 1), *OTHERS]))
def test_the_order_of_stories_changes_nothing(told: Sequence[Told]) -> None:
    corpus = corpus_of(
        [one.title for one in told],
        excerpts=[one.excerpt for one in told],
        published=[one.day for one in told],
    )
    found = groups_of(corpus, prepare(corpus)[1])
    together = {row for row in range(len(told)) if (found == found[row]).sum() > 1}
    assert {told[row].title for row in together} == {TITLE, f"{TITLE} | Herald"}
    assert {int(found[row]) for row in together} == {min(together)}
