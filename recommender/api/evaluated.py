"""What the page at ``/evaluation`` shows, gathered when somebody asks for it, and not for everyone anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from recommender.store import Store
    from recommender.web.markup import Element
    from recommender.web.readers import Histogram

DAYS: Final = 28
"""Clicks are those of so many days, today among them."""

ROWS: Final = 200_000
"""Counts that are read for a page: a second or two of reading, and as much to find intervals."""

REST: Final = 60
"""How long what was found is kept, in times of what it took: a sixtieth of a processor at most."""

LEAST: Final = 10.0
"""Seconds for which it is kept at least."""

_EPOCH: Final = date(1970, 1, 1).toordinal()

DURATIONS: Final = "recommender_request_duration_seconds"
"""The histogram of ``/metrics``."""


class Found(NamedTuple):
    """What readers click, as a part of the page, and how long they wait, if that was measured."""

    clicks: Element
    latency: Histogram | None


class Readers:
    """What is measured of readers; ``clock`` is in seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._finding = threading.Lock()
        self._found: Found | None = None
        self._until = 0.0

    def found(self, store: Store, metrics: Callable[[], str]) -> Found:
        """Look at a store's counts and at the text of ``/metrics``, or give what was found lately.

        One thread looks; others get what was found before, or a word that it is being counted: they must
        not take all threads of a server to wait in.
        """
        if self._found is not None and self._clock() < self._until:
            return self._found
        if not self._finding.acquire(blocking=False):
            return self._found or Found(_said("Clicks are being counted: look again in a moment."), None)
        try:
            began = self._clock()
            self._found = Found(_clicks(store, int(began) // 86_400), histogram(metrics()))
            ended = self._clock()
            self._until = ended + max(LEAST, REST * (ended - began))
            return self._found
        finally:
            self._finding.release()


def page(told: Mapping[str, Any], models: Mapping[str, Any], readers: Found) -> str:
    """Write the page, of what ``/evaluation`` and ``/models`` tell."""
    # Loaded here, as all of it: a server that answers readers has no use for it.
    from recommender.web import reports

    return reports.page(told, models["models"], readers.clicks, readers.latency)


def histogram(text: str, path: str = "/related") -> Histogram | None:
    """Read how long answers to GET at a route took from Prometheus's text; ``None`` where there is none yet.

    What is told of several processes is added up.
    """
    from prometheus_client.parser import text_string_to_metric_families

    from recommender.web.readers import Histogram

    counts: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        if family.name != DURATIONS:
            continue
        for sample in family.samples:
            asked = sample.labels.get("method"), sample.labels.get("route")
            if sample.name == f"{DURATIONS}_bucket" and asked == ("GET", path):
                bound = float(sample.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + sample.value
    bounds = sorted(counts)
    return Histogram(bounds, [counts[one] for one in bounds]) if any(counts.values()) else None


def _clicks(store: Store, today: int) -> Element:
    from recommender.web import readers

    days = store.event_days(today - DAYS + 1)
    since = _beginning(days, today - DAYS + 1)
    period = f" in the last {DAYS} days"
    if not days:
        return readers.clicked(None, period)
    if since > today:
        return _said("There are too many counts of today for a page: `recommender report` reads them.")
    # Loaded here: it brings numpy and scipy, for who has clicks to look at.
    from recommender.evaluation.clickthrough import clickthrough

    if since > today - DAYS + 1:
        period = f" since {date.fromordinal(_EPOCH + since)}, which is as much as a page counts"
    return readers.clicked(asdict(clickthrough(store.events(since))), period)


def _beginning(days: Mapping[int, int], earliest: int) -> int:
    """Tell from which day on there are no more than ``ROWS`` counts, of so many by day."""
    left = ROWS
    for day in sorted(days, reverse=True):
        left -= days[day]
        if left < 0:
            return day + 1
    return earliest


def _said(sentence: str) -> Element:
    from recommender.web.evaluation import section
    from recommender.web.markup import tag

    return section("clicks", "What readers click", tag("p", sentence))
