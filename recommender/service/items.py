"""The items of an answer, written as JSON around the texts of their cards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import orjson

from recommender.neighbours import Neighbour
from recommender.service.selection import Shown

FILLS: Final = -1
"""In place of ``Neighbour.curated``: it fills the list, and nobody ranked it."""

Placed: TypeAlias = tuple[Neighbour, Shown, Sequence[Shown], bool]
"""As ``Chosen``; ``curated`` may be ``FILLS``."""

ALTERNATE: Final = ("title", "publishedDateTime", "webUrl", "ampWebUrl", "provider")
"""What is told of a copy: enough to link to it, or to credit who else has it."""


def written(shown: Iterable[Placed]) -> tuple[list[str], list[str]]:
    """Write items as ``Answer.texts`` has them, and what the id of the answer (``answer_ids``) says of each.

    In one loop: every answer goes through it.
    """
    texts, marks = [], []
    for rank, (neighbour, card, copies, pinned) in enumerate(shown, 1):
        article, score, place, _ = neighbour
        source = "pinned" if pinned else "model" if not place else "fill" if place == FILLS else "curated"
        alternates = (
            as_json([{name: copy[name] for name in ALTERNATE} for copy in copies]) if copies else "[]"
        )
        # A score of four decimals is the same in Python and in JSON.
        texts.append(
            f'{{"rank":{rank},"score":{score},"source":"{source}",{card.text[1:-1]},"alternates":{alternates}}}'
        )
        marks.append(f"{source[0]}{article}")
    return texts, marks


def explainable(shown: Iterable[Placed]) -> list[tuple[Neighbour | None, Shown]]:
    """Give neighbours and their cards, ``None`` for what fills: as ``Explainer.explain`` takes them."""
    return [(None if one[0].curated == FILLS else one[0], one[1]) for one in shown]


def as_json(value: object) -> str:
    """Write JSON as text."""
    return orjson.dumps(value).decode()
