"""What is told of models over HTTP, from the store alone where it can be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from stories import document, save, story
from test_api import is_problem
from test_promoting import folder, news, trained  # noqa: F401  (fixtures)

from recommender import default, models
from recommender.api import create_app, learned
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.training import train
from recommender.settings import Settings
from recommender.store import Store


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:  # noqa: F811
    with Store.open(f"sqlite:///{folder}/news.sqlite") as opened:
        yield opened


@pytest.fixture
def client(store: Store, folder: Path) -> Iterator[TestClient]:  # noqa: F811
    with TestClient(create_app(Settings(store=store.name, models=str(folder / "models")))) as client:
        yield client


def ask(client: TestClient, path: str) -> dict[str, Any]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer: dict[str, Any] = response.json()
    {"/models": learned.Models, "/evaluation": learned.Evaluation}[path].model_validate(answer)
    return answer


def test_models_are_told_with_what_they_learned_from(
    client: TestClient,
    store: Store,
    folder: Path,  # noqa: F811
) -> None:
    (manifest,) = models.listed(folder / "models")
    first = manifest["id"]
    answer = ask(client, "/models")
    ours = manifest["report"]["systems"]["recommender"]
    assert answer == {
        "active": first,
        "served": None,
        "models": [
            {
                "id": first,
                "created": answer["models"][0]["created"],
                "stories": manifest["data"]["stories"],
                "links": manifest["data"]["links"],
                "ndcg": ours["ndcg"],
                "interval": ours["interval"],
                "active": True,
                "served": False,
            }
        ],
    }
    recompute(store, folder / "models")
    second = train(store, folder / "models").model.id
    answer = ask(client, "/models")
    assert (answer["active"], answer["served"]) == (second, first)
    flags = {one["id"]: (one["active"], one["served"]) for one in answer["models"]}
    assert flags == {first: (False, True), second: (True, False)}
    models.activate(folder / "models", default.NAME)
    recompute(store, folder / "models")
    answer = ask(client, "/models")
    assert (answer["active"], answer["served"]) == ("default", "default")
    assert not any(one["active"] or one["served"] for one in answer["models"])


@pytest.mark.parametrize("where", ["nowhere", "carrier-pigeon://x"])
def test_a_server_without_models_tells_what_the_store_knows(store: Store, where: str) -> None:
    with TestClient(create_app(Settings(store=store.name, models=where))) as client:
        answer = ask(client, "/models")
    assert answer["active"] is None
    assert [one["active"] for one in answer["models"]] == [None]
    assert answer["models"][0]["ndcg"] > 0


def test_the_evaluation_is_of_the_model_that_is_served(
    client: TestClient,
    store: Store,
    folder: Path,  # noqa: F811
) -> None:
    answer = ask(client, "/evaluation")
    assert (answer["model"], answer["report"], answer["note"]) == (None, None, "nothing was recomputed yet")
    recompute(store, folder / "models")
    (manifest,) = models.listed(folder / "models")
    train(store, folder / "models")  # active, and not served
    answer = ask(client, "/evaluation")
    assert (answer["model"], answer["generation"], answer["note"]) == (manifest["id"], 1, None)
    assert answer["report"] == manifest["report"]
    reliability, queries = answer["report"]["reliability"], answer["report"]["queries"]
    assert 0 < reliability["shown"]["pairs"] <= 10 * queries < reliability["scored"]["pairs"]
    assert answer["data"] == manifest["data"]


def test_how_many_stories_have_a_list_and_when_the_newest_came_out(store_url: str) -> None:
    def facts() -> tuple[int, str | None]:
        answer = ask(client, "/evaluation")
        return answer["stories"], answer["newest"]

    with Store.open(store_url) as store, TestClient(create_app(Settings(store=store_url))) as client:
        assert facts() == (0, None)
        save(store, document(story("old", day=1)), document(story("undated", day=None)))
        assert facts() == (0, "2020-01-02T00:00:00Z")
        old = store.find("https://news.example/old")
        assert old is not None
        store.publish("m1", [(old.id, b"")])
        save(
            store,
            document(story("new", day=2)),
            document(story("gone", day=3, removed=True)),
            document(story("future", published_at=datetime(2300, 1, 1, tzinfo=UTC))),
        )
        assert facts() == (1, "2020-01-03T00:00:00Z")


def test_what_no_report_is_of_is_said(client: TestClient, store: Store) -> None:
    store.publish("20260101-000000-abcdef", [])
    answer = ask(client, "/evaluation")
    assert (answer["model"], answer["report"]) == ("20260101-000000-abcdef", None)
    assert "trained on another" in answer["note"]
    store.publish(default.NAME, [])
    answer = ask(client, "/evaluation")
    assert (answer["model"], answer["report"]) == ("default", None)
    assert "default ranker" in answer["note"]


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"protocol": "cold", "reason": "too few"},
        {"protocol": "cold", "stories": 3, "cut": None, "seed": None, "k": 10, "queries": 1, "relevant": 2},
    ],
)
def test_reports_of_older_programs_are_told_as_they_are(tmp_path: Path, report: dict[str, Any]) -> None:
    address = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(address) as store, TestClient(create_app(Settings(store=address))) as client:
        save(store, document(story("a")))
        store.record_model("m1", {"protocol": "cold", **report})
        store.publish("m1", [])
        assert ask(client, "/models")["models"][0]["stories"] == report.get("stories")
        assert ask(client, "/evaluation")["report"]["protocol"] == "cold"


@pytest.mark.parametrize("path", ["/models", "/evaluation"])
def test_a_store_that_does_not_answer(tmp_path: Path, path: str) -> None:
    with TestClient(create_app(Settings(store=f"sqlite:///{tmp_path}/none.sqlite"))) as client:
        is_problem(client.get(path), 503, "store-unavailable")


def test_telling_of_models_loads_no_numbers(store: Store, folder: Path) -> None:  # noqa: F811
    program = (
        "import sys; from starlette.testclient import TestClient\n"
        "from recommender.api import create_app; from recommender.settings import Settings\n"
        f"app = create_app(Settings(store={store.name!r}, models={str(folder / 'models')!r}))\n"
        "with TestClient(app) as client:\n"
        "    assert client.get('/models').json()['active']\n"
        "    assert client.get('/evaluation').status_code == 200\n"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
