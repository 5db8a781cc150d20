"""A service that is ended: what is on its way arrives, what was counted is written, nobody is left."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from programs import serving
from stories import key

from recommender.store import Store

BODY = json.dumps({"title": "A bridge opens", "webUrl": "https://www.news.example/bridge"}).encode()
EVENTS = json.dumps({"events": [{"answer": "1-1-m2", "kind": "impression"}]}).encode()


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
        with room.begin("/articles", BODY[:20], len(BODY)) as slow, slow.makefile("rb") as answer:
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
        with room.begin("/articles", BODY[:20], len(BODY)):
            room.process.send_signal(signal.SIGTERM)
            assert room.process.wait(15) == 0
        assert shown(room.store) == 1
        assert room.store.find(key("bridge")) is None


def test_who_keeps_lists_is_not_waited_for_in_the_middle_of_it(tmp_path: Path) -> None:
    with serving(tmp_path, LIVE="true", SHUTDOWN="60") as room:
        (keeper,) = room.children()
        os.kill(keeper, signal.SIGSTOP)  # as one who is at work and looks at nothing else
        room.process.send_signal(signal.SIGTERM)
        assert room.process.wait(30) == 0
        assert not lives(keeper)
