"""What monitoring is told: counts of the store and of the process, also while the store is away."""

from __future__ import annotations

import contextvars
import logging
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from starlette.types import Message
from stories import document, key, packed, save, story

from recommender.api import create_app
from recommender.api.collecting import Collecting, StoreCollector
from recommender.api.lately import Lately
from recommender.api.measuring import BUCKETS, Requests
from recommender.api.opening import Opening
from recommender.settings import Settings
from recommender.store import Count, Generation, Store

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

MODEL = 'm"1\\\n'
"""A model's name is a folder's; whatever it is, it must not end a line."""


WAITING = {"recommender_stories_waiting", "recommender_stories_changed"}
PROCESS = {
    *("recommender_cache_hits_total", "recommender_cache_stale_total", "recommender_cache_bytes"),
    *("recommender_threads_busy", "recommender_threads_queued"),
}
"""What every process tells before it has answered anything."""


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


def test_the_page_of_operations_lists_every_metric_once(filled: Store, store_url: str) -> None:
    with TestClient(create_app(Settings(store=store_url))) as client:
        client.get("/related", params={"url": key("a")})
        families = list(text_string_to_metric_families(client.get("/metrics").text))
    told = [
        each.name + ("_total" if each.type == "counter" else "")
        for each in families
        if each.name.startswith("recommender_")
    ]
    page = Path(__file__).parents[1] / "docs" / "operations.md"
    table = page.read_text(encoding="utf-8").split("| metric |")[1].split("\n\n")[0]
    listed = [
        name for row in table.splitlines() for name in re.findall(r"`(recommender_\w+)`", row.split("|")[1])
    ]
    assert sorted(listed) == sorted(told)


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
    assert names(told) == {"recommender_store_up", *WAITING, *PROCESS}
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
        assert names(told) == {"recommender_store_up", *PROCESS}
        assert told["recommender_store_up", ()] == 0
        assert ("process_resident_memory_bytes", ()) in told
        Store.open(address).close()
        assert asked(client)["recommender_store_up", ()] == 1


def requests(told: Samples) -> dict[tuple[str, str, str], float]:
    """How often what was asked, and how it ended."""
    found = {}
    for (name, labels), value in told.items():
        if name == "recommender_requests_total":
            by = dict(labels)
            assert by["pid"] == str(os.getpid())
            found[by["method"], by["route"], by["status"]] = value
    return found


def test_requests_are_counted_by_route_and_status(filled: Store, store_url: str) -> None:
    story_url = key("a")
    with TestClient(create_app(Settings(store=store_url))) as client:
        for _ in range(2):
            tag = client.get("/related", params={"url": story_url}).headers["etag"]
        client.get("/related", params={"url": story_url}, headers={"If-None-Match": tag})
        client.head("/related", params={"url": story_url})
        client.get("/related", params={"url": "https://news.example/none"})
        client.get("/related")
        client.post("/related", content=b"{")
        client.get("/health/live")
        client.get("/")
        # Whoever makes up paths and methods makes up no series.
        for path in ("/a", "/b/c"):
            client.get(path)
        client.request("BREW", "/related")
        client.request("BREW2", "/health/live")
        told = asked(client)
    assert requests(told) == {
        ("GET", "/related", "200"): 3,
        ("GET", "/related", "304"): 1,
        ("GET", "/related", "404"): 1,
        ("GET", "/related", "422"): 1,
        ("POST", "/related", "422"): 1,
        ("GET", "/health/live", "200"): 1,
        ("GET", "/", "200"): 1,
        ("GET", "other", "404"): 2,
        ("other", "/related", "405"): 1,
        ("other", "/health/live", "405"): 1,
    }
    of_related = (("method", "GET"), ("pid", str(os.getpid())), ("route", "/related"))
    assert told["recommender_request_duration_seconds_count", of_related] == 6
    assert 0 < told["recommender_request_duration_seconds_sum", of_related] < 60
    every = tuple(sorted((*of_related, ("le", "+Inf"))))
    assert told["recommender_request_duration_seconds_bucket", every] == 6


@pytest.mark.parametrize(
    ("seconds", "up_to"), [(0.0, 0.0001), (0.0001, 0.0001), (0.0002, 0.00025), (10.0, 10.0), (11.0, None)]
)
def test_a_request_is_in_the_first_bucket_that_holds_it(
    tmp_path: Path, seconds: float, up_to: float | None
) -> None:
    moments = iter((0.0, seconds))

    async def send(message: Message) -> None:
        raise AssertionError("nothing is sent")

    counted = Requests(clock=lambda: next(moments))
    scope = {"method": "GET", "headers": []}
    request = contextvars.copy_context().run(counted.begin, scope, send)  # its id is of this request alone
    counted.end(request, scope, "/related")
    ((kind, timed),) = counted.timed()
    assert kind == ("GET", "/related", 0)
    assert timed.seconds == pytest.approx(seconds)
    expected = [bound == up_to for bound in BUCKETS] + [up_to is None]
    assert [bool(count) for count in timed.counts] == expected
    address = f"sqlite:///{tmp_path}/none.sqlite"
    text = Collecting(Opening(address, tmp_path), Lately(0, Opening(address, tmp_path)), counted).text(3, 2)
    samples = [
        one
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
        if one.name == "recommender_request_duration_seconds_bucket"
    ]
    bounds = [float(one.labels["le"]) for one in samples]
    assert bounds == [*BUCKETS, math.inf]
    # Each bucket counts those before it, too.
    assert [one.value for one in samples] == [bound >= (up_to or math.inf) for bound in bounds]
    assert f'recommender_threads_busy{{pid="{os.getpid()}"}} 3.0' in text.decode()
    assert f'recommender_threads_queued{{pid="{os.getpid()}"}} 2.0' in text.decode()


def test_short_lists_and_stories_that_wait_are_told(store: Store, store_url: str) -> None:
    save(store, *(document(story(name)) for name in "abcdefghijklmn"))
    full = packed(*((other, 0.5) for other in range(2, 12)))
    with TestClient(create_app(Settings(store=store_url))) as client:
        assert asked(client)["recommender_stories_waiting", ()] == 14
        revision = store.revision()
        lists = [(1, full), (2, packed((1, 0.5))), (3, b""), (4, full)]
        store.publish("m", [*lists, *((number, full) for number in range(5, 15))], revision=revision)
        told = asked(client)
        shares = {
            labels: value for (name, labels), value in told.items() if name == "recommender_lists_ratio"
        }
        assert shares == {
            (("fewer_than", "1"),): pytest.approx(1 / 14),
            (("fewer_than", "10"),): pytest.approx(2 / 14),
        }
        assert (told["recommender_stories_waiting", ()], told["recommender_stories_changed", ()]) == (0, 0)
        save(store, document(story("o")), document(story("p")), document(story("a", title="Another title")))
        told = asked(client)
        assert (told["recommender_stories_waiting", ()], told["recommender_stories_changed", ()]) == (2, 3)
        store.put(1, [(15, full)])
        store.remove(key("p"))
        assert asked(client)["recommender_stories_waiting", ()] == 0


def test_models_that_cannot_be_read_are_counted(filled: Store, store_url: str, tmp_path: Path) -> None:
    (tmp_path / "models" / "broken").mkdir(parents=True)
    (tmp_path / "models" / "broken" / "manifest.json").write_text("{}")
    with TestClient(create_app(Settings(store=store_url, models=tmp_path / "models"))) as client:
        told = asked(client)
        assert not any(name == "recommender_models_refused_total" for name, _ in told)
        answer = client.get("/related", params={"url": key("a"), "model": "broken"})
        assert answer.status_code == 503
        labels = (("error", "model-corrupt"), ("pid", str(os.getpid())))
        assert asked(client)["recommender_models_refused_total", labels] == 1


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
