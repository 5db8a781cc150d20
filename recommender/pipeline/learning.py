"""Learn a ranker from links, as they will be seen when it ranks.

Half of the stories are described as in the archive: every link but their own
is known.  The other half as on the day they came out: no link is known to any
story that came out later, or in the same period.  So the ranker learns what
links around a story are worth, and to do without.

What nobody linked may only not have been seen; what an editor blocked was, so
it is always among the pairs, and counts for several.

What readers chose (``clicking``) stands beside it as lists of their own: of a
story only what they were shown.  Editors' lists and link features, and how
sure a score is, do not change by it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Pairs
from recommender.engine import Engine
from recommender.errors import NothingToLearn, UsageError
from recommender.features import FEATURES, GROUPS, NAMES
from recommender.index import Index
from recommender.pipeline.clicking import NO_CHOICES, Choices
from recommender.pipeline.progress import Progress
from recommender.pipeline.ranking import describe, joined, linked
from recommender.ranker import Ranker

FEW_LINKS = 100
"""Fewer links than this teach less than the default ranker knows (docs/evaluation.md has the curve)."""

EVEN_LINKS = 3_000
"""Links with which the default ranker counts half in what is learned: at ``n`` links 1 / (1 + n / this)."""

PERIODS = 6
"""Parts of the linked stories by time; the last one tells how sure a score is."""

BLOCKED = 3
"""Unlinked pairs for which a blocked one counts.  Not measured: no newsroom here has blocks yet."""

NO_BLOCKS: NDArray[np.int64] = np.empty((0, 2), np.int64)

_LINK_COLUMNS = slice(NAMES.index("linked near"), NAMES.index("link path") + 1)


def learn(
    index: Index,
    links: NDArray[np.int64],
    default: Ranker,
    engine: Engine,
    progress: Progress,
    left_out: Collection[str] = (),
    blocks: NDArray[np.int64] = NO_BLOCKS,
    choices: Choices = NO_CHOICES,
) -> Ranker:
    """Fit a ranker on links (m, 2); ``index`` need not know them.

    ``blocks`` (b, 2) are pairs, none of them linked, that an editor rejected;
    those of two stories without links teach nothing.  Of ``choices`` it learns
    what is among the candidates that it ranks.  What it learns is added
    to what ``default`` says, the less the more links there are.  Its trees do
    without features of the groups ``left_out``.  Raises ``NothingToLearn``
    where the links are too few.
    """
    known = len(np.unique(np.sort(links, axis=1), axis=0))
    if known < FEW_LINKS:
        raise NothingToLearn(
            f"{known} curated links; {FEW_LINKS} are needed to learn more than the default ranker knows. "
            "Import more stories with `related` links."
        )
    stories = np.unique(links)
    period = _periods(index.columns.published, stories)
    # Both ways, as links are.
    rejected = Pairs(*np.concatenate([blocks, blocks[:, ::-1]]).T)
    pairs, matrix = describe(index.knowing(links), stories, engine, progress, rejected)
    labels = linked(pairs, links, len(index.columns.published))
    query, editors = pairs.story, len(pairs)
    if len(choices.liked):
        shown, more = _chosen(index.knowing(links), choices, engine, progress)
        labels = np.concatenate([labels, linked(shown, choices.liked, len(period))])
        query = np.concatenate([query, len(period) + shown.story])
        pairs, matrix = joined([pairs, shown]), np.concatenate([matrix, more])
    times = np.where(linked(pairs, blocks, len(index.columns.published)), BLOCKED, 1)
    late = period[pairs.story] == PERIODS - 1
    young = np.random.default_rng(0).random(len(period))[pairs.story, None] < 0.5
    archive = matrix[:, _LINK_COLUMNS].copy()
    before = _links_around(index, pairs, links[(period[links] < PERIODS - 1).all(axis=1)])
    day = np.empty_like(archive)
    for now in range(PERIODS):
        rows = period[pairs.story] == now
        of_it = Pairs(pairs.story[rows], pairs.candidate[rows])
        day[rows] = _links_around(index, of_it, links[(period[links] < now).all(axis=1)])

    def seen(rows: NDArray[np.bool_] | NDArray[np.int64], around: NDArray[np.float32]) -> NDArray[np.float32]:
        some = matrix[rows]
        some[:, _LINK_COLUMNS] = around[rows]
        # What is the same for all pairs is never split on.
        some[:, _columns(left_out)] = 0
        return some

    weights = default.weights / (1 + known / EVEN_LINKS)
    directions = [feature.direction for feature in FEATURES]
    # A rehearsal of the last period: nothing of it is known to what is then asked for it.
    told = labels & (period[pairs.candidate] < PERIODS - 1)
    early = np.repeat(np.flatnonzero(~late), times[~late])
    rehearsal = Ranker.fit(
        seen(early, np.where(young, day, before)), query[early], told[early], directions, weights
    )
    # Of the same stories in the archive and on the day: a score is worth more where more is known around.
    late[editors:] = False
    asked = np.concatenate([seen(late, archive), seen(late, day)])
    sure = rehearsal.calibrated(asked, np.tile(labels[late], 2), NAMES.index("linked near"))
    every = np.repeat(np.arange(len(pairs)), times)
    final = Ranker.fit(
        seen(every, np.where(young, day, archive)),
        query[every],
        labels[every],
        directions,
        sure.weights,
    )
    return replace(final, slope=sure.slope, offset=sure.offset)


def _chosen(
    index: Index, choices: Choices, engine: Engine, progress: Progress
) -> tuple[Pairs, NDArray[np.float32]]:
    """Describe what readers were shown of the stories of which they liked any, (p,) and (p, features)."""
    pairs, matrix = describe(index, np.unique(choices.liked), engine, progress)
    looked = linked(pairs, np.concatenate([choices.liked, choices.passed]), len(index.columns.published))
    return Pairs(pairs.story[looked], pairs.candidate[looked]), matrix[looked]


def _links_around(index: Index, pairs: Pairs, links: NDArray[np.int64]) -> NDArray[np.float32]:
    """Describe pairs (p,) by links (m, 2) alone: the link columns, (p, 4)."""
    return index.knowing(links).graph.columns(pairs.story, pairs.candidate)


def unread(ranker: Ranker, groups: Collection[str]) -> Ranker:
    """Take features of some groups (``features.GROUPS``) out of a ranker's weighted sum.

    Raises ``UsageError`` for a group there is not.
    """
    return replace(ranker, weights=np.where(_columns(groups), 0.0, ranker.weights))


def _columns(groups: Collection[str]) -> NDArray[np.bool_]:
    """Mark the features of some groups, (features,)."""
    if unknown := set(groups) - set(GROUPS):
        raise UsageError(f"no features of {', '.join(sorted(unknown))}; there are: {', '.join(GROUPS)}")
    return np.array([feature.group in groups for feature in FEATURES])


def _periods(published: NDArray[np.float64], stories: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give every story the number of its period, (n,), from 0; each has as many of ``stories``.

    A story without a date is of the first one: nothing was known before it.
    """
    dated = published[stories]
    dated = dated[~np.isnan(dated)]
    edges = np.quantile(dated, np.arange(1, PERIODS) / PERIODS) if len(dated) else np.zeros(PERIODS - 1)
    return np.where(np.isnan(published), 0, np.searchsorted(edges, published, side="left"))
