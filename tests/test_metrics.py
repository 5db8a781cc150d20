"""What monitoring is told: counts of the store and of the process, also while the store is away."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from stories import document, key, packed, save, story

from recommender.api import create_app
from recommender.api.collecting import StoreCollector
from recommender.api.opening import Opening
from recommender.settings import Settings
from recommender.store import Count, Generation, Store

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

MODEL = 'm"1\\\n'
"""A model's name is a folder's; whatever it is, it must not end a line."""


CACHE = {"recommender_cache_hits_total", "recommender_cache_stale_total", "recommender_cache_bytes"}


@pytest.fixture
def filled(store: Store) -> Store:
    """A store of three stories with ids 1 to 3, one generation, and what readers did."""
    save(store, *(document(story(name)) for name in "abc"))
    store.publish(MODEL, [(1, packed((2, 0.9), (3, 0.8)))])
    store.record_events(
        [
            Count(20_000, 1, 1, 2, 2, 1, 90, 8),
            Count(20_001, 1, 1, 2, 2, 1, 10, 1),
            Count(20_001, 1, 1, 3, 0, 2, 7, 0),
        ]
    )
    return store


def asked(client: TestClient) -> Samples:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert response.headers["cache-control"] == "no-store"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def names(samples: Samples) -> set[str]:
    return {name for name, _ in samples if not name.startswith(("process_", "python_"))}


def test_counts_are_those_of_the_store(filled: Store, store_url: str) -> None:
    with TestClient(create_app(Settings(store=store_url))) as client:
        told = asked(client)
    labels = {
        rank: (("model", MODEL), ("rank", rank), ("source", source))
        for rank, source in (("1", "model"), ("2", "pinned"))
    }
    assert {key: value for key, value in told.items() if "_shown" in key[0] or "_clicked" in key[0]} == {
        ("recommender_shown_total", labels["1"]): 100,
        ("recommender_clicked_total", labels["1"]): 9,
        ("recommender_shown_total", labels["2"]): 7,
        ("recommender_clicked_total", labels["2"]): 0,
    }
    assert told["recommender_store_up", ()] == 1
    assert told["recommender_generation", ()] == 1
    assert told["recommender_generation_stories", ()] == 1
    assert 0 <= told["recommender_generation_age_seconds", ()] < 600


def test_the_process_tells_of_itself(filled: Store, store_url: str) -> None:
    with (
        TestClient(create_app(Settings(store=store_url))) as client,
        TestClient(create_app(Settings(store=store_url))) as other,
    ):
        process = (("pid", str(os.getpid())),)
        assert asked(client)["recommender_cache_hits_total", process] == 0
        for _ in range(3):
            client.get("/related", params={"url": key("a")})
        told = asked(client)
        assert told["recommender_cache_hits_total", process] == client.app.state.lately.again  # type: ignore[attr-defined]
        assert told["recommender_cache_bytes", process] > 0
        # Two applications of one process have counts of their own.
        assert asked(other)["recommender_cache_hits_total", process] == 0
    assert told["process_resident_memory_bytes", ()] > 1_000_000
    assert 0 < told["process_start_time_seconds", ()] <= time.time()
    assert not any(name.startswith("recommender") for name in REGISTRY._names_to_collectors)


def test_answers_that_were_given_again_are_counted(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(address) as store, TestClient(create_app(Settings(store=address))) as client:
        save(store, document(story("a")))
        for _ in range(3):
            client.get("/related", params={"url": key("a")})
        assert asked(client)["recommender_cache_hits_total", (("pid", str(os.getpid())),)] == 2


def test_before_the_first_recompute_nothing_is_served(store: Store, store_url: str) -> None:
    with TestClient(create_app(Settings(store=store_url))) as client:
        told = asked(client)
    assert names(told) == {"recommender_store_up", *CACHE}
    assert told["recommender_store_up", ()] == 1


def test_a_store_that_is_away_takes_nothing_else_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"sqlite:///{tmp_path}/none.sqlite"
    with TestClient(create_app(Settings(store=address))) as client:
        caplog.clear()
        told = asked(client)
        assert "no such file" in caplog.text
        assert caplog.records[0].levelno == logging.WARNING
        assert names(told) == {"recommender_store_up", *CACHE}
        assert told["recommender_store_up", ()] == 0
        assert ("process_resident_memory_bytes", ()) in told
        Store.open(address).close()
        assert asked(client)["recommender_store_up", ()] == 1


def test_age_is_since_the_lists_were_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(address):
        monkeypatch.setattr(Store, "generation", lambda self: Generation(7, "m", 1_000, 12))
        opening = Opening(address, tmp_path)
        for now, age in ((1_090.5, 90.5), (990.0, 0.0)):  # clocks of two machines differ
            told = {one.name: one.samples for one in StoreCollector(opening, lambda now=now: now).collect()}
            assert told["recommender_generation_age_seconds"][0].value == age
        opening.close()


def test_who_is_not_asked_does_not_load_the_library() -> None:
    code = (
        "import sys; from recommender.api import create_app; from recommender.settings import Settings; "
        "create_app(Settings()); print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
