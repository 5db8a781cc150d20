"""What deserves an editor's look: doubtful links, stories that look unlinked, and what settles it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from recommender.aside import Aside
from recommender.pipeline.auditing import audit
from recommender.pipeline.doubts import Audit, Doubt, Reason, moment
from recommender.pipeline.unlinked import Unlinked, unlinked
from recommender.store import Kind, Named, Store

Why = Literal["dead", "itself", "unpublished", "duplicate", "looks-wrong", "one-way", "unlinked"]
"""The reasons of an audit (``doubts.Reason``), and ``unlinked``: likely related, and nobody linked them."""

UNLINKED: Final = "unlinked"

MOST: Final = 100
"""Pairs that are told of each reason, the foremost."""

KEPT: Final = 600.0
"""Seconds until all is looked at again, changed or not: a story that was of the future may be out by then."""


class Concern(NamedTuple):
    """Two stories, and why an editor should look at them.

    ``key`` is what a document names; no story answers to it where ``target``
    is ``None``.  ``score`` is the model's, as if nobody had linked anything,
    and ``better`` how many that nobody linked come before; ``None`` where it
    is not told.  ``cures`` are the orders that settle it, the first the likelier.
    """

    reason: str
    detail: str
    source: Named
    target: Named | None
    key: str
    score: float | None
    better: int | None
    cures: Sequence[Kind]

    def data(self) -> dict[str, Any]:
        """Give it as HTTP does."""
        stories = {"source": _story(self.source), "target": self.target and _story(self.target)}
        return self._asdict() | stories | {"cures": list(self.cures)}


class Concerns(NamedTuple):
    """What an audit found, as in ``Audit``; ``counts`` of all, ``items`` the foremost of each reason."""

    generation: int | None
    model: str | None
    links: int
    stories: int
    counts: dict[str, int]
    items: Sequence[Concern]

    def data(self) -> dict[str, Any]:
        """Give them as HTTP does."""
        return self._asdict() | {"items": [item.data() for item in self.items]}


class _Kept(NamedTuple):
    """What was found, in which state of the store, and when."""

    state: tuple[int | None, int]
    at: float
    concerns: Concerns


class Auditor:
    """Audits a store for editors; safe to share between threads.

    What was found is kept until a story, a link, an order or the generation
    changes: it takes a second for 20,000 stories.  ``clock`` gives seconds
    since 1970 (UTC).
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._kept = Aside(self._look, "the audit")

    def audit(self, reason: Why | None = None, limit: int = 20) -> Concerns:
        """Tell what deserves a look, for that reason or for any: ``limit`` of each, ``MOST`` at most.

        Raises InProgress where it takes more than some seconds.
        """
        found = self._found()
        items: list[Concern] = []
        for each in found.counts:
            if reason in (None, each):
                items += islice((item for item in found.items if item.reason == each), limit)
        return found._replace(items=items)

    def _found(self) -> Concerns:
        state, now = self._state(), self._clock()
        return self._kept.get(lambda kept: kept.state == state and now - kept.at <= KEPT).concerns

    def _state(self) -> tuple[int | None, int]:
        generation = self._store.generation()
        return None if generation is None else generation.id, self._store.revision()

    def _look(self) -> _Kept:
        state, now = self._state(), self._clock()
        return _Kept(state, now, self._concerns(now))

    def _concerns(self, now: float) -> Concerns:
        done, pairs = audit(self._store, now, limit=MOST), unlinked(self._store)
        counts = {str(reason): count for reason, count in done.counts.items()}
        counts[UNLINKED] = sum(len(one.sure) for one in pairs)
        doubts = (_doubtful(done, doubt) for each in done.doubts.values() for doubt in each)
        items = [*doubts, *self._unlinked(pairs)]
        return Concerns(done.generation, done.model, done.links, done.sources, counts, items)

    def _unlinked(self, stories: Sequence[Unlinked]) -> Iterator[Concern]:
        pairs = [(one.story, other) for one in stories[:MOST] for other in one.sure][:MOST]
        with self._store.audited() as read:
            names = read.stories(sorted({one for story, other in pairs for one in (story, other.article)}))
        for story, other in pairs:
            target = names[other.article]
            yield Concern(UNLINKED, "", names[story], target, target.url, other.score, None, ("pin", "block"))


def _doubtful(done: Audit, doubt: Doubt) -> Concern:
    source = done.stories[doubt.source]
    target = None if doubt.target is None else done.stories[doubt.target]
    score, better = (None, None) if doubt.view is None else (doubt.view.score, doubt.view.better)
    blocked = doubt.reason in (Reason.LOOKS_WRONG, Reason.UNPUBLISHED)
    # An order is about two stories that readers may come to see.
    if target is None or source.removed or target.removed:
        blocked = False
    cures: Sequence[Kind] = ("block",) if blocked else ()
    return Concern(str(doubt.reason), doubt.detail, source, target, doubt.key, score, better, cures)


def _story(named: Named) -> dict[str, Any]:
    return {"url": named.url, "title": named.title, "publishedDateTime": moment(named.published_at)}
