"""Bytes of a store that are not what was written: a named error or nothing, and never numbers out of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import NOBODY
from sqlalchemy import Table, select, text, update
from starlette.testclient import TestClient
from stories import document, key, packed, save, story
from test_api import is_problem
from test_cli import run_in
from test_durable import model
from test_metrics import asked
from test_store_opening import downgrade

from recommender import models
from recommender.api import create_app
from recommender.checksums import SHORT, marked
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.errors import NothingRecomputed, StoreCorrupt, StoreUnavailable
from recommender.known import Known
from recommender.live.drafts import Drafts
from recommender.live.updating import Updater
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.settings import Settings
from recommender.store import Store, schema

NAMES = "abcdefgh"


class Kept(NamedTuple):
    """A store of a few stories, recomputed, and where it is."""

    store: Store
    url: str


@pytest.fixture
def kept(store: Store, store_url: str) -> Kept:
    save(store, *(document(story(name, day=day)) for day, name in enumerate(NAMES)))
    recompute(store, NOBODY)
    return Kept(store, store_url)


@pytest.fixture
def client(kept: Kept) -> Iterator[TestClient]:
    """A server that keeps no answers."""
    with TestClient(create_app(Settings(store=kept.url, cache=0))) as asking:
        yield asking


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a recompute of these stories keeps."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('kept')}/store.sqlite") as store:
        save(store, *(document(story(name, day=day)) for day, name in enumerate(NAMES)))
        recompute(store, NOBODY)
        return store.kept()


def change(store: Store, table: Table, column: str, value: bytes) -> None:
    """Write other bytes over those of the first row."""
    with store._writer.transaction("test") as connection:
        keys = list(table.primary_key.columns)
        first = connection.execute(select(*keys).order_by(*keys)).first()
        assert first is not None
        chosen = [each == one for each, one in zip(keys, first, strict=True)]
        assert connection.execute(update(table).where(*chosen).values({column: value})).rowcount == 1


def flipped(body: bytes, bit: int) -> bytes:
    broken = bytearray(body)
    broken[bit // 8] ^= 1 << bit % 8
    return bytes(broken)


def served(store: Store) -> dict[int, bytes]:
    with store.exported() as (_, lists):
        return dict(lists)


# What a recompute keeps


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_flipped_bit_of_what_is_kept_is_seen(parts: dict[str, bytes], data: st.DataObject) -> None:
    assert sorted(parts) == ["lists", "texts 000000"]
    name = data.draw(st.sampled_from(sorted(parts)))
    broken = flipped(parts[name], data.draw(st.integers(0, 8 * len(parts[name]) - 1)))
    with pytest.raises(ValueError, match="what a recompute kept is not what was written"):
        Known.read({**parts, name: broken})


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_kept_in_part_is_seen(parts: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(parts)))
    end = data.draw(st.integers(0, len(parts[name]) - 1))
    with pytest.raises(ValueError, match="kept is not what was written: cut short or changed"):
        Known.read({**parts, name: parts[name][:end]})
    with pytest.raises(ValueError, match="not what a recompute keeps"):
        Known.read({one: body for one, body in parts.items() if one != name})


def test_no_stories_are_kept_as_none(store: Store) -> None:
    recompute(store, NOBODY)
    known = Known.read(store.kept())
    assert (len(known.columns), len(known.texts), known.k) == (0, 0, 50)


@pytest.mark.parametrize("table", [schema.known, schema.vocabularies], ids=["known", "vocabulary"])
def test_who_begins_from_what_was_kept_begins_anew(
    kept: Kept, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    before = served(kept.store)
    change(kept.store, table, "packed", b"half of it")
    with pytest.raises(NothingRecomputed, match=r"(kept|vocabulary).* recompute"):
        Drafts(kept.store, NOBODY).ranked("Title of a", "", datetime.now(UTC))
    with caplog.at_level(logging.WARNING):
        done = refresh(kept.store, NOBODY)
    assert "everything is recomputed" in caplog.text
    assert (done.generation, done.ranked) == (2, len(NAMES))
    assert served(kept.store) == before
    assert Drafts(kept.store, NOBODY).ranked("Title of a", "", datetime.now(UTC)).generation == 2


def test_a_draft_is_refused_by_name_until_the_next_recompute(kept: Kept) -> None:
    change(kept.store, schema.known, "packed", b"")
    with TestClient(create_app(Settings(store=kept.url, models=NOBODY))) as client:
        is_problem(client.post("/related", json={"title": "Title of a"}), 503, "nothing-recomputed")
        assert client.get("/related", params={"url": key("a")}).json()["items"]
        recompute(kept.store, NOBODY)
        assert client.post("/related", json={"title": "Title of a"}).json()["items"]


# Lists


BROKEN = [
    pytest.param(marked(packed((2, 0.5)))[:-1], id="cut short"),
    pytest.param(packed((2, 0.75)) + marked(packed((2, 0.5)))[-4:], id="another number"),
    pytest.param(marked(packed((2, np.nan))), id="no number"),
    pytest.param(marked(packed((2, np.inf))), id="no end"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_list_that_is_none_is_named(
    kept: Kept, broken: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(kept.store, schema.neighbours, "packed", broken)
    with TestClient(create_app(Settings(store=kept.url))) as client:
        is_problem(client.get("/related", params={"url": key("a")}), 503, "store-corrupt")
        assert "store-corrupt: a list of neighbours" in caplog.text
        assert "run `recommender recompute`" in caplog.text
        others = {"url": key("b"), "exclude": key("a")}
        assert client.get("/related", params=others).json()["items"]
        assert client.get("/articles", params={"url": key("a")}).status_code == 200
    for command in (["related", key("a")], ["export", "-o", "x.jsonl"], ["export", "--static", "public"]):
        result = run_in(tmp_path, "--store", kept.url, *command)
        assert (result.returncode, result.stderr.split(":")[0]) == (1, "store-corrupt")
    assert not list(tmp_path.glob("*x.jsonl*"))
    recompute(kept.store, NOBODY)
    assert run_in(tmp_path, "--store", kept.url, "related", key("a")).returncode == 0


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(20), id="nothing but zeros"),
        pytest.param(marked(packed((2, 0.5))) + b"\0", id="too long"),
        pytest.param(packed((2, 0.5)), id="without a checksum"),
    ],
)
def test_what_does_not_ask_for_a_list_goes_without_it(kept: Kept, broken: bytes) -> None:
    change(kept.store, schema.neighbours, "packed", broken)
    for read in (
        lambda: kept.store.find(key("a")),
        lambda: kept.store.lists(1, [1]),
        lambda: served(kept.store),
    ):
        with pytest.raises(StoreCorrupt, match="story 1, is not what was written; run `recommender"):
            read()
    found = kept.store.find(key("a"), listed=False)
    assert found is not None
    assert (found.id, found.generation, found.model, found.packed) == (1, 1, "default", None)
    assert kept.store.lists(1, [2])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 8 * (7 * NEIGHBOUR_DTYPE.itemsize + SHORT) - 1))
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_any_flipped_bit_of_a_list_is_named(kept: Kept, client: TestClient, bit: int) -> None:
    whole = marked(next(iter(served(kept.store).values())))
    try:
        change(kept.store, schema.neighbours, "packed", flipped(whole, bit))
        is_problem(client.get("/related", params={"url": key("a")}), 503, "store-corrupt")
        assert kept.store.checked().lists == [1]
    finally:
        change(kept.store, schema.neighbours, "packed", whole)
    assert client.get("/related", params={"url": key("a")}).json()["items"]


def test_what_stood_in_a_list_before_it_had_a_checksum_is_served_on(kept: Kept) -> None:
    """Until revision 0010 nobody saw a number in a list that was not written."""
    before = served(kept.store)
    downgrade(kept.store, "0009")
    with kept.store._database.snapshot() as connection:
        bare = connection.scalars(select(schema.neighbours.c.packed).order_by("article_id")).all()
    assert list(map(bytes, bare)) == list(before.values())
    with Store.open(kept.url) as store:
        assert served(store) == before
        assert store.checked().lists == []


def test_doctor_names_lists_that_are_refused(kept: Kept, tmp_path: Path) -> None:
    change(kept.store, schema.neighbours, "packed", marked(b"")[:-1])
    ill = json.loads(run_in(tmp_path, "--store", kept.url, "doctor", "--json").stdout)
    (trouble,) = ill["troubles"]
    assert trouble.startswith("store-corrupt: 1 lists are not what was written, that of story 1 the first")
    assert "`recommender recompute`" in trouble
    recompute(kept.store, NOBODY)
    well = run_in(tmp_path, "--store", kept.url, "doctor", "--json")
    assert well.returncode == 0, well.stdout
    said = json.loads(well.stdout)["facts"]["bytes"]
    assert said.startswith("lists as they were written")
    assert ("data checksums" in said) == (kept.store.path is None)


@pytest.mark.parametrize(("table", "name"), [(schema.known, "lists"), (schema.vocabularies, "vocabulary")])
def test_doctor_names_what_a_draft_would_be_refused_for(
    kept: Kept, tmp_path: Path, table: Table, name: str
) -> None:
    change(kept.store, table, "packed", b"half of it")
    assert name in kept.store.checked().kept
    (trouble,) = json.loads(run_in(tmp_path, "--store", kept.url, "doctor", "--json").stdout)["troubles"]
    assert trouble.startswith(f"what the last recompute kept ({name}, the first of ")
    assert trouble.endswith("`recommender recompute`")
    recompute(kept.store, NOBODY)
    assert kept.store.checked().kept == []


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_doctor_tells_a_damaged_file(kept: Kept, tmp_path: Path) -> None:
    """A page of an index that no answer reads."""
    with kept.store._database.snapshot() as connection:
        place = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_links_target_key'"
        page, size = connection.scalar(text(place)), connection.scalar(text("PRAGMA page_size"))
    assert page is not None
    assert size is not None
    kept.store.close()  # and what its log has goes to the file
    with (tmp_path / "store.sqlite").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    ill = run_in(tmp_path, "--store", kept.url, "doctor", "--json")
    assert ill.returncode == 1
    assert "restore a backup" in json.loads(ill.stdout)["troubles"][0]
    related = run_in(tmp_path, "--store", kept.url, "related", key("a"))
    assert related.returncode == 0, related.stderr


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400), bit=st.integers(0, 8 * 100 - 1), random=st.booleans())
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_reasons_that_are_none_take_nothing_but_themselves(
    kept: Kept, client: TestClient, body: bytes, bit: int, random: bool
) -> None:
    found = kept.store.find(key("a"), reasons=True)
    assert found is not None
    assert found.reasons is not None
    try:
        change(kept.store, schema.neighbours, "reasons", body if random else flipped(found.reasons, bit))
        answer = client.get("/related", params={"url": key("a"), "explain": "true"})
        assert answer.status_code == 200
        assert len(answer.json()["items"]) == len(NAMES) - 1
    finally:
        change(kept.store, schema.neighbours, "reasons", found.reasons)


def test_lists_are_not_kept_up_to_date_out_of_one_that_is_none(kept: Kept) -> None:
    updater = Updater(kept.store, NOBODY)
    updater.step()
    change(kept.store, schema.neighbours, "packed", b"half a list")
    save(kept.store, document(story("new", title="Title of a")))
    with pytest.raises(StoreCorrupt, match="not what was written; run `recommender recompute`"):
        updater.step()
    updater.close()


# Models


@pytest.mark.parametrize("asks", ["draft", "model"])
def test_a_model_that_is_corrupt_is_refused_and_counted(kept: Kept, tmp_path: Path, asks: str) -> None:
    root = tmp_path / "models"
    name = model(root)
    models.activate(root, name)
    recompute(kept.store, root)
    (root / name / "weights.npy").write_bytes(b"")
    with TestClient(create_app(Settings(store=kept.url, models=root))) as client:
        refused = [name for name, _ in asked(client) if "refused" in name]
        assert refused == []
        for _ in range(2):
            answer = (
                client.post("/related", json={"title": "Title of a"})
                if asks == "draft"
                else client.get("/related", params={"url": key("a"), "model": name})
            )
            is_problem(answer, 503, "model-corrupt")
        assert str(root) not in answer.text
        counts = {
            dict(labels)["error"]: n for (name, labels), n in asked(client).items() if "refused" in name
        }
        assert counts == {"model-corrupt": 2}
        assert client.get("/related", params={"url": key("a")}).json()["items"], "known stories need no model"


def test_a_recompute_with_a_model_that_is_corrupt_leaves_what_is_served(kept: Kept, tmp_path: Path) -> None:
    root, before = tmp_path / "models", served(kept.store)
    name = model(root)
    models.activate(root, name)
    body = (root / name / "roots.npy").read_bytes()
    (root / name / "roots.npy").write_bytes(flipped(body, 8 * len(body) - 1))
    for verb in (["recompute", "--engine", "local"], ["recompute", "--since-last"]):
        result = run_in(tmp_path, "--store", kept.url, *verb)
        assert (result.returncode, result.stderr.split(":")[0]) == (1, "model-corrupt")
        assert "roots.npy" in result.stderr
    assert served(kept.store) == before


# The file itself


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_file_that_is_moved_away_is_not_made_anew(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with TestClient(create_app(Settings(store=kept.url, cache=0))) as client:
        assert client.get("/related", params={"url": key("a")}).json()["items"]
        path.rename(tmp_path / "elsewhere.sqlite")
        client.app.state.opening().store._database.close()  # type: ignore[attr-defined]  # as when idle
        is_problem(client.get("/related", params={"url": key("a")}), 503, "store-unavailable")
        assert client.get("/health/ready").status_code == 503
        kept.store.close()
        with pytest.raises(StoreUnavailable, match="unable to open database file"):
            save(kept.store, document(story("new")))
        assert not path.exists()
        (tmp_path / "elsewhere.sqlite").rename(path)
        assert client.get("/related", params={"url": key("a")}).json()["items"]
