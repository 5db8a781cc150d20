"""Texts that are no stories yet: ranked as the stories that they become will be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType

import numpy as np
import pytest
from made_up import NOBODY, STORIES, until
from starlette.testclient import TestClient
from stories import document, key, save, story
from test_api import is_problem

from recommender.analysis import Texts
from recommender.api import create_app
from recommender.corpus import NEIGHBOUR_DTYPE, Corpus
from recommender.errors import ModelNotFound, NothingRecomputed
from recommender.live.drafts import Drafts
from recommender.live.growing import Growing
from recommender.live.loading import Loaded
from recommender.live.numbering import ROOM, Numbering
from recommender.models import Root
from recommender.pipeline.recomputing import recompute
from recommender.pipeline.refreshing import refresh
from recommender.service import Draft, Options, Service
from recommender.settings import Settings
from recommender.store import Store
from recommender.text import TextSpace
from recommender.urls import canonical

JSON = {"content-type": "application/json"}
TITLE, EXCERPT = (
    "Ferries run late after the bridge closed",
    "Divers found cracks in the third pier of the bridge.",
)


def moment(news: Corpus, row: int) -> datetime:
    return datetime.fromtimestamp(round(news.published[row] * 86_400), UTC)


def ranked(drafts: Drafts, news: Corpus, row: int) -> list[tuple[int, float, int, int]]:
    texts = news.titles[row], news.excerpts[row]
    found = drafts.ranked(*texts, moment(news, row), news.providers[row], news.topics[row])
    return np.frombuffer(found.packed, NEIGHBOUR_DTYPE).tolist()


# Ranked as stories are


@pytest.mark.parametrize("row", [STORIES, STORIES + 7, STORIES // 2])
def test_a_draft_has_the_list_that_its_story_will_have(
    store: Store, made: ModuleType, news: Corpus, row: int
) -> None:
    links = news.links[(news.links != row).all(axis=1)]  # nobody has linked it yet
    known = replace(news, links=links)
    made.save(store, until(known, STORIES, without=[row]))
    recompute(store, NOBODY)
    draft = ranked(Drafts(store, NOBODY), news, row)
    made.save(store, until(known, max(STORIES, row + 1), without=range(STORIES, row)))
    refresh(store, NOBODY)
    found = store.find(canonical(news.urls[row]))
    assert found is not None
    story = np.frombuffer(found.packed or b"", NEIGHBOUR_DTYPE).tolist()
    assert len(story) == 50
    assert [one[0] for one in draft] == [one[0] for one in story]
    assert [one[1] for one in draft] == pytest.approx([one[1] for one in story], abs=1e-6)
    assert [one[2:] for one in draft] == [one[2:] for one in story]


def test_drafts_leave_no_trace(recomputed: Store, news: Corpus) -> None:
    drafts = Drafts(recomputed, NOBODY)
    first = ranked(drafts, news, STORIES)
    for row in range(STORIES + 1, STORIES + 5):
        ranked(drafts, news, row)
    assert ranked(drafts, news, STORIES) == first


def test_drafts_see_what_was_recomputed_since(recomputed: Store, made: ModuleType, news: Corpus) -> None:
    drafts = Drafts(recomputed, NOBODY)
    before = {one[0] for one in ranked(drafts, news, STORIES + 1)}
    made.save(recomputed, until(news, STORIES + 1))
    assert {one[0] for one in ranked(drafts, news, STORIES + 1)} == before
    refresh(recomputed, NOBODY)
    new = recomputed.versions()[0][-1]
    assert new not in before
    assert new in {one[0] for one in ranked(drafts, news, STORIES)}, "its own text is the nearest"


def test_threads_take_turns(recomputed: Store, news: Corpus) -> None:
    drafts = Drafts(recomputed, NOBODY)
    rows = range(STORIES, STORIES + 8)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda row: ranked(drafts, news, row), rows))
    assert together == [ranked(drafts, news, row) for row in rows]


def test_nothing_to_rank_by(store: Store) -> None:
    drafts = Drafts(store, NOBODY)
    with pytest.raises(NothingRecomputed, match="run `recommender recompute`"):
        drafts.ranked(TITLE, EXCERPT, datetime.now(UTC))
    save(store, document(story("one")))
    store.publish("default", [])
    with pytest.raises(NothingRecomputed, match="nothing to compare a text with"):
        drafts.ranked(TITLE, EXCERPT, datetime.now(UTC))
    recompute(store, NOBODY)
    assert drafts.ranked(TITLE, EXCERPT, datetime.now(UTC)).model == "default"


def test_what_ranked_the_stories_has_to_be_there(recomputed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.known.__version__", "0.0.1")
    with pytest.raises(NothingRecomputed, match="another version ranked the stories"):
        Drafts(recomputed, NOBODY).ranked(TITLE, EXCERPT, datetime.now(UTC))
    monkeypatch.undo()
    generation = recomputed.generation()
    assert generation is not None
    recomputed.publish(
        "m1", [], vocabulary=recomputed.vocabulary(generation.id), kept=recomputed.kept().items()
    )
    with pytest.raises(ModelNotFound, match="m1"):
        Drafts(recomputed, NOBODY).ranked(TITLE, EXCERPT, datetime.now(UTC))


@pytest.mark.parametrize("part", ["kept", "keeper", "vocabulary"])
def test_what_is_published_while_the_archive_is_read_is_not_mixed_with_what_was_before(
    recomputed: Store, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    read, published = getattr(recomputed, part), iter([True])

    def meanwhile(*given: int) -> object:
        if next(published, False):
            recompute(recomputed, NOBODY)
        return read(*given)

    monkeypatch.setattr(recomputed, part, meanwhile)
    loaded = Loaded.of(recomputed, NOBODY)
    assert (loaded.generation, loaded.keeper) == (2, 2)


# What it is made of


def test_columns_grow_without_a_trace_of_what_was_let_go() -> None:
    first = Growing.of(
        {"a": np.arange(40), "a_starts": np.array([0, 3, 5]), "b": np.zeros((2, 3), np.float32)}
    )
    more = {"a": np.array([7]), "a_starts": np.array([0, 4]), "b": np.ones((1, 3), np.float32)}
    tried = first.followed_by(more)
    assert tried["a"].tolist() == [*range(40), 7]
    assert tried["a_starts"].tolist() == [0, 3, 5, 9]
    assert tried["b"].tolist() == [[0] * 3, [0] * 3, [1] * 3]
    assert (len(first["a"]), len(first["a_starts"])) == (40, 3)
    taken = first.followed_by({"a": np.arange(100)})
    assert taken["a"].tolist() == [*range(40), *range(100)]
    assert taken["a_starts"].tolist() == [0, 3, 5]
    assert first["a"].tolist() == [*range(40)]


def test_terms_are_numbered_as_they_come() -> None:
    space = TextSpace().fit(["bridge closed", "bridge open"], ["", ""])
    numbering = Numbering(space)
    texts = Texts.of(["zorblax zorblax", "zorblax bridge"], ["", ""])
    ignored = numbering.vectors(texts)
    assert np.diff(ignored.word_starts).tolist() == [0, 1], "only the bridge is known"
    learned = numbering.vectors(texts, learn=True)
    assert np.diff(learned.word_starts).tolist() == [2, 3]
    assert learned.words[0] == learned.words[2], "zorblax is a number of its own"
    assert learned.words[0] >= len(space.words_.hashes)
    again = numbering.vectors(texts)
    assert again.words.tolist() == learned.words.tolist()
    assert again.scales == pytest.approx(ignored.scales)
    assert len(learned.word_idf) == len(space.words_.hashes) + ROOM


def test_terms_without_room_match_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.live.numbering.ROOM", 2)
    numbering = Numbering(TextSpace().fit(["bridge closed", "bridge open"], ["", ""]))
    assert not numbering.full
    vectors = numbering.vectors(Texts.of(["alpha beta gamma"], [""]), learn=True)
    assert numbering.full
    assert vectors.word_starts.tolist() == [0, 2]
    assert vectors.words.max() < len(vectors.word_idf)


# Over HTTP


@pytest.fixture
def client(recomputed: Store, store_url: str) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(store=store_url, models=NOBODY))) as client:
        yield client


def test_a_draft_is_answered(client: TestClient, recomputed: Store, news: Corpus) -> None:
    draft = {
        "title": news.titles[STORIES],
        "excerpt": news.excerpts[STORIES],
        "publishedDateTime": moment(news, STORIES).isoformat(),
        "provider": {"domain": news.providers[STORIES], "images": []},
        "topics": list(news.topics[STORIES]),
        "somethingElse": {"x": 1},
    }
    response = client.post("/related", params={"limit": 5, "explain": True}, json=draft)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert (answer["url"], answer["id"], answer["model"], answer["generation"]) == (None, None, "default", 1)
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4, 5]
    service = Service(recomputed, NOBODY)
    assert response.content == service.drafted(Draft(**draft), Options(limit=5, explain=True)).json()
    why = answer["items"][0]["why"]
    assert why["terms"]
    assert sum(why["parts"].values()) == pytest.approx(
        np.log(answer["items"][0]["score"] / (1 - answer["items"][0]["score"])), abs=0.01
    )


def test_options_choose_from_a_drafts_list(client: TestClient, news: Corpus) -> None:
    draft = {"title": news.titles[STORIES], "publishedDateTime": moment(news, STORIES).isoformat()}
    everything = client.post("/related", params={"limit": 50}, json=draft).json()["items"]
    topic = everything[0]["topics"][0]
    narrow = client.post("/related", params={"limit": 50, "topic": [topic, "x"]}, json=draft).json()["items"]
    assert narrow
    assert all(topic in item["topics"] for item in narrow)
    later = client.post("/related", params={"direction": "followup"}, json=draft).json()
    assert later["items"] == [], "nothing has come out since"


def test_a_story_of_the_store_is_not_related_to_its_own_draft(client: TestClient, news: Corpus) -> None:
    row = STORIES - 3
    draft = {"title": news.titles[row], "excerpt": news.excerpts[row], "topics": list(news.topics[row])}
    draft |= {"publishedDateTime": moment(news, row).isoformat()}
    url = f"http://amp.{news.urls[row].removeprefix('https://www.')}?utm_source=x"
    shown = [
        item["webUrl"] for item in client.post("/related", json={**draft, "webUrl": url}).json()["items"]
    ]
    assert shown
    assert news.urls[row] not in shown
    # Without an address its text tells: who writes a story is not told to read it.
    assert news.urls[row] not in [
        item["webUrl"] for item in client.post("/related", json=draft).json()["items"]
    ]
    copies = client.post("/related", params={"duplicates": "show"}, json=draft).json()["items"]
    assert copies[0]["webUrl"] == news.urls[row]


def test_a_draft_comes_out_now_unless_it_says_when(recomputed: Store) -> None:
    service = Service(recomputed, NOBODY, clock=datetime(2026, 1, 2, tzinfo=UTC).timestamp)
    answer = service.drafted(Draft(title=TITLE), Options(explain=True))
    first = answer.items[0]
    days = (datetime.fromisoformat(first["publishedDateTime"]) - datetime(2026, 1, 2, tzinfo=UTC)).days
    assert first["why"]["days_apart"] == pytest.approx(days, abs=1)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("", "body"),
        ('{"title":', "body"),
        ("[]", "body"),
        ("{}", "body"),
        ('{"title": " ", "excerpt": "\n"}', "body"),
        ('{"title": 7}', "title"),
        ('{"title": "%s"}' % ("x" * 1_001), "title"),
        ('{"title": "x", "publishedDateTime": "yesterday"}', "publishedDateTime"),
        ('{"title": "x", "publishedDateTime": "2024-01-01T00:00:00"}', "publishedDateTime"),
        ('{"title": "x", "publishedDateTime": "0001-01-01T00:00:00+14:00"}', "publishedDateTime"),
        ('{"title": "x", "publishedDateTime": "9999-12-31T23:59:59-14:00"}', "publishedDateTime"),
        ('{"title": "x", "webUrl": "javascript:alert(1)"}', "webUrl"),
        ('{"title": "x", "topics": "Transport"}', "topics"),
        ('{"title": "x", "provider": "News"}', "provider"),
    ],
)
def test_what_is_wrong_with_a_draft(client: TestClient, body: str, part: str) -> None:
    response = client.post("/related", content=body, headers=JSON)
    problem = is_problem(response, 422, "invalid-request")
    assert [error["name"] for error in problem["errors"]] == [part]


def test_options_of_a_draft_are_checked(client: TestClient) -> None:
    for parameters in ({"limit": 99}, {"url": key("a")}, {"nothing": 1}):
        problem = is_problem(
            client.post("/related", params=parameters, json={"title": "x"}), 422, "invalid-request"
        )
        assert [error["name"] for error in problem["errors"]] == list(parameters)


@pytest.mark.parametrize(
    "title", ["</script><script>alert(1)</script>", "\\u0000\\u2028", "é" * 1_000, "{{7*7}} ' OR 1=1 --"]
)
def test_hostile_texts_are_just_texts(client: TestClient, title: str) -> None:
    response = client.post("/related", content=f'{{"title": "{title}"}}', headers=JSON)
    assert response.status_code == 200, response.text


def test_half_of_a_character_is_no_text(client: TestClient) -> None:
    response = client.post("/related", content=b'{"title": "x \\ud800"}', headers=JSON)
    is_problem(response, 422, "invalid-request")


def test_nothing_was_recomputed(store: Store, store_url: str) -> None:
    save(store, document(story("one")))
    with TestClient(create_app(Settings(store=store_url, models=NOBODY))) as client:
        response = client.post("/related", json={"title": "x"})
        is_problem(response, 503, "nothing-recomputed")
        assert response.headers["retry-after"]


class Gate:
    """Lets archives be loaded when it is opened, and counts them."""

    def __init__(self) -> None:
        self.open, self.loads = threading.Event(), 0
        self._load = Loaded.of

    def __call__(self, store: Store, root: Root) -> Loaded:
        self.loads += 1
        assert self.open.wait(30)
        return self._load(store, root)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate before archives, for which nobody waits for long."""
    gate = Gate()
    monkeypatch.setattr(Loaded, "of", gate)
    monkeypatch.setattr("recommender.aside.WITHIN", 0.2)
    yield gate
    gate.open.set()


def test_who_waits_for_the_archive_is_told_and_answered_when_it_is_there(
    client: TestClient, gate: Gate, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = {"title": news.titles[STORIES]}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post("/related", json=draft), range(4)))
    compared = client.get("/related", params={"url": news.urls[0], "model": "default"})
    for answer in (*answers, compared):
        is_problem(answer, 503, "in-progress")
        assert answer.headers["retry-after"] == "5"
    assert client.get("/related", params={"url": news.urls[0]}).status_code == 200, "readers wait for nobody"
    gate.open.set()
    monkeypatch.setattr("recommender.aside.WITHIN", 30.0)
    assert client.post("/related", json=draft).json()["items"]
    assert gate.loads == 1


def test_a_recompute_lets_nobody_wait_either(
    client: TestClient, gate: Gate, recomputed: Store, news: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.open.set()
    monkeypatch.setattr("recommender.aside.WITHIN", 30.0)
    draft = {"title": news.titles[STORIES]}
    assert client.post("/related", json=draft).json()["generation"] == 1
    gate.open.clear()
    monkeypatch.setattr("recommender.aside.WITHIN", 0.2)
    recompute(recomputed, NOBODY)
    is_problem(client.post("/related", json=draft), 503, "in-progress")
    gate.open.set()
    monkeypatch.setattr("recommender.aside.WITHIN", 30.0)
    assert client.post("/related", json=draft).json()["generation"] == 2
    assert gate.loads == 2
