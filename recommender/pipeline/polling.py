"""Polling feeds: who is due is asked, what is new is saved, and who fails is asked less often."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from itertools import groupby
from operator import attrgetter
from threading import Event
from typing import Any, Final, Literal

from recommender import sources
from recommender.articles import Document, Rejection
from recommender.entries import Entry, encode
from recommender.errors import InvalidStory
from recommender.fetching import Fetched, Fetcher
from recommender.store import Feed, Saved, Store

PAUSE: Final = 2.0
"""Seconds between two requests to one host."""

HOSTS: Final = 8
"""Hosts that are asked at the same time."""

DAY: Final = 86_400
"""Seconds between two polls of a feed that keeps failing, at most, unless its server wants more."""

LATEST: Final = 7 * DAY
"""Seconds that a server is obeyed for, at most, if it says when to ask again."""

GONE: Final = 410

Result = Literal["read", "unchanged", "failed", "gone"]


@dataclass(slots=True)
class Polled:
    """What became of a poll: the feed as it was, what was saved, and when it is asked next."""

    feed: Feed
    result: Result
    outcome: str
    next_at: int | None
    saved: Saved = field(default_factory=Saved)
    rejections: list[Rejection] = field(default_factory=list)


def poll(
    store: Store,
    fetcher: Fetcher,
    *,
    clock: Callable[[], float] = time.time,
    pause: float = PAUSE,
    zone: tzinfo = UTC,
) -> list[Polled]:
    """Ask the feeds that are due, hosts at the same time and the feeds of a host one after the other.

    The stories of a feed are saved in one transaction.  A feed that fails is
    asked again after twice the time, and twice that, up to a day, or when its
    server says; one that is gone (410) is asked no more until it is added again.
    Times that do not say their zone are of ``zone``.

    Returns what became of each, in the order they were due.  Raises StoreLocked
    if another transaction does not end; what was not asked is due again soon.
    """
    due = store.feeds.take(int(clock()))
    hosts = [list(group) for _, group in groupby(sorted(due, key=attrgetter("host")), attrgetter("host"))]
    ended = Event()

    def ask(feeds: Sequence[Feed]) -> list[Polled]:
        done = []
        for place, feed in enumerate(feeds):
            if place and ended.wait(pause):
                break
            fetched = fetcher.fetch(feed.url, feed.etag, feed.modified)
            done.append(_polled(store, feed, fetched, clock, zone))
        return done

    with ThreadPoolExecutor(HOSTS, "feeds") as threads:
        try:
            polled = [one for group in threads.map(ask, hosts) for one in group]
        finally:
            ended.set()  # interrupted, or the store is away: what is under way is the last
    places = {feed.id: place for place, feed in enumerate(due)}
    return sorted(polled, key=lambda one: places[one.feed.id])


def _polled(store: Store, feed: Feed, fetched: Fetched, clock: Callable[[], float], zone: tzinfo) -> Polled:
    """Save what was fetched, and note what became of it."""
    done = _taken(store, feed, fetched, int(clock()), zone)
    noted: dict[str, Any] = {"outcome": done.outcome, "next_at": done.next_at, "polled_at": int(clock())}
    noted["failures"] = feed.failures + 1 if done.result == "failed" else 0
    if done.result == "read":
        noted |= {"etag": fetched.etag, "modified": fetched.modified}
    store.feeds.note(feed, **noted)
    return done


def _taken(store: Store, feed: Feed, fetched: Fetched, now: int, zone: tzinfo) -> Polled:
    if fetched.status == GONE:
        return Polled(feed, "gone", "gone for good (410)", None)
    if fetched.status == 304:
        return Polled(feed, "unchanged", "not modified", now + feed.every)
    if fetched.body is None:
        return Polled(feed, "failed", fetched.trouble, now + delay(feed, fetched.retry_after))
    entries, rejections = _entries(feed, fetched.body, zone)
    if rejections and not entries:
        return Polled(feed, "failed", rejections[0].reason, now + delay(feed, None), rejections=rejections)
    saved = store.save(entries) if entries else Saved()
    outcome = f"{len(entries):,} stories, {saved.new:,} new, {saved.changed:,} changed"
    return Polled(feed, "read", outcome, now + feed.every, saved, rejections)


def delay(feed: Feed, retry_after: float | None) -> int:
    """Tell in how many seconds a feed that failed once more is asked again."""
    doubled = feed.every * 2 ** min(feed.failures + 1, 20)
    wanted = min(retry_after or 0, LATEST)
    return int(max(min(doubled, DAY), feed.every, wanted))


def _entries(feed: Feed, body: bytes, zone: tzinfo) -> tuple[list[Entry], list[Rejection]]:
    """Read a feed's entries; each has an origin of its own, for its place in the feed changes."""
    found: dict[str, Entry] = {}
    rejections: list[Rejection] = []
    for result in sources.syndicated(body, feed.url, zone):
        if isinstance(result, Rejection):
            rejections.append(result)
            continue
        try:
            entry = encode(_named(feed, result), "")
        except InvalidStory as error:
            rejections.append(Rejection(result.origin, error.line, error.reason))
        else:
            found.setdefault(entry.origin, entry)  # of one story told twice, the first is the newest
    return list(found.values()), rejections


def _named(feed: Feed, document: Document) -> Document:
    return replace(document, origin=f"{feed.url}#{document.article.key}")
