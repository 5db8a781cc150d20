"""What a recompute would change, told before anything is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from made_up import until
from stories import document, key, save, story
from test_cli import run_in
from test_promoting import folder, news, trained  # noqa: F401  (fixtures)
from test_refreshing import served
from typer.testing import CliRunner

from recommender import default, models
from recommender.cli import app
from recommender.corpus import NEIGHBOUR_DTYPE, Corpus
from recommender.errors import ModelNotFound, NothingRecomputed
from recommender.pipeline import differing
from recommender.pipeline.differing import Difference, difference
from recommender.pipeline.recomputing import recompute
from recommender.store import Store

# ruff: noqa: F811  (fixtures that come from another file of tests)


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{folder}/news.sqlite") as opened:
        recompute(opened, folder / "models")
        yield opened


def publish(store: Store, lists: dict[str, list[tuple[str, int]]]) -> None:
    """Publish lists of (story, place among the editors' links), by names of stories."""
    ids = {name: (store.find(key(name)) or pytest.fail(name)).id for name in "abcdefghijklmno"}
    store.publish(
        "m1",
        [
            (
                ids[name],
                np.array(
                    [(ids[one], 0.9 - place / 100, link, 0) for place, (one, link) in enumerate(listed)],
                    NEIGHBOUR_DTYPE,
                ).tobytes(),
            )
            for name, listed in lists.items()
        ],
    )


def compared(
    store: Store,
    before: dict[str, list[tuple[str, int]]],
    after: dict[str, list[tuple[str, int]]],
    limit: int = 10,
) -> Difference:
    """Compare two sets of lists that are given."""
    save(store, *(document(story(name)) for name in "abcdefghijklmno"))
    told = Difference("m2", "m1", 1)
    lists = []
    for each in (before, after):
        publish(store, each)
        with store.exported() as (_, read):
            lists.append({article: differing._first(packed) for article, packed in read})
    differing._compare(told, lists[0], iter(lists[1].items()), store, limit)
    return told


def plain(names: str) -> list[tuple[str, int]]:
    return [(name, 0) for name in names]


# Numbers that are known


def test_lists_are_compared_place_by_place(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        found = compared(
            store,
            {"a": plain("bcde"), "b": plain("acde"), "c": plain("ab"), "d": plain("abc")},
            {"a": plain("bcde"), "b": plain("caed"), "c": [("o", 1), ("a", 0)], "e": plain("a")},
        )
    assert (found.stories, found.changed, found.new, found.gone) == (3, 2, 1, 1)
    assert found.overlap == pytest.approx((1 + 1 + 0.5) / 3)
    assert found.displacement == pytest.approx((0 + 1 + 1) / 3)
    assert found.entering == {"curated": 1, "model": 0}
    assert found.leaving == {"curated": 0, "model": 1}
    first, second = found.most
    assert (first.title, first.overlap, first.displacement) == ("Title of c", 0.5, 1)
    assert [(one.place, one.source, one.title) for one in first.entering] == [(1, "curated", "Title of o")]
    assert [(one.place, one.source, one.title) for one in first.leaving] == [(2, "model", "Title of b")]
    assert (second.title, second.entering, second.leaving) == ("Title of b", [], [])


def test_only_the_first_ten_as_readers_have_them_count(tmp_path: Path) -> None:
    tail = plain("bcdefghijkl")
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        found = compared(store, {"a": tail}, {"a": [*tail[:10], ("m", 0), ("n", 0)]})
        assert (found.changed, found.overlap) == (0, 1)
        # An editor's link is shown first, wherever its score has put it.
        found = compared(store, {"a": tail}, {"a": [*tail[:10], ("m", 1)]})
        (changed,) = found.most
        assert [(one.place, one.source) for one in changed.entering] == [(1, "curated")]
        assert [(one.place, one.title) for one in changed.leaving] == [(10, "Title of k")]
        assert (changed.overlap, changed.displacement) == (0.9, 1)


def test_the_most_changed_come_first_and_no_more_than_asked_for(tmp_path: Path) -> None:
    before = {name: plain("mno") for name in "abcd"}
    after = {"a": plain("mon"), "b": plain("mng"), "c": plain("hij"), "d": plain("onm")}
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        found = compared(store, before, after, limit=3)
        assert [one.title[-1] for one in found.most] == ["c", "b", "d"]
        assert (found.changed, compared(store, before, after, limit=0).most) == (4, [])


def test_stories_without_a_list_are_no_trouble(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        found = compared(store, {"a": [], "b": []}, {"a": [], "b": plain("a")})
        assert (found.stories, found.changed, found.overlap, found.displacement) == (2, 1, 0.5, None)
        found = compared(store, {}, {})
        assert (found.stories, found.overlap, found.displacement) == (0, None, None)


# As a recompute would


def test_the_same_model_and_stories_change_nothing(store: Store, folder: Path) -> None:
    found = difference(store, folder / "models")
    assert found.model == found.served == models.active(folder / "models")
    assert (found.stories, found.changed, found.overlap, found.displacement) == (180, 0, 1, 0)
    assert (found.new, found.gone, found.most) == (0, 0, [])


def test_another_model_changes_what_its_recompute_changes_and_nothing_is_published(
    store: Store, folder: Path
) -> None:
    before, generation = served(store), store.generation()
    found = difference(store, folder / "models", default.NAME, limit=1_000)
    assert (store.generation(), served(store)) == (generation, before)
    assert (found.model, found.changed > 20) == (default.NAME, True)
    models.activate(folder / "models", default.NAME)
    assert difference(store, folder / "models", limit=1_000) == found
    recompute(store, folder / "models")
    after = served(store)
    other = {url for url in before if first(before[url]) != first(after[url])}
    assert {one.url for one in found.most} == other
    for one in found.most:
        was, now = first(before[one.url]), first(after[one.url])
        assert {each.url for each in one.entering} == set(now) - set(was)
        assert {each.url for each in one.leaving} == set(was) - set(now)


def first(listed: tuple[list[tuple[str, float, int, int]], bytes]) -> list[str]:
    return [url for url, *_ in sorted(listed[0], key=lambda one: one[2] or 10**6)][:10]


def test_new_stories_are_counted(store: Store, folder: Path, made: ModuleType, news: Corpus) -> None:
    made.save(store, until(news, 190))
    found = difference(store, folder / "models")
    assert (found.stories, found.new, found.gone) == (180, 10, 0)
    assert found.entering["model"] + found.entering["curated"] > 0


def test_there_has_to_be_something_to_compare(folder: Path) -> None:
    with Store.open(f"sqlite:///{folder}/news.sqlite") as store:
        with pytest.raises(NothingRecomputed, match="nothing is served yet"):
            difference(store, folder / "models")
        with pytest.raises(ModelNotFound):
            difference(store, folder / "models", "20200101-000000-abcdef")


# By command


def run(store: Store, folder: Path, *arguments: str) -> str:
    options = ["--store", store.name, "--models", str(folder / "models"), "-q"]
    result = CliRunner().invoke(app, [*options, "recompute", "--diff", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_tells_people_and_machines(store: Store, folder: Path) -> None:
    answer: dict[str, Any] = json.loads(run(store, folder, "--model", "default", "--json", "--limit", "2"))
    assert (answer["model"], len(answer["most"])) == ("default", 2)
    words = " ".join(run(store, folder, "--model", "default", "--limit", "2").split())
    assert f"{answer['changed']} of {answer['stories']} stories" in words
    assert f"{answer['overlap']:.3f} on average" in words
    for one in answer["most"]:
        assert one["title"] in words
        assert all(each["title"] in words for each in one["entering"])
    assert store.generation().id == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "default"], "are of --diff"),
        (["--limit", "3"], "are of --diff"),
        (["--diff", "--since-last"], "choose one"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = run_in(tmp_path, "recompute", *arguments)
    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())
