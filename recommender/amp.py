"""AMP: how an address says that it is a story's AMP page, or a copy of it in a cache."""

from __future__ import annotations

import re

PARAMETERS = frozenset(("amp", "_amp", "amphtml", "amp-content"))
"""Parameters that ask for the AMP page by their name, with an affirmative value or none."""

SWITCHES = frozenset(("outputtype", "context", "template", "platform", "version", "view", "media", "format"))
"""Parameters that ask for the AMP page by their value; with another value they are kept."""

_AFFIRMATIVE = frozenset(("", "1", "true", "yes", "amp", "amphtml"))
_VALUES = frozenset(("amp", "ampart", "amphtml", "amp+html"))

_CACHES = ("cdn.ampproject.org", "bing-amp.com")
_CACHED = re.compile(r"(?:c|v|wp)/(s/)?([^/]+\..*)")
_VIEWED = re.compile(r"amp/(s/)?([^/]+\..*)")
_VIEWER = re.compile(r"google\.(?:com|[a-z]{2}|com?\.[a-z]{2})")

_NAMES = frozenset((".amp", "amphtml", "google-amp"))
"""Path segments that are no word of any language: an AMP page wherever they stand."""
_SECTION = re.compile(
    r"^amp[-_](articles?|articleshow|story|news)$|^(articles?|story|news)-amp$", re.IGNORECASE
)
_SUFFIX = re.compile(r"(.+)\.amp(?:html)?(\.[a-z]{3,5})?", re.IGNORECASE)
_SLUG = re.compile(r"\w[-_.]\w|\d{5}|^(?=.*\d)\w{16}")
_NUMBERED = re.compile(r"\d{5}")
_LONG_SLUG = re.compile(r"\w+[-_]\w+[-_]\w+[-_]\w|\d{5}")


def shows_others(host: str) -> bool:
    """Tell whether pages of this host are those of others: it is an AMP cache, or a viewer of one."""
    return _is_cache(host) or _is_viewer(host)


def cached(host: str, path: str, query: str) -> str | None:
    """Return the address that an AMP cache's or viewer's address stands for, ``None`` for any other."""
    if not shows_others(host):
        return None
    found = (_CACHED if _is_cache(host) else _VIEWED).fullmatch(path.lstrip("/"))
    if found is None:
        return None
    return f"{'https' if found[1] else 'http'}://{found[2]}{'?' if query else ''}{query}"


def _is_cache(host: str) -> bool:
    # The whole host or a subdomain: whoever owns evilcdn.ampproject.org must not speak for others.
    return host.endswith(tuple(f".{cache}" for cache in _CACHES)) or host in _CACHES


def _is_viewer(host: str) -> bool:
    return _VIEWER.fullmatch(host) is not None


def asks_for_amp(name: str, value: str) -> bool:
    """Tell whether a parameter, in lower case, asks for the AMP page."""
    return (name in PARAMETERS and value in _AFFIRMATIVE) or (name in SWITCHES and value in _VALUES)


def without_mark(path: str) -> str:
    """Drop what marks an AMP page from a path, where it is that and not a word of the story's own.

    "amp" may be the story (``/reviews/amp``) or its section (``/guitar/amp/ten-best``);
    ``_is_mark`` tells.
    """
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        lower = segment.lower()
        if lower in _NAMES or (lower == "amp" and _is_mark(segments, place)):
            first = place - 1 if segments[:place] == ["platform"] else place
            return _joined(segments[:first] + segments[place + 1 :])
    *sections, name = segments
    sections = [found[1] or found[2] if (found := _SECTION.fullmatch(word)) else word for word in sections]
    if name.lower() == "amp.html":
        return _joined(sections)
    if (suffix := _SUFFIX.fullmatch(name)) is not None:
        name = suffix[1] + (suffix[2] or "")
    return _joined([*sections, name])


def _joined(segments: list[str]) -> str:
    return "".join(f"/{segment}" for segment in segments)


def _is_mark(segments: list[str], place: int) -> bool:
    """Tell whether the segment "amp" at ``place`` marks an AMP page.

    It does at the start of a path that goes on to a story, at the end of one
    that already names a story, after a numbered story, and before a slug so
    long that no second story of that site has the same.
    """
    before, after = segments[:place], segments[place + 1 :]
    if before in ([], ["platform"]):
        return any(map(_SLUG.search, after))
    if not after:
        return _SLUG.search(before[-1]) is not None
    return _NUMBERED.search(before[-1]) is not None or _LONG_SLUG.search(after[-1]) is not None
