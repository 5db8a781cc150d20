"""How good a ranking is, measured against editors' links, with intervals.

A protocol (``cold``, ``warm``) hides links and asks for them, a ``fold`` does so
before the newest are seen; metrics judge lists, query by query; baselines
are what a ranking must beat; a report sets systems side by side, whole and in
slices; reliability compares scores with what editors did, and clickthrough says what
readers did, with the place on the page taken out.  What would make a number
worthless, a hidden link that can be seen or a list that names a story twice,
raises ``UnsoundEvaluation``.
"""

from recommender.evaluation.baselines import BASELINES, EXTRAS, Baseline, baseline
from recommender.evaluation.clickthrough import ClickThrough, clickthrough
from recommender.evaluation.metrics import METRICS, Scores, interval
from recommender.evaluation.protocols import Split, cold, fold, warm
from recommender.evaluation.reliability import Bin, Reliability, reliability
from recommender.evaluation.report import compare, lead, per_query
from recommender.evaluation.slices import slices

__all__ = [
    "BASELINES",
    "EXTRAS",
    "METRICS",
    "Baseline",
    "Bin",
    "ClickThrough",
    "Reliability",
    "Scores",
    "Split",
    "baseline",
    "clickthrough",
    "cold",
    "compare",
    "fold",
    "interval",
    "lead",
    "per_query",
    "reliability",
    "slices",
    "warm",
]
