"""HTML and SVG as trees: text and attributes are escaped where a tree is written out, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree import ElementTree as ET

Element = ET.Element
Child = Element | str | None

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What neither XML nor UTF-8 has a way to write."""


def tag(name: str, /, *children: Child, **attributes: str) -> Element:
    """Make an element; ``class_`` is the attribute class, ``text_anchor`` is text-anchor."""
    made = Element(
        name, {key.rstrip("_").replace("_", "-"): _clean(value) for key, value in attributes.items()}
    )
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child is not None and len(made):
            made[-1].tail = (made[-1].tail or "") + _clean(child)
        elif child is not None:
            made.text = (made.text or "") + _clean(child)
    return made


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[Child]]) -> Element:
    """Lay out rows of cells, the first of each the row's name; it scrolls by itself where it is wide."""
    head = tag("tr", *(tag("th", heading, scope="col") for heading in headings))
    body = [
        tag("tr", tag("th", first, scope="row", dir="auto"), *(tag("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    laid_out = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    # Only what has the focus can be scrolled by keys.
    return tag("div", laid_out, class_="wide", role="region", aria_label=caption, tabindex="0")


def written(element: Element) -> str:
    """Write an element as HTML."""
    return ET.tostring(element, encoding="unicode", method="html")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
