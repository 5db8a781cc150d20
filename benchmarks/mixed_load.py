"""Everybody who asks something of a service, at once and at a steady rate: readers, editors, monitoring."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlencode, urlsplit

from recommender.corpus import Corpus

CLIENTS: Final = 4
"""Who ask at the same time, each one request after the other."""

CONNECTION: Final = 50
"""Requests that a client makes on a connection: the next may be taken by another worker."""

TIMEOUT: Final = 30.0
"""Seconds after which an answer that has not come has failed."""


def document(corpus: Corpus, row: int) -> dict[str, Any]:
    """Write a story of a corpus as a newsroom posts it."""
    moment = time.gmtime(round(corpus.published[row] * 86_400))
    return {
        "title": corpus.titles[row],
        "excerpt": corpus.excerpts[row],
        "webUrl": corpus.urls[row],
        "publishedDateTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment),
        "topics": list(corpus.topics[row]),
        "provider": {"domain": corpus.providers[row], "name": ""},
    }


class Answered(NamedTuple):
    """A request: its kind, when it was made (``time.monotonic``), seconds until the answer was read."""

    kind: str
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What is sent, and what has to come back."""

    method: str
    path: str
    status: int = 200
    body: object = None
    check: Callable[[Any], bool] | None = None


Kind: TypeAlias = "Callable[[Client, str], Asked]"
"""Makes a request of a kind about a story, given its address."""


def ranked(answer: Any) -> bool:
    """Tell whether an answer has a list, in order."""
    return bool(answer["items"]) and ordered(answer)


def ordered(answer: Any) -> bool:
    """Tell whether a list, which may be empty, is in order: nothing came before the first story of all."""
    ranks = [item["rank"] for item in answer["items"]]
    return ranks == list(range(1, len(ranks) + 1))


def related(url: str, **options: object) -> str:
    """Write the path and query that ask for the stories related to one."""
    return f"/related?{urlencode({'url': url, **options})}"


class Load:
    """Asks the service at an address for what ``corpus`` has; its first ``stories`` are in the store.

    ``rate`` requests a second in all.  ``answered`` has what was answered,
    ``failures`` a line for each request that was not, or wrongly.
    """

    def __init__(self, address: str, key: str, corpus: Corpus, stories: int, rate: float) -> None:
        self.answered: list[Answered] = []
        self.failures: list[str] = []
        self._host = urlsplit(address).netloc
        self._headers = {"X-API-Key": key, "Content-Type": "application/json"}
        self._corpus = corpus
        self._urls = random.Random(0).sample(corpus.urls[:stories], stories)
        self._weights = list(itertools.accumulate(1 / (n + 1) for n in range(stories)))
        # When all have come they are posted again.
        self._coming = itertools.cycle(range(stories, len(corpus)))
        self._pause = CLIENTS / rate
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask for the length of a ``with`` block."""
        clients = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._stop.set()
            for client in clients:
                client.join()

    def _ask(self, seed: int) -> None:
        drawn = random.Random(seed)
        client = Client(self, drawn)
        kinds = drawn.choices(list(SHARES), list(SHARES.values()), k=10_000)
        due = time.monotonic()
        for number, kind in enumerate(itertools.cycle(kinds)):
            if number % CONNECTION == 0:
                client.connect()
            due = max(due + self._pause, time.monotonic())  # who was kept waiting does not hurry after
            if self._stop.wait(due - time.monotonic()):
                break
            client.ask(kind)
        client.connection.close()

    def story(self, drawn: random.Random) -> str:
        """Draw a story, the n-th most read one 1/n as often as the first."""
        return drawn.choices(self._urls, cum_weights=self._weights)[0]

    def any_story(self, drawn: random.Random) -> dict[str, Any]:
        """Draw any story of the corpus, written as a newsroom posts it."""
        return document(self._corpus, drawn.randrange(len(self._corpus)))

    def coming(self) -> dict[str, Any]:
        """Give the next story that comes out."""
        return document(self._corpus, next(self._coming))

    def open(self) -> http.client.HTTPConnection:
        """Make a connection."""
        return http.client.HTTPConnection(self._host, timeout=TIMEOUT)

    @property
    def headers(self) -> Mapping[str, str]:
        """What every request has."""
        return self._headers


class Client:
    """One of those who ask: ``shown`` is the id of the list read last, ``pinned`` what was ordered."""

    def __init__(self, load: Load, drawn: random.Random) -> None:
        self.connection = load.open()
        self.load = load
        self.drawn = drawn
        self.shown = ""
        self.pinned: tuple[str, str] | None = None

    def connect(self) -> None:
        """Begin a new connection."""
        self.connection.close()
        self.connection = self.load.open()

    def ask(self, kind: Kind) -> None:
        """Ask for something of a kind, and note what came."""
        asked = kind(self, self.load.story(self.drawn))
        body = None if asked.body is None else json.dumps(asked.body)
        began = time.monotonic()
        try:
            while True:
                self.connection.request(asked.method, asked.path, body, dict(self.load.headers))
                response = self.connection.getresponse()
                text = response.read()
                # A process that is asked for its first draft, or for one after a recompute, may say so.
                if not (b":in-progress" in text and response.status == 503) or self._late(began):
                    break
                time.sleep(1)
            taken = time.monotonic() - began
            if response.status != asked.status or not self._right(asked, text):
                self.load.failures.append(f"{asked.method} {asked.path}: {response.status} {text[:200]!r}")
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.load.failures.append(f"{asked.method} {asked.path}: {error!r}")
            self.connect()
        else:
            self.load.answered.append(Answered(kind.__name__, began, taken))

    def _late(self, began: float) -> bool:
        return time.monotonic() - began > TIMEOUT

    def _right(self, asked: Asked, text: bytes) -> bool:
        if asked.check is None:
            return True
        answer = json.loads(text)
        if answer.get("items"):  # of an empty list nothing is clicked
            self.shown = answer.get("id") or self.shown
        return asked.check(answer)


# What a client asks about a story drawn as readers do


def read(client: Client, url: str) -> Asked:
    """Ask for a list as pages do."""
    return Asked("GET", related(url, limit=client.drawn.randint(5, 10)), check=ranked)


def filtered(client: Client, url: str) -> Asked:
    """Ask for another list than that of most."""
    options = client.drawn.choice(({"type": "article"}, {"diversity": 0.5}, {"direction": "background"}))
    return Asked("GET", related(url, **options), check=ordered if "direction" in options else ranked)


def explained(_: Client, url: str) -> Asked:
    """Ask for a list and why."""
    return Asked("GET", related(url, explain="true"), check=ranked)


def unknown(client: Client, _: str) -> Asked:
    """Ask for the list of a story that there is not."""
    return Asked("GET", related(f"https://unknown.example/{client.drawn.random()}"), 404)


def article(_: Client, url: str) -> Asked:
    """Ask for the story alone."""
    return Asked("GET", f"/articles?{urlencode({'url': url})}")


def search(client: Client, _: str) -> Asked:
    """Ask for stories with the beginning of some word."""
    word = client.drawn.choice(client.load.any_story(client.drawn)["title"].split())
    return Asked("GET", f"/search?{urlencode({'q': word[:8]})}")


def event(client: Client, url: str) -> Asked:
    """Tell that the list that was read last was seen, and its first story clicked."""
    if not client.shown:
        return read(client, url)
    seen = {"answer": client.shown, "kind": "impression"}
    return Asked("POST", "/events", 204, {"events": [seen, {**seen, "kind": "click", "rank": 1}]})


def draft(client: Client, _: str) -> Asked:
    """Ask for the list of a text."""
    text = client.load.any_story(client.drawn) | {"webUrl": ""}
    return Asked("POST", "/related", body=text, check=ranked)


def post(client: Client, _: str) -> Asked:
    """Publish a story."""
    return Asked("POST", "/articles", body=client.load.coming())


def curate(client: Client, url: str) -> Asked:
    """Pin a story, and take that back the next time."""
    if client.pinned is not None:
        (of, other), client.pinned = client.pinned, None
        return Asked("DELETE", f"/curation?{urlencode({'url': of, 'other': other})}")
    other = client.load.story(client.drawn)
    if other == url:
        return read(client, url)
    client.pinned = url, other
    return Asked("PUT", "/curation", body={"url": url, "other": other, "kind": "pin", "slot": 1})


def metrics(_: Client, __: str) -> Asked:
    """Ask as Prometheus does."""
    return Asked("GET", "/metrics")


def ready(_: Client, __: str) -> Asked:
    """Ask as a load balancer does."""
    return Asked("GET", "/health/ready")


SHARES: Final[Mapping[Kind, int]] = {
    read: 600,
    filtered: 60,
    explained: 40,
    unknown: 100,
    article: 40,
    search: 60,
    event: 50,
    draft: 15,
    post: 15,
    curate: 10,
    metrics: 5,
    ready: 5,
}
"""What is asked, of a thousand requests."""

KINDS: Final = tuple(kind.__name__ for kind in SHARES)
