"""The tables, as SQLAlchemy Core: what ``migrations/`` builds and the queries name.

Times are whole seconds since 1970-01-01 UTC.  Text that a reader never
searches (``card``, ``details``, ``report``) is JSON as orjson wrote it, kept as
text so that an answer can carry it without parsing it.  The index of words, of
another kind in each database, is not here: see ``searching``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

REVISION = "0010"
"""The newest revision in ``migrations/versions``.

It is written here too so that opening a store that is up to date need not
import Alembic.  Revisions are numbered, so a greater one is a newer one.
"""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# SQLite counts rows only in a column whose type is exactly INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")

origins = Table(
    "origins",
    metadata,
    Column("id", Id, primary_key=True),
    Column("origin", Text, nullable=False, unique=True),
    # Null once the origin is forgotten: its row stays, because stories still say they came from it.
    Column("fingerprint", Text),
)
"""Files, and lines of files, that were imported, and how to tell whether they changed."""

articles = Table(
    "articles",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("published_at", BigInteger, index=True),
    Column("own", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("origin_id", Id, ForeignKey("origins.id"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("revision", Id, nullable=False, server_default="0", index=True),
    # Packed neighbours name stories by id: an id must never come to mean another story.
    sqlite_autoincrement=True,
)
"""One row a story: the version of it that won (``recommender.entries``).

``revision`` counts the batches that changed stories, and is that of the last one that changed this one or
its links: so who keeps up with them asks for what is greater than what it has seen.
"""

aliases = Table(
    "aliases",
    metadata,
    Column("key", Text, primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id"), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Every key a story answers to, its own included (``entries.AliasKind``)."""

links = Table(
    "links",
    metadata,
    Column("origin_id", Id, ForeignKey("origins.id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("source_id", Id, ForeignKey("articles.id"), nullable=False, index=True),
    Column("target_key", Text, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""The ``place``-th link (from 0) that an origin gives its story.

The target is a key, resolved through ``aliases`` when read: a link may arrive
before its story, and one that leads nowhere can be found.
"""

curation = Table(
    "curation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id"), nullable=False, index=True),
    Column("other_id", Id, ForeignKey("articles.id"), nullable=False),
    Column("action", Text, nullable=False),
    Column("slot", SmallInteger),
    Column("editor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("undone", Id, ForeignKey("curation.id")),
    sqlite_autoincrement=True,
)
"""What editors ordered about a story's list, in order, and what they took back; never changed.

``store.curation.Record`` says what the columns are.
"""

orders = Table(
    "orders",
    metadata,
    Column("article_id", Id, ForeignKey("articles.id"), primary_key=True, autoincrement=False),
    Column("packed", Text, nullable=False),
)
"""What of it is in force, story by story: the JSON of a ``store.curation.Orders``; no row for none.

So an answer finds out with one look along the primary key, mostly that there is nothing.
"""

generations = Table(
    "generations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("model", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("stories", Integer, nullable=False),
    Column("parts", Text),
    Column("lists", Id),
    Column("revision", Id),
    sqlite_autoincrement=True,
)
"""Published recomputes; of those with ``lists`` the one with the greatest id is served.

``parts`` says what those in its ``neighbours.reasons`` are: the JSON of ``reasons.Parts``; null without any.
``lists`` is the generation under whose number its lists stand: its own, or that of the one whose lists it
amended; null while they are written.  ``revision`` is the greatest of the stories that were ranked.
"""

neighbours = Table(
    "neighbours",
    metadata,
    Column("generation", Id, ForeignKey("generations.id"), primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id"), primary_key=True),
    Column("packed", LargeBinary, nullable=False),
    # The last column: SQLite reads a row from its start, and stops at what an answer needs.
    Column("reasons", LargeBinary),
)
"""A story's ranked neighbours in one generation: the bytes of a ``NEIGHBOUR_DTYPE`` array, best first.

Behind them stands their checksum (``checksums.marked``), which every reader looks at.
``reasons``: as many records of ``reasons.Parts.record``, why each of them is there; null if nobody noted it.
"""

vocabularies = Table(
    "vocabularies",
    metadata,
    Column("generation", Id, ForeignKey("generations.id"), primary_key=True),
    Column("packed", LargeBinary, nullable=False),
)
"""The words in which a generation compared its stories: the bytes of a ``terms.Vocabulary``.

Beside ``generations``, whose rows are kept for good and are read at every health check.
"""

known = Table(
    "known",
    metadata,
    Column("name", Text, primary_key=True),
    Column("generation", Id, ForeignKey("generations.id"), nullable=False),
    Column("packed", LargeBinary, nullable=False),
)
"""What the newest generation knew of the archive, part by part (``recommender.known``).

``generation`` is the one that wrote the part: a part that did not change is not written again.
"""

models = Table(
    "models",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("report", Text, nullable=False),
)
"""Which models were trained and how they did; the models themselves are folders."""

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    # What a log says key 7 did, no later key is to have done.
    sqlite_autoincrement=True,
)
"""Who may write over HTTP (``store.keys``): of a key only its digest, and its beginning for people."""

feeds = Table(
    "feeds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("url", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("every", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("next_at", BigInteger),
    Column("polled_at", BigInteger),
    Column("outcome", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("etag", Text),
    Column("modified", Text),
    sqlite_autoincrement=True,
)
"""Feeds that the operator named (``store.feeds``).

They are polled ``every`` so many seconds, ``next_at`` the next time; null once the feed is gone for good.
``outcome`` is what became of the last poll, and ``failures`` how many have failed since one that did not.
"""

events = Table(
    "events",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("generation", Id, ForeignKey("generations.id"), primary_key=True),
    Column("article_id", Id, ForeignKey("articles.id"), primary_key=True),
    Column("other_id", Id, ForeignKey("articles.id"), primary_key=True),
    Column("source", SmallInteger, primary_key=True),
    Column("rank", SmallInteger, primary_key=True),
    Column("shown", BigInteger, nullable=False),
    Column("clicked", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How often readers were shown, and clicked, a story in the list of another: ``recommender.events.Events``.

A row is a day's count, not an event: there is no reader in it, and no hour.
"""
