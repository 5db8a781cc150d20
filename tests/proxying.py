"""A network between a service and its database that can be cut, and can fall silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Network:
    """Listens on ``port`` of this machine and hands on to a Unix socket what comes, both ways."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._whole = True
        self._ends: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Hand nothing on; connections stay, and new ones are made."""
        self._flowing.clear()

    def flow(self) -> None:
        """Hand on again what waits and what comes."""
        self._whole = True
        self._flowing.set()

    def cut(self) -> None:
        """End all connections, and new ones as soon as they come."""
        self._whole = False
        for end in list(self._ends):
            _close(end)

    def close(self) -> None:
        """End everything."""
        self._flowing.set()
        self.cut()
        _close(self._listening)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near = self._listening.accept()[0]
                if not self._whole:
                    near.close()
                    continue
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(self._target)
                except OSError:
                    near.close()
                    far.close()
                    continue
                self._ends |= {near, far}
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._hand_on, args=(source, sink), daemon=True).start()

    def _hand_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            _close(end)
            self._ends.discard(end)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def network(target: str) -> Iterator[Network]:
    """Lead a port to a Unix socket, for a ``with`` block."""
    made = Network(target)
    try:
        yield made
    finally:
        made.close()
