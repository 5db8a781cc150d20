"""From a document to what the store writes of it: pure functions, for worker processes.

Making JSON, digests and keys is most of the work of an import and needs no
database, so a worker does it and the one writing process only writes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from hashlib import blake2b
from typing import TypeAlias

import orjson

from recommender import urls
from recommender.articles import Article, Document, card, details
from recommender.errors import InvalidStory, InvalidURL

Rank: TypeAlias = tuple[bool, float, bool, str]

POSTED = "api:"
"""What origins of stories begin with that came through the API, and of no file's: those have a whole path."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class AliasKind(IntEnum):
    """How a key came to a story; of two stories that claim a key, the lower kind has it."""

    OWN = 0
    ORIGINAL = 1
    AMP = 2
    CDN = 3
    STORY_KEY = 4


@dataclass(frozen=True, slots=True)
class Version:
    """A story as one document tells it.

    ``published_at`` is in whole seconds since 1970 (UTC), ``card`` and
    ``details`` are JSON, ``digest`` is of what they and ``removed`` say.
    ``own`` tells a document of the story itself from a mention in another's
    ``related``; ``aliases`` are the other keys it claims, each with its kind.
    """

    key: str
    url: str
    published_at: int | None
    own: bool
    removed: bool
    digest: str
    card: str
    details: str
    aliases: tuple[tuple[str, AliasKind], ...]

    @property
    def rank(self) -> Rank:
        """Greatest wins: the story's own document, then the newest, then a removal, then the digest.

        A mention in another's ``related`` is a short form: it neither replaces
        what the story's own document says nor brings a removed story back.
        The digest means nothing; it makes the winner the same in whatever
        order versions arrive.
        """
        return rank(self.own, self.published_at, self.removed, self.digest)


@dataclass(frozen=True, slots=True)
class Entry:
    """All the store writes of one document.

    ``versions`` has the document's own story first, then the other stories it
    embeds, one version each; ``links`` are target keys in the editor's order,
    each once.
    """

    origin: str
    fingerprint: str
    versions: tuple[Version, ...]
    links: tuple[str, ...]


def posted(key: str) -> str:
    """Name the origin of a story that comes through the API: to post it again replaces what was posted."""
    return POSTED + key


def removal(key: str, url: str, published_at: int | None, card: str, details: str) -> Entry:
    """Say through the API of a story that the store has that it is removed."""
    version = Version(
        key=key,
        url=url,
        published_at=published_at,
        own=True,
        removed=True,
        digest=_digest(card.encode(), details.encode(), b"removed"),
        card=card,
        details=details,
        aliases=(),
    )
    return Entry(posted(key), "", (version,), ())


def rank(own: bool, published_at: int | None, removed: bool, digest: str) -> Rank:
    """Order versions of one story; see ``Version.rank``."""
    return (own, -math.inf if published_at is None else published_at, removed, digest)


def encode(document: Document, fingerprint: str) -> Entry:
    """Prepare a document for ``Store.save``.

    ``fingerprint`` is the caller's way to see that the origin changed (size,
    time, hash …).  Pure, and its result can be pickled.

    Raises InvalidStory for text that no database keeps: NUL in an address or
    an origin, lone surrogates, numbers beyond 64 bits.
    """
    own = _version(document.article, own=True)
    embedded: dict[str, Version] = {}
    for article in document.related:
        # A story that embeds itself says nothing new: the document is about it.
        if article.key == own.key:
            continue
        version = _version(article, own=False)
        rival = embedded.get(version.key)
        if rival is None or version.rank > rival.rank:
            embedded[version.key] = version
    links = tuple(dict.fromkeys(document.links))
    for text in (document.origin, fingerprint, *links):
        _check(text)
    return Entry(document.origin, fingerprint, (own, *embedded.values()), links)


def share(entries: Sequence[Entry]) -> list[Entry]:
    """Give equal versions in a batch one object, so that pickle writes each once.

    Where editors link to the same few stories, a batch on its way from a
    worker shrinks to a fraction.
    """
    known: dict[tuple[str, bool, str], Version] = {}
    return [
        replace(entry, versions=tuple(known.setdefault((v.key, v.own, v.digest), v) for v in entry.versions))
        for entry in entries
    ]


def _version(article: Article, *, own: bool) -> Version:
    # Only a story's own document can take it back, not an editor who linked to it.
    removed = own and article.removed
    try:
        shown = orjson.dumps(card(article))
        rest = orjson.dumps(details(article), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise InvalidStory(f"{article.key!a} cannot be stored: {error}") from error
    _check(article.key)
    _check(article.url)
    aliases: dict[str, AliasKind] = {}
    for key, kind in _aliases(article):
        if key != article.key:
            aliases.setdefault(key, kind)
    return Version(
        key=article.key,
        url=article.url,
        published_at=None if article.published_at is None else (article.published_at - _EPOCH) // _SECOND,
        own=own,
        removed=removed,
        digest=_digest(shown, rest, b"removed" if removed else b""),
        card=shown.decode(),
        details=rest.decode(),
        aliases=tuple(aliases.items()),
    )


def _aliases(article: Article) -> Iterator[tuple[str, AliasKind]]:
    """Yield the keys a story claims, strongest claim first."""
    addresses = (
        (article.original_url, AliasKind.ORIGINAL),
        (article.amp_web_url, AliasKind.AMP),
        (article.cdn_amp_web_url, AliasKind.CDN),
    )
    for address, kind in addresses:
        if not address:
            continue
        try:
            yield urls.canonical(address), kind
        except InvalidURL:
            continue  # the story stands without it; its source has warned
    yield (
        urls.story_key(article.title, article.published_at, article.provider.domain or article.provider.name),
        AliasKind.STORY_KEY,
    )


def _digest(*parts: bytes) -> str:
    state = blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def _check(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidStory(f"{text[:200]!a} is not valid Unicode") from None
    if "\0" in text:
        raise InvalidStory(f"{text[:200]!a} holds a NUL character")
