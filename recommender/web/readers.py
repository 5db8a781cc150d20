"""What is measured of readers, as parts of a page: what they click, and how long they wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, Final, NamedTuple

from recommender.web import plots
from recommender.web.evaluation import figure, section
from recommender.web.markup import Element, table, tag
from recommender.web.plots import UNIT, Bar, Point, Words

GROUPS: Final = 10
"""Models whose click-through is shown, those shown most."""

_QUANTILES: Final = (0.5, 0.95, 0.99)


class Histogram(NamedTuple):
    """How long answers took: ``counts`` of those of at most ``bounds`` seconds, both ascending.

    The last bound is infinite, and there is at least one answer.
    """

    bounds: Sequence[float]
    counts: Sequence[float]

    def quantile(self, share: float) -> float:
        """Tell within how many seconds this share of answers came, drawn evenly within a bucket.

        Beyond the last finite bound nobody can tell: it is infinite.
        """
        wanted = share * self.counts[-1]
        place = next(at for at, count in enumerate(self.counts) if count > 0 and count >= wanted)
        before, below = (self.bounds[place - 1], self.counts[place - 1]) if place else (0.0, 0.0)
        return before + (self.bounds[place] - before) * (wanted - below) / (self.counts[place] - below)


def clicked(found: Mapping[str, Any] | None, period: str = "") -> Element:
    """Plot how often what is shown is clicked, by rank, source and model, with ranks taken out.

    ``found`` is a ``ClickThrough`` as JSON has it, or ``None`` where none was
    counted; ``period`` says of when, as in `` in the last 28 days``.
    """
    heading = "What readers click"
    if found is None or not found["clicked"]:
        return section("clicks", heading, tag("p", f"No clicks have been counted{period or ' yet'}."))
    first = next(one["rank"] for one in found["ranks"] if one["clicked"])
    counted = f"{found['clicked']:,} of {found['shown']:,} shown were clicked{period}."
    models = sorted(found["models"], key=lambda one: (-one["shown"], one["name"]))[:GROUPS]
    return section(
        "clicks",
        heading,
        tag(
            "p",
            f"{counted} What stands first is clicked most, whatever it is. So bars are clicks as counted, "
            f"and squares what they would be at rank {first}, with 95 % intervals, where that can be told.",
        ),
        tag(
            "div",
            _by_rank(found["ranks"]),
            _examined(found["ranks"], first),
            _by_group("source", found["sources"], first),
            _by_group("model", models, first) if len(models) > 1 else None,
            class_="plots",
        ),
    )


def _by_rank(ranks: Sequence[Mapping[str, Any]]) -> Element:
    title = "Click-through by rank"
    columns = [Bar(str(one["rank"]), one["ctr"], f"rank {one['rank']}: {share(one['ctr'])}") for one in ranks]
    words = Words("clicks-rank", title, f"Ranks {ranks[0]['rank']} to {ranks[-1]['rank']}, as counted.")
    down = plots.axis([one.height for one in columns], zero=True)
    rows = [
        (str(one["rank"]), f"{one['shown']:,}", f"{one['clicked']:,}", share(one["ctr"])) for one in ranks
    ]
    numbers = table(title, ("rank", "shown", "clicked", "click-through"), rows)
    return tag("div", tag("h3", title), figure(plots.bars(columns, words, down, per_cent), numbers))


def _examined(ranks: Sequence[Mapping[str, Any]], first: int) -> Element | None:
    """Plot how often each rank is looked at: what is left of ranks when what stands there is taken out."""
    known = [one for one in ranks if one["examined"] is not None]
    if not known:
        return None
    title = f"How often a rank is looked at, rank {first} being 1"
    points = [
        Point(
            one["rank"], one["examined"], _pair(one["interval"]), f"rank {one['rank']}: {one['examined']:.2f}"
        )
        for one in known
    ]
    low, high = points[0].x, points[-1].x
    across = plots.Axis(low, high, (low, high)) if low < high else plots.Axis(low - 1, low + 1, (low,))
    words = Words("clicks-examined", title, "What stands at a rank is taken out.")
    rows = [(str(one["rank"]), f"{one['examined']:.3f}", _between(one["interval"])) for one in known]
    return tag(
        "div",
        tag("h3", title),
        figure(
            plots.dots(points, words, _room(points), "{:g}".format, across, "{:g}".format),
            table(title, ("rank", "looked at", "95 % interval"), rows),
        ),
    )


def _by_group(name: str, groups: Sequence[Mapping[str, Any]], first: int) -> Element:
    title = f"Click-through by {name}"
    columns = []
    for one in groups:
        # Of few clicks a rate may be above 1, which no click-through is.
        sure = one["debiased"] is not None and round(max(one["debiased"], *one["interval"]), 3) <= 1
        value, interval = (one["debiased"], _pair(one["interval"])) if sure else (None, None)
        said = "" if value is None else f", at rank {first}: {share(value)}"
        columns.append(
            Bar(one["name"], one["ctr"], f"{one['name']}: {share(one['ctr'])}{said}", value, interval)
        )
    ends = [end for one in columns for end in (one.height, one.value or 0, *(one.interval or ()))]
    words = Words(f"clicks-{name}", title, "Bars as counted, squares with ranks taken out.")
    rows = [
        (
            one.label,
            f"{group['shown']:,}",
            f"{group['clicked']:,}",
            share(one.height),
            "–" if one.value is None else share(one.value),
            _shares(one, group),
        )
        for one, group in zip(columns, groups, strict=True)
    ]
    headings = (name, "shown", "clicked", "click-through", f"at rank {first}", "95 % interval")
    return tag(
        "div",
        tag("h3", title),
        figure(
            plots.bars(columns, words, plots.axis(ends, zero=True), per_cent), table(title, headings, rows)
        ),
    )


def latency(found: Histogram) -> Element:
    """Plot how long ``GET /related`` takes."""
    title = "How long GET /related takes"
    every = found.counts[-1]
    # Of the buckets, from the first to the last that has any.
    edges = [
        (bound, count)
        for bound, count, below in zip(found.bounds, found.counts, (0.0, *found.counts), strict=False)
        if count > 0 and below < every
    ]
    columns, rows = [], []
    for (before, below), (bound, count) in pairwise([(0.0, 0.0), *edges]):
        label, part = (
            f"≤ {_time(bound)}" if isfinite(bound) else f"> {_time(before)}",
            (count - below) / every,
        )
        columns.append(Bar(label.removeprefix("≤ "), part, f"{label}: {share(part)}"))
        rows.append((label, f"{count - below:,.0f}", share(part)))
    told = [(f"{100 * quantile:g} %", found.quantile(quantile)) for quantile in _QUANTILES]
    known = [(name, f"within {_time(time)}" if isfinite(time) else "later") for name, time in told]
    said = "; ".join(f"{name} {time}" for name, time in known)
    words = Words("latency-plot", title, f"{every:,.0f} answers: {said}.")
    return section(
        "latency",
        title,
        tag("p", f"{every:,.0f} answers of one process since it started: {said}."),
        figure(plots.bars(columns, words, UNIT, per_cent), table(title, ("took", "answers", "share"), rows)),
    )


def share(value: float) -> str:
    """Write a rate in per cent, small ones to two digits that say something."""
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"


def per_cent(value: float) -> str:
    """Write a round share in per cent."""
    return f"{100 * value:g} %"


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _room(points: Sequence[Point]) -> plots.Axis:
    """Make an axis that intervals of few clicks do not stretch: those that reach far leave the picture."""
    most = 2 * max(one.y for one in points)
    return plots.axis(
        [end for one in points for end in (one.y, *(one.interval or ())) if end <= most], zero=True
    )


def _pair(bounds: Sequence[float] | None) -> tuple[float, float] | None:
    return None if bounds is None else (bounds[0], bounds[1])


def _between(bounds: Sequence[float] | None) -> str:
    return "–" if bounds is None else " – ".join(f"{end:.3f}" if isfinite(end) else "∞" for end in bounds)


def _shares(one: Bar, group: Mapping[str, Any]) -> str:
    if one.interval is not None:
        return " – ".join(map(share, one.interval))
    return "–" if group["debiased"] is None else "too few clicks"
