"""Finding stories by words: an index of titles and excerpts, read from the newest story back.

What a word is, is said here and not by the database, so that SQLite's FTS5 and
PostgreSQL's GIN have the same words and find the same stories.  Every story
that is not removed has a row in ``searched``, whose number is its ``place``::

    publication, seconds since 1970 │ id
    ────────────────────────────────┼─────────
                            34 bits │ 29 bits

FTS5 has the rows of a word in the order of their numbers, and PostgreSQL goes
along them where many rows have it.  So the newest ones are found without a look
at the others, however many there are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, text

from recommender.store.database import chunks

LONGEST: Final = 64
"""Characters of a word that count: of two longer ones that begin alike, each finds the other."""

MOST: Final = 1_000
"""Different words of a story that are indexed, the first ones: PostgreSQL keeps 1 MB of them at most."""

ID_BITS: Final = 29
"""Half a billion stories."""
_UNDATED: Final = -(2**33)
_LAST: Final = 2**33 - 1
"""The year 2242: stories of later times are of the future as long, and those of before 1697 in no order."""

_WORD: Final = re.compile(r"\w+")


class Hit(NamedTuple):
    """A story that was found: its own URL, and its ``articles.card`` as JSON text."""

    url: str
    card: str


class _Unmarked(dict[int, int | None]):
    """What ``str.translate`` makes of characters: marks are dropped, all else stays."""

    def __missing__(self, character: int) -> int | None:
        kept = None if unicodedata.category(chr(character)).startswith("M") else character
        self[character] = kept
        return kept


_UNMARKED: Final = _Unmarked()


def words(told: str) -> list[str]:
    """Take a text apart into its different words, in order: case, accents and ways of writing a letter aside.

    A word is of letters, digits and underscores; ``MOST`` at most, each cut to
    ``LONGEST`` characters.
    """
    if not told.isascii():
        told = unicodedata.normalize("NFKD", told).translate(_UNMARKED)
    found = dict.fromkeys(word[:LONGEST] for word in _WORD.findall(told.casefold()))
    return list(found)[:MOST]


def place(published_at: int | None, article: int) -> int:
    """Give the number of a story's row: a greater one is a newer story, undated ones have the least."""
    moment = _UNDATED if published_at is None else min(max(published_at, _UNDATED + 1), _LAST)
    return (moment << ID_BITS) + article


_DELETE: Final = {
    "sqlite": text("DELETE FROM searched WHERE rowid = :place"),
    "postgresql": text("DELETE FROM searched WHERE place = :place"),
}
_INSERT: Final = {
    "sqlite": text("INSERT INTO searched (rowid, words) VALUES (:place, :words)"),
    "postgresql": text(
        "INSERT INTO searched (place, words) VALUES (:place, array_to_tsvector(CAST(:words AS text[])))"
    ),
}
_SEARCH: Final = {
    "sqlite": text(
        "SELECT url, card FROM (SELECT rowid AS place FROM searched "
        "WHERE searched MATCH :query AND rowid < :later ORDER BY rowid DESC LIMIT :limit) AS hits "
        "JOIN articles ON id = place & :ids ORDER BY place DESC"
    ),
    "postgresql": text(
        "SELECT url, card FROM (SELECT place FROM searched "
        "WHERE words @@ CAST(:query AS tsquery) AND place < :later ORDER BY place DESC LIMIT :limit) AS hits "
        "JOIN articles ON id = place & :ids ORDER BY place DESC"
    ),
}


_STORIES: Final = 1_000
"""Stories of which the cards are in memory at once."""

# Not by the tables of ``schema``, which an older revision may not have yet. In the order of places, in which
# FTS5 writes fastest.
_INDEXED: Final = text(
    "SELECT id, published_at FROM articles WHERE NOT removed ORDER BY published_at NULLS FIRST, id"
)
_CARDS: Final = text("SELECT id, card FROM articles WHERE id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)


def index(connection: Connection, gone: Collection[int], told: Mapping[int, str]) -> None:
    """Drop the rows of stories by their places, then write those of others, with the cards that they have."""
    dialect = connection.dialect.name
    # In order: FTS5 writes what it has out whenever a number is less than the one before.
    if gone:
        connection.execute(_DELETE[dialect], [{"place": number} for number in sorted(gone)])
    if told:
        texts = ((number, _of_card(told[number])) for number in sorted(told))
        rows = [
            {"place": number, "words": " ".join(each) if dialect == "sqlite" else each}
            for number, each in texts
        ]
        connection.execute(_INSERT[dialect], rows)


def fill(connection: Connection) -> None:
    """Index all stories anew."""
    connection.execute(text("DELETE FROM searched"))
    stories = connection.execute(_INDEXED).all()
    for chunk in chunks(stories, _STORIES):
        places = {number: place(published_at, number) for number, published_at in chunk}
        rows = connection.execute(_CARDS, {"ids": list(places)})
        index(connection, (), {places[number]: card for number, card in rows})


def search(connection: Connection, told: str, limit: int, now: int) -> list[Hit]:
    """Find stories by words; see ``Store.search``."""
    wanted = words(told)
    if not wanted:
        return []
    dialect = connection.dialect.name
    # Nothing in a word has a meaning in either language: it has letters, digits and underscores only.
    query = (
        " ".join(f'"{word}"*' for word in wanted)
        if dialect == "sqlite"
        else " & ".join(f"'{word}':*" for word in wanted)
    )
    values = {"query": query, "later": place(now + 1, 0), "limit": limit, "ids": 2**ID_BITS - 1}
    return [Hit(*row) for row in connection.execute(_SEARCH[dialect], values)]


def _of_card(card: str) -> list[str]:
    shown = orjson.loads(card)
    return words(f"{shown['title']} {shown['excerpt']}")
