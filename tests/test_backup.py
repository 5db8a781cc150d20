"""A newsroom in one file: what is restored answers as before, and a damaged file changes nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from sqlalchemy import Connection, Engine, event, exc
from starlette.testclient import TestClient
from stories import document, key, packed, save, story
from test_cli import Result, run_in
from test_durable import PowerCut, Powered, Recorded

from recommender import default, durable, models, pointing
from recommender.api import create_app
from recommender.checksums import stamped
from recommender.errors import (
    BackupCorrupt,
    ModelCorrupt,
    ModelError,
    StoreLocked,
    StoreNotEmpty,
    StoreOutdated,
    StoreUnavailable,
    UsageError,
)
from recommender.pipeline.backup import Contents, back_up
from recommender.pipeline.exporting import export
from recommender.pipeline.restoring import check, restore
from recommender.search import SEARCH
from recommender.settings import Settings
from recommender.store import COLUMNS, Count, Store


class Newsroom(NamedTuple):
    """A store, its models, a key's secret, and a backup of it all."""

    url: str
    models: Path
    secret: str
    file: Path


def fill(store: Store, root: Path) -> str:
    """Write into every table, and train two models; give the secret of a key."""
    documents = [document(story(name), story(other), origin=name) for name, other in ("ab", "bc", "cd", "da")]
    save(store, *documents, fingerprint="1")
    save(store, document(story("é", title="Größe", removed=True)), document(story("undated", day=None)))
    store.remove(key("d"))
    trained = [
        models.write(root, default.ranker(), SEARCH, {"fingerprint": name * 6, "links": 1}, {})
        for name in "ab"
    ]
    for one in trained:
        models.activate(root, one.id)
        store.record_model(one.id, {"ndcg": 0.5})
    store.publish("m0", [(1, packed((2, 0.1)))])
    lists = [(1, packed((2, 0.9), (3, 0.8)), b"12"), (2, packed((3, 0.7)), b"1"), (3, b"", b"")]
    kept = [("columns", stamped(b"\x00\xff"))]
    words = stamped(b"\x01words")
    store.publish("m1", lists, parts="{}", vocabulary=words, kept=kept, revision=store.revision())
    store.curate(1, 3, "pin", 1, by="Ada", at=10)
    store.curate(2, 1, "block", by="Ada", at=11)
    store.undo(2, by="Bo", at=12)
    _, secret = store.keys.add("cms", ["publish"])
    store.feeds.add("https://paper.example/feed", "Paper")
    store.record_events([Count(20_000, 2, 1, 2, 2, 1, 90, 8)])
    return secret


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Newsroom:
    """A newsroom on SQLite, backed up; not to be changed."""
    folder = tmp_path_factory.mktemp("newsroom")
    url = f"sqlite:///{folder}/store.sqlite"
    with Store.open(url) as store:
        secret = fill(store, folder / "models")
        back_up(store, folder / "models", folder / "news.zip")
    return Newsroom(url, folder / "models", secret, folder / "news.zip")


def everything(store: Store) -> dict[str, list[Any]]:
    with store.dumped() as rows:
        return {table: [list(row) for row in rows(table)] for table in COLUMNS}


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def answers(url: str, root: Path) -> list[tuple[int, bytes]]:
    """What readers get."""
    with TestClient(create_app(Settings(store=url, models=root))) as client:
        asked = [
            *(client.get("/related", params={"url": key(name)}) for name in ("a", "b", "c", "d", "é")),
            client.get("/related", params={"url": key("a"), "explain": True}),
            client.get("/search", params={"q": "title a"}),
            client.get("/search", params={"q": "grosse"}),
            client.get("/models"),
        ]
    return [(one.status_code, one.content) for one in asked]


def test_what_is_restored_answers_as_before(newsroom: Newsroom, store: Store, store_url: str) -> None:
    """From SQLite into an empty store of either database."""
    root = Path(newsroom.file.parent / f"restored-{hashlib.sha256(store_url.encode()).hexdigest()[:8]}")
    contents = restore(store, root, newsroom.file)
    assert contents == Contents(contents.made, 2, 6, 2, {})
    with Store.open(newsroom.url) as original:
        told = everything(original)
        assert everything(store) == told
    empty = [table for table, rows in told.items() if not rows]
    assert empty == []  # or nothing is shown of that table
    assert tree(root) == tree(newsroom.models)
    assert models.load(root, models.active(root) or "").id == pointing.active(newsroom.models)
    assert answers(store_url, root) == answers(newsroom.url, newsroom.models)
    found = store.keys.find(newsroom.secret)
    assert found is not None
    assert (found.name, found.scopes) == ("cms", ("publish",))


def test_a_restored_store_goes_on(newsroom: Newsroom, store: Store, tmp_path: Path) -> None:
    """Its rows are numbered behind those that came, and nothing of it is taken for another's."""
    restore(store, tmp_path / "models", newsroom.file)
    save(store, document(story("new")))
    assert [found.id for name in ("undated", "new") if (found := store.find(key(name)))] == [6, 7]
    assert store.publish("m2", [(7, packed((1, 0.5)))]) == 3
    assert store.curate(1, 2, "pin", by="Ada", at=20)
    assert store.keys.add("other", ["admin"])[0].id == 2
    assert store.feeds.add("https://paper.example/other").id == 2
    assert [hit.url for hit in store.search("title new", 10, 2**40)] == ["https://www.news.example/new"]


def test_either_database_is_backed_up_alike(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path / "models")
    back_up(store, tmp_path / "models", tmp_path / "news.zip")
    with Store.open(f"sqlite:///{tmp_path}/other.sqlite") as other:
        restore(other, tmp_path / "others", tmp_path / "news.zip")
        assert everything(other) == everything(store)


def test_a_backup_is_for_who_made_it_alone(newsroom: Newsroom) -> None:
    """Addresses of feeds are in it, and stories that are not out yet."""
    assert newsroom.file.stat().st_mode & 0o777 == 0o600


def test_a_store_is_not_replaced_by_its_backup(newsroom: Newsroom, tmp_path: Path) -> None:
    """Nor by an export, nor that of another newsroom."""
    file = tmp_path / "store.sqlite"
    shutil.copy(newsroom.url.removeprefix("sqlite:///"), file)
    before = file.read_bytes()
    with Store.open(newsroom.url) as store:
        for write in (partial(back_up, store, newsroom.models), partial(export, store)):
            with pytest.raises(UsageError, match="is a database"):
                write(file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_key_that_was_revoked_since_stays_so(newsroom: Newsroom, store: Store, tmp_path: Path) -> None:
    restore(store, tmp_path / "models", newsroom.file)
    ended = store.keys.revoke(1)
    _, other = store.keys.add("made since", ["publish"])
    restore(store, tmp_path / "models", newsroom.file, replace=True)
    assert store.keys.all() == [ended]
    assert store.keys.find(newsroom.secret) is None
    assert store.keys.find(other) is None


def test_a_backup_is_of_one_moment(
    newsroom: Newsroom, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others write, also between two tables."""
    restore(store, tmp_path / "models", newsroom.file)
    before = everything(store)
    dumped = store.dumped

    def interrupted() -> Any:
        class Meanwhile:
            def __enter__(self) -> Callable[[str], Iterator[Any]]:
                self.snapshot = dumped()
                rows = self.snapshot.__enter__()

                def told(table: str) -> Iterator[Any]:
                    yield from rows(table)
                    save(store, document(story(f"after-{table}")))
                    store.publish("later", [(1, packed((2, 0.2)))])

                return told

            def __exit__(self, *raised: object) -> None:
                self.snapshot.__exit__(None, None, None)

        return Meanwhile()

    monkeypatch.setattr(store, "dumped", interrupted)
    assert back_up(store, tmp_path / "models", tmp_path / "news.zip").generation == 2
    with Store.open(f"sqlite:///{tmp_path}/other.sqlite") as other:
        restore(other, tmp_path / "others", tmp_path / "news.zip")
        assert everything(other) == before


def test_what_there_is_is_not_replaced_unless_told(newsroom: Newsroom, store: Store, tmp_path: Path) -> None:
    save(store, document(story("mine")))
    before = everything(store)
    with pytest.raises(StoreNotEmpty, match=r"has origins already.*--force"):
        restore(store, tmp_path / "models", newsroom.file)
    assert everything(store) == before
    assert not (tmp_path / "models").exists()
    restore(store, tmp_path / "models", newsroom.file, replace=True)
    assert store.find(key("mine")) is None
    assert not store.search("title mine", 10, 2**40)
    with Store.open(newsroom.url) as original:
        assert everything(store) == everything(original)


def test_another_active_model_is_not_replaced_unless_told(newsroom: Newsroom, tmp_path: Path) -> None:
    root = tmp_path / "models"
    own = models.write(root, default.ranker(), SEARCH, {"fingerprint": "own", "links": 1}, {})
    models.activate(root, own.id)
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        with pytest.raises(StoreNotEmpty, match=f"model {own.id} is active"):
            restore(store, root, newsroom.file)
        store.require_empty()
        restore(store, root, newsroom.file, replace=True)
    assert models.active(root) == models.active(newsroom.models)
    assert pointing.history(root) == pointing.history(newsroom.models)
    assert models.load(root, own.id).id == own.id  # stays, as every model


def test_a_model_that_is_there_and_damaged_is_mended(newsroom: Newsroom, tmp_path: Path) -> None:
    root = Path(shutil.copytree(newsroom.models, tmp_path / "models"))
    active = models.active(root) or ""
    (root / active / "weights.npy").write_bytes(b"?")
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite") as store:
        restore(store, root, newsroom.file)
    assert tree(root) == tree(newsroom.models)


def test_a_store_whose_lists_are_kept_up_to_date_is_not_restored(
    newsroom: Newsroom, store: Store, store_url: str, tmp_path: Path
) -> None:
    with (
        Store.open(store_url) as running,
        running.leading("live"),
        pytest.raises(StoreLocked, match="live"),
    ):
        restore(store, tmp_path / "models", newsroom.file)
    store.require_empty()
    assert models.active(tmp_path / "models") is None


# Damage


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]


def refused(newsroom: Newsroom, folder: Path, body: bytes, error: type[Exception] = BackupCorrupt) -> str:
    """Restore over a newsroom, by force, what must not be: nothing changes.  Gives what is said."""
    file = folder / "damaged.zip"
    file.write_bytes(body)
    root = Path(shutil.copytree(newsroom.models, folder / "models", dirs_exist_ok=True))
    with Store.open(f"sqlite:///{folder}/store.sqlite") as store:
        save(store, document(story("mine")))
        before = everything(store), tree(root)
        with pytest.raises(error) as raised:
            restore(store, root, file, replace=True)
        assert (everything(store), tree(root)) == before
    return str(raised.value)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_a_flipped_bit_changes_nothing(newsroom: Newsroom, tmp_path: Path, share: float) -> None:
    """Of what is stored: in what zip says of its files, some bits are read by nobody."""
    body = newsroom.file.read_bytes()
    with zipfile.ZipFile(newsroom.file) as archive:
        end = archive.start_dir
        spots = [one.header_offset + 30 + len(one.filename) + 24 for one in archive.infolist()]
    at = min(spots, key=lambda spot: abs(spot - share * end))
    assert "nothing was restored" in refused(newsroom, tmp_path, flipped(body, at))


@pytest.mark.parametrize("left", [0, 1, 100, -1, -1_000])
def test_a_backup_that_is_cut_short_changes_nothing(newsroom: Newsroom, tmp_path: Path, left: int) -> None:
    assert "nothing was restored" in refused(newsroom, tmp_path, newsroom.file.read_bytes()[:left])


def rewritten(
    newsroom: Newsroom, folder: Path, change: Callable[[dict[str, Any], dict[str, bytes]], object]
) -> bytes:
    """Change a backup's manifest and files, and sign it as only who writes backups could."""
    with zipfile.ZipFile(newsroom.file) as archive:
        bodies = {name: archive.read(name) for name in archive.namelist()}
    manifest = orjson.loads(bodies.pop("manifest.json"))
    del manifest["sha256"]
    change(manifest, bodies)
    manifest["sha256"] = hashlib.sha256(orjson.dumps(manifest)).hexdigest()
    file = folder / "rewritten.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in {**bodies, "manifest.json": orjson.dumps(manifest)}.items():
            archive.writestr(name, body)
    return file.read_bytes()


def state(manifest: dict[str, Any], bodies: dict[str, bytes], name: str, body: bytes) -> None:
    bodies[name] = body
    manifest["files"][name] = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def drop(manifest: dict[str, Any], bodies: dict[str, bytes], name: str) -> None:
    del bodies[name], manifest["files"][name]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _, bodies: bodies.update({"store/keys.jsonl": b"[]\n"}), "store/keys.jsonl is cut short"),
        (lambda _, bodies: bodies.update(extra=b""), "other files than"),
        (lambda _, bodies: bodies.pop("models/active"), "other files than"),
        (lambda manifest, bodies: state(manifest, bodies, "models/../../evil/x.npy", b""), "has no place"),
        (lambda manifest, bodies: state(manifest, bodies, "/etc/passwd", b""), "has no place"),
        (lambda manifest, _: manifest.pop("files"), "files"),
        (lambda manifest, bodies: drop(manifest, bodies, "models/active"), "no models/active"),
        (lambda manifest, bodies: drop(manifest, bodies, "store/articles.jsonl"), "no store/articles.jsonl"),
        (lambda manifest, bodies: state(manifest, bodies, "models/active", b"a b"), "no model's name"),
        (lambda manifest, bodies: state(manifest, bodies, "models/active", b"../x"), "no model's name"),
        (lambda manifest, bodies: state(manifest, bodies, "models/history", b"\xff"), "utf-8"),
    ],
    ids=[
        *("another file's rows", "more", "less", "out of the folder", "absolute", "no manifest"),
        *("no pointer", "no stories", "two active", "active out of the folder", "history in no letters"),
    ],
)
def test_only_what_was_written_is_restored(
    newsroom: Newsroom, tmp_path: Path, change: Callable[..., object], said: str
) -> None:
    assert said in refused(newsroom, tmp_path, rewritten(newsroom, tmp_path, change))


@pytest.mark.parametrize("row", [b"[1]\n", b"{}\n", b"[", b"null\n"])
def test_rows_that_are_none_change_nothing(newsroom: Newsroom, tmp_path: Path, row: bytes) -> None:
    """Even of one who signs them; half of the tables are written by then, and are not after."""
    body = rewritten(newsroom, tmp_path, lambda *told: state(*told, "store/models.jsonl", row))
    assert "models" in refused(newsroom, tmp_path, body)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("id", 2**63), ("id", [1]), ("own", 5), ("own", "x"), ("published_at", "x")),
        *(("card", "{}"), ("card", "none"), ("card", 5), ("card", "[]")),
    ],
)
def test_stories_that_no_store_has_change_nothing(
    newsroom: Newsroom, tmp_path: Path, column: str, value: object
) -> None:
    def change(manifest: dict[str, Any], bodies: dict[str, bytes]) -> None:
        first, *rest = bodies["store/articles.jsonl"].splitlines(keepends=True)
        row = orjson.loads(first)
        row[manifest["columns"]["articles"].index(column)] = value
        state(manifest, bodies, "store/articles.jsonl", b"".join((orjson.dumps(row), b"\n", *rest)))

    assert "articles: has rows" in refused(newsroom, tmp_path, rewritten(newsroom, tmp_path, change))


def test_a_manifest_that_was_changed_is_refused(newsroom: Newsroom, tmp_path: Path) -> None:
    with zipfile.ZipFile(newsroom.file) as archive:
        bodies = {name: archive.read(name) for name in archive.namelist()}
    bodies["manifest.json"] = bodies["manifest.json"].replace(b'"generation": 2', b'"generation": 9')
    with zipfile.ZipFile(tmp_path / "news.zip", "w") as archive:
        for name, body in bodies.items():
            archive.writestr(name, body)
    said = refused(newsroom, tmp_path, (tmp_path / "news.zip").read_bytes())
    assert "manifest.json is not what was written" in said


def test_a_backup_of_other_tables_says_which_version_reads_it(newsroom: Newsroom, tmp_path: Path) -> None:
    body = rewritten(newsroom, tmp_path, lambda manifest, _: manifest.update(revision="0001"))
    said = refused(newsroom, tmp_path, body, StoreOutdated)
    assert "made by recommender" in said
    assert "revision 0001" in said


def test_a_file_that_is_not_there_or_cannot_be_written_is_said(newsroom: Newsroom, tmp_path: Path) -> None:
    with Store.open(newsroom.url) as store:
        with pytest.raises(UsageError, match="cannot be read"):
            restore(store, tmp_path / "models", tmp_path / "none.zip")
        with pytest.raises(UsageError, match="cannot be written"):
            back_up(store, newsroom.models, tmp_path / "no" / "such" / "news.zip")
    assert list(tmp_path.iterdir()) == []


# All or nothing


class Target(NamedTuple):
    """A newsroom that is to be replaced: with stories and a model of its own, and one damaged."""

    store: Store
    models: Path

    def state(self) -> object:
        return everything(self.store), tree(self.models)

    def restore(self, newsroom: Newsroom) -> None:
        restore(self.store, self.models, newsroom.file, replace=True)


@pytest.fixture
def target(newsroom: Newsroom, store: Store, tmp_path: Path) -> Target:
    root, damaged = tmp_path / "models", pointing.active(newsroom.models) or ""
    own = models.write(root, default.ranker(), SEARCH, {"fingerprint": "own", "links": 1}, {})
    models.activate(root, own.id)
    shutil.copytree(newsroom.models / damaged, root / damaged)
    (root / damaged / "weights.npy").write_bytes(b"?")
    save(store, document(story("mine")))
    return Target(store, root)


def restored(target: Target, newsroom: Newsroom) -> bool:
    """Tell whether all of it is there, and nothing beside but models; else nothing of the store may be."""
    with Store.open(newsroom.url) as original:
        told = everything(original)
    there = tree(target.models)
    return everything(target.store) == told and there | tree(newsroom.models) == there


def test_a_disk_that_fails_at_any_step_of_a_restore_changes_nothing(
    newsroom: Newsroom, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = target.state()
    for failed in count():
        with monkeypatch.context() as patch:
            patch.setattr(durable, "disk", Recorded(failed, OSError(28, "No space left on device")))
            try:
                target.restore(newsroom)
            except ModelError as error:
                assert f"{target.models}: cannot be written: No space left on device" in str(error)  # noqa: PT017
            else:
                break
        assert target.state() == before
    assert failed > 30, "the last step removes what was replaced: the next who writes does that, too"
    assert restored(target, newsroom)
    models.activate(target.models, "default")
    assert not list(target.models.rglob("*.partial"))


def test_a_store_that_fails_at_any_step_of_a_restore_changes_nothing(
    newsroom: Newsroom, target: Target
) -> None:
    before, left = target.state(), 0

    def fail(connection: Connection, *_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            left = 10**9
            connection.connection.rollback()  # as a server does, also of a commit that fails
            raise exc.OperationalError("", None, Exception("disk I/O error"))

    for failed in count():
        left = failed
        with listening(fail):
            try:
                target.restore(newsroom)
            except StoreUnavailable:
                pass
            else:
                break
        assert target.state() == before
    assert failed > 30
    assert restored(target, newsroom)


@contextmanager
def listening(step: Callable[..., None]) -> Iterator[None]:
    """Have it called before every statement and every commit, of any store."""
    names = ("before_cursor_execute", "commit")
    for name in names:
        event.listen(Engine, name, step)
    try:
        yield
    finally:
        for name in names:
            event.remove(Engine, name, step)


@pytest.mark.parametrize("lost", [True, False])
def test_power_that_goes_at_any_step_of_a_restore_leaves_the_old_store_or_the_new_one(
    newsroom: Newsroom, target: Target, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one perhaps with models that the backup has; restored again, all is the backup's."""
    before = everything(target.store)
    for end in count():
        with monkeypatch.context() as patch:
            patch.setattr(durable, "disk", Powered(end, lost=lost))
            try:
                target.restore(newsroom)
            except PowerCut:
                pass
            else:
                break
        active = models.active(target.models)
        assert active is None or models.load(target.models, active)
        if everything(target.store) != before:
            break
    assert end > 30
    assert restored(target, newsroom)
    target.restore(newsroom)
    assert restored(target, newsroom)
    assert not list(target.models.rglob("*.partial"))


# What cannot be backed up


def damage(newsroom: Newsroom, folder: Path, how: str) -> tuple[Path, str]:
    """Copy a newsroom's models, damage one of two, and tell which."""
    root = Path(shutil.copytree(newsroom.models, folder / "models"))
    active = models.active(root) or ""
    (other,) = (name for name in models.names(root) if name != active)
    match how:
        case "manifest":
            (root / active / "manifest.json").write_bytes(b"{")
        case "weights":
            (root / active / "weights.npy").write_bytes(b"?")
        case "gone":
            shutil.rmtree(root / active)
        case "another":
            (root / other / "manifest.json").write_bytes(b"{}")
            return root, other
    return root, active


@pytest.mark.parametrize("how", ["manifest", "weights", "gone", "another"])
def test_a_backup_says_which_model_it_does_not_have(newsroom: Newsroom, tmp_path: Path, how: str) -> None:
    root, damaged = damage(newsroom, tmp_path, how)
    file = tmp_path / "news.zip"
    with Store.open(newsroom.url) as store:
        told = back_up(store, root, file)
        before = everything(store)
    assert list(told.left_out) == [damaged]
    assert damaged in told.left_out[damaged]
    assert (told.models, told) == (1, check(file))
    with Store.open(f"sqlite:///{tmp_path}/other.sqlite") as other:
        assert restore(other, tmp_path / "others", file) == told
        assert everything(other) == before
    assert pointing.active(tmp_path / "others") == pointing.active(root), "and no other takes its place"
    assert damaged not in models.names(tmp_path / "others")


@pytest.mark.parametrize("name", ["active", "history"])
def test_what_names_no_model_is_not_backed_up_to_be_refused_later(
    newsroom: Newsroom, tmp_path: Path, name: str
) -> None:
    root = Path(shutil.copytree(newsroom.models, tmp_path / "models"))
    (root / name).write_text("../elsewhere\n")
    with Store.open(newsroom.url) as store, pytest.raises(ModelCorrupt, match="is no model's name"):
        back_up(store, root, tmp_path / "news.zip")
    assert not (tmp_path / "news.zip").exists()


def test_the_commands_say_what_a_backup_lacks(newsroom: Newsroom, tmp_path: Path) -> None:
    root, damaged = damage(newsroom, tmp_path, "manifest")
    run: partial[Result] = partial(run_in, tmp_path, "--quiet", "--models", str(root))
    made = run("--store", newsroom.url, "backup", "news.zip", "--json")
    assert made.returncode == 3, made.stderr
    said = f"NOT IN THE BACKUP: model {damaged}: "
    assert said in made.stderr
    assert damaged in json.loads(made.stdout)["left_out"]
    again = run("--models", "others", "restore", "news.zip")
    assert again.returncode == 3
    assert said in again.stderr
    assert run("--models", "others", "recompute").stderr.startswith("model-not-found: ")


@pytest.mark.parametrize("how", ["manifest", "weights", "another"])
def test_doctor_says_which_model_no_backup_would_have(newsroom: Newsroom, tmp_path: Path, how: str) -> None:
    root, damaged = damage(newsroom, tmp_path, how)
    ill = run_in(tmp_path, "--store", newsroom.url, "--models", str(root), "doctor", "--json")
    assert ill.returncode == 1
    (trouble,) = json.loads(ill.stdout)["troubles"]
    assert trouble.startswith("model-corrupt: ")
    assert damaged in trouble


# The commands


def test_the_commands_back_up_and_restore_each_site(newsroom: Newsroom, tmp_path: Path) -> None:
    run: partial[Result] = partial(run_in, tmp_path)
    assert run("--site", "mic", "restore", "none.zip").returncode == 2
    assert list(tmp_path.iterdir()) == [], "of what cannot be restored, no store is made"
    restored = run("--site", "mic", "restore", str(newsroom.file))
    assert restored.returncode == 0, restored.stderr
    assert "6 stories, generation 2, 2 models" in restored.stderr
    assert (tmp_path / "recommender.mic.sqlite").is_file()
    assert tree(tmp_path / "models" / "@mic") == tree(newsroom.models)
    again = run("--site", "mic", "restore", str(newsroom.file))
    assert again.returncode == 1
    assert again.stderr.startswith("store-not-empty: ")
    assert run("--site", "mic", "restore", str(newsroom.file), "--force").returncode == 0
    assert run("--site", "mic", "backup", "mic.zip").returncode == 0
    with zipfile.ZipFile(tmp_path / "mic.zip") as one, zipfile.ZipFile(newsroom.file) as other:
        names = set(one.namelist()) - {"manifest.json"}
        assert names == set(other.namelist()) - {"manifest.json"}
        assert all(one.read(name) == other.read(name) for name in names)
    assert run("backup", "none.zip").returncode == 1  # the first newsroom has no store
    assert not (tmp_path / "none.zip").exists()
