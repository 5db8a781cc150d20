"""Audit: find the curated links that deserve an editor's look, and what the model thinks of them.

A link is a story and a key that it names, however many documents give it.
Why it is doubtful is told by what the store has; nothing is fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf
from operator import attrgetter

from recommender.neighbours import in_order
from recommender.pipeline.doubts import Audit, Doubt, Given, Reason, View, moment
from recommender.store import CuratedLink, Store

UNLIKELY = 0.05
"""A trained score is the chance that an editor would link the two."""

BETTER = 10
"""As many as readers are shown: without the editor, the link would not be among them."""


def audit(
    store: Store, now: float, reasons: Collection[Reason] = tuple(Reason), limit: int | None = None
) -> Audit:
    """Look at every curated link of one snapshot of the store, but those that an editor has blocked.

    ``now`` is in seconds since 1970 (UTC).  Every reason is counted; doubts
    are kept of ``reasons``, ``limit`` each at most, foremost first: those that
    look most wrong, the one-way links that are most surely right, the others
    in the order of import.
    """
    kept = _Kept(reasons, limit)
    looked = Counter[str]()
    with store.audited() as read:
        active, targets, packed = read.generation(), read.targets(), dict(read.lists())
        blocks = read.blocks()
        for source, given in groupby(read.links(), attrgetter("source")):
            links = [link for link in _united(given) if not _blocked(link.told, blocks)]
            looked.update(links=len(links), sources=1)
            views = _views(packed.get(source, b""))
            for link in links:
                for doubt in _doubts(link, targets, views, now):
                    kept.add(doubt)
        doubts = kept.foremost()
        ids = {story for each in doubts.values() for one in each for story in (one.source, one.target)}
        stories = read.stories(sorted(story for story in ids if story is not None))
    return Audit(
        None if active is None else active.id,
        None if active is None else active.model,
        looked["links"],
        looked["sources"],
        {reason: kept.counts[reason] for reason in Reason},
        doubts,
        stories,
    )


@dataclass(slots=True)
class _Link:
    """A link with every place it is given at, and those at which it repeats an earlier link."""

    told: CuratedLink
    given: list[Given]
    repeats: list[tuple[Given, int]]


def _united(rows: Iterable[CuratedLink]) -> list[_Link]:
    """Unite what documents give of one story; a document's rows come together, in its order."""
    links: dict[str, _Link] = {}
    places: dict[tuple[str, int], int] = {}
    for told in rows:
        here = Given(told.origin, told.place + 1)
        link = links.setdefault(told.key, _Link(told, [], []))
        link.given.append(here)
        if told.target is not None:
            first = places.setdefault((told.origin, told.target), here.place)
            if first != here.place:
                link.repeats.append((here, first))
    return list(links.values())


def _blocked(told: CuratedLink, blocks: Mapping[int, Collection[int]]) -> bool:
    return told.target in blocks.get(told.source, ()) or told.source in blocks.get(told.target or 0, ())


def _views(packed: bytes) -> dict[int, View]:
    """Read a packed list as views, by the id of the story ranked."""
    listed = in_order(packed, "mixed")
    last = max((rank for rank, one in enumerate(listed, 1) if not one.curated), default=0)
    views: dict[int, View] = {}
    better = 0
    for rank, one in enumerate(listed, 1):
        views[one.article] = View(len(listed), rank, rank < last, one.score, better)
        better += not one.curated
    return views


def _doubts(link: _Link, targets: dict[int, set[int]], views: dict[int, View], now: float) -> Iterator[Doubt]:
    """Tell every reason to look at a link."""
    told, view = link.told, _view(link.told, views)
    origins = {given.origin for given in link.given}
    doubt = Doubt(
        Reason.DEAD,
        told.source,
        told.target,
        told.key,
        tuple(link.given),
        view=view,
        told_by=None if told.teller in origins else told.teller,
    )
    if told.target is None:
        yield doubt
    elif told.target == told.source:
        yield replace(doubt, reason=Reason.ITSELF)
    elif detail := _unpublished(told, now):
        yield replace(doubt, reason=Reason.UNPUBLISHED, detail=detail)
    else:
        if link.repeats:
            where, firsts = zip(*link.repeats, strict=True)
            detail = f"the same story as link {firsts[0]}"
            yield replace(doubt, reason=Reason.DUPLICATE, given=where, detail=detail)
        if view is not None and _unlikely(view):
            yield replace(doubt, reason=Reason.LOOKS_WRONG)
        back = targets.get(told.target)
        if back is not None and told.source not in back:
            yield replace(doubt, reason=Reason.ONE_WAY)


def _view(told: CuratedLink, views: dict[int, View]) -> View | None:
    if told.target in (None, told.source) or told.target_removed or not views:
        return None
    return views.get(told.target or 0, View(listed=len(views)))


def _unlikely(view: View) -> bool:
    return view.score is not None and view.score < UNLIKELY and (view.better or 0) >= BETTER


def _unpublished(told: CuratedLink, now: float) -> str:
    """Say which end readers cannot see, and why; empty where they see both."""
    if told.source_removed:
        return "the story itself is removed"
    if told.target_removed:
        return "the target is removed"
    if told.target_published_at is not None and told.target_published_at > now:
        return f"the target is dated {moment(told.target_published_at)}"
    return ""


_CUT = 1_000
"""Doubts more than are asked for, before the rest is dropped."""


class _Kept:
    """How many doubts of each reason there were, and the foremost of those asked for."""

    def __init__(self, reasons: Collection[Reason], limit: int | None) -> None:
        self.counts = Counter[Reason]()
        self._limit = limit
        self._doubts: dict[Reason, list[Doubt]] = {reason: [] for reason in Reason if reason in reasons}

    def add(self, doubt: Doubt) -> None:
        self.counts[doubt.reason] += 1
        kept = self._doubts.get(doubt.reason)
        if kept is None:
            return
        kept.append(doubt)
        if self._limit is not None and len(kept) >= self._limit + _CUT:
            self._cut(kept)

    def foremost(self) -> dict[Reason, list[Doubt]]:
        for kept in self._doubts.values():
            self._cut(kept)
        return self._doubts

    def _cut(self, kept: list[Doubt]) -> None:
        kept.sort(key=_order)  # stable: what is equal stays in the order in which it came
        if self._limit is not None:
            del kept[self._limit :]


def _order(doubt: Doubt) -> float:
    score = None if doubt.view is None else doubt.view.score
    if doubt.reason is Reason.LOOKS_WRONG:
        return inf if score is None else score
    if doubt.reason is Reason.ONE_WAY:
        return inf if score is None else -score
    return 0.0
