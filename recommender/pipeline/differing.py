"""What a recompute would change: lists as another model makes them, beside those that are served.

Nothing is written.  Lists are compared as readers have them where they ask for
nothing in particular: the editors' links first, then the best, ten of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

import numpy as np
import orjson

from recommender import models
from recommender.engine import Engine, local
from recommender.errors import NothingRecomputed
from recommender.neighbours import unpacked
from recommender.pipeline.progress import Progress, silent
from recommender.pipeline.recomputing import NEIGHBOURS, active, named, ready
from recommender.store import Store

FIRST: Final = 10
"""Places that are compared: what a page shows."""

SHOWN: Final = 10
"""Stories that are told in full, those that change most."""

Source = Literal["curated", "model"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A story that enters a list or leaves it: its place there, from 1, and why it is in it."""

    place: int
    source: Source
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A story whose first ten change; ``overlap`` and ``displacement`` as in ``Difference``, of it alone."""

    title: str
    url: str
    overlap: float
    displacement: float | None
    entering: list[Moved]
    leaving: list[Moved]


@dataclass(slots=True)
class Difference:
    """What would change if lists by ``model`` were published instead of ``generation``, which is ``served``.

    Of ``stories`` that have a list in both, ``changed`` have other first ten or
    another order of them.  ``overlap`` is the mean share of the longer of the
    two that both have, ``displacement`` how many places those that both have
    move, on average.  ``new`` stories have no list so far, ``gone`` ones would
    have none.  ``entering`` and ``leaving`` count by source.
    """

    model: str
    served: str
    generation: int
    stories: int = 0
    changed: int = 0
    overlap: float | None = None
    displacement: float | None = None
    new: int = 0
    gone: int = 0
    entering: dict[str, int] = field(default_factory=lambda: {"curated": 0, "model": 0})
    leaving: dict[str, int] = field(default_factory=lambda: {"curated": 0, "model": 0})
    most: list[Changed] = field(default_factory=list)


First = tuple[tuple[int, bool], ...]
"""The first ten of a list: ids, and whether an editor linked them."""


def difference(
    store: Store,
    root: models.Root,
    name: str | None = None,
    k: int = NEIGHBOURS,
    engine: Engine = local,
    progress: Progress = silent,
    *,
    limit: int = SHOWN,
) -> Difference:
    """Rank every story as a recompute would, with the active model or the one of that name; publish nothing.

    ``limit`` is how many changed stories are told.  Raises NothingRecomputed
    where nothing is served to compare with, and as ``models.load``.
    """
    search, ranker, model = active(root) if name is None else (*named(root, name), name)
    generation = store.generation()
    if generation is None:
        raise NothingRecomputed("nothing is served yet to compare with: run `recommender recompute`")
    with store.exported() as (_, lists):
        served = {article: _first(packed) for article, packed in lists}
    *_, packer = ready(store, search, ranker, k, engine)
    told = Difference(model, generation.model, generation.id)
    ranked = packer.lists(np.arange(len(packer.index)), engine, progress)
    _compare(told, served, ((article, _first(packed)) for article, packed, _ in ranked), store, limit)
    return told


def _first(packed: bytes) -> First:
    return tuple((one.article, one.curated > 0) for one in islice(unpacked(packed), FIRST))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A story's first ten before and after."""

    article: int
    before: First
    after: First
    overlap: float
    displacement: float | None

    @classmethod
    def of(cls, article: int, before: First, after: First) -> _Pair:
        then = {one: place for place, (one, _) in enumerate(before)}
        moves = [abs(then[one] - place) for place, (one, _) in enumerate(after) if one in then]
        longest = max(len(before), len(after))
        overlap = len(moves) / longest if longest else 1.0
        return cls(article, before, after, overlap, sum(moves) / len(moves) if moves else None)


def _compare(
    told: Difference, served: dict[int, First], ranked: Iterable[tuple[int, First]], store: Store, limit: int
) -> None:
    changed: list[_Pair] = []
    overlaps, moves = 0.0, list[float]()
    entering, leaving = Counter(told.entering), Counter(told.leaving)
    for article, after in ranked:
        before = served.pop(article, None)
        if before is None:
            told.new += 1
            continue
        pair = _Pair.of(article, before, after)
        told.stories += 1
        overlaps += pair.overlap
        if pair.displacement is not None:
            moves.append(pair.displacement)
        if [one for one, _ in before] == [one for one, _ in after]:
            continue
        told.changed += 1
        entering.update(_source(linked) for _, _, linked in _only(after, before))
        leaving.update(_source(linked) for _, _, linked in _only(before, after))
        changed.append(pair)
        if len(changed) > 1_000 + limit:  # an archive may change as a whole
            changed = _most(changed, limit)
    told.gone = len(served)
    told.overlap = overlaps / told.stories if told.stories else None
    told.displacement = sum(moves) / len(moves) if moves else None
    told.entering, told.leaving = dict(entering), dict(leaving)
    told.most = _told(_most(changed, limit), store)


def _most(changed: list[_Pair], limit: int) -> list[_Pair]:
    return sorted(changed, key=lambda one: (one.overlap, -(one.displacement or 0.0), one.article))[:limit]


def _only(these: First, those: First) -> list[tuple[int, int, bool]]:
    """List those of a list that another does not have: place, id, and whether an editor linked them."""
    others = {one for one, _ in those}
    return [(place, one, linked) for place, (one, linked) in enumerate(these, 1) if one not in others]


def _source(linked: bool) -> Source:
    return "curated" if linked else "model"


def _told(pairs: list[_Pair], store: Store) -> list[Changed]:
    ids = {one for pair in pairs for one, _ in (*pair.before, *pair.after)} | {one.article for one in pairs}
    cards: dict[int, dict[str, Any]] = {
        article: orjson.loads(card.card) for article, card in store.cards(sorted(ids)).items()
    }

    def moved(these: First, those: First) -> list[Moved]:
        return [
            Moved(place, _source(linked), cards[one]["title"], cards[one]["webUrl"])
            for place, one, linked in _only(these, those)
        ]

    return [
        Changed(
            cards[pair.article]["title"],
            cards[pair.article]["webUrl"],
            pair.overlap,
            pair.displacement,
            entering=moved(pair.after, pair.before),
            leaving=moved(pair.before, pair.after),
        )
        for pair in pairs
    ]
