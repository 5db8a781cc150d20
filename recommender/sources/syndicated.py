"""A feed of whichever kind, from its bytes alone: servers say much about what they send that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from itertools import islice
from typing import Final

import orjson

from recommender.articles import Document, Rejection
from recommender.sources import feeds, jsonfeed

MAX_ITEMS: Final = 5_000
"""Items of a JSON feed that are looked at; most have a hundred."""

_MARK = b"\xef\xbb\xbf"


def syndicated(raw: bytes, origin: str, zone: tzinfo = UTC) -> Iterator[Document | Rejection]:
    """Read the entries of an RSS, Atom or JSON feed.

    Nothing else is read: of a list of whole stories, as files may have, one
    could say that another publisher's is removed.

    Args:
        raw: the feed.
        origin: its name; the n-th entry's document is ``origin#N``.
        zone: that of times that do not say theirs.

    Yields:
        each entry's story, or why it is none.
    """
    text = raw.removeprefix(_MARK).lstrip()
    if text[:1] not in (b"{", b"["):
        yield from feeds.read(raw, origin, zone, feeds.POLLED_ELEMENTS)
        return
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        yield Rejection(origin, error.lineno, f"not JSON: {error.msg}")
        return
    if jsonfeed.is_feed(value):
        yield from islice(jsonfeed.read(value, origin, zone), MAX_ITEMS)
    else:
        yield Rejection(origin, None, "JSON, and no JSON Feed")
