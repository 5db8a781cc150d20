"""A PostgreSQL server of a test's own, to be stopped, frozen and started again: a Unix socket, no port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries() -> Path | None:
    """Find the folder of ``initdb``: Debian keeps it off the PATH, one folder for each version."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4])
    )
    found = str(installed[-1]) if installed else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgreSQL:
    """A server, and its database ``postgres``; ``folder`` has its socket, ``url`` is a store's."""

    def __init__(self, programs: Path, folder: str, user: str | None) -> None:
        self.folder = folder
        self.url = f"postgresql+psycopg://tests@/postgres?host={folder}"
        self._programs = programs
        self._user = user
        self._frozen: list[int] = []
        self._process: subprocess.Popen[bytes]
        if user is not None:
            shutil.chown(folder, user)
        self._run("initdb", "-D", "data", "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [
            f"unix_socket_directories={self.folder}",
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
        ]
        flags = [part for option in options for part in ("-c", option)]
        with Path(f"{self.folder}/log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", f"{self.folder}/data", *flags],
                user=self._user,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def stop(self) -> None:
        """End it now, without waiting for clients."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def die(self) -> None:
        """End it as a machine that loses power ends: what was under way is undone at the next start."""
        self._run("pg_ctl", "stop", "-D", "data", "-m", "immediate")
        self._process.wait(timeout=20)

    def freeze(self) -> None:
        """Let none of its processes go on; the kernel still takes what is sent to its sockets."""
        self._frozen = [self._process.pid, *children(self._process.pid)]
        for process in self._frozen:
            os.kill(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for process in self._frozen:
            os.kill(process, signal.SIGCONT)
        self._frozen = []

    def _run(self, program: str, *arguments: str) -> None:
        # initdb and postgres refuse to run as root; Debian's package makes them a user.
        command = [self._programs / program, *arguments]
        subprocess.run(command, user=self._user, cwd=self.folder, check=True, capture_output=True)

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(host=self.folder, user="tests", dbname="postgres").close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"PostgreSQL does not start: {Path(self.folder, 'log').read_text()}")
                time.sleep(0.05)
            else:
                return


def children(process: int) -> list[int]:
    """List the processes that a process started."""
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Start a server with an empty database; skips the test where PostgreSQL or its driver is missing."""
    pytest.importorskip("psycopg", reason="no psycopg: pip install '.[postgres]'")
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    # Not pytest's own folder: that is closed to other users, and too deep for a socket's name.
    with tempfile.TemporaryDirectory(prefix="recommender-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(programs, folder, "postgres" if os.geteuid() == 0 else None)
        server.start()
        try:
            yield server
        finally:
            server.thaw()
            server.stop()
