"""What stories, editors and files are called drives nobody's terminal."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path

import pytest
from stories import document, key, packed, save, story
from test_cli import Result, run_in

from recommender.articles import Image, Provider
from recommender.store import Store

HOSTILE = "\x1b[2J\x9b31m\x07\x1b]8;;https://evil.example\x1b\\\u202e[/b][red] :bomb: \u2066\x7f\x00"
"""Clears the screen, paints it, rings, links, turns its line around; and is wrong in rich's markup."""
DRIVING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
A, B, C = (key(name) for name in "abc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store whose every text is hostile: written past the readers, which clean texts."""
    folder = tmp_path_factory.mktemp("terminal")
    text = HOSTILE.replace("\0", "")
    stories = [
        story(
            name,
            day=1,
            title=f"Bridge {name} {text}",
            excerpt=f"Bridges {text}",
            provider=Provider(f"Paper {text}", f"d{text}", (Image(A, title=text),)),
            topics=(f"topic {text}",),
            tags=(text,),
            category=text,
            type=f"type {text}",
            locale=text,
            images=(Image(A, title=text),),
        )
        for name in "abc"
    ]
    with Store.open(f"sqlite:///{folder}/recommender.sqlite") as store:
        save(store, document(stories[0], links=[B, f"{A}/dead"], origin=f"/stories/a {text}.md"))
        save(
            store,
            *(document(one, origin=f"/stories/{place} {text}.md") for place, one in enumerate(stories[1:])),
        )
        a, b, c = store.corpus().ids.tolist()
        store.publish(f"model {text}", [(a, packed((b, 0.9), (c, 0.8)))])
        store.feeds.add("https://feeds.example/x?[/b]", "[/b] :bomb:", 600)
        feed = store.feeds.take(2**40)[0]
        store.feeds.note(feed, outcome=f"not XML: {text}", next_at=None, polled_at=1, failures=1)
        store.keys.add("[/b]", ["publish"])
    return folder


def plain(result: Result) -> str:
    said = result.stdout + result.stderr
    assert DRIVING.findall(said) == []
    return said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["related", A], ["Bridge a", "Paper", "Bridge b", "model"]),
        (["related", A, "--explain"], ["Bridge a", "Paper", "Bridge b"]),
        (["search", "bridge"], ["Bridge a", "Paper", "Bridge b"]),
        (["audit"], ["Bridge a", "/stories/a"]),
        (["audit", "--reason", "dead"], ["Bridge a", "/stories/a", f"{A}/dead"]),
        (["curate", "pin", A, B, "--by", "[/b]"], ["Bridge a", "Bridge b", "pin"]),
        (["curate", "list"], ["Bridge a", "Bridge b"]),
        (["curate", "list", "--history"], ["Bridge a", "Bridge b"]),
        (["curate", "undo", A, "--by", "[/b]"], ["taken back"]),
        (["feeds", "list"], ["[/b] :bomb:", "not XML", "feeds.example"]),
        (["keys", "list"], ["[/b]"]),
        (["sites"], ["model"]),
        (["doctor"], ["ranked by"]),
        (["report"], ["Nothing was counted"]),
        (["related", "https://nobody.example/[/b]\x1b[2J"], ["U+001B"]),
        (["related", "https://nobody.example/[/b]"], ["no story", "[/b]"]),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_what_commands_print_is_text(folder: Path, command: list[str], said: list[str]) -> None:
    result = run_in(folder, *command)
    assert result.returncode == (2 if "U+001B" in said else "no story" in said)
    shown = plain(result)
    for word in said:
        assert word in shown
    if "Paper" in said:
        assert "[/b]" in shown, "markup is text"
        assert ":bomb:" in shown


@pytest.fixture
def run(tmp_path: Path) -> partial[Result]:
    """A folder with files of hostile names: one that is no story, one that is, one that has no name."""
    stories = tmp_path / "stories"
    stories.mkdir()
    name = HOSTILE.replace("\0", "").replace("/", "")
    (stories / f"bad {name}.json").write_text('{"title": 1, "webUrl": "\\u001b[2J"}')
    (stories / f"good {name}.json").write_text(json.dumps({"title": "x", "webUrl": A, "quality": "much"}))
    Path(os.fsdecode(bytes(stories) + b"/latin \xe9.json")).write_text(
        json.dumps({"title": "x", "webUrl": B})
    )
    return partial(run_in, tmp_path)


def test_names_of_files_are_text(run: partial[Result]) -> None:
    result = run("-v", "import", "stories")
    assert result.returncode == 3
    shown = plain(result)
    assert "1 new" in shown
    assert "quality is not a finite number" in shown
    assert r"latin \xe9.json: its name is not UTF-8: rename the file" in shown
    assert "bad [2J31m" in shown


def test_names_of_files_are_text_in_json(run: partial[Result]) -> None:
    result = run("import", "stories", "--json")
    assert result.returncode == 3
    plain(result)
    told = json.loads(result.stdout)
    assert len(told["rejections"]) == 2
    assert HOSTILE.replace("\0", "").replace("/", "") in told["rejections"][0]["path"]
