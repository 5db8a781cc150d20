"""A story's own web page: schema.org data in JSON-LD, else Open Graph tags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import Any

from recommender.articles import Document, Rejection
from recommender.errors import InvalidStory
from recommender.sources import jsonld, markup
from recommender.sources.fields import domain_or_empty
from recommender.sources.markup import Page
from recommender.sources.story import document

MAX_BYTES = 5_000_000
"""Largest page that is read."""


def read(raw: bytes, origin: str, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read the story of a web page.

    Args:
        raw: the page.
        origin: the file's path, which names the story's document.
        zone: that of times that do not say theirs.

    Yields:
        the story, without curated links (a page's links are not an
        editor's), or why it is none.
    """
    try:
        yield document(_values(raw), origin, zone)
    except InvalidStory as error:
        yield Rejection(origin, error.line, error.reason)


def _values(raw: bytes) -> dict[str, Any]:
    """Return a page's fields under the seed document's names.

    JSON-LD is preferred, field by field; for the address, what the page says
    of itself to search engines is.
    """
    page = markup.page(raw, _encoding(raw))
    if page is None:
        raise InvalidStory("no HTML")
    meta = _meta(page)
    article = jsonld.article([script for kind, script in page.scripts if _is_json_ld(kind)])
    if article is None and "og:title" not in meta:
        raise InvalidStory("neither a schema.org article nor an Open Graph title")
    values = {name: value for name, value in (article or {}).items() if value}
    addresses = (_link(page, "canonical"), values.get("webUrl"), _first(meta, "og:url"))
    values["webUrl"] = next(filter(domain_or_empty, addresses), None)
    values["ampWebUrl"] = _link(page, "amphtml")
    values = {**_open_graph(page, meta), **{name: value for name, value in values.items() if value}}
    provider = values["provider"]
    provider["domain"] = domain_or_empty(values.get("webUrl"))
    return values


def _open_graph(page: Page, meta: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "title": _first(meta, "og:title") or page.title,
        "excerpt": _first(meta, "og:description", "description"),
        "publishedDateTime": _first(meta, "article:published_time"),
        "provider": {"name": _first(meta, "og:site_name")},
        "topics": meta.get("article:section"),
        "tags": meta.get("article:tag"),
        "images": [
            {
                "url": _first(meta, "og:image", "og:image:url"),
                "width": _first(meta, "og:image:width"),
                "height": _first(meta, "og:image:height"),
            }
        ],
        "locale": _first(meta, "og:locale"),
    }


def _encoding(raw: bytes) -> str | None:
    """Return UTF-8 where the page is that, whatever it says; else leave it to what it says."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _meta(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in page.elements["meta"]:
        name = element.get("property") or element.get("name")
        content = element.get("content")
        if name and content:
            found.setdefault(name.strip().lower(), []).append(content)
    return found


def _first(meta: dict[str, list[str]], *names: str) -> str | None:
    return next((meta[name][0] for name in names if name in meta), None)


def _link(page: Page, relation: str) -> str | None:
    for element in page.elements["link"]:
        if relation in (element.get("rel") or "").lower().split():
            return element.get("href")
    return None


def _is_json_ld(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() == "application/ld+json"
