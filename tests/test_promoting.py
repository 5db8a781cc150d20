"""A new model takes the active one's place unless it is worse on stories that neither has seen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from corpora import EVENT, newsroom
from made_up import until
from test_cli import run_in
from typer.testing import CliRunner

from recommender import default, models
from recommender.cli import app
from recommender.cli.training import verdict
from recommender.corpus import Corpus
from recommender.engine import local
from recommender.evaluation import cold
from recommender.index import prepare
from recommender.pipeline import evaluating, promoting
from recommender.pipeline.progress import silent
from recommender.pipeline.promoting import Comparison, newest
from recommender.pipeline.training import train
from recommender.ranker import Ranker
from recommender.store import Store

EVENTS, SEEN = 60, 45
OLD, ALL = SEEN * EVENT, EVENTS * EVENT
"""Stories that the active model learned from, and all."""


@pytest.fixture(scope="module")
def news() -> Corpus:
    corpus = newsroom(EVENTS)
    order = np.argsort(corpus.published, kind="stable")
    row = np.argsort(order)
    moved = {name: [getattr(corpus, name)[at] for at in order] for name in ("urls", "titles", "excerpts")}
    others = {name: [getattr(corpus, name)[at] for at in order] for name in ("providers", "topics", "tags")}
    published = np.floor(corpus.published[order] * 86_400) / 86_400 + 18_000
    links = row[corpus.links]
    links = links[np.argsort(links[:, 0], kind="stable")]  # as a store has them, and who saves them wants
    return replace(corpus, published=published, links=links, **moved, **others)


@pytest.fixture(scope="module")
def trained(made: ModuleType, news: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of the older stories, and a model that learned from them: not to be changed."""
    folder = tmp_path_factory.mktemp("promoting")
    with Store.open(f"sqlite:///{folder}/news.sqlite") as store:
        made.save(store, until(news, OLD))
        train(store, folder / "models")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "newsroom"))


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{folder}/news.sqlite") as opened:
        yield opened


def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is learned for an evaluation rank the worst first."""

    def learn(*_: object, **__: object) -> Ranker:
        fair = default.ranker()
        return Ranker.linear(-fair.weights, fair.slope, fair.offset)

    monkeypatch.setattr(evaluating, "learn", learn)
    monkeypatch.setattr(promoting, "learn", learn)


def active(folder: Path) -> str | None:
    return models.active(folder / "models")


def test_a_manifest_says_until_when_its_stories_are(folder: Path, news: Corpus) -> None:
    (manifest,) = models.listed(folder / "models")
    assert manifest["data"]["until"] == newest(until(news, OLD))
    split = cold(news, promoting.days(manifest["data"]["until"]))
    seen = np.unique(until(news, OLD).links)
    assert manifest["data"]["links"] == len(until(news, OLD).links)
    assert not np.isin(split.queries, seen).any(), "the active model has seen a query"
    linked = np.unique(news.links)
    assert set(split.queries) == set(linked[news.published[linked] > news.published[seen].max()])


def test_the_first_model_is_compared_with_the_default_ranker(folder: Path) -> None:
    (manifest,) = models.listed(folder / "models")
    found = manifest["report"]["comparison"]
    assert found["active"] == default.NAME
    assert found["cut"] == manifest["report"]["cut"]
    assert found["ahead"] == manifest["report"]["systems"][default.NAME]["ahead"]
    assert found["old"] == manifest["report"]["systems"][default.NAME]["ndcg"]
    assert (found["worse"], active(folder)) == (False, manifest["id"])


def test_a_model_that_is_no_worse_takes_the_place(
    folder: Path, store: Store, made: ModuleType, news: Corpus
) -> None:
    before = active(folder)
    made.save(store, news)
    done = train(store, folder / "models")
    found = done.comparison
    assert (found.active, found.queries, found.reason) == (
        before,
        len(cold(news, cut(before, folder)).queries),
        None,
    )
    assert found.new is not None
    assert found.old is not None
    assert found.ahead is not None
    assert found.ahead["mean"] == pytest.approx(found.new - found.old)
    assert (found.worse, done.activated, active(folder)) == (False, True, done.model.id)
    assert done.model.manifest["report"]["comparison"] == json.loads(json.dumps(found.told()))
    assert models.rollback(folder / "models") == before


def cut(name: str | None, folder: Path) -> float:
    return promoting.days(models.load(folder / "models", name or "").manifest["data"]["until"])


def test_a_model_that_is_worse_does_not_unless_forced(
    folder: Path, store: Store, made: ModuleType, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = active(folder)
    made.save(store, news)
    backwards(monkeypatch)
    done = train(store, folder / "models")
    assert done.comparison.worse
    assert (done.comparison.new or 0) < (done.comparison.old or 0)
    assert (done.activated, active(folder)) == (False, before)
    assert models.load(folder / "models", done.model.id).manifest["report"]["comparison"]["worse"] is True
    forced = train(store, folder / "models", force=True)
    assert forced.comparison.worse
    assert (forced.activated, active(folder)) == (True, forced.model.id)


def test_a_first_model_that_is_worse_than_the_default_ranker_waits(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backwards(monkeypatch)
    done = train(store, tmp_path / "models")
    assert (done.comparison.active, done.comparison.worse, done.activated) == (default.NAME, True, False)
    assert models.active(tmp_path / "models") is None


def test_the_same_recipe_on_the_same_links_is_exactly_as_good(
    made: ModuleType, news: Corpus, tmp_path: Path
) -> None:
    """Else what differs around the two, such as the default in them, would be taken for theirs."""
    links = news.links[(news.links < OLD).all(axis=1)]
    with Store.open(f"sqlite:///{tmp_path}/news.sqlite") as store:
        made.save(store, replace(news, links=links))
        name = train(store, tmp_path / "models").model.id
        made.save(store, news)
        found = train(store, tmp_path / "models", activate=False).comparison
    assert found.queries >= promoting.FEWEST
    assert (found.active, found.ahead) == (name, {"mean": 0.0, "interval": (0.0, 0.0)})


def test_without_activating_it_is_compared_all_the_same(folder: Path, store: Store) -> None:
    before = active(folder)
    done = train(store, folder / "models", activate=False)
    assert (done.comparison.active, done.activated, active(folder)) == (before, False, before)


@pytest.mark.parametrize("more", [0, 4])
def test_of_few_stories_nobody_can_tell(
    folder: Path, store: Store, made: ModuleType, news: Corpus, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = active(folder)
    made.save(store, until(news, OLD + more))
    backwards(monkeypatch)
    done = train(store, folder / "models")
    assert (done.comparison.active, done.comparison.ahead, done.comparison.worse) == (before, None, False)
    assert done.comparison.reason is not None
    assert "linked stories are newer than" in done.comparison.reason
    assert "30 are needed" in done.comparison.reason
    assert active(folder) == done.model.id


def test_an_active_model_that_cannot_be_used_is_in_nobodys_way(folder: Path, store: Store) -> None:
    (folder / "models" / (active(folder) or "") / "roots.npy").unlink()
    done = train(store, folder / "models")
    assert "roots.npy" in (done.comparison.reason or "")
    assert active(folder) == done.model.id


def test_a_pointer_that_cannot_be_read_is_mended(folder: Path, store: Store) -> None:
    (folder / "models" / "active").write_bytes(b"\xff")
    done = train(store, folder / "models")
    assert (done.comparison.active, active(folder)) == (None, done.model.id)


def test_a_model_of_an_older_program_is_not_compared(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = models.load

    def older(*where: Any) -> models.Model:
        model = real(*where)
        data = {key: value for key, value in model.manifest["data"].items() if key != "until"}
        return replace(model, manifest={**model.manifest, "data": data})

    monkeypatch.setattr(models, "load", older)
    done = train(store, folder / "models")
    assert "does not say until when" in (done.comparison.reason or "")
    assert done.activated


def test_hidden_links_make_no_difference_to_what_is_compared(
    folder: Path, store: Store, made: ModuleType, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither side may know a link of a story after the cut: with wrong ones both give the same lists."""
    before = active(folder) or ""
    asked: list[dict[str, Any]] = []
    real = promoting.compare

    def spied(lists: dict[str, Any], *rest: Any) -> dict[str, Any]:
        asked.append(dict(lists))
        return real(lists, *rest)

    monkeypatch.setattr(promoting, "compare", spied)
    after = news.published > cut(before, folder)
    late = after[news.links].any(axis=1)
    wrong = news.links.copy()
    sources = np.resize(np.flatnonzero(after), late.sum())
    wrong[late] = np.c_[sources, np.arange(late.sum()) % 40]
    told = [replace(news, links=np.unique(links, axis=0)) for links in (news.links, wrong)]
    for corpus in told:
        promoting.compared(newsrooms_index(news), corpus, folder / "models", None, *quietly())
    queries = [cold(corpus, cut(before, folder)).queries for corpus in told]
    same = np.intersect1d(*queries)
    assert len(same) >= promoting.FEWEST
    one, other = (np.searchsorted(each, same) for each in queries)
    for name in asked[0]:
        assert (asked[0][name][one] == asked[1][name][other]).all(), name


def newsrooms_index(news: Corpus) -> Any:
    return prepare(news)[1]


def quietly() -> Any:
    return local, silent


def test_a_model_that_searches_otherwise_is_asked_as_it_searches(
    folder: Path, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = models.load
    narrow = replace(real(folder / "models", active(folder) or "").search, near=1, far=1)
    monkeypatch.setattr(models, "load", lambda *where: replace(real(*where), search=narrow))
    found = promoting.compared(newsrooms_index(news), news, folder / "models", None, *quietly())
    assert found.old is not None
    assert found.old < (found.new or 0) - 0.1, "two candidates can hardly be right"


# What is said


def told(**fields: Any) -> str:
    ahead = {"mean": -0.04, "interval": fields.pop("interval")}
    return verdict(Comparison("m1", "2024-03-01T00:00:00Z", 52, 0.51, 0.55, ahead))


def test_both_numbers_and_the_interval_are_told() -> None:
    assert told(interval=[-0.08, -0.01]) == (
        "Beside m1, on 52 linked stories that neither has seen: nDCG@10 0.510, m1 0.550; "
        "-0.040 [-0.080, -0.010], worse."
    )
    assert told(interval=[-0.08, 0.01]).endswith("neither better nor worse for sure.")
    assert told(interval=[0.01, 0.08]).endswith(", better.")
    assert verdict(Comparison(None, reason="it is gone")) == (
        "Nobody can tell whether it is better than the active model: it is gone."
    )


@pytest.mark.parametrize("json_", [False, True])
def test_a_refusal_is_no_failure_and_says_what_to_do(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, json_: bool
) -> None:
    backwards(monkeypatch)
    options = ["--store", store.name, "--models", str(folder / "others")]
    result = CliRunner().invoke(app, [*options, "-q", "train", *(["--json"] if json_ else [])])
    assert result.exit_code == 0, result.output
    if json_:
        answer = json.loads(result.stdout)
        assert (answer["activated"], answer["report"]["comparison"]["worse"]) == (False, True)
        return
    words = " ".join(result.stdout.split())
    assert "Not activated, since it is worse: default stays active." in words
    assert "recommender train --force" in words
    assert "Beside default, on" in words


def test_force_and_no_activate_contradict(tmp_path: Path) -> None:
    result = run_in(tmp_path, "train", "--force", "--no-activate")
    assert result.returncode == 2
    assert "choose one" in result.stderr
