"""The editors' desk: orders about a story's list, given and taken back by address, and told with names."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from recommender.articles import iso
from recommender.errors import InvalidOrder, UnknownStory
from recommender.service.auditing import Auditor
from recommender.store import Found, Kind, Named, Record, Store, in_force
from recommender.urls import canonical

MOST_SLOTS: Final = 50
"""Places of the longest list."""

LONGEST_NAME: Final = 200
"""Characters of an editor's name."""


class Line(NamedTuple):
    """Something that was ordered or taken back: about which story, by whom, when; and if it was undone since.

    ``action`` is ``pin``, ``block``, ``clear`` or ``undo``.
    """

    other: Named
    action: str
    slot: int | None
    by: str
    at: int
    undone: bool

    def data(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "other": self.other.url,
            "title": self.other.title,
            "action": self.action,
            "slot": self.slot,
            "by": self.by,
            "at": iso(datetime.fromtimestamp(self.at, UTC)),
            "undone": self.undone,
        }


@dataclass(frozen=True, slots=True)
class Curation:
    """What editors ordered about a story's list: what is in force, in that order, and all that ever was."""

    story: Named
    orders: Sequence[Line]
    history: Sequence[Line]

    def data(self) -> dict[str, Any]:
        """Give it as HTTP and ``--json`` do."""
        orders = [line.data() for line in self.orders]
        for order in orders:
            order["kind"] = order.pop("action")
            del order["undone"]
        return {
            "url": self.story.url,
            "title": self.story.title,
            "orders": orders,
            "history": [line.data() for line in self.history],
        }


class Desk:
    """Takes orders for a store; safe to share between threads.

    Stories are named by their URL in any form.  ``by`` is who orders, ``""``
    for nobody in particular; ``clock`` tells the time in seconds since 1970
    (UTC).  ``auditor`` tells what deserves a look.  Methods raise InvalidURL,
    UnknownStory, and StoreUnavailable or StoreLocked when the store does not
    answer.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self.auditor = Auditor(store, clock)

    def curate(self, url: str, other: str, kind: Kind, slot: int | None = None, by: str = "") -> Curation:
        """Pin a story into the list of another, or block it from there.

        ``slot`` is the place of a pin, from 1, ``None`` for the first that is
        free.  The order takes the place of an earlier one about the two.  Raises
        InvalidOrder for a story about itself, a block with a slot, a place that
        no list has, or a name that is none.
        """
        if slot is not None and kind == "block":
            raise InvalidOrder("a block has no slot: the story is shown nowhere in the list")
        if slot is not None and not 1 <= slot <= MOST_SLOTS:
            raise InvalidOrder(f"slot {slot}: a list has places 1 to {MOST_SLOTS}")
        story, target = self._find(url), self._find(other)
        for found, named in ((story, url), (target, other)):
            if found.removed:
                raise UnknownStory.of(named)
        if story.id == target.id:
            raise InvalidOrder("a story cannot be ordered into its own list, or out of it")
        self._store.curate(story.id, target.id, kind, slot, by=_name(by), at=int(self._clock()))
        return self._told(story)

    def clear(self, url: str, other: str, by: str = "") -> Curation:
        """Take back the order about two stories, if there is one; of stories that were removed since, too."""
        story, target = self._find(url), self._find(other)
        self._store.curate(story.id, target.id, "clear", by=_name(by), at=int(self._clock()))
        return self._told(story)

    def undo(self, url: str, by: str = "") -> Line | None:
        """Take back what was last done about a story: what was before it holds again.

        Again, it takes back what was done before that.  ``None`` if nothing is left.
        """
        taken = self._store.undo(self._find(url).id, by=_name(by), at=int(self._clock()))
        if taken is None:
            return None
        return _line(taken, self._names({taken.other}), {taken.id})

    def curation(self, url: str) -> Curation:
        """Tell what was ordered about a story, which may be removed since."""
        return self._told(self._find(url))

    def all(self) -> list[Curation]:
        """Tell of every story about which something was ever ordered, in the order of the first time."""
        log = self._store.curation()
        return self._tell(list(dict.fromkeys(line.article for line in log)), log)

    def _find(self, url: str) -> Found:
        found = self._store.find(canonical(url), listed=False)
        if found is None:
            raise UnknownStory.of(url)
        return found

    def _told(self, story: Found) -> Curation:
        (told,) = self._tell([story.id], self._store.curation(story.id))
        return told

    def _tell(self, stories: Sequence[int], log: Sequence[Record]) -> list[Curation]:
        names = self._names({*stories, *(line.other for line in log)})
        undone = {line.undone for line in log if line.undone is not None}
        lines: dict[int, tuple[list[Line], list[Line]]] = {story: ([], []) for story in stories}
        for records, part in ((in_force(log), 0), (log, 1)):
            for record in records:
                lines[record.article][part].append(_line(record, names, undone))
        return [Curation(names[story], *lines[story]) for story in stories]

    def _names(self, articles: set[int]) -> dict[int, Named]:
        with self._store.audited() as read:
            return read.stories(sorted(articles))


def _line(record: Record, names: dict[int, Named], undone: set[int]) -> Line:
    return Line(names[record.other], record.action, record.slot, record.by, record.at, record.id in undone)


def _name(by: str) -> str:
    if len(by) > LONGEST_NAME or not by.isprintable():
        raise InvalidOrder(f"a name has {LONGEST_NAME} characters at most, and none that cannot be printed")
    return by.strip()
