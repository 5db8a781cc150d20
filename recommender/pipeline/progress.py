"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Passes ``items`` on one by one, and shows them going by: ``done`` of ``total``, under a ``label``."""

    def __call__(self, items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
        """Yield the items unchanged."""
        ...


def silent(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:  # noqa: ARG001
    """Show nothing."""
    return iter(items)
