"""Learn a ranker from links, as they will be seen when it ranks.

Half of the stories are described as in the archive: every link but their own
is known.  The other half as on the day they came out: no link is known to any
story that came out later, or in the same period.  So the ranker learns what
links around a story are worth, and to do without.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommender.engine import Engine
from recommender.errors import NothingToLearn, UsageError
from recommender.features import FEATURES, GROUPS, NAMES
from recommender.graph import LinkGraph
from recommender.index import Index
from recommender.pipeline.progress import Progress
from recommender.pipeline.ranking import describe, linked
from recommender.ranker import Ranker

FEW_LINKS = 100
"""Fewer links than this teach less than the default ranker knows (docs/evaluation.md has the curve)."""

EVEN_LINKS = 3_000
"""Links with which the default ranker counts half in what is learned: at ``n`` links 1 / (1 + n / this)."""

PERIODS = 6
"""Parts of the linked stories by time; the last one tells how sure a score is."""

_LINK_COLUMNS = slice(NAMES.index("linked near"), NAMES.index("link path") + 1)


def learn(
    index: Index,
    links: NDArray[np.int64],
    default: Ranker,
    engine: Engine,
    progress: Progress,
    left_out: Collection[str] = (),
) -> Ranker:
    """Fit a ranker on links (m, 2); ``index`` need not know them.

    What it learns is added to what ``default`` says, the less the more links
    there are.  Its trees do without features of the groups ``left_out``.
    Raises ``NothingToLearn`` where the links are too few.
    """
    known = len(np.unique(np.sort(links, axis=1), axis=0))
    if known < FEW_LINKS:
        raise NothingToLearn(
            f"{known} curated links; {FEW_LINKS} are needed to learn more than the default ranker knows. "
            "Import more stories with `related` links."
        )
    stories = np.unique(links)
    period = _periods(index.published, stories)
    pairs, matrix = describe(index.knowing(links), stories, engine, progress)
    labels = linked(pairs, links, len(index.published))
    late = period[pairs.story] == PERIODS - 1
    on_the_day = np.random.default_rng(0).random(len(period)) < 0.5
    new = np.flatnonzero(on_the_day[pairs.story] | late)
    young = matrix[new, _LINK_COLUMNS].copy()
    for now in range(PERIODS):
        rows = np.flatnonzero(period[pairs.story[new]] == now)
        graph = LinkGraph.of(index.lists[0], links[(period[links] < now).all(axis=1)])
        for column, values in enumerate(graph.columns(pairs.story[new[rows]], pairs.candidate[new[rows]])):
            young[rows, column] = values
    last = np.concatenate([matrix[late], matrix[late]])
    last[late.sum() :, _LINK_COLUMNS] = young[late[new]]
    chosen = on_the_day[pairs.story[new]]
    matrix[new[chosen], _LINK_COLUMNS] = young[chosen]
    # What is the same for all pairs is never split on.
    matrix[:, _columns(left_out)] = 0
    last[:, _columns(left_out)] = 0
    weights = default.weights / (1 + known / EVEN_LINKS)
    directions = [feature.direction for feature in FEATURES]
    before = labels & (period[pairs.candidate] < PERIODS - 1)
    rehearsal = Ranker.fit(matrix[~late], pairs.story[~late], before[~late], directions, weights)
    # Of the same stories in the archive and on the day: a score is worth more where more is known around.
    sure = rehearsal.calibrated(last, np.tile(labels[late], 2), NAMES.index("linked near"))
    final = Ranker.fit(matrix, pairs.story, labels, directions, sure.weights)
    return replace(final, slope=sure.slope, offset=sure.offset)


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
