"""What is asked of a request first: that there are not too many, and a key where reading needs one.

An application without limits that all may read asks nothing of this.
"""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

from recommender.api.keys import Keyring, checked
from recommender.api.limiting import READER, Limits
from recommender.settings import Settings

OPEN: Final = frozenset(("/", "/docs", "/openapi.json", "/widget.js", "/health/live", "/health/ready"))
"""Paths that say nothing of stories."""

_FILES: Final = "/web/"
_HEALTH: Final = "/health/"
_PAGES: Final = ("/", "/widget.js")

OWN: Final = frozenset(
    (
        ("POST", "/articles"),
        ("DELETE", "/articles"),
        ("POST", "/events"),
        ("GET", "/curation"),
        ("PUT", "/curation"),
        ("DELETE", "/curation"),
        ("POST", "/curation/undo"),
        ("GET", "/curation/audit"),
    )
)
"""Routes for which a key is looked at by themselves, for a scope of their own: those of who writes."""

SCOPE: Final = "read"


class Gate:
    """Lets requests through, or raises why not."""

    def __init__(self, limits: Limits, keyring: Keyring, *, keyed: bool) -> None:
        self._limits = limits
        self._keyring = keyring
        self.keyed = keyed

    @classmethod
    def of(cls, settings: Settings, limits: Limits, keyring: Keyring) -> Gate | None:
        """Make what the settings want; ``None`` where everything is let through."""
        keyed = settings.read == "keyed"
        return cls(limits, keyring, keyed=keyed) if keyed or limits else None

    def counts(self, path: str) -> bool:
        """Tell whether requests are limited: not of who watches the service, nor for the files of a page."""
        return bool(self._limits) and not path.startswith((_HEALTH, _FILES)) and path not in _PAGES

    def asks_for_key(self, method: str, path: str) -> bool:
        """Tell whether a key for ``read`` is needed: whatever is not known to need none, or another."""
        return self.keyed and (method, path) not in OWN and path not in OPEN and not path.startswith(_FILES)

    async def admit(self, scope: Scope) -> None:
        """Let a request through.

        Raises TooManyRequests, and of what is read with a key Unauthorized,
        Forbidden, and StoreError where a key cannot be looked up.
        """
        method, path = scope["method"], scope["path"]
        if self.counts(path):
            self._limits.address(scope, writes=(method, path) in OWN)
        if not self.asks_for_key(method, path):
            return
        given = next((value for name, value in scope["headers"] if name == b"x-api-key"), b"")
        key = checked(await self._keyring.find(given.decode("latin-1")) if given else None, SCOPE)
        self._limits.key(key.id, writes=False)
        scope[READER] = key.id
