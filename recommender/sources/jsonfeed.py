"""JSON Feed, versions 1 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any

from recommender.articles import Document, Rejection
from recommender.errors import InvalidStory
from recommender.sources.fields import domain_or_empty
from recommender.sources.markup import plain_text
from recommender.sources.story import document


def is_feed(value: Any) -> bool:
    """Tell whether a parsed JSON file says that it is a JSON Feed."""
    version = value.get("version") if isinstance(value, Mapping) else None
    return isinstance(version, str) and "jsonfeed.org/version/" in version


def read(feed: Mapping[str, Any], origin: str, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read the items of a JSON Feed.

    Args:
        feed: the parsed file.
        origin: the file's path; the n-th item's document is ``origin#N``.
        zone: that of times that do not say theirs.

    Yields:
        each item's story, or why it is none.
    """
    items = feed.get("items")
    if not isinstance(items, list):
        yield Rejection(origin, None, "a JSON Feed without a list of items")
        return
    provider = {"name": feed.get("title"), "domain": domain_or_empty(feed.get("home_page_url"))}
    for number, item in enumerate(items, start=1):
        try:
            values = _values(item, provider, feed.get("language")) if isinstance(item, Mapping) else {}
            yield document(values, f"{origin}#{number}", zone)
        except InvalidStory as error:
            yield Rejection(origin, None, f"item {number}: {error.reason}")


def _values(item: Mapping[str, Any], provider: Mapping[str, Any], language: Any) -> dict[str, Any]:
    """Return an item's fields under the seed document's names."""
    address = item.get("url") or item.get("id")
    return {
        "title": item.get("title"),
        "excerpt": item.get("summary") or item.get("content_text") or _text(item.get("content_html")),
        "publishedDateTime": item.get("date_published") or item.get("date_modified"),
        "webUrl": address,
        "provider": {**provider, "domain": provider["domain"] or domain_or_empty(address)},
        "topics": item.get("tags"),
        "images": item.get("image") or item.get("banner_image"),
        "locale": item.get("language") or language,
    }


def _text(markup: Any) -> str:
    return plain_text(markup) if isinstance(markup, str) else ""
