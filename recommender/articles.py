"""The story as the rest of the program sees it: plain, immutable, checked once.

Field names in documents are those of the seed document (``publishedDateTime``,
``webUrl`` …); attributes are the same words in Python's spelling.  Sources
make these objects; nothing after them looks at a raw document again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

KNOWN_KEYS = frozenset(
    [
        "category",
        "title",
        "excerpt",
        "publishedDateTime",
        "webUrl",
        "ampWebUrl",
        "cdnAmpWebUrl",
        "originalUrl",
        "type",
        "quality",
        "heat",
        "published",
        "removed",
        "provider",
        "topics",
        "tags",
        "images",
        "featuredContent",
        "locale",
        "related",
        "secured",
    ]
)
"""Top-level keys of the seed document; any other is kept in ``Article.extra``.

``secured`` is an opaque encrypted blob: it is dropped unread.
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of a story; sizes in pixels."""

    url: str
    width: int | None = None
    height: int | None = None
    is_cached: bool | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """The outlet that published a story."""

    name: str = ""
    domain: str = ""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Article:
    """One story.

    ``key`` is the normal form of its URL (``urls.canonical``): two documents
    with one key are one story.  ``url`` is the address its publisher gave
    (``webUrl``, else ``originalUrl``), as written: it is what a reader clicks
    and what joins with the publisher's own systems.  ``published_at`` is in
    UTC, or ``None`` where the document gives no usable date.
    """

    key: str
    url: str
    title: str
    excerpt: str = ""
    published_at: datetime | None = None
    web_url: str = ""
    amp_web_url: str = ""
    cdn_amp_web_url: str = ""
    original_url: str = ""
    category: str = ""
    type: str = "article"
    quality: float | None = None
    heat: float | None = None
    published: bool | None = None
    removed: bool = False
    provider: Provider = field(default_factory=Provider)
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    featured_content: str = ""
    locale: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """What one source file (or one line of one) says: a story and its curated links.

    ``origin`` names it for people and for the store: importing an origin again
    replaces what it said before.  ``related`` are whole stories, in the
    editor's order; ``links`` are the keys of the linked stories in the same
    order, those included that carry no URL and are known only by
    ``story_key`` (title, time and provider).  ``warnings`` are for people:
    what was not understood and left out.
    """

    origin: str
    article: Article
    related: tuple[Article, ...] = ()
    links: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """A file, or a line of one, that is not a story, and why."""

    path: str
    line: int | None
    reason: str


def iso(moment: datetime | None) -> str | None:
    """Write a UTC time the way the seed document does: ``2020-06-15T18:03:00Z``."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="auto" if moment.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"


def card(article: Article) -> dict[str, Any]:
    """Make what an answer shows of a story: a JSON object whose keys are always the same.

    ``webUrl`` is ``article.url``, so it can always be clicked; what a story
    does not have is ``None`` or empty.
    """
    return {
        "title": article.title,
        "excerpt": article.excerpt,
        "publishedDateTime": iso(article.published_at),
        "webUrl": article.url,
        "ampWebUrl": article.amp_web_url or None,
        "cdnAmpWebUrl": article.cdn_amp_web_url or None,
        "type": article.type,
        "provider": {"name": article.provider.name, "domain": article.provider.domain},
        "topics": list(article.topics),
        "quality": article.quality,
        "images": [_image(image) for image in article.images],
    }


def details(article: Article) -> dict[str, Any]:
    """List the rest of a story: what the store keeps beside its ``card``, empty fields left out."""
    rest: dict[str, Any] = {
        "originalUrl": article.original_url,
        "category": article.category,
        "heat": article.heat,
        "published": article.published,
        "tags": list(article.tags),
        "featuredContent": article.featured_content,
        "locale": article.locale,
        "providerImages": [_image(image) for image in article.provider.images],
        "extra": dict(article.extra),
    }
    return {key: value for key, value in rest.items() if value not in (None, "", [], {})}


def _image(image: Image) -> dict[str, Any]:
    return {
        "url": image.url,
        "width": image.width,
        "height": image.height,
        "isCached": image.is_cached,
        "title": image.title or None,
    }
