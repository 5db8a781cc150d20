"""A list as HTML, for pages that are put together by a server, and for readers without JavaScript."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_WEB = ("http://", "https://")


def listing(items: Iterable[Mapping[str, Any]], heading: str) -> str:
    """Write related stories (``service.Answer.items``) as a section; nothing if there are none.

    No style, no script: it takes the looks of the page that it is put into.
    """
    entries = "".join(_entry(item) for item in items if item["webUrl"].lower().startswith(_WEB))
    if not entries:
        return ""
    named = escape(heading)
    return (
        f'<section class="related-stories" aria-label="{named}">'
        f'<h2 dir="auto">{named}</h2><ul>{entries}</ul></section>\n'
    )


def _entry(item: Mapping[str, Any]) -> str:
    provider = item["provider"]
    named = escape(provider["name"] or provider["domain"])
    moment = item["publishedDateTime"]
    when = f'<time datetime="{escape(moment)}">{escape(moment[:10])}</time>' if moment else ""
    facts = " · ".join(filter(None, (named, when)))
    title = f'<a href="{escape(item["webUrl"])}" dir="auto">{escape(item["title"])}</a>'
    return f"<li>{title}{f' <small>{facts}</small>' if facts else ''}</li>"
