"""Short ways to write stories and documents in tests, and to look at what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select

from recommender.articles import Article, Document, Provider
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.store import Saved, Store, encode, schema


def story(name: str, *, day: float | None = 1, **fields: Any) -> Article:
    """Make the story at ``https://news.example/<name>``, published ``day`` days into 2020, or undated."""
    article = Article(
        key=f"https://news.example/{name}",
        url=f"https://www.news.example/{name}",
        title=f"Title of {name}",
        published_at=None if day is None else datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day),
        provider=Provider(name="News", domain="news.example"),
    )
    return replace(article, **fields)


def document(
    article: Article, *related: Article, origin: str | None = None, links: Sequence[str] | None = None
) -> Document:
    """Make a document of a story that embeds and links to others, in a file named after it."""
    targets = [linked.key for linked in related] if links is None else links
    return Document(origin or article.url.rsplit("/", 1)[-1], article, related, tuple(targets))


def key(name: str) -> str:
    """Name the key of ``story(name)``."""
    return f"https://news.example/{name}"


def save(store: Store, *documents: Document, fingerprint: str = "") -> Saved:
    """Save documents as one batch."""
    return store.save([encode(each, fingerprint) for each in documents])


def packed(*neighbours: tuple[int, float]) -> bytes:
    """Pack (story id, score) pairs the way ``Store.publish`` takes them."""
    rows = [(article, score, 0, 0) for article, score in neighbours]
    return np.array(rows, dtype=NEIGHBOUR_DTYPE).tobytes()


def wipe(store: Store) -> None:
    """Empty every table."""
    with store._writer.transaction("test") as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())


def content(store: Store) -> dict[str, Any]:
    """Everything that import wrote, by keys instead of ids."""
    with store._database.snapshot() as connection:
        tables = {
            table.name: connection.execute(select(table)).mappings().all()
            for table in (schema.origins, schema.articles, schema.aliases, schema.links)
        }
    origins = {row["id"]: row["origin"] for row in tables["origins"]}
    stories = {row["id"]: row["key"] for row in tables["articles"]}
    plain = ("url", "published_at", "own", "removed", "digest", "card", "details")
    return {
        "origins": {row["origin"]: row["fingerprint"] for row in tables["origins"]},
        "articles": {
            row["key"]: (*(row[name] for name in plain), origins[row["origin_id"]])
            for row in tables["articles"]
        },
        "aliases": {row["key"]: (stories[row["article_id"]], row["kind"]) for row in tables["aliases"]},
        "links": {
            (origins[row["origin_id"]], row["place"]): (stories[row["source_id"]], row["target_key"])
            for row in tables["links"]
        },
    }
