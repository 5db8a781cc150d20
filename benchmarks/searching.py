"""How long a search takes by what is typed: beginnings of every length, several words, whole headlines.

    python -m benchmarks.searching [STORIES] [--store URL]

Of made-up news, 100,000 stories if not said, in a new SQLite store; or of the stories of a store.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import news
from recommender.store import Store
from recommender.store.searching import words

QUERIES: Final = 1_000
LIMIT: Final = 10
SAMPLE: Final = 2_000
"""The last stories, from whose words queries are drawn: a word the more often the more of them have it."""


class Row(NamedTuple):
    """A kind of query: milliseconds for half of them, for all but one in a hundred, and stories found."""

    name: str
    p50: float
    p99: float
    found: float


def measured(store: Store, queries: int = QUERIES) -> list[Row]:
    """Ask a store all kinds of queries, ``queries`` of each."""
    drawn = random.Random(0)
    corpus = store.corpus()
    headlines, excerpts = corpus.titles[-SAMPLE:], corpus.excerpts[-SAMPLE:]
    vocabulary = [word for told in zip(headlines, excerpts, strict=True) for word in words(" ".join(told))]

    def word(letters: int | None = None) -> str:
        return drawn.choice(vocabulary)[:letters]

    kinds: Mapping[str, Callable[[], str]] = {
        **{f"beginnings of {letters}": partial(word, letters) for letters in range(1, 6)},
        "a word": word,
        "two words": lambda: f"{word()} {word()}",
        "a word and a letter": lambda: f"{word()} {word(1)}",
        "two letters": lambda: f"{word(1)} {word(1)}",
        "ten beginnings of 2": lambda: " ".join(word(2) for _ in range(10)),
        "a headline": lambda: drawn.choice(headlines),
    }
    return [_asked(store, name, [query() for _ in range(queries)]) for name, query in kinds.items()]


def _asked(store: Store, name: str, queries: list[str]) -> Row:
    now = int(time.time())
    times, found = [], 0
    for query in queries:
        start = time.perf_counter()
        found += len(store.search(query, LIMIT, now))
        times.append((time.perf_counter() - start) * 1_000)
    times.sort()
    return Row(name, times[len(times) // 2], times[len(times) * 99 // 100], found / len(queries))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stories", type=int, nargs="?", default=100_000)
    parser.add_argument("--store", help="URL of a store that is there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.store or f"sqlite:///{Path(folder)}/store.sqlite"
        with Store.open(url, create=arguments.store is None) as store:
            if arguments.store is None:
                news.save(store, news.news(arguments.stories))
            rows = measured(store)
    table = Table("query", "p50 ms", "p99 ms", "found", box=None)
    for row in rows:
        table.add_row(row.name, f"{row.p50:.2f}", f"{row.p99:.2f}", f"{row.found:.1f}")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
