"""The packaged ranker: what is in its file, whom it may be measured on, and that it was worth learning."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2s
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import orjson
import pytest

from recommender import default
from recommender.corpus import Corpus
from recommender.default import SHARPNESS, UNTAUGHT, hashes, ranker, untrained
from recommender.engine import local
from recommender.evaluation import BASELINES, Scores, Split, baseline, cold
from recommender.features import NAMES
from recommender.index import Index, prepare
from recommender.pipeline.progress import silent
from recommender.pipeline.ranking import best, rank

NEWSROOMS = ("coronavirus", "diablo4", "azure")


@pytest.fixture(scope="module")
def packaged() -> dict[str, Any]:
    """The file as it is in the package."""
    contents: dict[str, Any] = orjson.loads((files("recommender") / "default.json").read_bytes())
    return contents


def sets(packaged: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All that was learned: of all newsrooms, and without each."""
    return {"": packaged} | {room["name"]: room["without"] for room in packaged["newsrooms"]}


# The file


def test_the_file_has_what_was_learned_of_all_newsrooms_and_without_each(packaged: dict[str, Any]) -> None:
    assert set(packaged) == {"weights", "slope", "offset", "newsrooms"}
    assert [room["name"] for room in packaged["newsrooms"]] == list(NEWSROOMS)
    for room in packaged["newsrooms"]:
        assert set(room) == {"name", "linked", "without"}
        assert set(room["without"]) == {"weights", "slope", "offset"}
        linked = np.frombuffer(b64decode(room["linked"], validate=True), "<u8")
        assert len(linked) > 100
        assert (np.diff(linked.astype(np.int64)) >= 0).all()


@pytest.mark.parametrize("name", ["", *NEWSROOMS])
def test_weights_are_shares_of_features_that_fade(packaged: dict[str, Any], name: str) -> None:
    learned = sets(packaged)[name]
    assert sum(learned["weights"].values()) == pytest.approx(1, abs=0.001)
    assert all(weight > 0 for weight in learned["weights"].values())
    assert set(learned["weights"]) <= {feature for feature in NAMES if "×" in feature}
    assert max(learned["weights"], key=lambda feature: learned["weights"][feature]) == UNTAUGHT
    assert learned["slope"] > 0
    assert learned["offset"] < 0  # most candidates are not linked


def test_what_is_learned_without_a_newsroom_differs(packaged: dict[str, Any]) -> None:
    assert len({orjson.dumps(learned["weights"]) for learned in sets(packaged).values()}) == 4


@pytest.mark.parametrize("name", ["", *NEWSROOMS])
def test_a_ranker_is_made_of_it(packaged: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    learned = sets(packaged)[name]
    monkeypatch.setattr(default, "_contents", lambda: learned | {"newsrooms": []})
    made = ranker()
    made.check()
    assert len(made.nodes) == 0
    assert (made.slope, made.offset) == (learned["slope"], learned["offset"])
    assert {NAMES[at]: made.weights[at] for at in np.flatnonzero(made.weights)} == pytest.approx(
        {feature: SHARPNESS * weight for feature, weight in learned["weights"].items()}
    )


# Whom it may be measured on

ROOMS = {
    "paper": {"linked": ["https://paper.example/1", "https://paper.example/2"]},
    "radio": {"linked": ["https://radio.example/1"]},
}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A file of two newsrooms in the place of the packaged one."""
    learned = {"weights": {"words×7d": 0.25, "blend×7d": 0.75}, "slope": 2.0, "offset": -3.0}
    rooms = {
        name: room | {"without": {"weights": {f"{view}×7d": 1.0}, "slope": slope, "offset": -1.0}}
        for (name, room), view, slope in zip(ROOMS.items(), ("title", "text"), (3.0, 4.0), strict=True)
    }
    contents = orjson.loads(default.write(rooms, learned))
    monkeypatch.setattr(default, "_contents", lambda: contents)
    return contents


def weighed(without: list[str]) -> tuple[dict[str, float], float]:
    made = ranker(without=without)
    weights = {NAMES[at]: float(made.weights[at]) / SHARPNESS for at in np.flatnonzero(made.weights)}
    return weights, made.slope


def test_it_is_not_measured_on_stories_it_learned_from(known: dict[str, Any]) -> None:
    everybody = ({"words×7d": 0.25, "blend×7d": 0.75}, 2.0)
    assert weighed([]) == everybody
    assert weighed(["https://stranger.example/1", "https://paper.example/3"]) == everybody
    # One linked story among many is enough.
    strangers = [f"https://stranger.example/{number}" for number in range(50)]
    assert weighed([*strangers, "https://paper.example/2"]) == ({"title×7d": 1.0}, 3.0)
    assert weighed(["https://radio.example/1", *strangers]) == ({"text×7d": 1.0}, 4.0)
    # Nothing is learned without two of them.
    both = ["https://radio.example/1", "https://paper.example/1"]
    assert weighed(both) == ({UNTAUGHT: 1.0}, 2.0)
    assert untrained().weights.tolist() == ranker(without=both).weights.tolist()


def test_what_is_written_is_what_is_read(known: dict[str, Any]) -> None:
    assert known["weights"] == {"words×7d": 0.25, "blend×7d": 0.75}
    assert (known["slope"], known["offset"]) == (2.0, -3.0)
    assert [room["name"] for room in known["newsrooms"]] == ["paper", "radio"]
    for room in known["newsrooms"]:
        assert default._linked(room).tolist() == hashes(ROOMS[room["name"]]["linked"]).tolist()
    again = {room["name"]: room | ROOMS[room["name"]] for room in known["newsrooms"]}
    learned = {key: known[key] for key in ("weights", "slope", "offset")}
    assert orjson.loads(default.write(again, learned)) == known
    assert default.write(again, learned).endswith(b"}\n")
    # No address is in it, only its hash.
    assert b"example" not in default.write(again, learned)


def test_hashes_are_sorted_and_of_the_whole_address() -> None:
    urls = [f"https://news.example/{number}" for number in range(300)]
    made = hashes(urls)
    right = [int.from_bytes(blake2s(url.encode(), digest_size=8).digest(), "little") for url in urls]
    assert made.tolist() == sorted(right)
    assert made.dtype == np.uint64
    assert hashes(reversed(urls)).tolist() == made.tolist()
    assert hashes([]).tolist() == []
    assert hashes(["https://news.example/é"]).tolist() != hashes(["https://news.example/e"]).tolist()


# On real newsrooms


@dataclass(frozen=True)
class Room:
    """A newsroom's stories, an index of them without links, and its cold split."""

    corpus: Corpus
    index: Index
    split: Split


@pytest.fixture(scope="module")
def teacher(benchmark: Callable[[str], ModuleType]) -> ModuleType:
    """The program that learns the default ranker."""
    return benchmark("default_ranker")


@pytest.fixture(scope="module")
def rooms(corpora: Path, teacher: ModuleType) -> dict[str, Room]:
    """The newsrooms it learned from, each imported and indexed once."""
    found = {name: teacher.corpus_of(corpora / name) for name in NEWSROOMS}
    return {name: Room(corpus, prepare(corpus)[1], cold(corpus)) for name, corpus in found.items()}


def test_the_packaged_file_is_what_the_program_learns(
    rooms: dict[str, Room], teacher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "corpus_of", lambda folder: rooms[folder.name].corpus)
    index = {id(room.corpus): room.index for room in rooms.values()}
    monkeypatch.setattr(teacher, "prepare", lambda corpus: (None, index[id(corpus)]))
    teacher.main([Path(name) for name in NEWSROOMS], tmp_path / "default.json")
    assert (tmp_path / "default.json").read_bytes() == (files("recommender") / "default.json").read_bytes()


@pytest.mark.parametrize("name", NEWSROOMS)
def test_a_newsroom_is_given_the_ranker_that_did_not_learn_from_it(
    rooms: dict[str, Room], packaged: dict[str, Any], name: str
) -> None:
    corpus = rooms[name].corpus
    learned = sets(packaged)[name]
    assert weighed(list(corpus.urls)) == (pytest.approx(learned["weights"]), learned["slope"])
    # Its linked stories are why: of the others, none is known.
    linked = set(np.unique(corpus.links).tolist())
    others = [url for row, url in enumerate(corpus.urls) if row not in linked]
    assert weighed(others)[0] == pytest.approx(packaged["weights"])


@pytest.mark.parametrize("name", NEWSROOMS)
def test_untaught_by_a_newsroom_it_ranks_better_there_than_every_baseline(
    rooms: dict[str, Room], name: str
) -> None:
    room = rooms[name]
    split = room.split
    split.check()
    fair = ranker(without=split.corpus.urls)
    found = rank(room.index, fair, split.queries, local, silent, "").best(split.queries, 10)
    np.testing.assert_array_equal(best(room.index, fair, split.queries, 10, local), found)
    ours = Scores.of(found, split.relevant).means()["ndcg"]
    names = [*BASELINES, "bm25"]
    assert len(names) == 4
    theirs = {
        one: Scores.of(baseline(one)(split.corpus, split.queries, 10), split.relevant).means()["ndcg"]
        for one in names
    }
    assert ours > max(theirs.values()) + 0.005, theirs
