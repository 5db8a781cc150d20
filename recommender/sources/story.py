"""From a mapping with the seed document's names to a story and its curated links.

This is the one place that knows those names.  Every reader ends here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from recommender.articles import KNOWN_KEYS, Article, Document
from recommender.errors import InvalidStory
from recommender.sources.fields import Fields
from recommender.urls import canonical, story_key

MAX_EXTRA = 65_536
"""Bytes of JSON that a story's unknown fields may take."""
MAX_RELATED = 2_000
"""Curated links of one story that are kept."""

_Articles = tuple[Article, ...]
_Keys = tuple[str, ...]


def document(values: Mapping[str, Any], origin: str, zone: tzinfo = UTC) -> Document:
    """Read a story and its curated links from plain values.

    Args:
        values: strings, numbers, booleans, ``None``, lists and mappings of
            them, under the seed document's names.
        origin: what the document is known by, to people and to the store.
        zone: that of times that do not say theirs.

    Raises:
        InvalidStory: there is no title, or no address.
    """
    warnings: list[str] = []
    fields = Fields(values, warnings, zone=zone)
    article = _article(fields, values)
    if not article.title:
        raise InvalidStory("no title")
    if not article.key:
        reasons = [text for text in warnings if text.startswith(("webUrl", "originalUrl"))]
        raise InvalidStory("; ".join(["neither webUrl nor originalUrl is an address", *reasons]))
    related, links = _related(values.get("related"), article, warnings, zone)
    return Document(origin, article, related, links, tuple(warnings))


def _article(fields: Fields, values: Mapping[str, Any]) -> Article:
    web_url, original_url = fields.url("webUrl"), fields.url("originalUrl")
    url = web_url or original_url
    return Article(
        key=canonical(url) if url else "",
        url=url,
        title=fields.line("title"),
        excerpt=fields.text("excerpt"),
        published_at=fields.moment("publishedDateTime"),
        web_url=web_url,
        amp_web_url=fields.url("ampWebUrl"),
        cdn_amp_web_url=fields.url("cdnAmpWebUrl"),
        original_url=original_url,
        category=fields.line("category"),
        type=fields.line("type") or "article",
        quality=fields.number("quality"),
        heat=fields.number("heat"),
        published=fields.boolean("published"),
        removed=fields.boolean("removed") or False,
        provider=fields.provider("provider"),
        topics=fields.words("topics"),
        tags=fields.words("tags"),
        images=fields.images("images"),
        featured_content=fields.text("featuredContent"),
        locale=fields.line("locale"),
        extra=_extra(fields, values),
    )


def _extra(fields: Fields, values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = values.keys() - KNOWN_KEYS
    if not unknown:
        return {}
    extra = {name: values[name] for name in values if name in unknown}
    try:
        written = orjson.dumps(extra)
    except TypeError:  # orjson's encoding error: too deep, or not Unicode
        fields.warn("unknown fields", "cannot be written as JSON: left out")
        return {}
    if len(written) > MAX_EXTRA:
        fields.warn("unknown fields", f"take {len(written):,} bytes, more than {MAX_EXTRA:,}: left out")
        return {}
    plain: dict[str, Any] = orjson.loads(written)
    return plain


class _Linked(NamedTuple):
    """What a ``related`` entry says: the linked story's key, the story where it has an address, troubles."""

    key: str = ""
    article: Article | None = None
    warnings: tuple[str, ...] = ()


def _related(entries: Any, story: Article, warnings: list[str], zone: tzinfo) -> tuple[_Articles, _Keys]:
    """Return the curated links' stories and their keys, in order, each once, none the story itself."""
    if entries is None or entries == "":
        return (), ()
    if not isinstance(entries, list | tuple):
        warnings.append("related is not a list: left out")
        return (), ()
    if len(entries) > MAX_RELATED:
        warnings.append(f"related has {len(entries):,} entries: cut to {MAX_RELATED:,}")
    own = {story.key, _name(story)}
    if story.original_url:
        own.add(canonical(story.original_url))
    found: dict[str, Article | None] = {}
    for place, entry in enumerate(entries[:MAX_RELATED]):
        key, article, troubles = _linked(entry, zone)
        warnings.extend(f"related[{place}]{trouble}" for trouble in troubles)
        if key in own:
            warnings.append(f"related[{place}] is the story itself: left out")
        elif key in found:
            warnings.append(f"related[{place}] repeats an earlier link: left out")
        elif key:
            found[key] = article
    return tuple(article for article in found.values() if article), tuple(found)


def _linked(entry: Any, zone: tzinfo) -> _Linked:
    if entry is None:
        return _Linked()
    if not isinstance(entry, Mapping):
        return _Linked(warnings=(" is not a story: left out",))
    try:
        return _parsed(orjson.dumps(entry), zone)
    except TypeError:
        return _Linked(warnings=(" cannot be written as JSON: left out",))


@lru_cache(maxsize=8_192)
def _parsed(entry: bytes, zone: tzinfo) -> _Linked:
    """Read a ``related`` entry, given as JSON so that one seen before is not read again.

    A story is repeated in full wherever an editor links to it, in the azure
    corpus thirty times.
    """
    values: dict[str, Any] = orjson.loads(entry)
    warnings: list[str] = []
    article = _article(Fields(values, warnings, ".", zone), values)
    if not article.title:
        return _Linked(warnings=(*warnings, " has no title: left out"))
    if not article.key:
        return _Linked(_name(article), None, tuple(warnings))
    return _Linked(article.key, article, tuple(warnings))


def _name(article: Article) -> str:
    provider = article.provider.domain or article.provider.name
    return story_key(article.title, article.published_at, provider)
