"""`recommender related --explain`: what a person sees of an explanation."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console
from test_cli import FORMS, SEED, SEEDS, run_in

from recommender.cli.explaining import explained
from recommender.service import Answer

WHY: Mapping[str, Any] = {
    "terms": [
        {"term": "task force", "weight": 7.4321, "story": ["title"], "item": ["title", "excerpt"]},
        {"term": "mayor", "weight": 3.0, "story": ["excerpt"], "item": ["title"]},
    ],
    "days_apart": -3.25,
    "topics": ["Law", "AI"],
    "curated": {"place": 2, "by": "item"},
    "co_curated": [{"title": "A third", "webUrl": "https://three.example/"}],
    "parts": {"words": 2.5, "time": -0.6, "topics": 0.03, "links": 0.01, "base": -4.0},
}
NOTHING: Mapping[str, Any] = {
    "terms": None, "days_apart": None, "topics": [], "curated": None, "co_curated": [], "parts": None
}  # fmt: skip


def shown(why: Mapping[str, Any], title: str = "A title", **more: Any) -> str:
    item = {
        "rank": 1,
        "score": 0.5,
        "source": "model",
        "title": title,
        "webUrl": "https://one.example/",
        "publishedDateTime": None,
        "provider": {"name": "One", "domain": ""},
        "why": why,
    }
    console = Console(width=120, file=io.StringIO())
    answer = Answer("https://news.example/x", "m1", 7, [orjson.dumps(item).decode()], None, **more)
    console.print(explained(answer, datetime(2024, 1, 3, tzinfo=UTC)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_all_that_is_known_is_told() -> None:
    lines = [" ".join(line.split()) for line in shown(WHY).splitlines()]
    assert lines == [
        "1 0.50 A title model · One · undated",
        "shares task force 7.4, mayor 3.0",
        "topics Law, AI",
        "published 3.2 days earlier",
        "editors its editors linked to the story, place 2",
        "linked too “A third”",
        "score words █████+2.50 time █-0.60 others +0.04 every pair -4.00",
        "",
        "model m1, generation 7",
    ]


def test_what_is_not_known_is_left_out() -> None:
    assert shown(NOTHING).split("\n")[1].strip() == ""
    assert "no words" in shown(NOTHING | {"terms": []})
    assert "No recompute has seen this story yet" in shown(NOTHING, ranked=False)
    console = Console(width=120, file=io.StringIO())
    console.print(explained(Answer("https://news.example/x", "m1", 7, [], None), datetime.now(UTC)))
    assert isinstance(console.file, io.StringIO)
    assert "Nothing is related" in console.file.getvalue()


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0.0, "at the same time"),
        (0.5, "12.0 hours later"),
        (-1.0, "24.0 hours earlier"),
        (2, "2.0 days later"),
    ],
)
def test_how_far_apart(days: float, words: str) -> None:
    assert words in shown(NOTHING | {"days_apart": days})


@pytest.mark.parametrize(
    ("by", "words"), [("story", "the story's editors"), ("both", "each other"), (None, "by")]
)
def test_whose_link(by: str | None, words: str) -> None:
    assert words in shown(NOTHING | {"curated": {"place": 1, "by": by}})


def test_titles_do_not_drive_the_terminal() -> None:
    hostile = "\x1b[2J[red]evil\x07"
    said = shown(
        WHY
        | {
            "topics": [hostile],
            "co_curated": [{"title": hostile, "webUrl": "x"}],
            "parts": {hostile: 1, "base": 0},
        },
        hostile,
    )
    assert "\x1b" not in said
    assert "\x07" not in said
    assert said.count("[2J[red]evil") == 4


def test_the_command(tmp_path: Path) -> None:
    assert run_in(tmp_path, "import", str(SEEDS)).returncode == 0
    assert run_in(tmp_path, "recompute", "--engine", "local").returncode == 0
    said = run_in(tmp_path, "related", FORMS[1], "-k", "2", "--explain").stdout
    for word in ("Congressman slams", "shares", "amazon", "linked to by the story's editors", "every pair"):
        assert word in said
    plain, told = (
        json.loads(run_in(tmp_path, "related", SEED, "--json", *more).stdout)["items"]
        for more in ((), ("--explain",))
    )
    assert all(item.pop("why")["parts"] for item in told)
    assert plain == told
