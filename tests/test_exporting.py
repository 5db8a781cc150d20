"""Parquet: the lists of the JSONL export, a row a story and neighbour, whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from stories import document, key, save, story
from test_cli import run_in

from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.errors import MissingExtra, UsageError
from recommender.neighbours import OWN
from recommender.pipeline import exporting, parquet
from recommender.service import Desk
from recommender.service.posting import remove
from recommender.store import Store


def rows(path: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(path).to_pylist())


@pytest.fixture
def filled(store: Store) -> Store:
    """A store in which ``asked`` has neighbours of every kind, and ``a`` one that is removed later."""
    names = ("asked", "a", "b", "c", "d", "gone")
    save(store, *(document(story(name)) for name in names))
    ids = {name: found.id for name in names if (found := store.find(key(name)))}
    kinds = [
        ("a", 0.9, 0, 1),
        ("b", 0.81239, 0, 1),
        ("c", 0.5, 2, 0),
        ("d", 0.25, 1, OWN),
        ("gone", 0.1, 0, 0),
    ]
    packed = np.array([(ids[name], *rest) for name, *rest in kinds], NEIGHBOUR_DTYPE).tobytes()
    back = np.array([(ids["asked"], 0.5, 0, 0)], NEIGHBOUR_DTYPE).tobytes()
    store.publish("m1", [(ids["asked"], packed), (ids["a"], back), (ids["gone"], back)])
    remove(store, key("gone"))
    return store


def test_a_row_is_a_neighbour(filled: Store, tmp_path: Path) -> None:
    assert parquet.export(filled, tmp_path / "x.parquet") == 5
    found = rows(tmp_path / "x.parquet")
    asked = [row for row in found if row["story"].endswith("/asked")]
    assert [
        (row["neighbour"][-1], row["rank"], row["score"], row["curated"], row["group"]) for row in asked
    ] == [
        ("d", 1, 0.25, 1, -1),
        ("c", 2, 0.5, 2, 0),
        ("a", 3, 0.9, 0, 1),
        ("b", 4, 0.8124, 0, 1),
    ]
    assert {(row["generation"], row["model"]) for row in found} == {(1, "m1")}
    assert pq.read_schema(tmp_path / "x.parquet") == parquet.schema()


def test_lists_are_those_of_the_lines(filled: Store, tmp_path: Path) -> None:
    Desk(filled).curate(key("asked"), key("c"), "block")
    parquet.export(filled, tmp_path / "x.parquet", 2)
    exporting.export(filled, tmp_path / "x.jsonl", 2)
    told: dict[str, list[tuple[str, float]]] = {}
    for row in rows(tmp_path / "x.parquet"):
        told.setdefault(row["story"], []).append((row["neighbour"], row["score"]))
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert told == {
        line["url"]: [(one["url"], one["score"]) for one in line["related"]]
        for line in lines
        if line["related"]
    }
    assert len(told) == 2


def test_rows_come_in_groups(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet.export(filled, tmp_path / "one.parquet")
    monkeypatch.setattr(parquet, "ROWS", 2)
    parquet.export(filled, tmp_path / "more.parquet")
    assert pq.ParquetFile(tmp_path / "one.parquet").num_row_groups == 1
    assert pq.ParquetFile(tmp_path / "more.parquet").num_row_groups == 2
    assert rows(tmp_path / "more.parquet") == rows(tmp_path / "one.parquet")


def test_before_the_first_recompute_there_are_columns_and_no_rows(store: Store, tmp_path: Path) -> None:
    save(store, document(story("a")))
    assert parquet.export(store, tmp_path / "x.parquet") == 0
    assert pq.read_schema(tmp_path / "x.parquet") == parquet.schema()
    assert rows(tmp_path / "x.parquet") == []


def test_a_failure_leaves_what_was_there(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    target.write_text("as it was")

    def failing(items: Any, total: int, label: str) -> Any:
        yield next(iter(items))
        raise OSError(28, "No space left on device")

    for export in (parquet.export, exporting.export):
        with pytest.raises(UsageError, match=r"x\.parquet: cannot be written: No space left"):
            export(filled, target, progress=failing)
        assert [(path.name, path.read_text()) for path in tmp_path.glob("*x.parquet*")] == [
            ("x.parquet", "as it was")
        ]
    with pytest.raises(UsageError, match="cannot be written: "):
        parquet.export(filled, tmp_path / "none" / "x.parquet")


def test_without_pyarrow_it_says_what_to_install(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"recommender\[parquet\]"):
        parquet.export(filled, tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()


# The command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose store has two stories and a recompute."""
    with Store.open(f"sqlite:///{tmp_path}/recommender.sqlite") as store:
        save(store, document(story("a")), document(story("b")))
        a, b = (found.id for name in "ab" if (found := store.find(key(name))))
        store.publish("m1", [(a, np.array([(b, 0.5, 0, 0)], NEIGHBOUR_DTYPE).tobytes())])
    return tmp_path


def test_the_command_writes_each_format(folder: Path) -> None:
    done = run_in(folder, "export", "-o", "x.parquet", "--format", "parquet")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "1 rows written to x.parquet")
    assert [row["rank"] for row in rows(folder / "x.parquet")] == [1]
    assert run_in(folder, "export", "-o", "x.jsonl").stderr.splitlines()[-1] == "2 stories written to x.jsonl"
    done = run_in(folder, "export", "--static", "out", "--limit", "1")
    assert done.stderr.splitlines()[-1] == "2 stories in out: 2 files written, 0 deleted"
    assert json.loads((folder / "out" / "index.json").read_bytes())["limit"] == 1


@pytest.mark.parametrize(
    ("arguments", "parquet"),
    [
        (["-o", "x.parquet"], True),
        (["-o", "x.PARQUET"], True),
        (["-o", "x.parquet", "--format", "jsonl"], False),
        (["-o", "x", "--format", "parquet"], True),
        (["-o", "parquet"], False),
    ],
)
def test_the_ending_says_the_format_where_nothing_else_does(
    folder: Path, arguments: list[str], parquet: bool
) -> None:
    done = run_in(folder, "export", *arguments)
    assert done.returncode == 0, done.stderr
    assert (folder / arguments[1]).read_bytes().startswith(b"PAR1") == parquet


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", ""], "names nothing to write"),
        (["--static", ""], "names nothing to write"),
        (["-o", "/"], "/: is a folder; name a file"),
        (["-o", "."], "is a folder; name a file"),
        (["-o", "/", "--format", "parquet"], "/: is a folder; name a file"),
        (["--static", "/"], "/: is the root of all folders; name one"),
    ],
)
def test_where_nothing_can_be_written(folder: Path, arguments: list[str], says: str) -> None:
    before = sorted(path.name for path in folder.iterdir() if path.suffix == "")
    done = run_in(folder, "export", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("usage-error: ")
    assert says in done.stderr
    assert sorted(path.name for path in folder.iterdir() if path.suffix == "") == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--output FILE, or --static DIR"),
        (["-o", "x", "--static", "y"], "choose one"),
        (["-o", "x", "--limit", "3"], "--limit is of --static"),
        (["--static", "y", "-k", "3"], "of --output"),
        (["--static", "y", "--format", "parquet"], "of --output"),
        (["--static", "y", "--limit", "51"], "--limit"),
        (["-o", "x", "--format", "xml"], "xml"),
    ],
)
def test_options_that_do_not_go_together(folder: Path, arguments: list[str], says: str) -> None:
    done = run_in(folder, "export", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert [path.name for path in folder.iterdir() if path.name in ("x", "y")] == []
