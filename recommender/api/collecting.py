"""What is measured of a store and of a process, gathered whenever somebody asks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from recommender.api.lately import Lately
from recommender.api.measuring import BUCKETS, Requests, Timed
from recommender.api.opening import Opening
from recommender.api.problems import unavailable
from recommender.errors import StoreError
from recommender.events import SOURCES
from recommender.store import SHORT, Generation, Lists, Total

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST

_BY: Final = ("source", "rank", "model")
_BOUNDS: Final = (*map(str, BUCKETS), "+Inf")


class Collecting:
    """All that is measured of one application, written when it is asked for."""

    def __init__(self, opening: Opening, lately: Lately, requests: Requests) -> None:
        # Of this application alone: the library's own registry is one for all that a process runs.
        self._registry = CollectorRegistry()
        self._registry.register(StoreCollector(opening))
        self._answering = AnsweringCollector(lately, requests)
        self._registry.register(self._answering)
        ProcessCollector(registry=self._registry)

    def text(self, busy: int, queued: int) -> bytes:
        """Write it in Prometheus's text format; so many threads are ``busy``, and for one so many wait."""
        self._answering.busy, self._answering.queued = busy, queued
        return generate_latest(self._registry)


class StoreCollector(Collector):
    """What was shown and clicked, and what is served; ``clock`` is in seconds since 1970.

    The numbers are the store's, so all processes give the same.  Lists are
    looked at once in each generation, for it takes a while.
    """

    def __init__(self, opening: Opening, clock: Callable[[], float] = time.time) -> None:
        self._opening = opening
        self._clock = clock
        self._standing: tuple[int, Lists] | None = None

    def collect(self) -> Iterator[Metric]:
        """Ask the store; if it does not answer, say that."""
        try:
            store = self._opening().store
            generation, totals, waiting = store.generation(), store.event_totals(), store.waiting()
            if generation is not None and (self._standing is None or self._standing[0] != generation.id):
                self._standing = generation.id, store.standing()
        except StoreError as error:
            unavailable(error)
            yield GaugeMetricFamily("recommender_store_up", "Whether the store answers.", 0)
            return
        yield GaugeMetricFamily("recommender_store_up", "Whether the store answers.", 1)
        if generation is not None:
            yield from self._served(generation)
        yield GaugeMetricFamily("recommender_stories_waiting", "Stories that have no list yet.", waiting.new)
        yield GaugeMetricFamily(
            "recommender_stories_changed", "Stories new or changed since the recompute.", waiting.changed
        )
        yield from _counted(totals)

    def _served(self, generation: Generation) -> Iterator[Metric]:
        yield GaugeMetricFamily("recommender_generation", "Which recompute is served.", generation.id)
        age = max(0.0, self._clock() - generation.created_at)
        yield GaugeMetricFamily(
            "recommender_generation_age_seconds", "Since the served recompute was published.", age
        )
        yield GaugeMetricFamily(
            "recommender_generation_stories", "Stories with a list in it.", generation.stories
        )
        if self._standing is not None:
            lists = self._standing[1]
            shares = GaugeMetricFamily(
                "recommender_lists_ratio",
                "Share of lists that are short of neighbours.",
                labels=("fewer_than",),
            )
            shares.add_metric(("1",), lists.empty / max(lists.lists, 1))
            shares.add_metric((str(SHORT),), lists.short / max(lists.lists, 1))
            yield shares


def _counted(totals: list[Total]) -> Iterator[Metric]:
    shown = CounterMetricFamily("recommender_shown", "How often stories were shown in lists.", labels=_BY)
    clicked = CounterMetricFamily("recommender_clicked", "How often they were clicked there.", labels=_BY)
    for total in totals:
        labels = (SOURCES[total.source], str(total.rank), total.model)
        shown.add_metric(labels, total.shown)
        clicked.add_metric(labels, total.clicked)
    yield shown
    yield clicked


class AnsweringCollector(Collector):
    """What one process answered: how often, how fast, and what it gave again.

    Labelled by the process: several may answer at one address, in turns, and a
    count that falls would be taken for a start from 0.
    """

    def __init__(self, lately: Lately, requests: Requests) -> None:
        self._lately = lately
        self._requests = requests
        self.busy = self.queued = 0

    def collect(self) -> Iterator[Metric]:
        """Look at what was counted, and what is kept."""
        process = str(os.getpid())
        yield from self._answered(process)
        for name, described, value in (
            ("recommender_threads_busy", "Threads at work on requests.", self.busy),
            ("recommender_threads_queued", "Requests that wait for a thread.", self.queued),
            ("recommender_cache_bytes", "Answers kept to be given again.", self._lately.bytes),
        ):
            gauge = GaugeMetricFamily(name, described, labels=("pid",))
            gauge.add_metric((process,), value)
            yield gauge
        for name, described, times in (
            ("recommender_cache_hits", "Answers given again as they were.", self._lately.again),
            ("recommender_cache_stale", "Of these, given because the store was away.", self._lately.staled),
        ):
            counter = CounterMetricFamily(name, described, labels=("pid",))
            counter.add_metric((process,), times)
            yield counter
        refused = CounterMetricFamily(
            "recommender_models_refused", "Models that could not be read.", labels=("error", "pid")
        )
        for error, times in sorted(self._requests.refused.items()):
            refused.add_metric((error, process), times)
        yield refused

    def _answered(self, process: str) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "recommender_requests", "Requests answered.", labels=("method", "route", "status", "pid")
        )
        durations = HistogramMetricFamily(
            "recommender_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            labels=("method", "route", "pid"),
        )
        routes: dict[tuple[str, str], list[Timed]] = {}
        for (method, route, status), timed in self._requests.timed():
            requests.add_metric((method, route, str(status), process), sum(timed.counts))
            routes.setdefault((method, route), []).append(timed)
        for (method, route), kinds in routes.items():
            counts = accumulate(map(sum, zip(*(timed.counts for timed in kinds), strict=True)))
            buckets = list(zip(_BOUNDS, counts, strict=True))
            durations.add_metric(
                (method, route, process), buckets, sum_value=sum(timed.seconds for timed in kinds)
            )
        yield requests
        yield durations
