"""Plots: every value where its axis has it, every text a text, and one that any reader of XML takes."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from recommender.web import plots
from recommender.web.markup import Element, table, tag, written
from recommender.web.plots import BOTTOM, LEFT, RIGHT, TOP, UNIT, Axis, Bar, Point, Words

WORDS = Words("k", "A name", "What is shown.")
HOSTILE = '"><script>alert(1)</script>&<img src=x onerror=alert(2)>\x00\x1b\ud800'
READ = '"><script>alert(1)</script>&<img src=x onerror=alert(2)>\ufffd\ufffd\ufffd'
FINITE = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)


def parsed(element: Element) -> Element:
    """Read what was written, as XML: well formed, or an error."""
    return ET.fromstring(written(element))


def percent(element: Element, name: str) -> float:
    value = element.attrib[name]
    assert value.endswith("%")
    return float(value[:-1])


def share(height: float) -> float:
    """How far up the axis a place is, from its pixels."""
    return (BOTTOM - height) / (BOTTOM - TOP)


# Points


def test_points_stand_where_their_values_are() -> None:
    points = [Point(0, 0.25, (0.125, 0.5), "first"), Point(10, 0.75, None, "second", marked=True)]
    drawn = parsed(plots.dots(points, WORDS, UNIT, "{:g}".format, Axis(0, 20, (0, 20)), "{:g}".format))
    circle = drawn.find("g[@class='point']/circle")
    assert circle is not None
    assert percent(circle, "cx") == pytest.approx(LEFT, abs=0.01)
    assert share(float(circle.attrib["cy"])) == pytest.approx(0.25, abs=0.001)
    ends = drawn.find("g[@class='point']/line[@class='interval']")
    assert ends is not None
    assert share(float(ends.attrib["y1"])) == pytest.approx(0.125, abs=0.001)
    assert share(float(ends.attrib["y2"])) == pytest.approx(0.5, abs=0.001)
    assert ends.attrib["x1"] == ends.attrib["x2"] == circle.attrib["cx"]
    square = drawn.find("g[@class='marked']/rect")
    assert square is not None
    assert percent(square, "x") == pytest.approx((LEFT + RIGHT) / 2, abs=0.01)
    half = int(square.attrib["width"]) // 2
    assert square.attrib["transform"] == f"translate(-{half} -{half})"
    assert share(float(square.attrib["y"])) == pytest.approx(0.75, abs=0.001)
    assert drawn.find("g[@class='marked']/line") is None
    assert [one.text for one in drawn.findall("g/title")] == ["first", "second"]


def test_what_is_beyond_an_axis_stands_at_its_end() -> None:
    points = [Point(0, 0.5, (-3, math.inf), "few clicks")]
    drawn = parsed(plots.dots(points, WORDS, UNIT, "{:g}".format, Axis(-1, 1, (0,)), "{:g}".format))
    ends = drawn.find("g/line")
    assert ends is not None
    assert (share(float(ends.attrib["y1"])), share(float(ends.attrib["y2"]))) == (0, 1)
    assert "inf" not in written(drawn)


# Lines


def test_a_line_joins_its_points_from_left_to_right() -> None:
    points = [Point(0.9, 0.7, None, "high"), Point(0.1, 0.2, None, "low"), Point(0.5, 0.4, None, "middle")]
    drawn = parsed(plots.line(points, WORDS, "{:g}".format))
    strokes = [
        (
            percent(one, "x1"),
            share(float(one.attrib["y1"])),
            percent(one, "x2"),
            share(float(one.attrib["y2"])),
        )
        for one in drawn.findall("line[@class='curve']")
    ]
    at = {x: LEFT + x * (RIGHT - LEFT) for x in (0.1, 0.5, 0.9)}
    assert strokes == [
        pytest.approx((at[0.1], 0.2, at[0.5], 0.4), abs=0.01),
        pytest.approx((at[0.5], 0.4, at[0.9], 0.7), abs=0.01),
    ]
    (ideal,) = drawn.findall("line[@class='ideal']")
    assert (percent(ideal, "x1"), share(float(ideal.attrib["y1"]))) == (LEFT, 0)
    assert (percent(ideal, "x2"), share(float(ideal.attrib["y2"]))) == (RIGHT, 1)


def test_one_point_is_a_line_of_none() -> None:
    drawn = parsed(plots.line([Point(0.5, 0.5, None, "alone")], WORDS, "{:g}".format))
    assert (len(drawn.findall("line[@class='curve']")), len(drawn.findall("g/circle"))) == (0, 1)


# Bars


def test_bars_are_as_high_as_their_values_and_side_by_side() -> None:
    columns = [Bar("a", 0.5, "half", 0.75, (0.5, 1)), Bar("b", 0, "nothing"), Bar("c", 1, "all")]
    drawn = parsed(plots.bars(columns, WORDS, UNIT, "{:g}".format))
    rectangles = drawn.findall("rect[@class='bar']")
    heights = [float(one.attrib["height"]) / (BOTTOM - TOP) for one in rectangles]
    assert heights == pytest.approx([0.5, 0, 1], abs=0.001)
    for one in rectangles:
        assert float(one.attrib["y"]) + float(one.attrib["height"]) == pytest.approx(BOTTOM, abs=0.1)
    starts = [percent(one, "x") for one in rectangles]
    widths = [percent(one, "width") for one in rectangles]
    assert starts[0] >= LEFT
    assert starts[2] + widths[2] <= RIGHT
    assert all(start + width < after for start, width, after in zip(starts, widths, starts[1:], strict=False))
    (beside,) = drawn.findall("g[@class='marked']")
    square = beside.find("rect")
    assert square is not None
    assert percent(square, "x") == pytest.approx(starts[0] + widths[0] / 2, abs=0.02)
    assert share(float(square.attrib["y"])) == pytest.approx(0.75, abs=0.001)


@pytest.mark.parametrize(
    ("count", "name"), [(50, "{}"), (12, "{:08d}-031502"), (4, "curated"), (1, "x" * 80)]
)
def test_names_below_bars_have_room_on_a_telephone(count: int, name: str) -> None:
    columns = [Bar(name.format(number), 0.5, "") for number in range(count)]
    drawn = parsed(plots.bars(columns, WORDS, UNIT, "{:g}".format))
    below = [one for one in drawn.findall("text") if one.get("text-anchor") == "middle"]
    assert below
    places, longest = [percent(one, "x") for one in below], max(len(one.text or "") for one in below)
    assert longest <= plots.WIDEST
    # 288 pixels are left of 320, and a character of this size takes 7.
    gaps = [(after - before) / 100 * 288 for before, after in pairwise(places)]
    assert all(gap >= 6.5 * longest for gap in gaps)


# Axes


@given(st.lists(FINITE, min_size=1, max_size=20), st.booleans())
def test_an_axis_has_all_values_between_its_ends_and_a_few_round_ones_named(
    values: list[float], zero: bool
) -> None:
    if zero:
        values = [abs(value) for value in values]
    found = plots.axis(values, zero=zero)
    slack = 1e-6 * (found.high - found.low)
    assert found.low - slack <= min(values)
    assert max(values) <= found.high + slack
    assert (found.ticks[0], found.ticks[-1]) == (found.low, found.high)
    assert 2 <= len(found.ticks) <= 7
    assert not zero or found.low == 0
    assert all(0 <= found.share(value) <= 1 for value in values)


def test_steps_of_an_axis_are_round() -> None:
    assert [f"{tick:g}" for tick in plots.axis([0.46, 0.58]).ticks] == ["0.45", "0.5", "0.55", "0.6"]
    assert [f"{tick:g}" for tick in plots.axis([0.0], zero=True).ticks] == ["0", "0.25"]
    assert [f"{tick:g}" for tick in plots.axis([0.031], zero=True).ticks] == [
        "0",
        "0.01",
        "0.02",
        "0.03",
        "0.04",
    ]


# For everyone


def test_a_plot_is_a_picture_with_a_name_and_a_description() -> None:
    drawn = parsed(plots.bars([Bar("a", 0.5, "half")], WORDS, UNIT, "{:g}".format))
    assert drawn.attrib["role"] == "img"
    named = {one.attrib["id"]: one.text for one in drawn if "id" in one.attrib}
    assert named[drawn.attrib["aria-labelledby"]] == "A name"
    assert named[drawn.attrib["aria-describedby"]] == "What is shown."


def test_nothing_is_styled_inline_and_colours_are_the_page_s() -> None:
    across = Axis(0, 1, (0, 1))
    for drawn in (
        plots.dots(
            [Point(0, 0.5, (0, 1), "a", marked=True)], WORDS, UNIT, "{:g}".format, across, "{:g}".format
        ),
        plots.line([Point(0, 0.5, None, "a"), Point(1, 1, None, "b")], WORDS, "{:g}".format),
        plots.bars([Bar("a", 0.5, "half", 0.5)], WORDS, UNIT, "{:g}".format),
    ):
        for element in drawn.iter():
            assert not set(element.keys()) & {"style", "fill", "stroke", "onclick", "href"}


# Markup


def test_what_is_hostile_is_text_wherever_it_stands() -> None:
    words = Words("k", HOSTILE, HOSTILE)
    drawn = parsed(plots.bars([Bar(HOSTILE, 0.5, HOSTILE)], words, UNIT, "{:g}".format))
    assert {one.tag for one in drawn.iter()} == {"svg", "title", "desc", "line", "text", "rect"}
    assert {one.text for one in drawn.iter("title")} == {READ}
    listed = html.fromstring(written(table(HOSTILE, [HOSTILE], [[HOSTILE, HOSTILE]])))
    assert {one.tag for one in listed.iter()} == {
        "div", "table", "caption", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert listed.attrib["aria-label"] == READ
    assert [one.text for one in listed.iter("td")] == [READ]


def test_text_stands_where_it_was_put() -> None:
    made = tag("p", "a ", "b ", tag("b", "c"), " d", None, " e", class_="x", aria_label="y")
    assert written(made) == '<p class="x" aria-label="y">a b <b>c</b> d e</p>'
