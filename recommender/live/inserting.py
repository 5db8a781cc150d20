"""New stories put into the lists that they belong in: nothing else of a list is ranked again.

What is told of a pair does not change when other stories come, so a list stays
in its order, and who is new in it takes the place that its score gives.  (A
recompute also lets go of candidates that nearer ones crowd out; a list that
was put together here has at most those too many, until then.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.errors import StoreCorrupt
from recommender.features import GROUP_OF, features
from recommender.live.archive import Archive
from recommender.pipeline.listing import listed
from recommender.ranker import Ranker
from recommender.reasons import Parts

Packed: TypeAlias = tuple[bytes, bytes | None]
"""A list of neighbours and the reasons for them, as the store has them."""


class Scored(NamedTuple):
    """Pairs (p,), their scores, and what each group of features adds, (p, groups)."""

    pairs: Pairs
    scores: NDArray[np.float32]
    shares: NDArray[np.float64]


def inserted(
    archive: Archive,
    new: NDArray[np.int64],
    ranker: Ranker,
    parts: Parts,
    k: int,
    read: Callable[[Sequence[int]], Mapping[int, Packed]],
) -> list[tuple[int, bytes, bytes]]:
    """Put the stories of some rows (b,), the last of an archive, into others' lists; give those that changed.

    ``read`` gives lists by the stories' ids; ``k`` neighbours are kept of each.
    Raises StoreCorrupt where what it gives is no list.
    """
    scored = _scored(archive, new, ranker)
    # Most of those that are reached have fifty that are nearer.
    linked, _ = archive.curated.of_pairs(scored.pairs)
    scored = _only(scored, (scored.scores > archive.rows["floor"][scored.pairs.story]) | (linked > 0))
    ids = archive.rows["ids"]
    stories = np.unique(scored.pairs.story)
    lists = read(ids[stories].tolist())
    stories = stories[[article in lists for article in ids[stories].tolist()]]
    scored = _only(scored, np.isin(scored.pairs.story, stories))
    if not len(stories):
        return []
    known = [lists[article] for article in ids[stories].tolist()]
    if any(len(packed) % NEIGHBOUR_DTYPE.itemsize for packed, _ in known):
        raise StoreCorrupt("a list of neighbours is not what was written; run `recommender recompute`")
    return _merged(archive, stories, known, scored, parts, k)


def _scored(archive: Archive, new: NDArray[np.int64], ranker: Ranker) -> Scored:
    """Score the pairs of others and those of ``new`` that reach them, or are linked with them."""
    first = new[0] if len(new) else len(archive)
    linked, reached = archive.curated.among(new), archive.reached_by(new)
    story = np.concatenate([linked.candidate, reached.story])
    candidate = np.concatenate([linked.story, reached.candidate])
    # Stories that came together know of one another by themselves.
    kept = (story < first) & archive.rows["alive"][story]
    pairs = Pairs(*np.unique(np.stack([story[kept], candidate[kept]]), axis=1))
    since = len(archive) if archive.recent is None else archive.recent.first
    matrices = [
        features(archive.index(row), pairs.where(chosen))
        for row, chosen in ((0, pairs.story < since), (since, pairs.story >= since))
        if chosen.any()
    ]
    if not matrices:
        return Scored(pairs, np.empty(0, np.float32), np.empty((0, GROUP_OF.max() + 1)))
    matrix = np.asfortranarray(np.concatenate(matrices))
    return Scored(pairs, ranker.score(matrix), ranker.parts(matrix, GROUP_OF)[:, :-1])


def _merged(
    archive: Archive,
    stories: NDArray[np.int64],
    known: Sequence[Packed],
    scored: Scored,
    parts: Parts,
    k: int,
) -> list[tuple[int, bytes, bytes]]:
    old = np.frombuffer(b"".join(packed for packed, _ in known), NEIGHBOUR_DTYPE)
    counts = [len(packed) // NEIGHBOUR_DTYPE.itemsize for packed, _ in known]
    record = parts.record
    # Nothing is known where nobody noted reasons.
    noted = (
        reasons if reasons and len(reasons) == count * record.itemsize else bytes(count * record.itemsize)
        for (_, reasons), count in zip(known, counts, strict=True)
    )
    why = np.frombuffer(b"".join(noted), record)
    story, candidate = np.repeat(stories, counts), archive.rows_of(old["article"])
    added = parts.pack(
        scored.shares, np.zeros(len(scored.pairs), np.uint8), np.zeros((len(scored.pairs), 3), np.uint8)
    )
    story = np.concatenate([story, scored.pairs.story])
    candidate = np.concatenate([candidate, scored.pairs.candidate])
    scores = np.concatenate([old["score"], scored.scores])
    why = np.concatenate([why, added])
    # By story; a candidate that is there already, since it came anew, counts as it is now.
    order = np.lexsort((-np.arange(len(story)), candidate, story))
    order = order[candidate[order] >= 0]
    again = np.r_[False, (np.diff(story[order]) == 0) & (np.diff(candidate[order]) == 0)][: len(order)]
    order = order[~again]
    pairs = Pairs(story[order], candidate[order])
    places, sides = archive.curated.of_pairs(pairs)
    lists = listed(stories, pairs.story, pairs.candidate, scores[order], places, archive.rows["groups"], k)
    kept = lists.pairs
    packed = lists.packed(archive.rows["ids"], pairs.candidate, scores[order], places)
    reasons = why[order][kept]
    reasons["sides"] = sides[kept]
    reasons["beside"] = archive.curated.beside(Pairs(pairs.story[kept], pairs.candidate[kept]), lists.place)
    sizes = np.diff(lists.starts)
    last = scores[order][kept][np.maximum(lists.starts[1:] - 1, 0)] if len(kept) else np.zeros(0, np.float32)
    archive.rows["floor"][stories] = np.where(sizes >= k, last, 0)
    ids = archive.rows["ids"][stories].tolist()
    merged = (
        (article, packed[start:end].tobytes(), reasons[start:end].tobytes())
        for article, (start, end) in zip(ids, pairwise(lists.starts.tolist()), strict=True)
    )
    return [now for now, (before, _) in zip(merged, known, strict=True) if now[1] != before]


def _only(scored: Scored, kept: NDArray[np.bool_]) -> Scored:
    return Scored(scored.pairs.where(kept), scored.scores[kept], scored.shares[kept])
