"""Reading everything at once, column by column, to learn from and to rank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, false, select

from recommender.corpus import Corpus, Versions
from recommender.store.curation import Orders, all_orders
from recommender.store.database import chunks
from recommender.store.reading import revision
from recommender.store.schema import aliases, articles, links

_CHUNK = 5_000
"""Rows in memory at once on their way into columns."""

_DAY = 86_400.0

_STORIES = (
    select(articles.c.id, articles.c.url, articles.c.published_at, articles.c.card, articles.c.details)
    .where(articles.c.removed == false())
    .order_by(articles.c.id)
)
_VERSIONS = (
    select(articles.c.id, articles.c.digest).where(articles.c.removed == false()).order_by(articles.c.id)
)
_LINKS = select(links.c.source_id, aliases.c.article_id, links.c.place).join_from(
    links, aliases, aliases.c.key == links.c.target_key
)


def corpus(connection: Connection) -> Corpus:
    """Read all stories and links of one snapshot; see ``Store.corpus``."""
    # Options of the statement alone: on the connection they would hold for what is read after it, too.
    stories = _columns(connection.execute(_STORIES, execution_options={"yield_per": _CHUNK}))
    links, blocks = links_between(connection, stories.ids), _blocks(all_orders(connection), stories.ids)
    return replace(stories, links=links, blocks=blocks)


def some(connection: Connection, ids: NDArray[np.int64]) -> Corpus:
    """Read some stories; see ``Store.some``."""
    rows = (
        row
        for chunk in chunks(ids.tolist())
        for row in connection.execute(_STORIES.where(articles.c.id.in_(chunk)))
    )
    return _columns(rows)


def versions(connection: Connection) -> Versions:
    """Read which stories there are; see ``Store.versions``."""
    rows = _tuples(connection, _VERSIONS)
    ids, digests = np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], "S32")
    return Versions(ids, digests, revision(connection))


def _tuples(connection: Connection, statement: Select[Any]) -> list[tuple[Any, ...]]:
    """Read all rows as the driver gives them, in a quarter of the time that SQLAlchemy's own take."""
    with connection.execute(statement) as result:
        return list(result.cursor.fetchall())


def _columns(stories: Iterable[Row[int, str, int | None, str, str]]) -> Corpus:
    ids: list[int] = []
    urls: list[str] = []
    titles: list[str] = []
    excerpts: list[str] = []
    published: list[float] = []
    quality: list[float] = []
    providers: list[str] = []
    types: list[str] = []
    topics: list[tuple[str, ...]] = []
    tags: list[tuple[str, ...]] = []
    for article_id, url, published_at, card_text, details_text in stories:
        card = orjson.loads(card_text)
        ids.append(article_id)
        urls.append(url)
        titles.append(card["title"])
        excerpts.append(card["excerpt"])
        published.append(np.nan if published_at is None else published_at / _DAY)
        quality.append(np.nan if card["quality"] is None else card["quality"])
        providers.append(card["provider"]["domain"] or card["provider"]["name"])
        types.append(card["type"])
        topics.append(tuple(card["topics"]))
        tags.append(tuple(orjson.loads(details_text).get("tags", ())))
    return Corpus(
        ids=np.array(ids, dtype=np.int64),
        urls=urls,
        titles=titles,
        excerpts=excerpts,
        published=np.array(published, dtype=np.float64),
        quality=np.array(quality, dtype=np.float64),
        providers=providers,
        types=types,
        topics=topics,
        tags=tags,
        links=np.empty((0, 2), np.int64),
    )


def links_of(connection: Connection, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read the links that lead from stories or to them, by id, (m, 2); see ``Store.links_of``."""
    given = {
        link
        for chunk in chunks(ids.tolist())
        for end in (links.c.source_id, aliases.c.article_id)
        for link in _tuples(connection, _LINKS.where(end.in_(chunk)))
    }
    pairs = _united(given, all_orders(connection))
    return pairs[np.isin(pairs, ids).any(axis=1)]


def links_between(connection: Connection, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read links as rows of ``ids``, (m, 2), as ``Corpus.links`` has them; see ``Store.links``."""
    pairs = _united(_tuples(connection, _LINKS), all_orders(connection))
    # The ids of stories that are not removed: a link with another end leads out of the corpus.
    kept = pairs[np.isin(pairs, ids).all(axis=1)]
    return np.searchsorted(ids, kept).astype(np.int64, copy=False)


def _united(given: Iterable[tuple[Any, ...]], orders: Mapping[int, Orders]) -> NDArray[np.int64]:
    """Unite links, (source, target, place) by id, with what editors ordered: pairs (m, 2), each once.

    By source, and then by the least place that an origin gives; pins stand
    before all places.  What is blocked, from either side, is none: links are
    read both ways.
    """
    pinned = [
        (story, other, place - len(pins))
        for story, (pins, _) in orders.items()
        for place, (other, _) in enumerate(pins)
    ]
    stored = np.array([*given, *pinned], np.int64).reshape(-1, 3)
    stored = stored[stored[:, 0] != stored[:, 1]]
    pairs = stored[np.lexsort((stored[:, 1], stored[:, 2], stored[:, 0])), :2]
    _, first = np.unique(pairs, axis=0, return_index=True)
    pairs = pairs[np.sort(first)]
    blocked = [(story, other) for story, (_, blocks) in orders.items() for other in blocks]
    apart = np.array(blocked, np.int64).reshape(-1, 2)
    greatest = 1 + max((int(some.max()) for some in (pairs, apart) if len(some)), default=0)
    united: NDArray[np.int64] = pairs[~np.isin(_couples(pairs, greatest), _couples(apart, greatest))]
    return united


def _blocks(orders: Mapping[int, Orders], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give blocked pairs as rows of ``ids``, (m, 2), ascending."""
    given = [(story, other) for story, (_, blocks) in orders.items() for other in sorted(blocks)]
    pairs = np.array(given, np.int64).reshape(-1, 2)
    return np.searchsorted(ids, pairs[np.isin(pairs, ids).all(axis=1)]).astype(np.int64, copy=False)


def _couples(pairs: NDArray[np.int64], stories: int) -> NDArray[np.int64]:
    """Give pairs (m, 2) numbers that are the same whichever of the two stands first."""
    return pairs.min(axis=1) * stories + pairs.max(axis=1) if len(pairs) else pairs[:, 0]
