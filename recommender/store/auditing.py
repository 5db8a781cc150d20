"""Reading the curated links as documents give them: where from, and what each leads to."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, select

from recommender.store import reading
from recommender.store.curation import Orders, all_orders
from recommender.store.database import chunks
from recommender.store.reading import Generation
from recommender.store.schema import aliases, articles, links, origins

_CHUNK = 5_000
"""Rows in memory at once."""


class CuratedLink(NamedTuple):
    """A link as one document gives it.

    ``source`` and ``target`` are ids of stories; ``key`` is what the document
    names, and ``target`` is ``None`` where no story answers to it.
    ``target_published_at`` is in seconds since 1970 (UTC), ``None`` for an
    undated target or none.  ``place`` counts from 0 within ``origin``;
    ``teller`` is the origin whose version of the source is stored, which may
    be another.
    """

    source: int
    source_removed: bool
    teller: str
    key: str
    target: int | None
    target_published_at: int | None
    target_removed: bool
    origin: str
    place: int


class Named(NamedTuple):
    """What a story is called: its publisher's address, its title, its time in seconds since 1970 (UTC)."""

    url: str
    title: str
    published_at: int | None
    removed: bool = False


_target = articles.alias("target")
_teller = origins.alias("teller")

_LINKS = (
    select(
        links.c.source_id,
        articles.c.removed,
        _teller.c.origin,
        links.c.target_key,
        _target.c.id,
        _target.c.published_at,
        _target.c.removed,
        origins.c.origin,
        links.c.place,
    )
    .join_from(links, articles, articles.c.id == links.c.source_id)
    .join(_teller, _teller.c.id == articles.c.origin_id)
    .join(origins, origins.c.id == links.c.origin_id)
    .outerjoin(aliases, aliases.c.key == links.c.target_key)
    .outerjoin(_target, _target.c.id == aliases.c.article_id)
    # By the number of the origin, not its name: databases do not sort text alike.
    .order_by(links.c.source_id, links.c.origin_id, links.c.place)
)
_TARGETS = select(links.c.source_id, aliases.c.article_id).join_from(
    links, aliases, aliases.c.key == links.c.target_key
)
_STORIES = select(articles.c.id, articles.c.url, articles.c.published_at, articles.c.removed, articles.c.card)


class AuditReader:
    """Everything an audit reads, from one snapshot; see ``Store.audited``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def links(self) -> Iterator[CuratedLink]:
        """Read every link of every document, streamed: story by story, by id, a document's in its order."""
        rows = self._connection.execute(_LINKS, execution_options={"yield_per": _CHUNK})
        for row in rows:
            link = CuratedLink(*row)
            # A dead link's target is neither removed nor not.
            yield link if link.target is not None else link._replace(target_removed=False)

    def targets(self) -> dict[int, set[int]]:
        """Read which stories each story links to, by id; one whose links are all dead is left out."""
        found: dict[int, set[int]] = {}
        for source, target in self._connection.execute(_TARGETS, execution_options={"yield_per": _CHUNK}):
            found.setdefault(source, set()).add(target)
        return found

    def blocks(self) -> dict[int, frozenset[int]]:
        """Read which stories an editor keeps out of the list of each, by id."""
        return {story: blocks for story, (_, blocks) in self.orders().items() if blocks}

    def orders(self) -> dict[int, Orders]:
        """Read what editors ordered that is in force, by story."""
        return all_orders(self._connection)

    def stories(self, ids: Sequence[int]) -> dict[int, Named]:
        """Read what stories are called, by id, those removed too; unknown ids are left out."""
        return {
            row.id: Named(row.url, orjson.loads(row.card)["title"], row.published_at, row.removed)
            for chunk in chunks(ids)
            for row in self._connection.execute(_STORIES.where(articles.c.id.in_(chunk)))
        }

    def urls(self) -> dict[int, str]:
        """Read the address of every story that is not removed, by id."""
        return reading.urls(self._connection)

    def generation(self) -> Generation | None:
        """Read the active generation; ``None`` before the first."""
        return reading.generation(self._connection)

    def lists(self) -> Generator[tuple[int, bytes]]:
        """Read the active generation's packed lists, in the order of ids."""
        return reading.lists(self._connection)
