"""What editors ordered, in a list: the pinned in their places, the blocked nowhere.

Only a list that somebody ordered something about comes here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Self, TypeVar

from recommender.neighbours import Neighbour
from recommender.service.choosing import Chosen, admitted
from recommender.service.selection import Filters, Read
from recommender.store import Orders

T = TypeVar("T")


class Obeyed(NamedTuple):
    """A list as orders leave it.

    ``pins`` are shown, in the order of their ``places`` (from 1), each with
    its copies; ``entries`` and ``copies`` are what is left to choose from;
    ``blocks`` are never to be shown.
    """

    pins: Sequence[Chosen]
    places: Sequence[int]
    entries: Iterable[Neighbour]
    copies: Sequence[Neighbour]
    blocks: Collection[int]

    @classmethod
    def of(
        cls,
        orders: Orders,
        entries: Iterable[Neighbour],
        copies: Sequence[Neighbour],
        left_out: Collection[int],
        filters: Filters,
        read: Read,
    ) -> Self:
        """Obey orders about a list; the other arguments are those of ``choose``.

        A pin passes the filters as everybody does, but for ``min_score``, and
        stands for its copies.  With ``curated=off`` nobody is pinned.
        """
        blocks, options = orders.blocks, filters.options
        entries = [one for one in entries if one.article not in blocks]
        # Whoever is left out is read, blocked or not: copies of it are told by it.
        copies = [one for one in copies if one.article not in blocks or one.article in left_out]
        if options.curated == "off":
            return cls((), (), entries, copies, blocks)
        listed = {one.article: one for one in entries}
        wanted = {
            article: (listed.get(article) or Neighbour(article, 0.0), slot)
            for article, slot in orders.pins
            if article not in left_out
        }
        pinned, slots = [one for one, _ in wanted.values()], [slot for _, slot in wanted.values()]
        members = _members(pinned, copies, left_out, filters)
        cards = read([*wanted, *(one.article for group in members.values() for one in group)])
        shown = filters.passing(cards)
        stand = [at for at, one in enumerate(pinned) if one.article in shown]
        order = sorted(zip(places([slots[at] for at in stand]), stand, strict=True))
        pins, gone = [], set(wanted)
        for _, at in order:
            one = pinned[at]
            # Of two that are copies of one another, the first has the others for alternates.
            group = members.pop(one.group, [])
            gone.update(each.article for each in group)
            beside = tuple(shown[each.article] for each in group if each.article in shown)
            pins.append(
                Chosen(one, shown[one.article], beside if options.duplicates == "collapse" else (), True)
            )
        return cls(
            pins,
            [place for place, _ in order],
            [one for one in entries if one.article not in gone],
            [one for one in copies if one.article not in gone],
            blocks,
        )

    def room(self, limit: int) -> int:
        """Tell how many others a list of that length has room for."""
        return limit - sum(place <= limit for place in self.places)


def _members(
    pinned: Sequence[Neighbour], copies: Sequence[Neighbour], left_out: Collection[int], filters: Filters
) -> dict[int, list[Neighbour]]:
    """List by group the copies that pins stand for: those that are not pinned themselves."""
    if filters.options.duplicates == "show":
        return {}
    members: dict[int, list[Neighbour]] = {one.group: [] for one in pinned if one.group}
    own = {one.article for one in pinned}
    for one in admitted(copies, left_out, filters.options):
        if one.group in members and one.article not in own:
            members[one.group].append(one)
    return members


def places(slots: Sequence[int | None]) -> list[int]:
    """Give each pin its place, from 1, in a list that is long enough; ``slots`` as in ``Orders.pins``.

    Of those who want one slot the first has it.  The others take the next that
    is free behind it, and who wants none the first that is free.
    """
    taken: dict[int, int] = {}
    for pin, slot in enumerate(slots):
        if slot is not None:
            taken.setdefault(slot, pin)
    found = {pin: slot for slot, pin in taken.items()}
    for pin, slot in enumerate(slots):
        if pin not in found:
            place = slot or 1
            while place in taken:
                place += 1
            taken[place], found[pin] = pin, place
    return [found[pin] for pin in range(len(slots))]


def placed(pins: Sequence[T], at: Sequence[int], others: Iterable[T]) -> Iterator[T]:
    """Yield the others with the pins at their places, ascending; where others end, pins move up."""
    rest = iter(others)
    yielded = 0
    for pin, place in zip(pins, at, strict=True):
        for one in islice(rest, max(0, place - 1 - yielded)):
            yielded += 1
            yield one
        yielded += 1
        yield pin
    yield from rest
