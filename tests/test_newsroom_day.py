"""A newsroom's day on a real server: two workers under a steady load of readers, while all of it changes."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlsplit

from made_up import STORIES, until

from benchmarks.mixed_load import document
from recommender import default, models
from recommender.corpus import Corpus
from recommender.pipeline.recomputing import recompute
from recommender.search import SEARCH
from recommender.store import Store

AT_ONCE = 1.0
"""Seconds within which what was written is what all workers answer."""


@dataclass
class Newsroom:
    """The server, and who writes to it: each request on a connection of its own, to either worker."""

    address: str
    key: str
    store: str
    models: Path

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()

    def related(self, url: str, **options: object) -> list[dict[str, Any]]:
        query = "".join(f"&{name}={value}" for name, value in options.items())
        status, answer = self.ask("GET", f"/related?url={quote(url, safe='')}{query}")
        assert status == 200, answer
        items: list[dict[str, Any]] = answer["items"]
        return items

    def sees(self, done: Callable[[], bool]) -> None:
        """Assert that all workers answer so: from the next request on, where the store is a file."""
        if self.store.startswith("sqlite"):
            assert all(done() for _ in range(8))
        else:
            assert wait(done) < AT_ONCE

    def run(self, *command: str) -> None:
        whole = [sys.executable, "-m", "recommender", "--store", self.store, "--models", str(self.models)]
        subprocess.run([*whole, *command], check=True, capture_output=True, timeout=120)


@dataclass
class Readers:
    """Threads that ask all the time, and note what they were answered.

    Each keeps the answers it got, as a browser does, and says which it has: it
    is told 304 where that is the answer still, and else is given another.
    """

    room: Newsroom
    urls: list[str]
    answered: int = 0
    unchanged: int = 0
    failures: list[object] = field(default_factory=list)
    model_of: dict[int, set[str]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def read(self, seed: int) -> None:
        drawn = random.Random(seed)
        connection = http.client.HTTPConnection(urlsplit(self.room.address).netloc, timeout=30)
        kept: dict[str, tuple[str, bytes]] = {}
        while not self.stop.is_set():
            path = f"/related?url={quote(drawn.choice(self.urls), safe='')}&limit={drawn.randint(5, 10)}"
            tag, body = kept.get(path, ("", b""))
            try:
                connection.request("GET", path, headers={"If-None-Match": tag} if tag else {})
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(error)
                connection.close()
                continue
            given = response.headers["ETag"]
            if response.status == 304 and given == tag and not text:
                self.unchanged += 1
            elif response.status == 200 and given not in (None, tag) and text != body and self.right(text):
                kept[path] = given, text
                self.answered += 1
            else:
                self.failures.append((response.status, tag, given, text))
            time.sleep(0.002)
        connection.close()

    def right(self, text: bytes) -> bool:
        """Tell whether an answer is a list, all of it of one generation; note whose."""
        answer = json.loads(text)
        self.model_of.setdefault(answer["generation"], set()).add(answer["model"])
        ranks = [item["rank"] for item in answer["items"]]
        return ranks == list(range(1, 1 + len(ranks))) and answer["id"].startswith(f"{answer['generation']}-")


@contextmanager
def serving(store: str, root: Path, key: str) -> Iterator[Newsroom]:
    command = [sys.executable, "-m", "recommender", "--store", store, "--models", str(root)]
    command += ["serve", "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
            assert found is not None
            room = Newsroom(found[0], key, store, root)
            wait(lambda: answers(room))
            yield room
        finally:
            server.terminate()
            server.wait(30)


def load(room: Newsroom, workers: int = 2) -> None:
    """Have all workers load what drafts and audits need: a browser notes as an error that it is to wait."""
    headers = {"X-API-Key": room.key, "Content-Type": "application/json"}
    draft = json.dumps({"title": "Bridge", "excerpt": "The bridge."})
    loaded: set[str] = set()
    start = time.monotonic()
    while len(loaded) < workers:
        connection = http.client.HTTPConnection(urlsplit(room.address).netloc, timeout=30)
        for request in (("POST", "/related", draft), ("GET", "/curation/audit", None)):
            connection.request(*request, headers=headers)
            response = connection.getresponse()
            text = response.read()
            if response.status != 200:
                assert b"in-progress" in text, text
                break
        else:
            loaded.add(
                response.headers["X-Request-Id"].partition("-")[0]
            )  # its first part is a process's own
        connection.close()
        assert time.monotonic() < start + 180


def answers(room: Newsroom) -> bool:
    try:
        return room.ask("GET", "/health/ready")[0] == 200
    except OSError:
        return False


def wait(done: Callable[[], bool], seconds: float = 60.0) -> float:
    """Wait until something is so, as both workers seem to tell it; how long that took.

    Which of them answers is the system's choice: that four answers in a row
    are of one worker happens, so what is read next may be the other one's.
    """
    start = time.monotonic()
    in_turn = 0
    while in_turn < 4:
        in_turn = in_turn + 1 if done() else 0
        assert time.monotonic() < start + seconds
        time.sleep(0.01)
    return time.monotonic() - start


def test_nothing_fails_and_nothing_is_stale_while_all_of_it_changes(
    store_url: str, tmp_path: Path, made: ModuleType, news: Corpus
) -> None:
    root = tmp_path / "models"
    with Store.open(store_url) as store:
        made.save(store, until(news, STORIES))
        _, key = store.keys.add("cms", ["admin"])
        trained = models.write(root, default.ranker(), SEARCH, {"fingerprint": "made-up"}, {})
        recompute(store, root)
    with serving(store_url, root, key) as room:
        readers = Readers(room, news.urls[:STORIES:3])
        threads = [threading.Thread(target=readers.read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        try:
            day(room, news, trained.id)
        finally:
            readers.stop.set()
            for thread in threads:
                thread.join()
    assert readers.failures == []
    assert readers.answered > 200
    assert readers.unchanged > 20
    assert all(len(named) == 1 for named in readers.model_of.values()), "a generation has one model"
    assert len(readers.model_of) >= 3


def day(room: Newsroom, news: Corpus, trained: str) -> None:
    """Publish, pin, block, draft, take back, activate and go back."""
    row = itertools.count(STORIES)

    def listed(url: str) -> list[dict[str, Any]]:
        return [item for item in room.related(url, fill="false") if item["source"] == "model"]

    def publish() -> float:
        new = next(row)
        status, told = room.ask("POST", "/articles", document(news, new))
        assert (status, told["items"][0]["status"]) == (200, "new"), told
        accepted = time.monotonic()
        wait(lambda: bool(listed(news.urls[new])))
        first = next(filter(None, map(listed, itertools.repeat(news.urls[new]))))[0]["webUrl"]
        wait(lambda: news.urls[new] in shown(room.related(first, limit=50)))
        return time.monotonic() - accepted

    publish()  # who keeps lists up to date loads the archive for the first
    latencies = [publish() for _ in range(5)]
    assert median(latencies) < AT_ONCE, latencies

    story, other = news.urls[10], news.urls[400]
    order = {"url": story, "other": other, "kind": "pin", "slot": 1}
    assert room.ask("PUT", "/curation", order)[0] == 200
    room.sees(lambda: (first := room.related(story)[0])["webUrl"] == other and first["source"] == "pinned")
    assert room.ask("PUT", "/curation", order | {"kind": "block", "slot": None})[0] == 200
    room.sees(lambda: other not in shown(room.related(story, limit=50)))

    gone = room.related(story)[0]["webUrl"]
    assert room.ask("DELETE", f"/articles?url={quote(gone, safe='')}")[0] == 204
    room.sees(lambda: gone not in shown(room.related(story, limit=50)))
    room.sees(lambda: room.ask("GET", f"/related?url={quote(gone, safe='')}")[0] == 404)

    draft = document(news, next(row)) | {"webUrl": ""}
    for _ in range(10):  # each waits some seconds for the archive
        status, answer = room.ask("POST", "/related", draft)
        if answer.get("type") != "urn:recommender:error:in-progress":
            break
    assert (status, len(answer["items"])) == (200, 10), answer

    for command in (("activate", trained), ("activate", "default")):
        room.run("models", *command)
        room.run("recompute")
        name = command[1]
        took = wait(
            lambda name=name: room.ask("GET", f"/related?url={quote(story, safe='')}")[1]["model"] == name
        )
        assert took < AT_ONCE
    assert median([publish() for _ in range(3)]) < 5 * AT_ONCE, "also after a recompute by somebody else"


def shown(items: list[dict[str, Any]]) -> set[str]:
    return {item["webUrl"] for item in items}
