"""What is measured of a store and of a process, gathered whenever somebody asks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recommender.api.lately import Lately
from recommender.api.opening import Opening
from recommender.api.problems import unavailable
from recommender.errors import StoreError
from recommender.events import SOURCES
from recommender.store import Generation, Total

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST

_BY: Final = ("source", "rank", "model")


def text(opening: Opening, lately: Lately, refused: Mapping[str, int]) -> bytes:
    """Write everything in Prometheus's text format."""
    # Of this application alone: the library's own registry is one for all that a process runs.
    registry = CollectorRegistry()
    registry.register(StoreCollector(opening))
    registry.register(CacheCollector(lately))
    registry.register(ModelCollector(refused))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class StoreCollector(Collector):
    """What was shown and clicked, and what is served; ``clock`` is in seconds since 1970.

    The numbers are the store's, so all processes give the same.
    """

    def __init__(self, opening: Opening, clock: Callable[[], float] = time.time) -> None:
        self._opening = opening
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Ask the store; if it does not answer, say that."""
        try:
            store = self._opening().store
            generation, totals = store.generation(), store.event_totals()
        except StoreError as error:
            unavailable(error)
            yield GaugeMetricFamily("recommender_store_up", "Whether the store answers.", 0)
            return
        yield GaugeMetricFamily("recommender_store_up", "Whether the store answers.", 1)
        if generation is not None:
            yield from self._served(generation)
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


def _counted(totals: list[Total]) -> Iterator[Metric]:
    shown = CounterMetricFamily("recommender_shown", "How often stories were shown in lists.", labels=_BY)
    clicked = CounterMetricFamily("recommender_clicked", "How often they were clicked there.", labels=_BY)
    for total in totals:
        labels = (SOURCES[total.source], str(total.rank), total.model)
        shown.add_metric(labels, total.shown)
        clicked.add_metric(labels, total.clicked)
    yield shown
    yield clicked


class CacheCollector(Collector):
    """What one process gave again.

    Labelled by the process: several may answer at one address, in turns, and a
    count that falls would be taken for a start from 0.
    """

    def __init__(self, lately: Lately) -> None:
        self._lately = lately

    def collect(self) -> Iterator[Metric]:
        """Look at what is kept."""
        process = (str(os.getpid()),)
        hits = CounterMetricFamily(
            "recommender_cache_hits", "Answers given again as they were.", labels=("pid",)
        )
        hits.add_metric(process, self._lately.again)
        yield hits
        stale = CounterMetricFamily(
            "recommender_cache_stale", "Of these, given because the store was away.", labels=("pid",)
        )
        stale.add_metric(process, self._lately.staled)
        yield stale
        kept = GaugeMetricFamily(
            "recommender_cache_bytes", "Answers kept to be given again.", labels=("pid",)
        )
        kept.add_metric(process, self._lately.bytes)
        yield kept


class ModelCollector(Collector):
    """Models that one process could not use, by the error's name; labelled as in ``CacheCollector``."""

    def __init__(self, refused: Mapping[str, int]) -> None:
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        """Look at what was refused."""
        refused = CounterMetricFamily(
            "recommender_models_refused", "Answers that no model could be read for.", labels=("error", "pid")
        )
        for name, times in sorted(self._refused.items()):
            refused.add_metric((name, str(os.getpid())), times)
        yield refused
