"""HTML as read here: never fetched from, never trusted, its text taken."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

_BLOCK = re.compile(
    r"(?=</?(?:p|br|div|li|[uod]l|d[td]|h[1-6]|t[rdh]|blockquote|figure|hr|pre)\b)", re.IGNORECASE
)
_UNREAD = ("script", "style", "noscript", "template")


def tree(raw: bytes, encoding: str | None = None) -> Any:
    """Parse HTML leniently; return the root element, or ``None`` where there is none.

    Args:
        raw: the page or a piece of one.
        encoding: its encoding; without one, what its ``meta`` says.
    """
    parser = etree.HTMLParser(
        encoding=encoding, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError:  # nothing but white space or comments
        return None


def plain_text(markup: str) -> str:
    """Return the text of a piece of HTML on one line, its entities resolved, scripts and styles left out."""
    if "<" in markup or "&" in markup:
        # A space where a block begins or ends, so that its words do not run into the next block's.
        raw = _BLOCK.sub(" ", markup).encode("utf-8", "replace")
        root = tree(raw, "utf-8")
        if root is None:
            return ""
        etree.strip_elements(root, *_UNREAD, with_tail=False)
        markup = "".join(root.itertext())
    return " ".join(markup.split())
