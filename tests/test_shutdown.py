"""A service that is ended: what is on its way arrives, what was counted is written, nobody is left."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from stories import document, key, packed, save, story

from recommender.store import Store

BODY = json.dumps({"title": "A bridge opens", "webUrl": "https://www.news.example/bridge"}).encode()
EVENTS = json.dumps({"events": [{"answer": "1-1-m2", "kind": "impression"}]}).encode()


class Serving(NamedTuple):
    """A service that runs, where it answers, and a key for everything."""

    process: subprocess.Popen[str]
    place: tuple[str, int]
    key: str
    store: Store

    def send(self, method: str, path: str, body: bytes, length: int | None = None) -> socket.socket:
        """Send a request, or its beginning, on a connection of its own."""
        connection = socket.create_connection(self.place, timeout=30)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.key}\r\nContent-Type: application/json"
        )
        connection.sendall(f"{head}\r\nContent-Length: {length or len(body)}\r\n\r\n".encode() + body)
        return connection

    def ask(self, method: str, path: str, body: bytes = b"") -> str:
        """Give the first line of an answer."""
        with self.send(method, path, body) as connection, connection.makefile("rb") as answer:
            return answer.readline().decode()

    def children(self) -> list[int]:
        return [int(pid) for task in Path(f"/proc/{self.process.pid}/task").iterdir()
                for pid in (task / "children").read_text().split()]  # fmt: skip


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Serving]:
    address = f"sqlite:///{folder}/store.sqlite"
    with Store.open(address) as store:
        save(store, document(story("a")), document(story("b")))
        store.publish("m", [(1, packed((2, 0.9))), (2, packed((1, 0.9)))], revision=store.revision())
        _, secret = store.keys.add("all", ["admin"])
        environment = {**os.environ, **{f"RECOMMENDER_{name}": value for name, value in settings.items()}}
        command = [sys.executable, "-m", "recommender", "--store", address, "serve", "--port", "0"]
        with subprocess.Popen(
            command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                assert process.stderr is not None
                found = re.search(r"http://(127\.0\.0\.1):(\d+)", process.stderr.readline())
                assert found is not None
                room = Serving(process, (found[1], int(found[2])), secret, store)
                assert "200" in room.ask("GET", "/health/live")
                yield room
            finally:
                process.kill()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def shown(store: Store) -> int:
    return sum(total.shown for total in store.event_totals())


@pytest.mark.parametrize(("workers", "live"), [("1", "false"), ("2", "true")])
def test_what_is_on_its_way_arrives(tmp_path: Path, workers: str, live: str) -> None:
    with serving(tmp_path, WORKERS=workers, LIVE=live, LOG="json") as room:
        assert "204" in room.ask("POST", "/events", EVENTS)
        with room.send("POST", "/articles", BODY[:20], len(BODY)) as slow, slow.makefile("rb") as answer:
            time.sleep(0.5)  # so that it is accepted
            children = room.children()
            room.process.send_signal(signal.SIGTERM)
            time.sleep(1.5)  # a process of several looks for signals twice a second
            assert room.process.poll() is None
            slow.sendall(BODY[20:])
            whole = answer.read()
        head, _, body = whole.partition(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0]
        assert f"content-length: {len(body)}".encode() in head.lower()
        assert b"news.example/bridge" in body
        assert room.process.wait(30) == 0
        assert room.store.find(key("bridge")) is not None
        assert shown(room.store) == 1
        assert len(children) >= (3 if live == "true" else 0)
        end = time.monotonic() + 10  # Python's own tracker of what is shared ends after the others
        while (left := [pid for pid in children if lives(pid)]) and time.monotonic() < end:
            time.sleep(0.05)
        assert not left
        assert room.process.stderr is not None
        logged = [json.loads(line) for line in room.process.stderr.read().splitlines()]
        assert not [each for each in logged if each["level"] in ("error", "critical")]


def test_who_never_ends_is_waited_for_so_long_and_no_longer(tmp_path: Path) -> None:
    """The rest is done all the same: counts are written."""
    with serving(tmp_path, LIVE="false", SHUTDOWN="1") as room:
        assert "204" in room.ask("POST", "/events", EVENTS)
        with room.send("POST", "/articles", BODY[:20], len(BODY)):
            time.sleep(0.5)
            room.process.send_signal(signal.SIGTERM)
            assert room.process.wait(15) == 0
        assert shown(room.store) == 1
        assert room.store.find(key("bridge")) is None
