"""The stories as columns, for what computes, and how a story's neighbours are packed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

NEIGHBOUR_DTYPE = np.dtype([("article", "<i8"), ("score", "<f4"), ("curated", "<i2"), ("group", "<i2")])
"""How a list of neighbours is packed, best score first: 16 bytes each, little-endian."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The stories to learn from and to rank, column by column, ``n`` of them.

    Removed stories are left out.  Rows are in the order of ``ids``, ascending;
    everything that computes speaks in rows (``0 … n-1``), only the store
    speaks in ids.
    """

    ids: NDArray[np.int64]
    """Shape (n,): the store's ids, strictly ascending."""
    urls: list[str]
    titles: list[str]
    excerpts: list[str]
    published: NDArray[np.float64]
    """Shape (n,): days since 1970-01-01 UTC; NaN where a story has no date."""
    quality: NDArray[np.float64]
    """Shape (n,): the document's own quality; NaN where it gives none."""
    providers: list[str]
    """The provider's domain, or its name, or ``""``."""
    types: list[str]
    topics: list[tuple[str, ...]]
    tags: list[tuple[str, ...]]
    links: NDArray[np.int64]
    """Shape (m, 2): curated links as rows (source, target), directed as written, in the editor's order
    within a source; unique, none from a story to itself."""
    blocks: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """Shape (m, 2): rows (story, other) whom an editor keeps out of the story's list; none is a link."""

    def __len__(self) -> int:
        return len(self.ids)


class Versions(NamedTuple):
    """The ids of all stories that are not removed, ascending, a digest of each, (n,), and the last change."""

    ids: NDArray[np.int64]
    digests: NDArray[np.bytes_]
    revision: int


def fingerprint(corpus: Corpus) -> str:
    """Name the data a model learned from: SHA-256 over stories, links and blocks, in hex."""
    digest = hashlib.sha256()
    for column in (corpus.urls, corpus.titles, corpus.excerpts, corpus.providers, corpus.topics):
        digest.update(orjson.dumps(column))
    for numbers in (corpus.published, corpus.quality, corpus.links):
        digest.update(np.ascontiguousarray(numbers).tobytes())
    if len(corpus.blocks):
        digest.update(b"blocks" + np.ascontiguousarray(corpus.blocks).tobytes())
    return digest.hexdigest()
