"""What the service answers editors: what was ordered, and what deserves a look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recommender.client.answers import Answer, answer


@answer
class Ordered(Answer):
    """An order in force; ``kind`` is pin or block, ``slot`` the place of a pin, from 1."""

    other: str
    title: str
    kind: str
    slot: int | None
    by: str
    at: datetime


@answer
class Done(Answer):
    """Something that was ordered or taken back; ``action`` is pin, block, clear or undo."""

    other: str
    title: str
    action: str
    slot: int | None
    by: str
    at: datetime
    undone: bool


@answer
class Curation(Answer):
    """What editors ordered about a story's list: in force, and all that ever was, oldest first."""

    url: str
    title: str
    orders: tuple[Ordered, ...]
    history: tuple[Done, ...]


@answer
class Titled(Answer):
    """A story by its title."""

    url: str
    title: str
    published_date_time: datetime | None


@answer
class Concern(Answer):
    """Two stories, and why an editor should look at them.

    ``target`` is ``None`` where no story answers to ``key``, what the link
    leads to.  ``better`` is how many that nobody linked the model puts before
    it, ``cures`` are the orders that settle it, the likelier first.
    """

    reason: str
    detail: str
    source: Titled
    target: Titled | None
    key: str
    score: float | None
    better: int | None
    cures: tuple[str, ...]


@answer
class Audit(Answer):
    """What deserves an editor's look; ``counts`` of each reason, told in ``items`` or not."""

    generation: int | None
    model: str | None
    links: int
    stories: int
    counts: Mapping[str, int]
    items: tuple[Concern, ...]
