"""The service behind the routes: opened when the server starts, or as soon as its store can be."""

from __future__ import annotations

import threading
from pathlib import Path

from recommender.errors import StoreUnavailable
from recommender.service import Service


class Opening:
    """Opens a service once, and again on the next request if its store could not be opened.

    So a server may start before its database, or before the first import, and
    is ready by itself later.  While its store is known to be ``away`` (``lately``
    looks), nobody waits for it to be told so.
    """

    def __init__(self, store: str, models: Path | str) -> None:
        self._store = store
        self._models = models
        self._attempt = threading.Lock()
        self._service: Service | None = None
        self.away = False

    def __call__(self) -> Service:
        """Return the service; raises as ``Service.open`` while its store cannot be opened, or is away."""
        if self.away:
            raise StoreUnavailable("the store did not answer a moment ago, and is looked at")
        service = self._service
        return self._open() if service is None else service

    @property
    def opened(self) -> Service | None:
        """The service, if it is open."""
        return self._service

    def close(self) -> None:
        """Close the service if it is open."""
        if self._service is not None:
            self._service.close()
        self._service = None

    def _open(self) -> Service:
        # The many who ask must not queue behind an attempt to reach a database that is away.
        if not self._attempt.acquire(blocking=False):
            raise StoreUnavailable("another request is opening the store")
        try:
            if self._service is None:
                self._service = Service.open(self._store, self._models)
            return self._service
        finally:
            self._attempt.release()
