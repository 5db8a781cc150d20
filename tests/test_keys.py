"""API keys: known again by their digest, good for what they were made for until they are revoked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends
from sqlalchemy import select
from starlette.requests import Request
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_api import is_problem
from test_cli import run_in

from recommender.api import create_app
from recommender.api.keys import may
from recommender.errors import UsageError
from recommender.settings import Settings
from recommender.store import Key, Store, schema


def everything(store: Store) -> str:
    with store._database.snapshot() as connection:
        return str(connection.execute(select(schema.keys)).all())


# In the store


def test_a_key_is_known_by_its_secret_alone(store: Store) -> None:
    made, secret = store.keys.add("cms", ["publish"])
    other, _ = store.keys.add("cms", ["admin"])
    assert store.keys.find(secret) == made
    assert store.keys.all() == [made, other]
    assert (made.name, made.scopes, made.revoked_at) == ("cms", ("publish",), None)
    for wrong in ("", secret[:-1], secret + "x", secret.swapcase(), made.prefix, "é", "\ud800", "\0"):
        assert store.keys.find(wrong) is None


def test_the_store_does_not_hold_the_secret(store: Store) -> None:
    made, secret = store.keys.add("cms", ["publish"])
    assert len(secret) >= 43
    assert secret.startswith(made.prefix)
    assert secret[len(made.prefix) :] not in everything(store)
    assert made.prefix in everything(store)
    assert store.keys.add("cms", ["publish"])[1] != secret


def test_a_revoked_key_is_listed_and_opens_nothing(store: Store) -> None:
    made, secret = store.keys.add("cms", ["publish"])
    kept, other = store.keys.add("desk", ["curate"])
    ended = store.keys.revoke(made.id)
    assert ended.revoked_at is not None
    assert store.keys.find(secret) is None
    assert store.keys.find(other) == kept
    assert store.keys.all() == [ended, kept]
    assert store.keys.revoke(made.id) == ended, "revoked once"
    with pytest.raises(UsageError, match="no key 99"):
        store.keys.revoke(99)


@pytest.mark.parametrize(
    ("name", "scopes", "trouble"),
    [("x", [], "opens nothing"), ("x", ["publish", "root"], "'root'"), ("", ["admin"], "1 to 200"),
     ("  ", ["admin"], "1 to 200"), ("x" * 201, ["admin"], "1 to 200"), ("a\x1b[31m", ["admin"], "printed")],
)  # fmt: skip
def test_a_key_that_cannot_be(store: Store, name: str, scopes: list[str], trouble: str) -> None:
    with pytest.raises(UsageError, match=trouble):
        store.keys.add(name, scopes)
    assert store.keys.all() == []


def test_admin_may_all_and_the_others_their_own() -> None:
    def made(*scopes: str) -> Key:
        return Key(1, "x", "rec_", scopes, 0, None)

    assert made("publish", "events").may("events")
    assert not made("publish", "events").may("curate")
    assert all(made("admin").may(scope) for scope in ("publish", "curate", "events", "admin"))
    assert not made("publish", "curate", "events").may("admin")


# Over HTTP


@pytest.fixture
def client(store: Store, store_url: str) -> Iterator[TestClient]:
    """A client of a service with one more route, which a key for ``curate`` may use."""
    app = create_app(Settings(store=store_url))

    @app.put("/guarded")
    async def guarded(request: Request, held: Annotated[Key, Depends(may("curate"))]) -> str:
        return f"{held.name}: {len(await request.body())}"

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_only_a_key_for_the_scope_opens_a_route(client: TestClient, store: Store) -> None:
    def put(secret: str | None) -> Any:
        headers = {} if secret is None else {"X-API-Key": secret.encode("latin-1")}
        return client.put("/guarded", headers=headers)

    made, secret = store.keys.add("desk", ["curate"])
    for wrong in (None, "", "rec_x", secret + " x", "\xff"):
        response = put(wrong)
        is_problem(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == "ApiKey"
        assert secret not in response.text
    response = put(store.keys.add("cms", ["publish", "events"])[1])
    assert "www-authenticate" not in response.headers
    assert "'curate'" in is_problem(response, 403, "forbidden")["detail"]
    for opens in (secret, store.keys.add("boss", ["admin"])[1]):
        assert put(opens).status_code == 200
    store.keys.revoke(made.id)
    is_problem(put(secret), 401, "unauthorized")


def test_nothing_of_a_body_is_taken_from_who_has_no_key(client: TestClient) -> None:
    asked: list[str] = []

    def body(name: str) -> Iterator[bytes]:
        asked.append(name)
        yield b"{}"

    client.post("/related", content=body("open"))
    is_problem(client.put("/guarded", content=body("guarded")), 401, "unauthorized")
    assert asked == ["open"]


def test_editors_have_keys_of_their_own(client: TestClient, store: Store) -> None:
    save(store, document(story("a")))
    for scope, status in (("curate", 200), ("admin", 200), ("publish", 403)):
        _, secret = store.keys.add("x", [scope])
        response = client.get("/curation", params={"url": key("a")}, headers={"X-API-Key": secret})
        assert response.status_code == status, scope


def test_the_description_says_which_routes_need_a_key(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    scheme = described["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    assert described["paths"]["/guarded"]["put"]["security"] == [{"key": []}]
    assert "security" not in described["paths"]["/related"]["get"]


# On the command line


def test_keys_are_made_listed_and_revoked_by_command(tmp_path: Path) -> None:
    made = run_in(tmp_path, "keys", "add", "cms [/b]", "--scope", "publish", "--scope", "curate")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert secret.startswith("rec_")
    assert secret not in made.stderr
    with Store.open(f"sqlite:///{tmp_path}/recommender.sqlite") as store:
        found = store.keys.find(secret)
    assert found is not None
    assert (found.name, found.scopes) == ("cms [/b]", ("publish", "curate"))

    listed = run_in(tmp_path, "keys", "list")
    assert "cms [/b]" in listed.stdout
    assert found.prefix in listed.stdout
    assert secret not in listed.stdout
    assert run_in(tmp_path, "keys", "revoke", "1").returncode == 0
    (row,) = json.loads(run_in(tmp_path, "keys", "list", "--json").stdout)
    assert row["revoked_at"] is not None
    assert "digest" not in row
    as_json = json.loads(run_in(tmp_path, "keys", "add", "x", "--scope", "events", "--json").stdout)
    assert as_json["key"].startswith(as_json["prefix"])


def test_commands_about_keys_called_wrongly(tmp_path: Path) -> None:
    assert run_in(tmp_path, "keys", "add", "cms").returncode == 2
    wrong = run_in(tmp_path, "keys", "add", "cms", "--scope", "root")
    assert wrong.returncode == 2
    assert "publish, curate, events, admin" in wrong.stderr
    assert run_in(tmp_path, "keys", "revoke", "7").returncode == 2
