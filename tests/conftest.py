"""Fixtures that more than one file of tests uses."""

from __future__ import annotations

import importlib
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from made_up import MORE, NOBODY, STORIES, until
from servers import postgresql

from recommender import aside
from recommender.corpus import Corpus
from recommender.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Times are measured in benchmarks, not here. In CI the same examples are tried every time: a change is
# judged by what it changes. Elsewhere new ones are looked for.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# A program that is new has to be compiled first, by whichever test comes first, on a machine with other work.
aside.WITHIN = 60.0

# Workers that run tests side by side ignore Ctrl-C, and so would the programs that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def benchmark() -> Iterator[Callable[[str], ModuleType]]:
    """Import a program of benchmarks/ by its name: they stand beside the package and are no part of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1])
        yield lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Return the folder of real stories, which stand beside the project and are no part of it."""
    folder = Path(__file__).parents[2] / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("no corpora of real stories in ../shared/corpora")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an empty database in a PostgreSQL cluster of this session's own: a Unix socket, no port."""
    with postgresql() as server:
        yield server.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a file."""
    from browsing import browsing

    with browsing() as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a store that does not exist yet; what uses it is a contract and runs on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite"
    server: str = request.getfixturevalue("postgres_url")
    import psycopg

    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{server}&options=-csearch_path%3D{schema}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store, on each database in turn."""
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(benchmark: Callable[[str], ModuleType]) -> ModuleType:
    """What makes up news, and saves it."""
    return benchmark("news")


@pytest.fixture(scope="module")
def news(made: ModuleType) -> Corpus:
    """Made-up stories, of which the last ``MORE`` are for tests to bring in later."""
    corpus: Corpus = made.news(STORIES + MORE, seed=3)
    return corpus


@pytest.fixture
def recomputed(store: Store, made: ModuleType, news: Corpus) -> Store:
    """A store whose lists are of all stories but the newest."""
    # What computes takes a session seconds to load that may need none of it.
    from recommender.pipeline.recomputing import recompute

    made.save(store, until(news, STORIES))
    recompute(store, NOBODY)
    return store
