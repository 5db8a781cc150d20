"""Pinning and blocking by command."""

from __future__ import annotations

import getpass
import json
from functools import partial
from pathlib import Path

import pytest
from stories import document, key, packed, save, story
from test_cli import Result, run_in

from recommender.store import Store

A, B, C = (key(name) for name in "abc")


@pytest.fixture
def run(tmp_path: Path) -> partial[Result]:
    """A folder with a store of three stories, of which the first has the two others for neighbours."""
    with Store.open(f"sqlite:///{tmp_path}/recommender.sqlite") as store:
        save(store, *(document(story(name)) for name in "abc"))
        a, b, c = store.corpus().ids.tolist()
        store.publish("m1", [(a, packed((b, 0.9), (c, 0.8)))])
    return partial(run_in, tmp_path)


def shown(run: partial[Result]) -> list[tuple[str, str]]:
    answer = json.loads(run("related", A, "--json").stdout)
    return [(item["webUrl"][-1], item["source"]) for item in answer["items"]]


def test_orders_are_given_and_taken_back(run: partial[Result]) -> None:
    for arguments, expected in (
        (["pin", A, C, "--by", "Ada"], [("c", "pinned"), ("b", "model")]),
        (["block", "https://www.news.example/a?utm_source=x", B], [("c", "pinned")]),
        (["pin", A, B, "--slot", "1"], [("b", "pinned"), ("c", "pinned")]),
        (["clear", A, C], [("b", "pinned"), ("c", "model")]),
        (["undo", A], [("b", "pinned"), ("c", "pinned")]),
        (["undo", A], [("c", "pinned")]),
    ):
        result = run("curate", *arguments)
        assert result.returncode == 0, result.stderr
        assert shown(run) == expected, arguments
    table = run("related", A).stdout
    assert "pinned" in table


def test_what_is_done_is_told(run: partial[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada.l")
    told = run("curate", "pin", A, C, "--slot", "2").stdout
    for word in ("Title of a", "https://www.news.example/c", "pin", "2", "ada.l", "UTC"):
        assert word in told
    assert "no orders" in run("curate", "clear", A, C).stdout
    assert "taken back: clear https://www.news.example/c" in run("curate", "undo", A).stderr
    run("curate", "undo", A)
    result = run("curate", "undo", A)
    assert (result.returncode, "nothing to take back" in result.stderr) == (0, True)


def test_who_has_no_name_orders_too(run: partial[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid 1000")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert run("curate", "block", A, C).returncode == 0
    assert json.loads(run("curate", "list", A, "--json").stdout)["orders"][0]["by"] == ""


def test_orders_are_listed(run: partial[Result]) -> None:
    assert "no orders" in run("curate", "list").stdout
    run("curate", "pin", A, B, "--by", "Ada")
    run("curate", "block", A, C, "--by", "Bo")
    run("curate", "pin", C, A, "--by", "Cy")
    run("curate", "undo", C)
    everything = run("curate", "list").stdout
    assert everything.count("Title of a") == 1
    assert "Ada" in everything
    assert "Cy" not in everything
    assert "no orders" in run("curate", "list", C).stdout
    history = run("curate", "list", C, "--history").stdout
    assert "pin (undone)" in history
    assert "undo" in history
    one, all_ = (json.loads(run("curate", "list", *more, "--json").stdout) for more in ([A], []))
    assert [order["kind"] for order in one["orders"]] == ["pin", "block"]
    assert [each["url"][-1] for each in all_] == ["a", "c"]
    assert all_[0] == one
    assert all_[1]["orders"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pin", A, A], 2, "invalid-order"),
        (["pin", A, key("nobody")], 1, "unknown-story"),
        (["pin", A, "javascript:x"], 2, "invalid-url"),
        (["pin", A, B, "--slot", "51"], 2, "slot"),
        (["pin", A], 2, "OTHER"),
        (["list", key("nobody")], 1, "unknown-story"),
    ],
)
def test_what_cannot_be(run: partial[Result], arguments: list[str], code: int, message: str) -> None:
    result = run("curate", *arguments)
    assert (result.returncode, message in result.stderr) == (code, True), result.stderr


def test_an_export_has_no_blocked_stories(run: partial[Result], tmp_path: Path) -> None:
    run("curate", "block", A, B)
    run("curate", "pin", B, A)
    assert run("export", "-o", "out.jsonl").returncode == 0
    lines = {
        each["url"][-1]: each for each in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    }
    assert [one["url"][-1] for one in lines["a"]["related"]] == ["c"]
    assert lines["b"]["related"] == []
