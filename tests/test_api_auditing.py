"""What deserves an editor's look, over HTTP: for who has a key, with the orders that settle it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_api import is_problem

from recommender.api import auditing, create_app, curation
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.pipeline.doubts import Reason
from recommender.service import auditing as looking
from recommender.service.auditing import MOST, Auditor, Why
from recommender.settings import Settings
from recommender.store import Store

FUTURE = datetime(2300, 1, 1, tzinfo=UTC)
NOWHERE = "story:0123456789abcdef0123456789abcdef"
CROWD = [f"n{number}" for number in range(12)]
"""Twelve stories that nobody linked, of which the model is surer than of what was linked."""


def id_of(store: Store, name: str) -> int:
    found = store.find(key(name))
    assert found is not None
    return found.id


def fill(store: Store) -> None:
    """One pair or more for every reason, in the list of one story or among its links."""
    other = "https://b.example/b"
    save(store, document(story("b", original_url=other)), *(document(story(name)) for name in CROWD))
    save(store, document(story("later", published_at=FUTURE)), document(story("gone", removed=True)))
    save(store, document(story("odd"), story("b")), document(story("c"), links=[key("c")]))
    targets = [NOWHERE, key("a"), key("later"), key("gone"), key("b"), other, key("odd")]
    save(store, document(story("a"), origin="/srv/stories/a.md", links=targets))
    listed = [(id_of(store, name), 0.9 - place / 20, 0, 0) for place, name in enumerate(CROWD)]
    listed += [(id_of(store, "b"), 0.3, 1, 0), (id_of(store, "odd"), 0.01, 2, 0)]
    store.publish("m1", [(id_of(store, "a"), np.array(listed, NEIGHBOUR_DTYPE).tobytes())])


@pytest.fixture
def address(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with Store.open(url) as store:
        fill(store)
    return url


@pytest.fixture
def client(address: str) -> Iterator[TestClient]:
    app = create_app(Settings(store=address))
    app.dependency_overrides[curation.allowed] = lambda: None
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, **parameters: Any) -> dict[str, Any]:
    response = client.get("/curation/audit", params=parameters)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    auditing.Audit.model_validate(response.json())
    answer: dict[str, Any] = response.json()
    return answer


def told(answer: dict[str, Any]) -> list[tuple[str, str, str, list[str]]]:
    """Tell an answer as (reason, story, other or key, cures)."""

    def name(one: dict[str, Any]) -> str:
        return str(one["url"].rsplit("/", 1)[-1])

    others = [name(one["target"]) if one["target"] else one["key"] for one in answer["items"]]
    return [
        (one["reason"], name(one["source"]), other, one["cures"])
        for one, other in zip(answer["items"], others, strict=True)
    ]


def test_every_reason_with_the_orders_that_settle_it(store: Store) -> None:
    fill(store)
    answer = Auditor(store).audit(limit=2).data()
    auditing.Audit.model_validate(answer | {"items": []})
    assert answer["counts"] == {
        "dead": 1,
        "itself": 2,
        "unpublished": 2,
        "duplicate": 1,
        "looks-wrong": 1,
        "one-way": 1,
        "unlinked": 9,
    }
    assert (answer["generation"], answer["model"], answer["links"], answer["stories"]) == (1, "m1", 9, 3)
    assert told(answer) == [
        ("dead", "a", NOWHERE, []),
        ("itself", "c", "c", []),
        ("itself", "a", "a", []),
        ("unpublished", "a", "later", ["block"]),
        ("unpublished", "a", "gone", []),
        ("duplicate", "a", "b", []),
        ("looks-wrong", "a", "odd", ["block"]),
        ("one-way", "a", "odd", []),
        ("unlinked", "a", "n0", ["pin", "block"]),
        ("unlinked", "a", "n1", ["pin", "block"]),
    ]
    wrong, _, sure, _ = answer["items"][-4:]
    assert (wrong["score"], wrong["better"]) == (0.01, 12)
    assert (sure["score"], sure["better"], sure["key"]) == (0.9, None, "https://www.news.example/n0")


def test_one_reason_and_the_foremost_of_it(client: TestClient) -> None:
    answer = ask(client, reason="unlinked", limit=3)
    assert [one[:3] for one in told(answer)] == [("unlinked", "a", f"n{number}") for number in range(3)]
    assert answer["counts"]["unlinked"] == 9
    assert answer["counts"]["dead"] == 1
    assert told(ask(client, reason="dead")) == [("dead", "a", NOWHERE, [])]


def test_documents_of_the_server_are_not_told_of(client: TestClient) -> None:
    assert "/srv/" not in client.get("/curation/audit").text


def test_a_cure_settles_it(client: TestClient) -> None:
    for one in [one for one in ask(client, limit=MOST)["items"] if one["cures"]]:
        other, kind = one["target"]["url"], one["cures"][0]
        order = {"url": one["source"]["url"], "other": other, "kind": kind}
        assert client.put("/curation", json=order).status_code == 200
        answer = ask(client, reason=one["reason"], limit=MOST)
        assert other not in [each["target"]["url"] for each in answer["items"] if each["target"]]
    counts = ask(client)["counts"]
    assert (counts["looks-wrong"], counts["unlinked"], counts["unpublished"]) == (0, 0, 1)


def test_the_reasons_are_those_of_the_audit_and_one_more() -> None:
    assert get_args(Why) == (*Reason, looking.UNLINKED)


def test_it_is_gathered_again_only_when_something_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    now, looked = [1_800_000_000.0], 0
    audit = looking.audit

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal looked
        looked += 1
        return audit(*given, **named)

    monkeypatch.setattr(looking, "audit", counted)
    auditor = Auditor(store, lambda: now[0])
    for reason in get_args(Why):
        auditor.audit(reason)
    assert looked == 1
    changes = (
        lambda: save(store, document(story("new"), links=[NOWHERE])),
        lambda: store.curate(id_of(store, "a"), id_of(store, "odd"), "block", by="", at=1),
        lambda: store.undo(id_of(store, "a"), by="", at=2),
        lambda: store.publish("m2", []),
        lambda: now.__setitem__(0, now[0] + looking.KEPT + 1),
    )
    for number, change in enumerate(changes, 2):
        change()
        assert auditor.audit() == auditor.audit()
        assert looked == number
    assert auditor.audit().model == "m2"


def test_who_waits_long_is_told_and_given_it_later(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, audit = threading.Event(), looking.audit
    monkeypatch.setattr(looking, "audit", lambda *given, **named: may.wait(20) and audit(*given, **named))
    monkeypatch.setattr("recommender.aside.WITHIN", 0.1)
    for _ in range(2):
        response = client.get("/curation/audit")
        is_problem(response, 503, "in-progress")
        assert response.headers["retry-after"] == "5"
    may.set()
    monkeypatch.setattr("recommender.aside.WITHIN", 20.0)
    assert client.get("/curation/audit").json()["items"]


def test_before_the_first_recompute_links_are_looked_at(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/new.sqlite") as store:
        save(store, document(story("a"), links=[NOWHERE]))
        found = Auditor(store).audit()
    assert (found.generation, found.model, found.counts["dead"]) == (None, None, 1)


def test_a_story_that_is_gone_has_no_cure(store: Store) -> None:
    save(store, document(story("a"), story("b")))
    save(store, document(replace(story("a"), removed=True), origin="later", links=[key("b")]))
    assert [item.cures for item in Auditor(store).audit("unpublished").items] == [()]


@pytest.mark.parametrize(
    "parameters", [{"reason": "looks_wrong"}, {"limit": 0}, {"limit": MOST + 1}, {"url": key("a")}]
)
def test_parameters_that_cannot_be(client: TestClient, parameters: dict[str, Any]) -> None:
    document = is_problem(client.get("/curation/audit", params=parameters), 422, "invalid-request")
    assert [error["name"] for error in document["errors"]] == [*parameters]


def test_only_for_who_has_a_key_for_it(address: str) -> None:
    with Store.open(address) as store:
        secrets = {scope: store.keys.add(scope, [scope])[1] for scope in ("curate", "publish")}
    with TestClient(create_app(Settings(store=address))) as client:
        is_problem(client.get("/curation/audit"), 401, "unauthorized")
        keys = {scope: {"X-API-Key": secret} for scope, secret in secrets.items()}
        is_problem(client.get("/curation/audit", headers=keys["publish"]), 403, "forbidden")
        assert client.get("/curation/audit", headers=keys["curate"]).status_code == 200


def test_a_store_that_does_not_answer(tmp_path: Path) -> None:
    app = create_app(Settings(store=f"sqlite:///{tmp_path}/none.sqlite"))
    app.dependency_overrides[curation.allowed] = lambda: None
    with TestClient(app, raise_server_exceptions=False) as client:
        is_problem(client.get("/curation/audit"), 503, "store-unavailable")


def test_it_loads_no_numbers(address: str) -> None:
    program = (
        "import sys; from starlette.testclient import TestClient\n"
        "from recommender.api import create_app, curation; from recommender.settings import Settings\n"
        f"app = create_app(Settings(store={address!r}))\n"
        "app.dependency_overrides[curation.allowed] = lambda: None\n"
        "with TestClient(app) as client:\n"
        "    assert client.get('/curation/audit').json()['items']\n"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
