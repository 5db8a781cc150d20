"""Several newsrooms in one service: each with stories, links, models and keys of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_newsroom_day import Newsroom as Room
from test_newsroom_day import answers, wait

from recommender import models, newsrooms
from recommender.api.hosting import host
from recommender.errors import SettingsError, StoreError, StoreLocked
from recommender.newsrooms import Newsroom
from recommender.settings import Settings
from recommender.store import Store, sites


@pytest.fixture
def site() -> str:
    """A name that no other test has: the database of PostgreSQL is one for all of them."""
    return f"s{uuid.uuid4().hex[:10]}"


@pytest.fixture
def settings(store_url: str, site: str, tmp_path: Path) -> Settings:
    """Two newsrooms, each with a story at the same address."""
    settings = Settings(store=store_url, models=tmp_path / "models", sites=(site,))
    for room, title in (("", "Of the first"), (site, "Of the other")):
        with Store.open(Newsroom.of(settings, room).store) as store:
            save(store, document(story("a", title=title)), document(story(f"b{room}", title="Another")))
            store.publish(f"model-of-{room or 'first'}", [(1, b""), (2, b"")])
    return settings


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(host(settings), raise_server_exceptions=False) as client:
        yield client


ASKED = {"url": "https://www.news.example/a"}


# Where they are


def test_where_a_newsrooms_stories_and_models_are() -> None:
    first = Settings(store="sqlite:////srv/news.sqlite", models="/srv/models")
    assert Newsroom.of(first) == ("", "sqlite:////srv/news.sqlite", Path("/srv/models"))
    mic = Newsroom.of(first, "mic")
    assert mic == ("mic", "sqlite:////srv/news.mic.sqlite", Path("/srv/models/@mic"))
    bare = Settings(store="sqlite:////srv/news", models="/srv/models")
    assert Newsroom.of(bare, "lock").store == "sqlite:////srv/news.lock.sqlite", "not the file of a lock"
    named = Settings(store="sqlite:////srv/news.sqlite", models="/srv/models", site="mic")
    assert Newsroom.of(named) == mic


@pytest.mark.parametrize(
    ("store", "schema"),
    [
        ("postgresql://user:secret@host/news", "site_mic"),
        ("postgresql+psycopg://user:secret@host/news?options=-csearch_path%3Dstaging", "staging_site_mic"),
        ("postgresql://user:secret@host/news?options=-c%20statement_timeout%3D9", "site_mic"),
    ],
)
def test_a_site_on_postgresql_has_a_schema(store: str, schema: str) -> None:
    found = Newsroom.of(Settings(store=store, models="s3://bucket/models/", site="mic"))
    assert found.store.startswith("postgresql+psycopg://user:secret@host/news?")
    assert found.store.endswith(f"-csearch_path%3D{schema}")
    assert ("statement_timeout" in found.store) == ("statement_timeout" in store)
    assert found.models == "s3://bucket/models/@mic"


def test_a_schema_that_postgresql_would_cut_off_is_refused() -> None:
    store = f"postgresql://host/news?options=-csearch_path%3D{'x' * 40}"
    with pytest.raises(SettingsError, match="63 characters"):
        sites.url(store, "m" * 20)


@pytest.mark.parametrize("name", ["Mic", "9", "a-b", "a/b", "..", "a" * 32, "ä", "mic\n"])
def test_a_name_that_no_site_can_have(name: str) -> None:
    with pytest.raises(ValueError, match="site"):
        Settings(site=name)
    with pytest.raises(ValueError, match="sites"):
        Settings(sites=(name,))


def test_models_of_a_site_are_none_of_the_first(tmp_path: Path) -> None:
    settings = Settings(store="sqlite:///news.sqlite", models=tmp_path)
    (Path(Newsroom.of(settings, "mic").models) / "20260101-000000-abcdef").mkdir(parents=True)
    assert models.listed(tmp_path) == []
    assert models.active(tmp_path) is None


# Stores


def test_newsrooms_know_nothing_of_one_another(settings: Settings, site: str) -> None:
    first, other = (Newsroom.of(settings, name).store for name in ("", site))
    with Store.open(first) as one, Store.open(other) as two:
        assert one.find(key("b")) is not None
        assert two.find(key("b")) is None
        assert two.find(key(f"b{site}")) is not None
        _, secret = one.keys.add("cms", ["admin"])
        assert one.keys.find(secret) is not None
        assert two.keys.find(secret) is None
        with one.writing("import"), two.writing("import"):  # long work of one keeps nobody of the other
            save(two, document(story("c")))
        with one.leading("live"), two.leading("live"):
            pass
    assert newsrooms.names(settings) == [site]


def test_a_site_is_there_when_something_is_imported(store_url: str, site: str) -> None:
    settings = Settings(store=store_url, site=site)
    with Store.open(store_url):
        pass
    assert newsrooms.names(settings) == []
    for _ in range(2):
        with Store.open(Newsroom.of(settings).store) as store:
            assert store.status().stories == 0
    assert newsrooms.names(settings) == [site]


def test_errors_tell_one_newsroom_from_another(settings: Settings, site: str) -> None:
    first, other, none = (Newsroom.of(settings, room).store for room in ("", site, f"{site}_none"))
    with Store.open(first) as one, Store.open(other) as two:
        assert one.name != two.name
        with one.writing("import"), two.writing("import"):
            for room in (one, two):
                with (
                    Store.open(first if room is one else other) as again,
                    pytest.raises(StoreLocked, match=f"^{re.escape(room.name)} is being written"),
                    again.writing("train"),
                ):
                    pass
    with pytest.raises(StoreError, match=rf"{site}_none.*: there is .*import something first"):
        Store.open(none, create=False)


# Over HTTP


def test_each_answers_at_its_own_path(client: TestClient, site: str) -> None:
    for _ in range(2):  # the second time from what was answered lately
        first = client.get("/related", params=ASKED)
        other = client.get(f"/sites/{site}/related", params=ASKED)
        assert (first.json()["model"], other.json()["model"]) == ("model-of-first", f"model-of-{site}")
    titles = [client.get(f"{path}/articles", params=ASKED).json()["title"] for path in ("", f"/sites/{site}")]
    assert titles == ["Of the first", "Of the other"]
    assert client.get("/related", params={"url": f"https://www.news.example/b{site}"}).status_code == 404


def test_whatever_there_is_at_the_root_is_there_of_a_site(client: TestClient, site: str) -> None:
    document = client.get(f"/sites/{site}/openapi.json").json()
    assert document["servers"] == [{"url": f"/sites/{site}"}]
    assert document["paths"] == client.get("/openapi.json").json()["paths"]
    assert client.get(f"/sites/{site}/health/ready").json() == {"status": "ready"}
    assert client.get(f"/sites/{site}/").content == client.get("/").content
    assert client.get(f"/sites/{site}/web/page.js").status_code == 200
    assert client.get(f"/sites/{site}/docs").status_code == 200
    assert client.head(f"/sites/{site}/related", params=ASKED).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/sites/{0}", "/sites/{0}x/related", "/sites//related", "/sites/", "/sites",
     "/sites/{0}/sites/{0}/related", "/sites/{0}/sites/{0}", "/sites/{0}/sites/{0}/sites/{0}/related",
     "/sites/{0}/sites/x/related"],
)  # fmt: skip
def test_a_path_of_no_site_is_not_found(client: TestClient, site: str, path: str) -> None:
    response = client.get(path.format(site), params=ASKED)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


def test_a_key_is_of_one_newsroom(client: TestClient, settings: Settings, site: str) -> None:
    with Store.open(settings.store) as store:
        _, secret = store.keys.add("cms", ["publish"])
    story_ = {"title": "New", "webUrl": "https://www.news.example/new"}
    headers = {"X-API-Key": secret}
    assert client.post(f"/sites/{site}/articles", json=story_, headers=headers).status_code == 401
    assert client.post("/articles", json=story_, headers=headers).status_code == 200


def test_a_newsroom_without_a_store_hides_no_other(settings: Settings, site: str) -> None:
    away = settings.model_copy(update={"sites": (site, "nothing_yet")})
    with TestClient(host(away), raise_server_exceptions=False) as client:
        assert client.get("/sites/nothing_yet/related", params=ASKED).status_code == 503
        assert client.get(f"/sites/{site}/related", params=ASKED).status_code == 200
        assert client.get("/health/ready").status_code == 200


# The command line


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recommender", *command],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_sites_are_listed(settings: Settings, site: str) -> None:
    done = run("--store", settings.store, "sites", "--json")
    assert done.returncode == 0, done.stderr
    first, other = json.loads(done.stdout)
    assert first == {
        "site": "",
        "stories": 2,
        "links": 0,
        "generation": 1,
        "model": "model-of-first",
        "trouble": None,
    }
    assert other == {**first, "site": site, "model": f"model-of-{site}"}
    shown = run("--store", settings.store, "sites").stdout
    assert re.search(rf"{site} +2 +0 +1 +model-of-{site}", shown)


def test_a_verb_is_of_the_site_that_is_named(settings: Settings, site: str) -> None:
    done = run("--store", settings.store, "--site", site, "related", ASKED["url"], "--json")
    assert json.loads(done.stdout)["model"] == f"model-of-{site}"
    done = run("--store", settings.store, "related", ASKED["url"], "--json", RECOMMENDER_SITE=site)
    assert json.loads(done.stdout)["model"] == f"model-of-{site}"
    command = ("--store", settings.store, "--site", "", "related", ASKED["url"], "--json")
    assert json.loads(run(*command, RECOMMENDER_SITE=site).stdout)["model"] == "model-of-first"
    wrong = run("--store", settings.store, "--site", "No-Name", "sites")
    assert (wrong.returncode, "setting 'site'" in wrong.stderr) == (2, True)


def test_lists_of_all_newsrooms_are_kept_up_to_date(settings: Settings, site: str) -> None:
    """What is posted to a site is in its lists, and in nobody else's, soon after."""
    with Store.open(Newsroom.of(settings, site).store) as store:
        _, secret = store.keys.add("cms", ["publish"])
    command = [sys.executable, "-m", "recommender", "--store", settings.store, "serve", "--port", "0"]
    environment = {
        **os.environ,
        "RECOMMENDER_SITES": site,
        "RECOMMENDER_MODELS": str(settings.models),
    }
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
            assert found is not None
            room = Room(found[0], secret, settings.store, Path(settings.models))
            wait(lambda: answers(room))
            new = {"title": "Another like the other", "webUrl": "https://www.news.example/new"}
            assert room.ask("POST", f"/sites/{site}/articles", new)[0] == 200
            asked = f"/related?url={new['webUrl']}"

            def listed() -> bool:
                _, answer = room.ask("GET", f"/sites/{site}{asked}")
                return any(item["source"] == "model" for item in answer["items"])

            wait(listed)
            assert room.ask("GET", asked)[0] == 404
        finally:
            server.terminate()
            server.wait(30)
