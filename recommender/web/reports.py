"""Whole pages of what is measured: the one at ``/evaluation``, and a file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from recommender.web import evaluation, readers
from recommender.web.markup import Child, Element, tag, written

_STYLES: Final = ("page.css", "evaluation.css")

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Of a file, which has its style in it: nothing else is loaded, and nothing runs."""


def page(
    told: Mapping[str, Any],
    models: Sequence[Mapping[str, Any]],
    clicks: Element,
    latency: readers.Histogram | None,
) -> str:
    """Write the page at ``/evaluation``.

    ``told`` is what ``GET /evaluation`` answers, ``models`` those of ``GET
    /models``, newest first; ``clicks`` is a part of ``readers``.  All links are relative: it is
    the same for every newsroom of a server.
    """
    head = [
        tag("link", rel="icon", href="data:,"),
        *(tag("link", rel="stylesheet", href=f"web/{name}") for name in _STYLES),
    ]
    nav = tag(
        "nav",
        tag("a", "Evaluation", href="evaluation", aria_current="page"),
        " ",
        tag("a", "API", href="docs"),
        aria_label="More",
    )
    header = tag("header", tag("h1", tag("a", "Related stories", href="./")), nav)
    return _document(
        "Evaluation – Related stories",
        head,
        header,
        evaluation.section("model", "How good the lists are", *evaluation.facts(told)),
        evaluation.quality(models),
        evaluation.systems(told["report"]),
        evaluation.reliability(told["report"]),
        clicks,
        None if latency is None else readers.latency(latency),
    )


def file(
    report: Mapping[str, Any], models: Sequence[Mapping[str, Any]], clicks: Mapping[str, Any] | None
) -> str:
    """Write a report of ``recommender evaluate`` as a file to keep or to send.

    ``report`` is as its JSON, ``models`` those of the folder as ``GET /models`` has them, newest
    first; ``clicks`` is a ``ClickThrough`` as JSON has it, ``None`` where there are none.
    """
    static = files("recommender.web") / "static"
    style = "\n".join((static / name).read_text("utf-8") for name in _STYLES)
    head = [
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("link", rel="icon", href="data:,"),
        tag("style", style),
    ]
    return _document(
        "Evaluation of related stories",
        head,
        tag("header", tag("h1", "Evaluation of related stories")),
        evaluation.systems(report),
        evaluation.reliability(report),
        evaluation.slices(report),
        evaluation.quality(models),
        None if clicks is None else readers.clicked(clicks),
    )


def _document(title: str, head: Sequence[Element], header: Element, *parts: Child) -> str:
    root = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            *head,
            tag("title", title),
        ),
        tag("body", header, tag("main", *parts, class_="evaluation")),
        lang="en",
    )
    return f"<!doctype html>\n{written(root)}\n"
