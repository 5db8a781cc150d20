"""Reasons as bytes: what comes back adds up to the score that is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.reasons import LINKED, NOBODY, Parts

TOLERANCE = 1e-4
"""Of the sum of parts to the score as it is shown: both are rounded to four decimals."""

LOG_ODDS = st.floats(-60, 60, allow_subnormal=False)


def made(parts: list[float], base: float) -> tuple[Parts, bytes, bytes]:
    """Pack one neighbour, story 7, with its score."""
    meaning = Parts(tuple(f"g{n}" for n in range(len(parts))), base)
    score = expit(base + sum(parts))
    packed = np.array([(7, score, 0, 0)], NEIGHBOUR_DTYPE).tobytes()
    records = meaning.pack(np.array([parts]), np.array([LINKED], np.uint8), np.full((1, 3), NOBODY, np.uint8))
    return meaning, records.tobytes(), packed


@given(st.lists(LOG_ODDS, max_size=9), LOG_ODDS)
def test_parts_add_up_to_the_score(parts: list[float], base: float) -> None:
    meaning, reasons, packed = made(parts, base)
    (reason,) = meaning.read(reasons, packed, {7}).values()
    assert list(reason.parts) == [*meaning.groups, "base"]
    shown = round(float(np.frombuffer(packed, NEIGHBOUR_DTYPE)["score"][0]), 4)
    assert abs(expit(sum(reason.parts.values())) - shown) <= TOLERANCE
    lost = 2**-11 * (sum(map(abs, parts)) + 1) + 6e-4
    for told, part in zip(reason.parts.values(), parts, strict=False):
        assert told == round(told, 4)
        assert abs(told - part) <= lost
    assert reason.parts["base"] == pytest.approx(base, abs=6e-5)


def test_what_is_kept_is_small_and_a_round_trip() -> None:
    meaning = Parts(("words", "time"), -3.5)
    assert Parts.from_json(meaning.to_json()) == meaning
    assert meaning.record.itemsize == 2 * 2 + 4
    packed = np.array([(5, 0.5, 1, 0), (9, 0.25, 0, 0)], NEIGHBOUR_DTYPE).tobytes()
    records = meaning.pack(
        np.array([[3.0, 0.5], [2.0, 0.4]]),
        np.array([3, 0], np.uint8),
        np.array([[1, NOBODY, NOBODY], [0, 7, NOBODY]], np.uint8),
    )
    five, nine = (told := meaning.read(records.tobytes(), packed, {5, 9, 11}))[5], told[9]
    assert (five.parts, five.sides, five.beside) == ({"words": 3.0, "time": 0.5, "base": -3.5}, 3, (9,))
    assert list(meaning.read(records.tobytes(), packed, {9})) == [9]
    assert (nine.sides, nine.beside) == (0, (5,))  # a place that no story has is left out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"groups": 7, "base": 1}', '{"groups": [], "base": null}'])
def test_parts_that_nobody_named_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Parts.from_json(text)


def test_numbers_that_two_bytes_cannot_hold_are_numbers_still() -> None:
    meaning, reasons, packed = made([1e6, -1e6], 0.0)
    (reason,) = meaning.read(reasons, packed, {7}).values()
    assert all(np.isfinite(list(reason.parts.values())))


def test_reasons_of_another_list_are_refused() -> None:
    meaning, reasons, packed = made([1.0, 2.0], 0.0)
    for wrong in (reasons[:-1], reasons + reasons, b""):
        with pytest.raises(ValueError, match="reasons for 1 neighbours"):
            meaning.read(wrong, packed, ())
    assert meaning.read(b"", b"", {7}) == {}
