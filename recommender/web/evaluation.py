"""What editors' links say of models, as parts of a page: quality over models, systems, reliability, slices.

Each takes what JSON has (``GET /models``, ``GET /evaluation``, ``recommender
evaluate --json``), reports of older programs included, which have less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from recommender.web import plots
from recommender.web.markup import Child, Element, table, tag
from recommender.web.plots import Axis, Point, Words

MODELS: Final = 50
"""Models that are shown, the newest."""

_FEW: Final = 2 * 86_400
"""Seconds within which models are told apart by the hour."""

_METRICS: Final = ("recall", "mrr", "map", "p@1")
_WAYS: Final = {
    "provider": "provider",
    "topic": "first topic",
    "age": "nearest right answer",
    "links": "right answers",
}
_PAIRS: Final = {"shown": "Of the pairs that are shown", "scored": "Of all pairs that were scored"}


def section(key: str, heading: str, *children: Child) -> Element:
    """Put what belongs together below a heading."""
    return tag("section", tag("h2", heading, id=key), *children, aria_labelledby=key)


def figure(plot: Element, numbers: Element) -> Element:
    """Show a plot, and behind a click its numbers."""
    return tag("figure", plot, tag("details", tag("summary", "As numbers"), numbers))


def quality(models: Sequence[Mapping[str, Any]]) -> Element:
    """Plot nDCG over models, by when they were trained; ``models`` are newest first."""
    heading = "Quality over models"
    rated = [one for one in models[:MODELS] if one["ndcg"] is not None and one["created"] is not None]
    if not rated:
        some = "No model was evaluated: their links were too few." if models else "No model was trained yet."
        return section("quality", heading, tag("p", some))
    points = [
        Point(_moment(one["created"]), one["ndcg"], _pair(one["interval"]), _told(one), bool(one["active"]))
        for one in rated
    ]
    ends = [end for point in points for end in (point.y, *(point.interval or ()))]
    times = [point.x for point in points]
    first, last = min(times), max(times)
    across = Axis(first, last, (first, last)) if first < last else Axis(first - 1, last + 1, (first,))
    said = _active(models, rated)
    words = Words("quality-plot", "nDCG@10 over models", f"{_models(len(rated))}. {said}")
    rows = [
        (one["id"], _minute(one["created"]), _number(one["ndcg"]), _interval(one["interval"]), _state(one))
        for one in rated
    ]
    return section(
        "quality",
        heading,
        tag(
            "p",
            "nDCG@10 (cold) and its 95 % interval, by when a model was trained. Each was asked about the "
            f"newest linked stories of its day, so two points are not of the same questions. {said}",
        ),
        figure(
            plots.dots(
                points, words, plots.axis(ends), "{:g}".format, across, _day if last - first > _FEW else _hour
            ),
            table("nDCG@10 over models", ("model", "trained", "nDCG@10", "95 % interval", "state"), rows),
        ),
    )


def _active(models: Sequence[Mapping[str, Any]], rated: Sequence[Mapping[str, Any]]) -> str:
    active = next((one for one in models if one["active"]), None)
    if active is None:
        unknown = all(one["active"] is None for one in models)
        return "" if unknown else "None of them is active."
    if active in rated:
        return f"The square is the active one, {active['id']}."
    return f"The active one, {active['id']}, is not among them."


def systems(report: Mapping[str, Any] | None) -> Element | None:
    """Lay out the systems of a report side by side; nothing if it has none."""
    if report is None or not report.get("systems"):
        return None
    rows = [
        (
            name,
            _number(one["ndcg"]),
            _interval(one.get("interval")),
            _lead(one.get("ahead")),
            *(_number(one.get(metric)) for metric in _METRICS),
        )
        for name, one in report["systems"].items()
    ]
    k = report.get("k") or 10
    headings = ("system", f"nDCG@{k}", "95 % interval", "ours is ahead by", *_METRICS)
    return section(
        "systems", "Beside other systems", tag("p", asked(report)), table("Systems", headings, rows)
    )


def asked(report: Mapping[str, Any]) -> str:
    """Say in a sentence what was asked."""
    parts = [f"{report['protocol'].capitalize()} protocol"]
    if report.get("cut"):
        parts.append(f"links hidden from {_minute(report['cut'])}")
    if report.get("seed") is not None:
        parts.append(f"seed {report['seed']}")
    if report.get("queries"):
        parts.append(f"{report['queries']:,} stories asked")
    if report.get("relevant"):
        parts.append(f"{report['relevant']:,} right answers")
    few = " Too few links were left to learn from: the ranking is the default ranker’s."
    return f"{', '.join(parts)}.{few if report.get('learned') is False else ''}"


def reliability(report: Mapping[str, Any] | None) -> Element:
    """Plot scores against the share that editors linked."""
    heading = "Reliability"
    found = {} if report is None else report.get("reliability") or {}
    parts = [part for name in _PAIRS if (part := _reliable(name, found.get(name)))]
    if not parts:
        said = "No report says whether scores are chances: `recommender train` writes one with each model."
        return section("reliability", heading, tag("p", said))
    return section(
        "reliability",
        heading,
        tag(
            "p",
            "Of pairs scored about 0.7, seven in ten should be linked: then points stand on the dashed line. "
            "What editors did not link may be related all the same.",
        ),
        tag("div", *parts, class_="plots"),
    )


def _reliable(name: str, part: Mapping[str, Any] | None) -> Element | None:
    if part is None or not part["bins"]:
        return None
    rows, points = [], []
    for one in part["bins"]:
        between = f"{one['least']:.1f} – {one['most']:.1f}"
        share, ends = _number(one["linked"]), _interval(one["interval"])
        said = f"scored {between}: {share} linked ({ends}), {one['pairs']:,} pairs"
        points.append(Point(one["score"], one["linked"], _pair(one["interval"]), said))
        rows.append((between, _number(one["score"]), share, ends, f"{one['pairs']:,}", f"{one['queries']:,}"))
    title = f"{_PAIRS[name]}: share linked, by score"
    words = Words(
        f"reliability-{name}",
        title,
        f"{part['pairs']:,} pairs, expected calibration error {_number(part['error'])}.",
    )
    headings = ("scored", "mean score", "linked", "95 % interval", "pairs", "queries")
    return tag(
        "div",
        tag("h3", f"{_PAIRS[name]} (error {_number(part['error'])})"),
        figure(plots.line(points, words, "{:g}".format), table(title, headings, rows)),
    )


def slices(report: Mapping[str, Any]) -> Element | None:
    """Lay out a report's slices, a table for each way of cutting; nothing if it has none."""
    tables = [_sliced(_WAYS.get(way, way), parts) for way, parts in report.get("slices", {}).items() if parts]
    if not tables:
        return None
    said = "nDCG of parts of the stories asked; no interval where they are too few for one."
    return section("slices", "Where it is good, and where not", tag("p", said), *tables)


def _sliced(way: str, parts: Sequence[Mapping[str, Any]]) -> Element:
    names = list(parts[0]["systems"])
    headings = [way, "queries", *(each for name in names for each in (name, "95 %")), "ours is ahead by"]
    rows = [
        (
            part["name"],
            f"{part['queries']:,}",
            *(
                cell
                for name in names
                for cell in (
                    _number(part["systems"][name]["ndcg"]),
                    _interval(part["systems"][name]["interval"]),
                )
            ),
            _lead(part.get("ahead")),
        )
        for part in parts
    ]
    return table(f"By {way}", headings, rows)


def facts(told: Mapping[str, Any]) -> Iterator[Element]:
    """Say which model is served, and what it learned from (``GET /evaluation``)."""
    if told["model"] is None:
        yield tag("p", f"There is nothing to judge: {told['note']}.")
        return
    said = f", generation {told['generation']}" if told["generation"] is not None else ""
    trained = f"; trained {_minute(told['trained'])}" if told["trained"] else ""
    data = told["data"] or {}
    counts = [f"{data[name]:,} {name}" for name in ("stories", "links") if data.get(name) is not None]
    learned = f" from {' and '.join(counts)}" if counts else ""
    yield tag("p", "Served by ", tag("strong", told["model"]), f"{said}{trained}{learned}.")
    if told["note"]:
        yield tag("p", f"No report: {told['note']}.")
    elif told["report"] and told["report"].get("reason"):
        yield tag("p", f"It was not evaluated: {told['report']['reason']}.")


def _told(model: Mapping[str, Any]) -> str:
    state = _state(model)
    parts = f"{model['id']}: {_number(model['ndcg'])} ({_interval(model['interval'])})"
    return f"{parts}, {state}" if state else parts


def _state(model: Mapping[str, Any]) -> str:
    return ", ".join(name for name in ("active", "served") if model[name])


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"


def _moment(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def _hour(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%m-%d %H:%M}"


def _minute(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _pair(bounds: Sequence[float] | None) -> tuple[float, float] | None:
    return None if bounds is None else (bounds[0], bounds[1])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(bounds: Sequence[float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.3f} – {bounds[1]:.3f}"


def _lead(ahead: Mapping[str, Any] | None) -> str:
    if ahead is None:
        return ""
    least_most = ahead.get("interval")
    bounds = "" if least_most is None else f" [{least_most[0]:+.3f}, {least_most[1]:+.3f}]"
    return f"{ahead['mean']:+.3f}{bounds}"
