"""What readers were shown and clicked: read from what a page tells, and added up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from recommender.errors import InvalidEvent
from recommender.service import answer_ids
from recommender.service.answer_ids import AnswerId
from recommender.store import Count

_SAYS: Final = {"impression": "ranks", "click": "rank"}
"""What there is of events, and what each says of places."""


class Observed(NamedTuple):
    """An event: which places of an answer, from 1, a reader was shown, or clicked."""

    answer: AnswerId
    ranks: Collection[int]
    clicked: bool


def observed(event: Any) -> Observed:
    """Read an event: a mapping with ``answer``, an id, and ``kind``.

    An ``impression`` may name the ``ranks`` that were seen, else it is of all;
    a ``click`` names its ``rank``.  Raises InvalidEvent.
    """
    if not isinstance(event, Mapping):
        raise InvalidEvent("not a JSON object")
    kind, told = event.get("kind"), event.get("answer")
    if not isinstance(kind, str) or kind not in _SAYS:
        raise InvalidEvent("kind has to be impression or click")
    if not isinstance(told, str):
        raise InvalidEvent("answer has to be the id of an answer, as GET /related gives it")
    if event.keys() - {"kind", "answer", _SAYS[kind]}:
        raise InvalidEvent(f"of {kind} there is answer, kind and {_SAYS[kind]}, and nothing else")
    answer = answer_ids.read(told)
    places = range(1, len(answer.items) + 1)
    ranks: Any = [event.get("rank")] if kind == "click" else event.get("ranks", list(places))
    # True is 1 to Python.
    if not isinstance(ranks, list) or not all(type(rank) is int and rank in places for rank in ranks):
        raise InvalidEvent(f"{_SAYS[kind]} has to be of 1 to {len(places)}, the places of the answer")
    return Observed(answer, frozenset(ranks), kind == "click")


_Row: TypeAlias = tuple[int, int, int, int, int, int]
"""A ``Count`` without its counts."""


class Counts:
    """What readers did since it was written, added up in at most ``room`` rows.

    Where there is no room what is new is left out, so that who makes up much
    crowds out nothing that is there; ``dropped`` counts it.  For one event
    loop, not for threads.
    """

    def __init__(self, room: int) -> None:
        self.dropped = 0
        self._room = room
        self._rows: OrderedDict[_Row, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, day: int, seen: Observed) -> None:
        """Count an event of a day, in days since 1970: 1 for each place, however often it is named."""
        (generation, story, items), ranks, clicked = seen
        for rank in ranks:
            source, other = items[rank - 1]
            row = (day, generation, story, other, source, rank)
            if row not in self._rows and len(self._rows) >= self._room:
                self.dropped += 1
                continue
            shown, clicks = self._rows.get(row, (0, 0))
            self._rows[row] = (shown, clicks + 1) if clicked else (shown + 1, clicks)

    def take(self, most: int) -> list[Count]:
        """Take out the oldest rows, to be written."""
        oldest = (self._rows.popitem(last=False) for _ in range(min(most, len(self._rows))))
        return [Count(*row, *counted) for row, counted in oldest]

    def put_back(self, counts: Sequence[Count]) -> None:
        """Put back what was taken and could not be written, in its place."""
        for count in reversed(counts):
            row = count[:-2]
            shown, clicked = self._rows.get(row, (0, 0))
            self._rows[row] = (shown + count.shown, clicked + count.clicked)
            self._rows.move_to_end(row, last=False)
        while len(self._rows) > self._room:
            self._rows.popitem()
            self.dropped += 1
