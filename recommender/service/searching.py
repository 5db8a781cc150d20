"""Stories found by what an editor types: words of them, or an address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import orjson

from recommender.errors import InvalidURL
from recommender.service.items import as_json
from recommender.store import Hit, Store
from recommender.urls import canonical


class Hits(NamedTuple):
    """The stories found; ``texts`` are JSON objects: ``url``, the story's own, and ``articles.card``."""

    texts: Sequence[str]

    @classmethod
    def of(cls, hits: Iterable[Hit]) -> Self:
        """Write stories as an answer has them."""
        return cls([f'{{"url":{as_json(hit.url)},{hit.card[1:]}' for hit in hits])

    @property
    def items(self) -> list[dict[str, Any]]:
        """The objects of ``texts``."""
        return list(map(orjson.loads, self.texts))

    def json(self) -> bytes:
        """Write the answer as HTTP and ``--json`` give it."""
        return f'{{"items":[{",".join(self.texts)}]}}'.encode()


def search(store: Store, q: str, limit: int, now: int) -> Hits:
    """Find the one story at an address, or those that have some words; see ``Service.search``."""
    story = _at(store, q)
    return Hits.of(store.search(q, limit, now) if story is None else [story])


def is_address(q: str) -> bool:
    """Tell an address, in any form that a story may have, from words."""
    try:
        canonical(q)
    except InvalidURL:
        return False
    return True


def _at(store: Store, q: str) -> Hit | None:
    found = store.find(canonical(q), listed=False) if is_address(q) else None
    return None if found is None or found.removed else Hit(found.url, found.card)
