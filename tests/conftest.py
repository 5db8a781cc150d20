"""Fixtures that more than one file of tests uses."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings
from made_up import MORE, NOBODY, STORIES, until

from recommender.corpus import Corpus
from recommender.store import Store

# Times are measured in benchmarks, not here. In CI the same examples are tried every time: a change is
# judged by what it changes. Elsewhere new ones are looked for.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


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


def _postgres_binaries() -> Path | None:
    """Find the folder of ``initdb``: Debian keeps it off the PATH, one folder for each version."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4])
    )
    found = str(installed[-1]) if installed else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an empty database in a PostgreSQL cluster of this session's own: a Unix socket, no port."""
    pytest.importorskip("psycopg", reason="no psycopg: pip install '.[postgres]'")
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    # initdb and postgres refuse to run as root; Debian's package makes them a user.
    user = "postgres" if os.geteuid() == 0 else None
    # Not pytest's own folder: that is closed to other users, and too deep for a socket's name.
    with tempfile.TemporaryDirectory(prefix="recommender-pg-", ignore_cleanup_errors=True) as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            user=user,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        options = [
            f"unix_socket_directories={folder}",
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
        ]
        flags = [part for option in options for part in ("-c", option)]
        with Path(f"{folder}/log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, *flags], user=user, cwd=folder, stdout=log, stderr=log
            )
        try:
            _wait_for(server, folder)
            yield f"postgresql+psycopg://tests@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)  # end now, without waiting for clients
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(server: subprocess.Popen[bytes], folder: str) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(host=folder, user="tests", dbname="postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL does not start: {Path(folder, 'log').read_text()}")
            time.sleep(0.05)
        else:
            return


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
