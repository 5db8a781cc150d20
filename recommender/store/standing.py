"""How the lists that are served stand: which are short, and which stories wait for one."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, case, func, select

from recommender.checksums import SHORT as CHECKSUM
from recommender.store.publishing import ACTIVE
from recommender.store.schema import articles, neighbours

SHORT: Final = 10
"""Neighbours of which a list with fewer is short: as many as an answer shows."""

_RECORD: Final = 16
"""Bytes of a neighbour: ``corpus.NEIGHBOUR_DTYPE``, whose numpy nothing here needs."""


class Lists(NamedTuple):
    """How many lists a generation has, and how many of them are short, and empty."""

    lists: int
    short: int
    empty: int


class Waiting(NamedTuple):
    """How many stories are not in the lists yet, and how many changed since the recompute.

    ``new`` have no list of their own; ``changed`` are those of which the next
    recompute has something to learn, the new ones among them.
    """

    new: int
    changed: int


_LENGTH = func.length(neighbours.c.packed) - CHECKSUM
_STANDING = select(
    func.count(),
    func.count(case((_LENGTH < SHORT * _RECORD, 1))),
    func.count(case((_LENGTH == 0, 1))),
)


def standing(connection: Connection) -> Lists:
    """Count the lists that are served; see ``Store.standing``."""
    served = connection.execute(ACTIVE).one_or_none()
    if served is None:
        return Lists(0, 0, 0)
    counted = connection.execute(_STANDING.where(neighbours.c.generation == served.lists)).one()
    return Lists(*counted)


def waiting(connection: Connection) -> Waiting:
    """Count the stories that came since the recompute; see ``Store.waiting``."""
    served = connection.execute(ACTIVE).one_or_none()
    lists, revision = (0, 0) if served is None else (served.lists, served.revision or 0)
    # Along the index on the revision: as many as came since, not as many as there are.
    query = (
        select(func.count(), func.count(neighbours.c.article_id))
        .select_from(articles)
        .outerjoin(
            neighbours,
            and_(neighbours.c.generation == lists, neighbours.c.article_id == articles.c.id),
        )
        .where(articles.c.revision > revision, ~articles.c.removed)
    )
    changed, listed = connection.execute(query).one()
    return Waiting(changed - listed, changed)
