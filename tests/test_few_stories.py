"""From import to answer with next to nothing: no stories, one, the same one many times, words never seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from test_cli import run_in

from recommender.api import create_app
from recommender.live.updating import Updater
from recommender.neighbours import in_order
from recommender.settings import Settings
from recommender.store import Store

URL = "https://news.example/"


def told(number: int, title: str, **fields: Any) -> dict[str, Any]:
    return {"title": title, "webUrl": f"{URL}{number}", "publishedDateTime": "2024-01-01", **fields}


SAME = {"title": "The same words", "excerpt": "Again and again, the same words about the same bridge."}

NEWSROOMS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "one": [told(0, "A bridge reopens")],
    "all the same": [told(number, **SAME) for number in range(30)],
    "all the same and linked": [
        told(number, **SAME, related=[told((number + 1) % 30, **SAME)]) for number in range(30)
    ],
    "no words": [told(number, "— ! …") for number in range(4)],
    "no word twice": [told(number, f"word{number}") for number in range(4)],
    "no dates": [{"title": f"A bridge {number}", "webUrl": f"{URL}{number}"} for number in range(4)],
}


@pytest.mark.parametrize("name", NEWSROOMS)
def test_every_verb_runs_and_no_story_is_its_own_neighbour(name: str, store_url: str, tmp_path: Path) -> None:
    stories = NEWSROOMS[name]
    (tmp_path / "stories.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in stories))
    settings = Settings(store=store_url, models=tmp_path / "models", cache=0)

    def run(*arguments: str) -> str:
        result = run_in(tmp_path, "-q", "--store", store_url, *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    run("import", "stories.jsonl")
    with TestClient(create_app(settings)) as client:
        missing = {one["name"] for one in client.get("/health/ready").json()["errors"]}
        assert missing == ({"generation"} if stories else {"generation", "stories"})
    assert json.loads(run("train", "--engine", "local", "--json"))["model"] is None
    run("recompute", "--engine", "local")
    answers = [_answers(settings, len(stories))]
    run("recompute", "--engine", "local")
    answers.append(_answers(settings, len(stories)))
    assert answers[0] == answers[1], "the same stories have the same lists"
    run("recompute", "--since-last")
    with Store.open(store_url) as store:
        generation = store.generation()
        assert generation is not None
        assert (generation.id, generation.stories) == (2, len(stories)), "there was nothing new"


def _answers(settings: Settings, stories: int) -> list[list[tuple[str, float]]]:
    """Ask for every story, and for a text of words that no story has."""
    lists = []
    with TestClient(create_app(settings)) as client:
        ready = client.get("/health/ready")
        assert ready.status_code == (200 if stories else 503)
        if not stories:
            assert [one["name"] for one in ready.json()["errors"]] == ["stories"]
        for number in range(stories):
            url = f"{URL}{number}"
            found = client.get("/related", params={"url": url, "limit": 50, "duplicates": "show"})
            items = found.json()["items"]
            assert url not in [item["webUrl"] for item in items]
            assert len(items) == stories - 1
            lists.append([(item["webUrl"], item["score"]) for item in items])
        draft = {"title": "Zzyzx qwghlm xyzzy", "publishedDateTime": "2024-01-02"}
        found = client.post("/related", params={"limit": 50, "duplicates": "show"}, json=draft)
        assert found.status_code == 200, found.text
        lists.append([(item["webUrl"], item["score"]) for item in found.json()["items"]])
        assert len({url for url, _ in lists[-1]}) == len(lists[-1]) <= stories
    return lists


def test_an_empty_store_that_was_recomputed_is_kept_up_to_date(store_url: str, tmp_path: Path) -> None:
    run_in(tmp_path, "--store", store_url, "import", str(tmp_path))
    assert run_in(tmp_path, "--store", store_url, "recompute", "--engine", "local").returncode == 0
    with Store.open(store_url) as store:
        updater = Updater(store, tmp_path)
        assert updater.step() == (0, 0)
        (tmp_path / "stories.jsonl").write_text(
            "".join(f"{json.dumps(told(number, **SAME))}\n" for number in range(3))
        )
        run_in(tmp_path, "--store", store_url, "import", "stories.jsonl")
        assert updater.step().ranked == 3
        found = store.find(f"{URL}0")
        assert found is not None
        assert (found.generation, len(in_order(found.packed or b""))) == (1, 2)
        updater.step()
        updater.close()
        generation = store.generation()
        assert generation is not None
        assert (generation.id, generation.stories) == (2, 3), "how rare words are was learned meanwhile"
