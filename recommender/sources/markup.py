"""HTML as read here: never fetched from, never trusted, its text taken."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from lxml import etree

_BLOCK = re.compile(
    r"(?=</?(?:p|br|div|li|[uod]l|d[td]|h[1-6]|t[rdh]|blockquote|figure|hr|pre)\b)", re.IGNORECASE
)
_UNREAD = frozenset(("script", "style", "noscript", "template"))

MAX_ELEMENTS = 50_000
"""Elements of a page that are looked at; a long live blog has a tenth of that."""


class _Enough(Exception):  # noqa: N818  (nothing went wrong)
    """What comes after is not looked at."""


class _Target:
    """What the parser tells of a page as it goes through it.

    No tree is built: libxml2 takes minutes to give one element the 100,000
    attributes that a page of a megabyte may have.
    """

    def __init__(self) -> None:
        self._left = MAX_ELEMENTS

    @property
    def any(self) -> bool:
        """Whether there was an element."""
        return self._left < MAX_ELEMENTS

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begin an element."""
        self._left -= 1
        if self._left < 0:
            raise _Enough

    def end(self, tag: str) -> None:
        """End an element."""

    def data(self, text: str) -> None:
        """Take a piece of text."""

    def close(self) -> None:
        """End; the parser wants to be told so."""


class Page(_Target):
    """What a web page says of itself outside its text.

    ``elements`` are the attributes of each ``meta`` and ``link``, by tag, in
    order; ``title`` is the first one's text; ``scripts`` are pairs of a type,
    as written, and a text.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elements: dict[str, list[Mapping[str, str]]] = {"meta": [], "link": []}
        self.title: str | None = None
        self.scripts: list[tuple[str, str]] = []
        self._kind = ""
        self._pieces: list[str] | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Keep what is asked for later."""
        super().start(tag, attributes)
        if tag in self.elements:
            self.elements[tag].append(attributes)
        elif tag == "script" or (tag == "title" and self.title is None):
            self._kind, self._pieces = attributes.get("type") or "", []

    def end(self, tag: str) -> None:
        """Keep the text of what ends."""
        if self._pieces is None:
            return
        if tag == "script":
            self.scripts.append((self._kind, "".join(self._pieces)))
            self._pieces = None
        elif tag == "title":
            self.title = "".join(self._pieces)
            self._pieces = None

    def data(self, text: str) -> None:
        """Keep the text of what is open."""
        if self._pieces is not None:
            self._pieces.append(text)


class _Text(_Target):
    """The text of a piece of HTML, without that of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unread = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        super().start(tag, attributes)
        self._unread += tag in _UNREAD

    def end(self, tag: str) -> None:
        self._unread -= tag in _UNREAD

    def data(self, text: str) -> None:
        if not self._unread:
            self.pieces.append(text)


def page(raw: bytes, encoding: str | None = None) -> Page | None:
    """Go through a web page leniently; return what it says of itself, or ``None`` where there is no element.

    Args:
        raw: the page.
        encoding: its encoding; without one, what its ``meta`` says.
    """
    found = Page()
    _go_through(raw, encoding, found)
    return found if found.any else None


def plain_text(markup: str) -> str:
    """Return the text of a piece of HTML on one line, its entities resolved, scripts and styles left out."""
    if "<" in markup or "&" in markup:
        # A space where a block begins or ends, so that its words do not run into the next block's.
        raw = _BLOCK.sub(" ", markup).encode("utf-8", "replace")
        text = _Text()
        _go_through(raw, "utf-8", text)
        markup = "".join(text.pieces)
    return " ".join(markup.split())


def _go_through(raw: bytes, encoding: str | None, target: _Target) -> None:
    parser = etree.HTMLParser(encoding=encoding, no_network=True, huge_tree=False, target=target)
    with contextlib.suppress(etree.XMLSyntaxError, _Enough):  # nothing but white space or comments; no more
        etree.fromstring(raw, parser)
