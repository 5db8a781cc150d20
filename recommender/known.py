"""What a recompute knew of the archive, kept so that the next one need not begin anew.

Everything is arrays and names, and nothing runs when it is read.  Texts and
earlier neighbours, which do not change as an archive grows, are kept in parts
of ``PART`` stories, so that they need not be written again.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from recommender import __version__
from recommender.analysis import Bags, Texts
from recommender.checksums import stamped, verified
from recommender.columns import Columns
from recommender.index import Index
from recommender.search import Search

PART: Final = 16_384
"""Stories whose texts and earlier neighbours are kept together: about 16 MB."""

_NAMES: Final = ("providers", "topic_names")


@dataclass(frozen=True, slots=True)
class Known:
    """The ``n`` stories of a generation.

    ``columns`` and ``texts`` are theirs, ``digests`` (n,) what tells whether
    they changed; ``links`` (m, 2) were the curated ones, as rows.  ``before``,
    ``scores`` (n, any) and ``least`` (n, 2) are as ``search.Nearest`` has them,
    ``groups`` (n,) as ``copies.groups`` gives them.  Of each story ``k``
    neighbours were published, by the program and the search that ``made_by`` tells.
    """

    k: int
    made_by: str

    columns: Columns
    texts: Texts
    digests: NDArray[np.bytes_]
    links: NDArray[np.int64]
    before: NDArray[np.int32]
    scores: NDArray[np.float32]
    least: NDArray[np.float32]
    groups: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        index: Index,
        texts: Texts,
        digests: NDArray[np.bytes_],
        links: NDArray[np.int64],
        groups: NDArray[np.int64],
        k: int,
    ) -> Self:
        """Gather what is to be kept of an index of stories with these texts."""
        near = index.nearest
        return cls(
            k,
            maker(index.search),
            index.columns,
            texts,
            digests,
            links,
            near.before,
            near.scores,
            near.least,
            groups,
        )

    def parts(self, stable: int = 0, before: int = 0) -> Iterator[tuple[str, bytes]]:
        """Write it: names and bytes, the same for the same contents.

        Texts and earlier neighbours of the first ``stable`` stories are known to
        be kept already and left out, but for the last of them; there were
        ``before`` stories.
        """
        told = {each.name: getattr(self.columns, each.name) for each in fields(Columns)}
        for name in _NAMES:
            told[name] = np.frombuffer(orjson.dumps(told[name]), np.uint8)
        told |= {name: getattr(self, name) for name in _LISTS} | {"k": np.array(self.k)}
        told["made_by"] = np.frombuffer(self.made_by.encode(), np.uint8)
        yield "lists", _packed(told)
        for number in range(stable // PART, max(-(-max(len(self.texts), before) // PART), 1)):
            start = min(number * PART, len(self.texts))
            some = self.texts.rows(np.arange(start, min(start + PART, len(self.texts))))
            part = {f"{kind} {name}": array for kind, name, array in _arrays(some)}
            part |= {name: getattr(self, name)[start : start + PART] for name in _EARLIER}
            yield f"texts {number:06}", _packed(part)

    @classmethod
    def read(cls, parts: Mapping[str, bytes]) -> Self:
        """Read what ``parts`` wrote; raises ``ValueError`` for anything else."""
        try:
            told = _unpacked(parts["lists"])
            values: dict[str, Any] = {each.name: told[each.name] for each in fields(Columns)}
            values |= {name: orjson.loads(told[name].tobytes()) for name in _NAMES}
            columns = Columns(**values)
            names = [name for name in sorted(parts) if name.startswith("texts ")] or ["texts"]
            some = [_unpacked(parts[name]) for name in names]
            texts = Texts.joined([Texts.of((), ()), *map(_texts, some)])
            made_by = told["made_by"].tobytes().decode()
            lists = {name: told[name] for name in _LISTS}
            lists |= {name: np.concatenate([part[name] for part in some]) for name in _EARLIER}
            known = cls(int(told["k"]), made_by, columns, texts, **lists)
        except (KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"not what a recompute keeps: {error!r}") from error
        if any(len(getattr(known, name)) != len(columns) for name in lists if name != "links"):
            raise ValueError("what a recompute kept is of different numbers of stories")
        return known


_EARLIER: Final = ("before", "scores")
"""Kept in parts; what comes later changes nothing in them."""

_LISTS: Final = tuple(each.name for each in fields(Known) if each.name not in _EARLIER)[4:]


def maker(search: Search) -> str:
    """Name this program and a search: what others made is not to be mixed with what these make."""
    return f"{__version__} {search}"


def _arrays(texts: Texts) -> Iterator[tuple[str, str, NDArray[Any]]]:
    for kind, bags in (("words", texts.words), ("letters", texts.letters)):
        for name in Bags._fields:
            yield kind, name, getattr(bags, name)


def _texts(told: Mapping[str, NDArray[Any]]) -> Texts:
    return Texts(*(Bags(*(told[f"{kind} {name}"] for name in Bags._fields)) for kind in Texts._fields))


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    # This zip archive has no times in it, so equal arrays are equal bytes; its own checksums leave out names.
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return stamped(buffer.getvalue())


def _unpacked(packed: bytes) -> dict[str, NDArray[Any]]:
    try:
        body = verified(packed)
    except ValueError as error:
        raise ValueError(f"what a recompute kept is {error}") from error
    with np.load(io.BytesIO(body), allow_pickle=False) as told:
        return dict(told)
