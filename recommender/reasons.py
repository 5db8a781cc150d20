"""Why a neighbour is in a list, packed in bytes beside it: written by a recompute, read when somebody asks.

What each group of features adds to a score is kept as two bytes.  What the two
bytes lose is given back when they are read, since the score beside them is
exact: so parts add up to it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.neighbours import DIGITS

LINKED, LINKED_BACK = 1, 2
"""Bits of ``sides``: the story links to the neighbour, the neighbour to the story."""

BESIDE: Final = 3
"""Stories told at most that are in the list too and are linked to the neighbour."""

NOBODY: Final = 255
"""Place of no story in ``beside``: lists are shorter (``settings.neighbours``)."""

_MOST: Final = float(np.finfo(np.float16).max)
_LOST: Final = 2.0**-11
"""Share of a number that float16 may lose."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the parts of a generation's scores are called, and ``base``: the log-odds that every pair has."""

    groups: tuple[str, ...]
    base: float

    def to_json(self) -> str:
        """Write it as the store keeps it."""
        return orjson.dumps({"groups": self.groups, "base": self.base}).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote; raises ``ValueError`` for anything else."""
        try:
            told = orjson.loads(text)
            return cls(tuple(map(str, told["groups"])), float(told["base"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not what the parts of scores are called: {error!r}") from error

    @property
    def record(self) -> np.dtype[np.void]:
        """How the reasons of one neighbour are packed: 2 bytes a group, and 4 more.

        ``parts`` (groups,) log-odds; ``sides`` bits; ``beside`` places, from 0,
        in the list as it is packed.
        """
        return np.dtype([("parts", "<f2", (len(self.groups),)), ("sides", "u1"), ("beside", "u1", (BESIDE,))])

    def pack(
        self, parts: NDArray[np.float64], sides: NDArray[np.uint8], beside: NDArray[np.uint8]
    ) -> NDArray[np.void]:
        """Make records of neighbours: parts (p, groups), ``sides`` (p,), ``beside`` (p, BESIDE)."""
        packed = np.zeros(len(parts), self.record)
        packed["parts"] = np.clip(parts, -_MOST, _MOST)
        packed["sides"] = sides
        packed["beside"] = beside
        return packed

    def read(self, reasons: bytes, packed: bytes, wanted: Collection[int]) -> dict[int, Reason]:
        """Read the reasons for those ``wanted``, by the neighbour's id; ``packed`` is the list itself.

        Raises ``ValueError`` where they are not of this list.
        """
        record = self.record
        entries = np.frombuffer(packed, NEIGHBOUR_DTYPE)
        if len(reasons) != len(entries) * record.itemsize:
            raise ValueError(f"{len(reasons)} bytes of reasons for {len(entries)} neighbours")
        ids, scores = entries["article"].tolist(), entries["score"].tolist()
        noted = np.frombuffer(reasons, record)
        told: dict[int, Reason] = {}
        for row, article in enumerate(ids):
            if article in wanted:
                parts, sides, beside = noted[row].tolist()
                told[article] = Reason(
                    self._named(parts.tolist(), scores[row]),
                    sides,
                    tuple(ids[place] for place in beside.tolist() if place < len(ids)),
                )
        return told

    def _named(self, parts: Sequence[float], score: float) -> dict[str, float]:
        """Name and round parts so that with ``base`` they still add up to the log-odds of ``score``.

        What is lacking is added to the greatest, which lost most.
        """
        total = math.fsum([self.base, *parts])
        if 0 < score < 1:
            right = math.log(score) - math.log1p(-score)
            # More than two bytes can lose is not theirs: a score next to 0 or 1 is itself rounded.
            if abs(right - total) <= _LOST * math.fsum(map(abs, parts)) + 10**-DIGITS:
                total = right
        told = [round(part, DIGITS) for part in parts]
        base = round(self.base, DIGITS)
        if told:
            greatest = max(range(len(parts)), key=lambda group: abs(parts[group]))
            rest = math.fsum([base, *told]) - told[greatest]
            told[greatest] = round(total - rest, DIGITS)
        # Adding 0 makes 0 of −0.
        return {name: part + 0.0 for name, part in zip((*self.groups, "base"), (*told, base), strict=True)}


class Reason(NamedTuple):
    """Why a neighbour is in a list.

    ``parts``: log-odds by group, ``base`` last, whose sum is ln(score / (1 −
    score)).  ``sides``: which of the two links to the other.  ``beside``: ids
    of stories of the same list that are linked to the neighbour.
    """

    parts: dict[str, float]
    sides: int
    beside: Sequence[int]
