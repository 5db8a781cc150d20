"""A service in a process of its own, as an operator starts it: to be asked, looked at and ended."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from stories import document, packed, save, story

from recommender.store import Store

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Serving(NamedTuple):
    """A service that runs, where it answers, and a key for everything."""

    process: subprocess.Popen[str]
    place: tuple[str, int]
    key: str
    store: Store

    def send(
        self, method: str, path: str, body: bytes, length: int | None = None, more: str = ""
    ) -> socket.socket:
        """Send a request, or its beginning, on a connection of its own."""
        connection = socket.create_connection(self.place, timeout=30)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.key}\r\nContent-Type: application/json"
        )
        connection.sendall(f"{head}\r\nContent-Length: {length or len(body)}{more}\r\n\r\n".encode() + body)
        return connection

    def begin(self, path: str, body: bytes, length: int) -> socket.socket:
        """Send a POST whose body is to come, and wait until the service reads it."""
        connection = self.send("POST", path, b"", length, "\r\nExpect: 100-continue")
        assert connection.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE
        connection.sendall(body)
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
