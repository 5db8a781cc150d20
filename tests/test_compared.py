"""One story by a model that is asked for: as a recompute with that model would list it."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from made_up import until
from starlette.testclient import TestClient
from test_api import is_problem
from test_promoting import folder, news, trained  # noqa: F401  (fixtures)

from recommender import default, models
from recommender.api import create_app
from recommender.corpus import NEIGHBOUR_DTYPE, Corpus
from recommender.errors import ModelIncompatible, ModelNotFound, NothingRecomputed, UnknownStory
from recommender.live import drafts as live_drafts
from recommender.live.drafts import Drafts
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.pipeline.training import train
from recommender.search import SEARCH
from recommender.service import Options, Service
from recommender.settings import Settings
from recommender.store import Store
from recommender.urls import canonical

# ruff: noqa: F811  (fixtures that come from another file of tests)

ROWS = (0, 7, 90, 179)


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """Stories whose lists are those of a trained model."""
    with Store.open(f"sqlite:///{folder}/news.sqlite") as opened:
        recompute(opened, folder / "models")
        yield opened


@pytest.fixture
def client(store: Store, folder: Path) -> Iterator[TestClient]:
    app = create_app(Settings(store=store.name, models=str(folder / "models")))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def found(store: Store, url: str) -> Any:
    return store.find(canonical(url), reasons=True)


def same(one: bytes, other: bytes) -> None:
    these, those = (np.frombuffer(each, NEIGHBOUR_DTYPE) for each in (one, other))
    assert len(these) == 50
    for column in ("article", "curated", "group"):
        assert these[column].tolist() == those[column].tolist(), column
    assert these["score"] == pytest.approx(those["score"], abs=1e-6)


# As a recompute would


def test_the_served_model_gives_the_list_that_is_served(store: Store, folder: Path, news: Corpus) -> None:
    drafts = Drafts(store, folder / "models")
    name = models.active(folder / "models") or ""
    for row in ROWS:
        served = found(store, news.urls[row])
        ranked = drafts.ranked_by(name, served.id)
        same(ranked.packed, served.packed)
        assert ranked.parts == served.parts
        assert len(ranked.reasons) == len(served.reasons)
        assert (ranked.model, ranked.generation) == (name, 1)


def test_another_model_gives_the_list_of_its_recompute(store: Store, folder: Path, news: Corpus) -> None:
    drafts = Drafts(store, folder / "models")
    ranked = {row: drafts.ranked_by(default.NAME, found(store, news.urls[row]).id) for row in ROWS}
    served = {row: found(store, news.urls[row]).packed for row in ROWS}
    assert any(ranked[row].packed != served[row] for row in ROWS)
    models.activate(folder / "models", default.NAME)
    recompute(store, folder / "models")
    for row in ROWS:
        same(ranked[row].packed, found(store, news.urls[row]).packed)


def test_a_story_that_came_since_has_the_list_that_it_will_have(
    store: Store, folder: Path, made: ModuleType, news: Corpus
) -> None:
    row = 181
    made.save(store, until(news, row + 1, without=[180]))
    story = found(store, news.urls[row])
    assert story.packed is None
    ranked = Drafts(store, folder / "models").ranked_by(default.NAME, story.id)
    models.activate(folder / "models", default.NAME)
    recompute(store, folder / "models")
    after = found(store, news.urls[row]).packed
    same(ranked.packed, after)
    linked = np.frombuffer(after, NEIGHBOUR_DTYPE)["curated"]
    assert linked.max() > 0, "its own links count, as in any list"


def test_one_model_after_the_other_leaves_no_trace(store: Store, folder: Path, news: Corpus) -> None:
    drafts = Drafts(store, folder / "models")
    name = models.active(folder / "models") or ""
    story = found(store, news.urls[7]).id
    first = drafts.ranked_by(name, story)
    other = drafts.ranked_by(default.NAME, story)
    assert first.packed != other.packed
    assert (drafts.ranked_by(name, story), drafts.ranked_by(default.NAME, story)) == (first, other)


def test_a_recompute_is_followed(store: Store, folder: Path, made: ModuleType, news: Corpus) -> None:
    drafts = Drafts(store, folder / "models")
    story = found(store, news.urls[179]).id
    drafts.ranked_by(default.NAME, story)
    made.save(store, until(news, 184))
    refresh(store, folder / "models")
    assert drafts.ranked_by(default.NAME, story).generation == 2


def test_what_is_active_can_be_asked_for_without_its_name(store: Store, folder: Path, news: Corpus) -> None:
    drafts = Drafts(store, folder / "models")
    story = found(store, news.urls[7]).id
    name = models.active(folder / "models") or ""
    assert drafts.ranked_by("active", story) == drafts.ranked_by(name, story)
    models.activate(folder / "models", default.NAME)
    assert drafts.ranked_by("active", story) == drafts.ranked_by(default.NAME, story)


# What cannot be


def test_a_model_there_is_not_is_found_out_before_anything_is_loaded(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_drafts, "Loaded", None)
    for name in ("20200101-000000-abcdef", "../models", "history", ""):
        with pytest.raises(ModelNotFound):
            Drafts(store, folder / "models").ranked_by(name, 1)


def test_a_model_with_other_candidates_is_not_mixed_in(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(SEARCH, near=7), default.ranker()
    monkeypatch.setattr(live_drafts, "named", lambda *_: other)
    with pytest.raises(ModelIncompatible, match="other candidates"):
        Drafts(store, folder / "models").ranked_by("m7", 1)


def test_a_story_that_is_gone(store: Store, folder: Path) -> None:
    with pytest.raises(UnknownStory):
        Drafts(store, folder / "models").ranked_by(default.NAME, 10_000)


def test_the_model_of_the_lists_has_to_be_there_too(store: Store, folder: Path) -> None:
    shutil.rmtree(folder / "models")
    with pytest.raises(NothingRecomputed, match="no model"):
        Drafts(store, folder / "models").ranked_by(default.NAME, 1)


# Over HTTP


def ask(client: TestClient, url: str, model: str, **parameters: Any) -> Any:
    return client.get("/related", params={"url": url, "model": model, **parameters})


def test_two_models_side_by_side(client: TestClient, store: Store, folder: Path, news: Corpus) -> None:
    url, name = news.urls[7], models.active(folder / "models") or ""
    plain = client.get("/related", params={"url": url}).json()
    response = ask(client, url, name)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "etag" not in response.headers
    assert [item["webUrl"] for item in response.json()["items"]] == [one["webUrl"] for one in plain["items"]]
    assert {key: response.json()[key] for key in ("url", "model", "generation")} == {
        key: plain[key] for key in ("url", "model", "generation")
    }
    other = ask(client, url, "default", curated="off", limit=5, explain="true")
    service = Service(store, folder / "models")
    options = Options(curated="off", limit=5, explain=True)
    assert other.content == service.compared(url, "default", options).json()
    answer = other.json()
    assert (answer["id"], answer["model"], len(answer["items"])) == (None, "default", 5)
    assert all(item["source"] == "model" and item["why"]["parts"] for item in answer["items"])
    assert ask(client, url, "active").json()["model"] == name


def test_the_baseline_goes_by_likeness_and_time_alone(client: TestClient, news: Corpus) -> None:
    lists = {
        model: [ask(client, news.urls[row], model, curated="off", explain="true").json() for row in ROWS]
        for model in ("untrained", "default")
    }
    assert {answer["model"] for answer in lists["untrained"]} == {"untrained"}
    for answer in lists["untrained"]:
        parts = [item["why"]["parts"] for item in answer["items"]]
        assert all(each["likeness"] > 0 for each in parts)
        assert {name for each in parts for name, value in each.items() if value} == {"likeness", "base"}
    first, other = (
        [[item["webUrl"] for item in answer["items"]] for answer in answers] for answers in lists.values()
    )
    assert first != other


def test_nothing_is_kept_of_it(client: TestClient, folder: Path, news: Corpus) -> None:
    name = models.active(folder / "models") or ""
    for _ in range(3):
        assert ask(client, news.urls[7], name).status_code == 200
    lately = client.app.state.lately  # type: ignore[attr-defined]
    assert (len(lately), lately.again) == (0, 0)
    (folder / "models" / name).rename(folder / "elsewhere")
    is_problem(ask(client, news.urls[7], name), 404, "model-not-found")


def test_errors_have_names_and_tell_no_paths(
    client: TestClient, folder: Path, news: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    name = models.active(folder / "models") or ""
    for unknown in ("20200101-000000-abcdef", "../models", "a/b", "<script>"):
        response = ask(client, news.urls[7], unknown)
        is_problem(response, 404, "model-not-found")
        assert str(folder) not in response.text
    is_problem(ask(client, "https://news.example/nobody", name), 404, "unknown-story")
    is_problem(ask(client, news.urls[7], "default", limit=99), 422, "invalid-request")
    path = folder / "models" / name / "roots.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING, "recommender.api"):
        response = ask(client, news.urls[7], name)
    is_problem(response, 503, "model-corrupt")
    assert response.headers["retry-after"]
    assert str(folder) not in response.text
    assert str(path) in caplog.text


def test_before_the_first_recompute(folder: Path, news: Corpus) -> None:
    settings = Settings(store=f"sqlite:///{folder}/news.sqlite", models=str(folder / "models"))
    with TestClient(create_app(settings)) as client:
        is_problem(ask(client, news.urls[7], "default"), 503, "nothing-recomputed")


# Swapped under load


def test_models_are_swapped_and_no_request_fails(
    client: TestClient, store: Store, folder: Path, news: Corpus
) -> None:
    """Readers ask all the time while models are activated, taken back and recomputed with."""
    root = folder / "models"
    first = models.active(root)
    second = train(store, root).model.id
    stop, answers = threading.Event(), list[tuple[int, str]]()

    def read(start: int) -> None:
        row = start
        while not stop.is_set():
            row = (row + 1) % 180
            response = client.get("/related", params={"url": news.urls[row]})
            answers.append((response.status_code, response.json().get("model", "")))

    readers = [threading.Thread(target=read, args=(start,)) for start in (0, 60, 120)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(2):
            recompute(store, root)
            assert models.rollback(root) == first
            recompute(store, root)
            assert models.rollback(root) == second
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert {status for status, _ in answers} == {200}
    assert {model for _, model in answers} == {first, second}
    assert len(answers) > 100
