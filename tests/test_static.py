"""A folder of answers for a CDN: the very bytes, only what changed, whole at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from stories import document, key, packed, save, story

from recommender.api import create_app
from recommender.errors import InvalidURL, UsageError
from recommender.service import Desk
from recommender.service.posting import remove
from recommender.settings import Settings
from recommender.static import Exported, export, file_of
from recommender.store import Store

NAMES = ("asked", "a", "b", "c")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "public" / "related"


@pytest.fixture
def filled(store: Store) -> Store:
    """A store of four stories, each of which has the three others."""
    save(store, *(document(story(name, day=day)) for day, name in enumerate(NAMES)))
    publish(store)
    return store


def publish(store: Store, *names: str) -> None:
    """Publish a generation in which the stories named, or all, are neighbours of one another."""
    ids = [found.id for name in names or NAMES if (found := store.find(key(name))) is not None]
    lists = ((one, packed(*((other, 0.5 + other / 100) for other in ids if other != one))) for one in ids)
    store.publish("m1", lists)


def files(folder: Path) -> dict[str, bytes]:
    """Read the files of stories, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent != folder
    }


def index(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "index.json").read_bytes()))


def listed(folder: Path) -> dict[str, str]:
    lines = (json.loads(line) for line in (folder / "urls.jsonl").read_text().splitlines())
    return {line["url"]: line["file"] for line in lines}


# What is written


def test_a_file_has_the_bytes_that_http_answers(filled: Store, store_url: str, folder: Path) -> None:
    assert export(filled, folder) == Exported(4, 4, 0)
    with TestClient(create_app(Settings(store=store_url))) as client:
        answers = {
            file_of(key(name)): client.get("/related", params={"url": key(name)}).content for name in NAMES
        }
    assert files(folder) == answers
    assert len({*answers.values()}) == 4


def test_a_file_is_named_by_any_form_of_the_url() -> None:
    name = sha256(b"https://news.example/a").hexdigest()[:32]
    assert file_of("https://news.example/a") == f"{name[:2]}/{name}.json"
    assert file_of("http://www.news.example/a/?utm_source=x#top") == file_of("https://news.example/a")
    with pytest.raises(InvalidURL):
        file_of("javascript:alert(1)")


def test_the_list_names_the_file_of_each_url(filled: Store, folder: Path) -> None:
    export(filled, folder)
    assert listed(folder) == {f"https://www.news.example/{name}": file_of(key(name)) for name in NAMES}
    assert set(listed(folder).values()) == set(files(folder))


def test_the_index_says_what_it_is_of(filled: Store, folder: Path) -> None:
    export(filled, folder, 3, clock=lambda: 1_700_000_000.9)
    told = index(folder)
    assert "SHA-256" in told.pop("names")
    assert told == {
        "generation": 1,
        "model": "m1",
        "made": "2023-11-14T22:13:20Z",
        "stories": 4,
        "limit": 3,
    }


def test_orders_fill_and_the_limit_hold(filled: Store, folder: Path) -> None:
    publish(filled, "asked", "a")
    desk = Desk(filled)
    desk.curate(key("asked"), key("c"), "pin")
    desk.curate(key("asked"), key("b"), "block")
    export(filled, folder, 2)
    answer = json.loads(files(folder)[file_of(key("asked"))])
    assert [(item["source"], item["title"]) for item in answer["items"]] == [
        ("pinned", "Title of c"),
        ("model", "Title of a"),
    ]
    filled_up = json.loads(files(folder)[file_of(key("b"))])
    assert [item["source"] for item in filled_up["items"]] == ["fill", "fill"]


def test_before_the_first_recompute_there_is_what_fills(store: Store, folder: Path) -> None:
    save(store, document(story("a")), document(story("b")))
    export(store, folder)
    assert (index(folder)["generation"], index(folder)["model"]) == (None, None)
    assert b'"source":"fill"' in files(folder)[file_of(key("a"))]


# Writing again


def test_what_did_not_change_is_not_written_again(filled: Store, folder: Path) -> None:
    export(filled, folder)
    for path in folder.rglob("*.json*"):
        os.utime(path, (1, 1))
    assert export(filled, folder) == Exported(4, 0, 0)
    Desk(filled).curate(key("asked"), key("c"), "block")
    assert export(filled, folder) == Exported(4, 1, 0)
    newer = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.json*") if path.stat().st_mtime > 1
    }
    assert newer == {file_of(key("asked")), "index.json"}


def test_lists_that_a_recompute_leaves_as_they_were_are_not_written_again(
    filled: Store, folder: Path
) -> None:
    export(filled, folder)
    before = files(folder)
    with filled.exported() as (_, lists):
        served = list(lists)
    generation = filled.publish("m1", served)
    assert export(filled, folder) == Exported(4, 0, 0)
    assert files(folder) == before
    assert index(folder)["generation"] == generation
    filled.publish("m2", served)
    assert export(filled, folder) == Exported(4, 4, 0)


def test_files_of_stories_that_are_gone_are_deleted_and_no_others(filled: Store, folder: Path) -> None:
    export(filled, folder)
    own = [folder / "robots.txt", folder / "3f" / "mine.json", folder / "pages" / f"{'0' * 32}.json"]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    remove(filled, key("c"))
    assert export(filled, folder) == Exported(3, 3, 1)
    assert not (folder / file_of(key("c"))).exists()
    assert set(listed(folder)) == {f"https://www.news.example/{name}" for name in ("asked", "a", "b")}
    assert [path.read_text() for path in own] == ["mine"] * 3


def test_a_story_that_is_taken_back_meanwhile_has_no_file(filled: Store, folder: Path) -> None:
    def meanwhile(items: Any, total: int, label: str) -> Any:
        for place, item in enumerate(items):
            if place == 1:
                remove(filled, key("c"))
            yield item

    assert export(filled, folder, progress=meanwhile).stories == 3
    assert set(files(folder)) == {file_of(key(name)) for name in ("asked", "a", "b")}


@pytest.mark.parametrize("after", range(7))
def test_a_failure_leaves_nothing_named_that_is_not_there(
    filled: Store, folder: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(filled, folder)
    remove(filled, key("c"))
    save(filled, document(story("new")))
    publish(filled, "asked", "a", "b", "new")
    replace, unlink = Path.replace, Path.unlink
    done = 0

    def counted(step: Any) -> Any:
        def stepped(self: Path, *arguments: Any, **named: Any) -> Any:
            nonlocal done
            if done == after:
                raise OSError(28, "No space left on device", str(self))
            done += 1
            return step(self, *arguments, **named)

        return stepped

    monkeypatch.setattr(Path, "replace", counted(replace))
    monkeypatch.setattr(Path, "unlink", counted(unlink))
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        export(filled, folder)
    monkeypatch.undo()
    assert set(listed(folder).values()) <= set(files(folder))
    assert all(json.loads(body)["items"] for body in files(folder).values())
    assert index(folder)["generation"] == 1 or "https://www.news.example/new" in listed(folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["related"]
    assert export(filled, folder).stories == 4
    assert set(listed(folder).values()) == set(files(folder))


def test_what_a_killed_export_left_beside_is_no_hindrance(filled: Store, folder: Path) -> None:
    left = folder / ".recommender.partial"
    left.mkdir(parents=True)
    (left / "index.json").write_text("half")
    assert export(filled, folder).written == 4
    assert not left.exists()


def test_two_exports_do_not_write_at_once(filled: Store, folder: Path) -> None:
    folder.mkdir(parents=True)
    hold = f"import fcntl, os, sys; fcntl.flock(os.open({str(folder)!r}, os.O_RDONLY), fcntl.LOCK_EX)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{hold}; print('held', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="another export is writing there"):
            export(filled, folder)
        other.communicate()
    assert export(filled, folder).written == 4


def test_a_folder_that_cannot_be_is_refused(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match=r"file.*: cannot be written: "):
            export(filled, folder)
