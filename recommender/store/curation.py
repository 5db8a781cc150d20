"""What editors order: who is pinned into a story's list, who is blocked from it, who said so and when.

Every order is a line of a log that only grows, and so is every taking back::

    pin, block   the order of its pair, in place of an earlier one
    clear        the pair has no order any more
    undo         the line it names is as if it had never been

A pair's order is the last of its lines that was not undone.  What is in force
of a story is written beside the log in the same transaction, packed in one row
(``Orders``), for every answer reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Self, TypeAlias

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from recommender.store import reading
from recommender.store.schema import articles, curation, orders

Kind: TypeAlias = Literal["pin", "block"]
"""An order."""

Action: TypeAlias = Literal["pin", "block", "clear", "undo"]
"""What a line of the log does."""


class Record(NamedTuple):
    """A line of the log: what somebody (``by``) did about ``other`` in the list of ``article``.

    ``slot`` is the place of a pin, from 1, ``None`` for no certain one; ``at``
    is in seconds since 1970 (UTC); ``undone`` is the line that an undo takes
    back.  Lines count up.
    """

    id: int
    article: int
    other: int
    action: Action
    slot: int | None
    by: str
    at: int
    undone: int | None = None


class Orders(NamedTuple):
    """What is in force for a story's list.

    ``pins`` are ids and slots in the order of ``in_force``; ``blocks`` are ids.
    """

    pins: Sequence[tuple[int, int | None]]
    blocks: frozenset[int]

    @classmethod
    def read(cls, packed: str) -> Self:
        """Read what ``pack`` wrote."""
        told = orjson.loads(packed)
        return cls([(other, slot) for other, slot in told["pins"]], frozenset(told["blocks"]))

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Take what is in force from ``in_force``, all of one story."""
        told = list(records)
        return cls(
            [(one.other, one.slot) for one in told if one.action == "pin"],
            frozenset(one.other for one in told if one.action == "block"),
        )

    def pack(self) -> str:
        """Write it as the store keeps it."""
        return orjson.dumps({"pins": self.pins, "blocks": sorted(self.blocks)}).decode()


def in_force(log: Iterable[Record]) -> list[Record]:
    """Tell which lines of a log are in force.

    Story by story: first its pins with a slot, by slot, of two of one slot the
    later; then those without, and then its blocks, as they came.
    """
    log = list(log)
    undone = {one.undone for one in log}
    last = {(one.article, one.other): one for one in log if one.action != "undo" and one.id not in undone}
    return sorted((one for one in last.values() if one.action != "clear"), key=_place)


def _place(one: Record) -> tuple[int, int, int, int]:
    if one.action == "block":
        return one.article, 2, 0, one.id
    return (one.article, 1, 0, one.id) if one.slot is None else (one.article, 0, one.slot, -one.id)


def curate(
    connection: Connection, article: int, other: int, action: Action, slot: int | None, by: str, at: int
) -> bool:
    """Write an order, or clear a pair's; see ``Store.curate``."""
    log = records(connection, article)
    force = in_force(log)
    if action == "clear":
        if all(one.other != other for one in force):
            return False
    else:
        newest = max(force, key=lambda one: one.id, default=None)
        if newest is not None and (newest.other, newest.action, newest.slot) == (other, action, slot):
            return False
    _write(connection, log, Record(0, article, other, action, slot, by, at))
    return True


def undo(connection: Connection, article: int, other: int | None, by: str, at: int) -> Record | None:
    """Take back the last line; see ``Store.undo``."""
    log = records(connection, article)
    undone = {one.undone for one in log}
    standing = [
        one
        for one in log
        if one.action != "undo" and one.id not in undone and (other is None or one.other == other)
    ]
    if not standing:
        return None
    last = standing[-1]
    _write(connection, log, Record(0, article, last.other, "undo", None, by, at, last.id))
    return last


def records(connection: Connection, article: int | None) -> list[Record]:
    """Read the log; see ``Store.curation``."""
    query = select(
        curation.c.id,
        curation.c.article_id,
        curation.c.other_id,
        curation.c.action,
        curation.c.slot,
        curation.c.editor,
        curation.c.at,
        curation.c.undone,
    ).order_by(curation.c.id)
    if article is not None:
        query = query.where(curation.c.article_id == article)
    return [Record(*row) for row in connection.execute(query)]


def all_orders(connection: Connection) -> dict[int, Orders]:
    """Read what is in force; see ``Store.orders``."""
    rows = connection.execute(select(orders.c.article_id, orders.c.packed).order_by(orders.c.article_id))
    return {article: Orders.read(packed) for article, packed in rows}


def _write(connection: Connection, log: Sequence[Record], line: Record) -> None:
    """Write a line, and with it what is in force from now on."""
    article = line.article
    values = {
        "article_id": article,
        "other_id": line.other,
        "action": line.action,
        "slot": line.slot,
        "editor": line.by,
        "at": line.at,
        "undone": line.undone,
    }
    number = connection.execute(insert(curation).values(values).returning(curation.c.id)).scalar_one()
    force = in_force([*log, line._replace(id=number)])
    connection.execute(delete(orders).where(orders.c.article_id == article))
    if force:
        connection.execute(insert(orders).values(article_id=article, packed=Orders.of(force).pack()))
    # An order is a link, or the want of one: who keeps up with links is told of it as of any other.
    revision = reading.revision(connection) + 1
    connection.execute(update(articles).where(articles.c.id == article).values(revision=revision))
