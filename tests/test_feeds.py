"""Polling feeds: asked politely, read without trust, saved once, and asked less often when they fail.

The servers are of this process, on this machine: nothing is fetched from elsewhere.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from stories import content, document, save, story
from test_cli import run_in

import recommender
from recommender import fetching
from recommender.errors import MissingExtra, UsageError
from recommender.fetching import Fetcher, seconds
from recommender.pipeline.polling import DAY, LATEST, Polled, delay, poll
from recommender.store import Feed, Store
from recommender.store.feeds import LEASE

NOW = 1_800_000_000


def rss(*titles: str) -> bytes:
    items = "".join(
        f"<item><title>{title}</title><link>https://paper.example/{title.split()[0]}</link>"
        "<pubDate>Mon, 15 Jun 2020 20:03:00 +0200</pubDate></item>"
        for title in titles
    )
    return f'<rss version="2.0"><channel><title>Paper</title>{items}</channel></rss>'.encode()


class Answer(NamedTuple):
    """What a server answers: status, headers, and a body, or what writes it."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | Callable[[Any], None] = b""


class Paper:
    """A publisher's server: what it answers by path, and what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.times: list[float] = []


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Paper]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.times.append(time.monotonic())
            served.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, headers, body = served.answers.get(self.path, Answer(404))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if callable(body):
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                with suppress(OSError):
                    body(self.wfile)
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Paper(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(wait=1.0, deadline=2.0, most=100_000) as opened:
        yield opened


def polled(store: Store, fetcher: Fetcher, now: int = NOW) -> list[Polled]:
    return poll(store, fetcher, clock=lambda: now, pause=0)


def feed(store: Store, url: str | None = None) -> Feed:
    return next(each for each in store.feeds.all() if url in (None, each.url))


# Fetching


def test_a_server_is_told_who_asks(paper: Paper, fetcher: Fetcher) -> None:
    paper.answers["/f"] = Answer(200, {"ETag": '"1"', "Last-Modified": "yesterday"}, b"x")
    fetched = fetcher.fetch(f"{paper.address}/f", '"0"', "long ago")
    assert (fetched.status, fetched.body, fetched.etag, fetched.modified) == (200, b"x", '"1"', "yesterday")
    ((_, headers),) = paper.asked
    assert headers["user-agent"].startswith(f"recommender/{recommender.__version__}")
    assert (headers["if-none-match"], headers["if-modified-since"]) == ('"0"', "long ago")
    assert "atom" in headers["accept"]


def test_redirects_are_followed_but_not_forever(paper: Paper, fetcher: Fetcher) -> None:
    for number in range(fetching.REDIRECTS):
        paper.answers[f"/{number}"] = Answer(302, {"Location": f"/{number + 1}"})
    paper.answers[f"/{fetching.REDIRECTS}"] = Answer(200, {}, b"x")
    assert fetcher.fetch(f"{paper.address}/0").body == b"x"
    paper.answers["/round"] = Answer(301, {"Location": "/round"})
    assert "redirects" in fetcher.fetch(f"{paper.address}/round").trouble
    assert sum(path == "/round" for path, _ in paper.asked) == 1 + fetching.REDIRECTS


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://paper.example/f", "gopher://x/", "http://[", "x://"]
)
def test_a_redirect_leads_nowhere_but_to_the_web(paper: Paper, fetcher: Fetcher, target: str) -> None:
    paper.answers["/f"] = Answer(302, {"Location": target})
    fetched = fetcher.fetch(f"{paper.address}/f")
    assert fetched.body is None
    assert fetched.trouble


def endless(stream: Any) -> None:
    while True:
        stream.write(b"x" * 10_000)


def trickling(stream: Any) -> None:
    for _ in range(100):
        stream.write(b"x")
        stream.flush()
        time.sleep(0.1)


def bomb(stream: Any) -> None:
    stream.write(gzip.compress(b"x" * 50_000_000))


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (Answer(200, {}, endless), "larger than 0.1 MB"),
        (Answer(302, {"Location": "/ok"}, endless), ""),
        (Answer(200, {"Content-Encoding": "gzip"}, bomb), "larger than 0.1 MB"),
        (Answer(200, {"Content-Encoding": "gzip"}, b"no gzip"), "not gzip"),
        (Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 999)[:-9]), "ended before"),
        (Answer(200, {"Content-Encoding": "br"}, b"x"), "'br'"),
        (Answer(200, {}, trickling), "not here after 2 s"),
        (Answer(200, {}, lambda _: time.sleep(1.5)), "no answer in time"),
        (Answer(200, {"Content-Length": "10"}, lambda stream: stream.write(b"x")), "RemoteProtocolError"),
        (Answer(500, {}, endless), "HTTP 500"),
    ],
    ids=["endless", "redirect", "bomb", "no gzip", "half", "br", "trickling", "silent", "short", "error"],
)
def test_a_server_that_misbehaves_costs_little(
    paper: Paper, fetcher: Fetcher, answer: Answer, trouble: str
) -> None:
    paper.answers |= {"/f": answer, "/ok": Answer(200, {}, b"fine")}
    began = time.monotonic()
    fetched = fetcher.fetch(f"{paper.address}/f")
    assert time.monotonic() - began < 4
    assert trouble in fetched.trouble
    if answer.status == 302:
        assert fetched.body == b"fine"
    elif trouble:
        assert fetched.body is None


def test_gzip_is_unpacked_whole(paper: Paper, fetcher: Fetcher) -> None:
    text = bytes(range(256)) * 300
    paper.answers["/f"] = Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(text))
    assert fetcher.fetch(f"{paper.address}/f").body == text


def test_gzip_is_unpacked_a_piece_at_a_time() -> None:
    packed = gzip.compress(b"x" * 10_000_000)
    pieces = [len(piece) for piece in fetching._unpacked(iter([packed]), "gzip")]
    assert sum(pieces) == 10_000_000
    assert max(pieces) <= 65_536


def test_who_is_not_there(fetcher: Fetcher) -> None:
    assert "ConnectError" in fetcher.fetch("http://127.0.0.1:1/f").trouble


def test_retry_after_is_seconds_or_a_date() -> None:
    at = format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)
    assert seconds(at, NOW) == 90
    assert seconds("120", NOW) == 120
    assert seconds("Thu, 01 Jan 1970 00:00:00 GMT", NOW) == 0
    for unknown in (None, "", "soon", "-5", "1e9", "Mon, 99 Foo 2020"):
        assert seconds(unknown, NOW) is None


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"recommender\[feeds\]"):
        Fetcher()


# Which feeds there are


def test_feeds_are_named_and_removed(store: Store) -> None:
    one = store.feeds.add("HTTPS://Paper.example/f?x=1#y", every=600)
    other = store.feeds.add("https://paper.example/g", "The Paper")
    assert (one.url, one.name, one.every) == ("https://paper.example/f?x=1", "paper.example", 600)
    assert store.feeds.all() == [one, other]
    again = store.feeds.add("https://paper.example/g", "Renamed", 3_600)
    assert (again.id, again.name, again.every) == (other.id, "Renamed", 3_600)
    assert store.feeds.remove(str(one.id)) == one
    assert store.feeds.remove(other.url).id == other.id
    assert store.feeds.all() == []
    for nothing in ("1", "https://paper.example/g", "9" * 30, ""):
        with pytest.raises(UsageError, match="no feed"):
            store.feeds.remove(nothing)


@pytest.mark.parametrize(
    "url",
    ["ftp://paper.example/f", "file:///etc/passwd", "paper.example/f", "https://", "https://u@paper.example/f",
     "https://paper.example:x/f", "http://[", f"https://paper.example/{'x' * 2_048}", "https://x.example/a b",
     "https://päper.example/", "https://paper.example/\n", ""],
)  # fmt: skip
def test_an_address_no_feed_has(store: Store, url: str) -> None:
    with pytest.raises(UsageError, match="a feed's address is"):
        store.feeds.add(url)
    assert store.feeds.all() == []


@pytest.mark.parametrize(
    "wrong", [{"every": 59}, {"every": 10**9}, {"name": "x" * 201}, {"name": "\x1b[31m"}]
)
def test_a_feed_that_cannot_be(store: Store, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        store.feeds.add("https://paper.example/f", **wrong)


def test_who_is_due_is_taken_once(store: Store) -> None:
    store.feeds.add("https://paper.example/f")
    now = int(time.time())
    (taken,) = store.feeds.take(now)
    assert store.feeds.take(now) == []
    assert store.feeds.take(now + LEASE - 1) == []
    assert [each.id for each in store.feeds.take(now + LEASE)] == [taken.id], "its poller died"


# Polling


def test_new_stories_are_saved_and_the_old_are_as_they_were(
    store: Store, paper: Paper, fetcher: Fetcher
) -> None:
    url = f"{paper.address}/f"
    store.feeds.add(url, every=600)
    paper.answers["/f"] = Answer(200, {}, rss("one", "two"))
    (first,) = polled(store, fetcher)
    assert (first.result, first.saved.new, first.next_at) == ("read", 2, NOW + 600)
    assert polled(store, fetcher, NOW + 599) == []
    # Places move: a new story comes first, one is corrected, and none changes hands.
    paper.answers["/f"] = Answer(200, {}, rss("three", "one again", "two"))
    (second,) = polled(store, fetcher, NOW + 600)
    assert (second.saved.new, second.saved.changed, second.saved.unchanged) == (1, 1, 1)
    stories = content(store)["articles"]
    assert stories["https://paper.example/one"][-1] == f"{url}#https://paper.example/one"
    assert json.loads(stories["https://paper.example/one"][5])["title"] == "one again"
    noted = feed(store)
    assert (noted.polled_at, noted.outcome, noted.failures) == (NOW + 600, "3 stories, 1 new, 1 changed", 0)


def test_what_did_not_change_is_not_sent_again(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    store.feeds.add(f"{paper.address}/f", every=600)
    headers = {"ETag": '"1"', "Last-Modified": "Mon, 15 Jun 2020 18:03:00 GMT"}
    paper.answers["/f"] = Answer(200, headers, rss("one"))
    polled(store, fetcher)
    paper.answers["/f"] = Answer(304)
    for round_ in (1, 2):
        (result,) = polled(store, fetcher, NOW + round_ * 600)
        assert (result.result, result.next_at) == ("unchanged", NOW + (round_ + 1) * 600)
        sent = paper.asked[-1][1]
        assert sent["if-none-match"] == '"1"'
        assert sent["if-modified-since"] == headers["Last-Modified"]


def test_a_feed_that_fails_is_asked_less_often_until_it_does_not(
    store: Store, paper: Paper, fetcher: Fetcher
) -> None:
    store.feeds.add(f"{paper.address}/f", every=600)
    paper.answers["/f"] = Answer(500)
    now, waits = NOW, []
    for _ in range(12):
        (result,) = polled(store, fetcher, now)
        assert result.result == "failed"
        assert result.next_at is not None
        waits.append(result.next_at - now)
        now = result.next_at
    assert waits[:3] == [1_200, 2_400, 4_800]
    assert waits[-1] == DAY
    assert feed(store).failures == 12
    assert "HTTP 500" in (feed(store).outcome or "")
    paper.answers["/f"] = Answer(200, {}, rss("one"))
    (result,) = polled(store, fetcher, now)
    assert (result.next_at, feed(store).failures) == (now + 600, 0)


def test_a_server_that_says_when_is_obeyed(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    store.feeds.add(f"{paper.address}/f", every=600)
    paper.answers["/f"] = Answer(429, {"Retry-After": "9000"})
    (result,) = polled(store, fetcher)
    assert result.next_at == NOW + 9_000
    failing = feed(store)
    assert delay(failing, 1) == 2_400, "never sooner than without it"
    assert delay(failing, 10**9) == LATEST
    assert delay(failing._replace(failures=10**6), None) == DAY
    assert delay(failing._replace(every=2 * DAY), None) == 2 * DAY


def test_a_feed_that_is_gone_is_asked_no_more(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    url = f"{paper.address}/f"
    store.feeds.add(url)
    paper.answers["/f"] = Answer(410)
    (result,) = polled(store, fetcher)
    assert (result.result, result.next_at) == ("gone", None)
    assert polled(store, fetcher, NOW + 10**9) == []
    store.feeds.add(url)
    paper.answers["/f"] = Answer(200, {}, rss("one"))
    assert polled(store, fetcher)[0].result == "read"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Not found</html>", b"{", b'{"articles": []}', b"[]", b"\xff\xfe",
     b'<!DOCTYPE x [<!ENTITY a "b">]><rss version="2.0"><channel><item/></channel></rss>'],
)  # fmt: skip
def test_what_is_no_feed_is_a_failure(store: Store, paper: Paper, fetcher: Fetcher, body: bytes) -> None:
    store.feeds.add(f"{paper.address}/f", every=600)
    paper.answers["/f"] = Answer(200, {"ETag": '"1"'}, body)
    (result,) = polled(store, fetcher)
    assert (result.result, result.next_at) == ("failed", NOW + 1_200)
    assert result.outcome
    assert feed(store).etag is None, "or the next answer would be 304, and the failure forgotten"


def test_a_feed_takes_no_story_back_and_gives_no_links(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    """JSON files may hold whole documents; what another's server sends is a feed or nothing."""
    save(store, document(story("a"), origin="/f.md"))
    store.feeds.add(f"{paper.address}/f")
    hostile = {"title": "x", "webUrl": story("a").url, "removed": True, "related": [{"title": "y"}]}
    paper.answers["/f"] = Answer(200, {}, json.dumps([hostile]).encode())
    assert polled(store, fetcher)[0].result == "failed"
    item = {"id": "1", "url": story("a").url, **hostile}
    body = {"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": [item]}
    paper.answers["/f"] = Answer(200, {}, b"\xef\xbb\xbf " + json.dumps(body).encode())
    assert polled(store, fetcher, NOW + DAY)[0].result == "read"
    assert store.status().removed == 0
    assert store.status().links == 0


def test_one_bad_entry_stops_none_of_the_others(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    store.feeds.add(f"{paper.address}/f")
    raw = rss("one", "two").replace(b"https://paper.example/one", b"javascript:alert(1)")
    paper.answers["/f"] = Answer(200, {}, raw)
    (result,) = polled(store, fetcher)
    assert (result.result, result.saved.new, len(result.rejections)) == ("read", 1, 1)


def test_of_a_story_told_twice_the_first_counts(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    store.feeds.add(f"{paper.address}/f")
    paper.answers["/f"] = Answer(200, {}, rss("one corrected", "one"))
    polled(store, fetcher)
    (article,) = content(store)["articles"].values()
    assert json.loads(article[5])["title"] == "one corrected"


def test_a_feed_that_is_down_keeps_none_of_the_others(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    store.feeds.add("http://127.0.0.1:1/f")
    store.feeds.add(f"{paper.address}/f")
    paper.answers["/f"] = Answer(200, {}, rss("one"))
    results = {one.feed.url: one.result for one in polled(store, fetcher)}
    assert results == {"http://127.0.0.1:1/f": "failed", f"{paper.address}/f": "read"}


def test_a_host_is_asked_for_one_feed_at_a_time(store: Store, paper: Paper, fetcher: Fetcher) -> None:
    for name in "fgh":
        store.feeds.add(f"{paper.address}/{name}")
        paper.answers[f"/{name}"] = Answer(200, {}, rss(name))
    results = poll(store, fetcher, clock=lambda: NOW, pause=0.15)
    assert [one.result for one in results] == ["read"] * 3
    gaps = [later - earlier for earlier, later in zip(paper.times, paper.times[1:], strict=False)]
    assert min(gaps) >= 0.15


# On the command line


def test_feeds_are_named_listed_polled_and_removed_by_command(tmp_path: Path, paper: Paper) -> None:
    paper.answers["/f"] = Answer(200, {}, rss("one", "two [/b]"))
    url = f"{paper.address}/f"
    assert run_in(tmp_path, "feeds", "add", url, "--name", "Paper [/b]", "--every", "5").returncode == 0
    first = run_in(tmp_path, "feeds", "poll", "--once")
    assert first.returncode == 0, first.stderr
    assert "2 stories, 2 new" in first.stdout
    assert "Paper [/b]" in first.stdout
    idle = run_in(tmp_path, "feeds", "poll", "--once")
    assert (idle.returncode, idle.stdout) == (0, "")
    assert "No feed is due" in idle.stderr
    assert len(paper.asked) == 1
    assert "2 stories" in run_in(tmp_path, "feeds", "list").stdout
    (listed,) = json.loads(run_in(tmp_path, "feeds", "list", "--json").stdout)
    assert (listed["url"], listed["every"], listed["failures"]) == (url, 300, 0)
    assert run_in(tmp_path, "feeds", "add", f"{paper.address}/none").returncode == 0
    failed = run_in(tmp_path, "feeds", "poll", "--once")
    assert failed.returncode == 3
    assert "HTTP 404" in failed.stdout
    assert run_in(tmp_path, "feeds", "remove", "1").returncode == 0
    assert run_in(tmp_path, "feeds", "remove", url).returncode == 2
    assert run_in(tmp_path, "feeds", "add", "file:///etc/passwd").returncode == 2


def test_a_poller_ends_well_when_interrupted(
    tmp_path: Path, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommender.cli import feeds

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    paper.answers["/f"] = Answer(200, {}, rss("one"))
    run_in(tmp_path, "feeds", "add", f"{paper.address}/f")
    monkeypatch.setattr(feeds.time, "sleep", interrupt)
    result = run_in(tmp_path, "feeds", "poll")
    assert result.returncode == 0
    assert "1 new" in result.stdout


def test_what_answers_readers_cannot_fetch() -> None:
    program = (
        "import sys, recommender.api, recommender.service, uvicorn, recommender.service.posting; "
        "print(sorted({'httpx2', 'recommender.fetching', 'recommender.pipeline.polling'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"
