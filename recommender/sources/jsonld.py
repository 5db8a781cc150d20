"""schema.org articles in a page's JSON-LD scripts, as pages really write them.

Scripts hold HTML comments, CDATA marks, a stray ``;`` or ``}`` at the end,
raw line breaks in strings; values are a thing, its ``@id``, its name, or a list
of any of these.  What can be understood is.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from recommender.sources.fields import MAX_ITEMS
from recommender.sources.markup import plain_text

MAX_THINGS = 10_000
"""Things of a page that are looked at."""

_TYPES = frozenset(
    ("Article", "BlogPosting", "LiveBlogPosting", "Report", "SocialMediaPosting", "DiscussionForumPosting")
)
# A CDATA mark has brackets of its own.
_OPENING = re.compile(r"\{|\[(?!CDATA\[)(?<!\[CDATA\[)")
_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)

_Thing = Mapping[str, Any]


def article(scripts: list[str]) -> dict[str, Any] | None:
    """Return the first article of a page's scripts, under the seed document's names.

    Args:
        scripts: the text of each ``application/ld+json`` script.

    Returns:
        its fields, absent ones ``None`` or empty; ``None`` where there is no article.
    """
    things = [thing for script in scripts for thing in _things(_decoded(script))]
    known = {thing["@id"]: thing for thing in things if isinstance(thing.get("@id"), str) and len(thing) > 1}
    found = next((thing for thing in things if _is_article(thing)), None)
    return _values(found, known) if found is not None else None


def _decoded(script: str) -> Any:
    """Parse from the first bracket to where it is closed; what stands around that is not looked at."""
    opening = _OPENING.search(script)
    try:
        return _DECODER.raw_decode(script, opening.start())[0] if opening else None
    except (ValueError, RecursionError):
        return None


def _things(value: Any) -> Iterator[_Thing]:
    """Yield every object in a value, outer ones first, no deeper than matters."""
    waiting = deque([value])
    for _ in range(MAX_THINGS):
        if not waiting:
            return
        item = waiting.popleft()
        if isinstance(item, Mapping):
            yield item
            waiting.extend(inner for inner in item.values() if isinstance(inner, Mapping | list))
        elif isinstance(item, list):
            waiting.extend(islice(item, MAX_THINGS))


def _is_article(thing: _Thing) -> bool:
    names = thing.get("@type")
    names = names if isinstance(names, list) else [names]
    plain = [name.rpartition("/")[2] for name in names if isinstance(name, str)]
    return any(name in _TYPES or name.endswith("Article") for name in plain)


def _values(thing: _Thing, known: Mapping[str, _Thing]) -> dict[str, Any]:
    publisher = _resolved(thing.get("publisher"), known)
    logo = publisher.get("logo") if isinstance(publisher, Mapping) else None
    name = publisher.get("name") if isinstance(publisher, Mapping) else publisher
    return {
        "title": _text(thing.get("headline") or thing.get("name")),
        "excerpt": _text(thing.get("description")),
        "publishedDateTime": _single(thing.get("datePublished") or thing.get("dateCreated")),
        "webUrl": _address(thing.get("url")) or _address(thing.get("mainEntityOfPage")),
        "provider": {"name": _text(name), "images": _images(logo, known)} if publisher else None,
        "topics": _words(thing.get("articleSection")),
        "tags": _words(thing.get("keywords")),
        "images": _images(thing.get("image"), known),
        "locale": _text(thing.get("inLanguage")),
    }


def _single(value: Any) -> Any:
    """Return the first of a list, anything else as it is."""
    while isinstance(value, list):
        value = value[0] if value else None
    return value


def _resolved(value: Any, known: Mapping[str, _Thing]) -> Any:
    """Return the thing that a reference by ``@id`` means."""
    value = _single(value)
    if isinstance(value, Mapping) and isinstance(value.get("@id"), str) and len(value) <= 2:
        return known.get(value["@id"], value)
    return value


def _text(value: Any) -> str:
    value = _single(value)
    return plain_text(value) if isinstance(value, str) else ""


def _address(value: Any) -> str:
    value = _single(value)
    if isinstance(value, Mapping):
        value = value.get("@id") or value.get("url")
    return value if isinstance(value, str) else ""


def _words(value: Any) -> list[str]:
    """Return keywords, which are a list or one text with commas."""
    items = value if isinstance(value, list) else [value]
    words = [word for item in items if isinstance(item, str) for word in item.split(",")]
    return [*map(plain_text, words[:MAX_ITEMS]), *words[MAX_ITEMS:]]  # more are not kept, only counted


def _images(value: Any, known: Mapping[str, _Thing]) -> list[dict[str, Any]]:
    found = []
    for item in value if isinstance(value, list) else [value]:
        image = _resolved(item, known)
        if isinstance(image, str):
            found.append({"url": image})
        elif isinstance(image, Mapping) and isinstance(
            url := image.get("url") or image.get("contentUrl"), str
        ):
            found.append({"url": url, "width": _pixels(image, "width"), "height": _pixels(image, "height")})
    return found


def _pixels(image: _Thing, name: str) -> Any:
    size = image.get(name)
    return size.get("value") if isinstance(size, Mapping) else size
