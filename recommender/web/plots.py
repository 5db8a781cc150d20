"""Plots as SVG: points with intervals, a line, bars; no script, no style, and readable at any width.

Across, places are shares of the width, so text keeps its size on a telephone;
colours are those of classes (``static/evaluation.css``).  A plot is a picture
with a name and a description; who shows it puts its numbers beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import ceil, floor, log10
from typing import Final, NamedTuple

from recommender.web.markup import Child, Element, tag

HEIGHT: Final = 240
TOP, BOTTOM = 16.0, 208.0
"""Where the greatest and the least value stand, in pixels from above."""

LEFT, RIGHT = 14.0, 97.0
"""Where values begin and end across, in per cent of the width."""

ROOM: Final = 34
"""Characters that there is room for below a plot as wide as a telephone, with gaps between names."""

WIDEST: Final = 10
"""Characters shown of a bar's name."""

Form = Callable[[float], str]
"""How a value is written."""


class Point(NamedTuple):
    """A value ``y`` at ``x``, with its interval where there is one; a ``marked`` one is told apart."""

    x: float
    y: float
    interval: tuple[float, float] | None
    name: str
    marked: bool = False


class Bar(NamedTuple):
    """A bar, and a ``value`` beside its height with an interval, where there are such."""

    label: str
    height: float
    name: str
    value: float | None = None
    interval: tuple[float, float] | None = None


class Axis(NamedTuple):
    """What an axis reaches from and to, and the values that are named on it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Tell how far along a value stands, 0 to 1; what is beyond an end stands there."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


class Words(NamedTuple):
    """What a plot is called, in a page where no other has its ``key``, and what it shows in a sentence."""

    key: str
    title: str
    description: str


UNIT: Final = Axis(0, 1, (0, 0.25, 0.5, 0.75, 1))


def axis(values: Sequence[float], *, zero: bool = False) -> Axis:
    """Make an axis with a few round values that has these between its ends, and 0 where that is asked."""
    low, high = (0.0 if zero else min(values)), max(values)
    width = (high - low) or abs(high) or 1.0
    raw = width / 4
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * times for times in (1, 2, 2.5, 5, 10) if unit * times >= raw * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    if first == last:
        last += 1
    return Axis(first * step, last * step, tuple(number * step for number in range(first, last + 1)))


def dots(
    points: Sequence[Point],
    words: Words,
    down: Axis,
    form: Form,
    across: Axis,
    across_form: Form,
) -> Element:
    """Draw points with their intervals."""
    return _plot(
        words,
        *_grid(down, form),
        *(_below(_along(across.share(tick)), across_form(tick), at) for at, tick in _ends(across.ticks)),
        *(_dot(_along(across.share(one.x)), one, down) for one in points),
    )


def line(points: Sequence[Point], words: Words, form: Form) -> Element:
    """Draw points of shares against shares, joined from left to right, and where the two are equal."""
    placed = [(_along(UNIT.share(one.x)), one) for one in sorted(points)]
    diagonal = _stroke("ideal", _along(0), BOTTOM, _along(1), TOP)
    joined = [
        _stroke("curve", before, _height(one.y, UNIT), after, _height(other.y, UNIT))
        for (before, one), (after, other) in pairwise(placed)
    ]
    return _plot(
        words,
        *_grid(UNIT, form),
        *(_below(_along(tick), form(tick), at) for at, tick in _ends(UNIT.ticks)),
        diagonal,
        *joined,
        *(_dot(at, one, UNIT) for at, one in placed),
    )


def bars(bars: Sequence[Bar], words: Words, down: Axis, form: Form) -> Element:
    """Draw bars side by side, from the axis's least value, and on each its value with an interval."""
    room = (RIGHT - LEFT) / max(1, len(bars))
    labels = [_shortened(one.label) for one in bars]
    # Where there is not room for all names, every second bar has one, or every third.
    every = ceil(len(bars) * (1 + max(map(len, labels), default=0)) / ROOM)
    wide = room * 0.7
    parts: list[Child] = []
    for number, one in enumerate(bars):
        middle = LEFT + room * (number + 0.5)
        top = _height(one.height, down)
        parts.append(
            tag(
                "rect",
                tag("title", one.name),
                class_="bar",
                x=_percent(middle - wide / 2),
                y=_pixels(top),
                width=_percent(wide),
                height=_pixels(BOTTOM - top),
            )
        )
        if one.value is not None:
            parts.append(_dot(middle, Point(0, one.value, one.interval, one.name, marked=True), down))
        if number % every == 0:
            parts.append(_below(middle, labels[number], "middle"))
    return _plot(words, *_grid(down, form), *parts)


def _plot(words: Words, *parts: Child) -> Element:
    return tag(
        "svg",
        tag("title", words.title, id=f"{words.key}-title"),
        tag("desc", words.description, id=f"{words.key}-described"),
        *parts,
        class_="plot",
        role="img",
        aria_labelledby=f"{words.key}-title",
        aria_describedby=f"{words.key}-described",
        width="100%",
        height=str(HEIGHT),
    )


def _grid(down: Axis, form: Form) -> Iterator[Element]:
    for tick in down.ticks:
        at = _height(tick, down)
        yield _stroke("grid", 0, at, 100, at)
        yield tag("text", form(tick), x="0", y=_pixels(at - 3))


def _dot(x: float, one: Point, down: Axis) -> Element:
    """Draw a round point, or a larger square one that is marked: not by colour alone."""
    y, parts = _height(one.y, down), [tag("title", one.name)]
    if one.interval is not None:
        low, high = (_height(end, down) for end in one.interval)
        parts.append(_stroke("interval", x, low, x, high))
    if one.marked:
        square = {"width": "12", "height": "12", "transform": "translate(-6 -6)"}
        parts.append(tag("rect", x=_percent(x), y=_pixels(y), **square))
    else:
        parts.append(tag("circle", cx=_percent(x), cy=_pixels(y), r="4.5"))
    return tag("g", *parts, class_="marked" if one.marked else "point")


def _stroke(kind: str, x1: float, y1: float, x2: float, y2: float) -> Element:
    return tag("line", class_=kind, x1=_percent(x1), y1=_pixels(y1), x2=_percent(x2), y2=_pixels(y2))


def _below(x: float, text: str, anchor: str) -> Element:
    return tag("text", text, x=_percent(x), y=_pixels(BOTTOM + 20), text_anchor=anchor)


def _ends(ticks: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Anchor the first name at its beginning and the last one at its end: they stay in the picture."""
    for number, tick in enumerate(ticks):
        last = len(ticks) - 1
        yield ("middle" if 0 < number < last or last == 0 else "start" if number == 0 else "end"), tick


def _along(share: float) -> float:
    return LEFT + share * (RIGHT - LEFT)


def _height(value: float, down: Axis) -> float:
    return BOTTOM - down.share(value) * (BOTTOM - TOP)


def _shortened(label: str) -> str:
    return label if len(label) <= WIDEST else f"{label[: WIDEST - 1]}…"


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _pixels(value: float) -> str:
    return f"{value:.1f}"
