"""RSS and Atom."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import UTC, tzinfo
from io import BytesIO
from itertools import islice
from typing import Any

from lxml import etree

from recommender.articles import Document, Rejection
from recommender.errors import InvalidStory
from recommender.sources.fields import domain_or_empty
from recommender.sources.markup import plain_text
from recommender.sources.story import document

MAX_BYTES = 20_000_000
"""Largest feed that is read."""

MAX_ELEMENTS = 300_000
"""Elements of a feed that is read: 10,000 stories have fewer, and take a second for 30,000."""

POLLED_ELEMENTS = 50_000
"""Elements of a feed that another server sends: some of 3,000 stories, where most have a hundred."""

MAX_TEXT = 100_000
"""Characters of one text of a feed that are looked at: a fifth of that is kept."""

MAX_WORDS = 2_000
"""Words of an entry's topics that are looked at."""

_DECLARATIONS = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def read(
    raw: bytes, origin: str, zone: tzinfo = UTC, elements: int = MAX_ELEMENTS
) -> Iterator[Document | Rejection]:
    """Read the entries of an RSS or Atom feed.

    Args:
        raw: the feed.
        origin: the file's path; the n-th entry's document is ``origin#N``.
        zone: that of times that do not say theirs.
        elements: how many it may have.

    Yields:
        each entry's story, or why it is none; one rejection where the feed
        itself cannot be read, is too much work, or declares entities.
    """
    try:
        feed = _parsed(_checked(raw, elements))
    except InvalidStory as error:
        yield Rejection(origin, error.line, error.reason)
        return
    for number, entry in enumerate(feed.entries, start=1):
        try:
            yield document(_values(entry, feed.feed), f"{origin}#{number}", zone)
        except InvalidStory as error:
            yield Rejection(origin, None, f"entry {number}: {error.reason}")


def _checked(raw: bytes, elements: int) -> bytes:
    """Return well-formed XML without declarations, in UTF-8.

    Entities can expand without end and name files; a feed needs none, so a
    feed that declares any is refused before it is parsed.  What another
    encoding hid from that is seen after.
    """
    if found := _DECLARATIONS.search(raw):
        line = raw.count(b"\n", 0, found.start()) + 1
        raise InvalidStory("XML with a document type or entities is not read", line)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise InvalidStory(f"not XML: {error}", getattr(error, "lineno", None)) from None
    if root.getroottree().docinfo.doctype:
        raise InvalidStory("XML with a document type or entities is not read", 1)
    if sum(1 for _ in islice(root.iter(etree.Element), elements + 1)) > elements:
        raise InvalidStory(f"more than {elements:,} elements: not read")
    _shorten(root)
    cleaned: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return cleaned


def _shorten(root: Any) -> None:
    """Leave out what is not kept: the rest of texts, which feedparser looks at again and again.

    And an entry's topics beyond ``MAX_WORDS``, of which it compares each with all the others.
    """
    words = 0
    for element in list(root.iter(etree.Element)):
        if element.text and len(element.text) > MAX_TEXT:
            element.text = element.text[:MAX_TEXT]
        name = etree.QName(element).localname.lower()
        if name in ("item", "entry"):
            words = 0
        elif name in ("category", "subject", "keywords") and element is not root:
            text = element.text or ""
            words += 1 + len(text.split()) + text.count(",")
            if words > MAX_WORDS:
                element.getparent().remove(element)


def _parsed(raw: bytes) -> Any:
    # Loaded only for feeds: it takes longer to load than most imports' first hundred stories.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # feedparser's about itself
        import feedparser

        try:
            # Only ever a stream: feedparser takes bytes and text for a path or an address to fetch.
            # Markup is left as it is, which is half of the work: none of it is kept here.
            feed = feedparser.parse(BytesIO(raw), sanitize_html=False, resolve_relative_uris=False)
        except Exception as error:  # noqa: BLE001 - its handlers let out whatever a strange feed makes them
            raise InvalidStory(f"feedparser cannot read it: {type(error).__name__}") from None
    if not feed.get("version"):
        raise InvalidStory("neither RSS nor Atom")
    return feed


def _values(entry: Any, feed: Any) -> dict[str, Any]:
    """Return an entry's fields under the seed document's names."""
    link = entry.get("link") or entry.get("id")
    source = entry.get("source") or feed  # an aggregator's entry names the feed that it is from
    return {
        "title": _text(entry, "title"),
        "excerpt": _text(entry, "summary"),
        "publishedDateTime": entry.get("published") or entry.get("updated"),
        "webUrl": link,
        "provider": {
            "name": _text(source, "title"),
            "domain": domain_or_empty(source.get("link")) or domain_or_empty(link),
        },
        "topics": [tag.get("label") or tag.get("term") for tag in entry.get("tags", ())],
        "images": _images(entry),
        "locale": feed.get("language"),
    }


def _text(holder: Any, name: str) -> str:
    """Return a text of a feed without markup; what says that it is plain is taken at its word."""
    value = holder.get(name) or ""
    plain = holder.get(f"{name}_detail", {}).get("type") == "text/plain"
    return " ".join(value.split()) if plain else plain_text(value)


def _images(entry: Any) -> list[dict[str, Any]]:
    media = [item for item in entry.get("media_content", ()) if _is_picture(item)]
    media += entry.get("media_thumbnail", ())
    found = [{name: item.get(name) for name in ("url", "width", "height")} for item in media]
    found += [{"url": item.get("href")} for item in entry.get("enclosures", ()) if _is_picture(item)]
    return list({image["url"]: image for image in reversed(found) if image["url"]}.values())[::-1]


def _is_picture(item: Any) -> bool:
    return item.get("medium") == "image" or str(item.get("type", "")).startswith("image/")
