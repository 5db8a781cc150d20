"""What the service answers about its models: which there are, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from pydantic import Field

from recommender.client.answers import Answer, answer


@answer
class Model(Answer):
    """A model that was trained on the store."""

    id: str
    created: datetime
    stories: int | None
    links: int | None
    ndcg: float | None
    interval: tuple[float, float] | None
    active: bool | None
    served: bool


@answer
class Models(Answer):
    """The models, newest first."""

    active: str | None
    served: str | None
    models: tuple[Model, ...]


@answer
class Lead(Answer):
    """How far one is ahead of another in nDCG, and the paired 95 % interval of that."""

    mean: float
    interval: tuple[float, float]


@answer
class System(Answer):
    """What one system's lists are worth."""

    ndcg: float
    recall: float
    mrr: float
    map: float
    p_at_1: float = Field(alias="p@1")
    interval: tuple[float, float]
    coverage: float
    short: float
    catalogue: float
    ahead: Lead | None = None


@answer
class Compared(Answer):
    """The model beside the one that was active when it was trained."""

    active: str | None
    cut: datetime | None
    queries: int
    new: float | None
    old: float | None
    ahead: Lead | None
    reason: str | None = None
    worse: bool


@answer
class Bin(Answer):
    """Pairs scored from ``least`` to below ``most``: how many of them editors linked."""

    least: float
    most: float
    pairs: int
    queries: int
    score: float
    linked: float
    interval: tuple[float, float]


@answer
class Reliability(Answer):
    """Whether scores are chances."""

    pairs: int
    score: float
    linked: float
    error: float
    bins: tuple[Bin, ...]


@answer
class Clicks(Answer):
    """Pairs that readers like and no editor linked, which the model learned from."""

    pairs: int
    before_cut: int


@answer
class Report(Answer):
    """How the model's settings did with the newest fifth of the linked stories held back."""

    protocol: str
    cut: datetime | None = None
    seed: int | None = None
    k: int | None = None
    queries: int | None = None
    relevant: int | None = None
    stories: int | None = None
    learned: bool | None = None
    systems: Mapping[str, System] = field(default_factory=dict)
    reason: str | None = None
    clicks: Clicks | None = None
    comparison: Compared | None = None
    reliability: Mapping[str, Reliability] | None = None


@answer
class Data(Answer):
    """What the model learned from."""

    stories: int
    links: int
    linked_stories: int
    until: datetime | None
    fingerprint: str


@answer
class Evaluation(Answer):
    """How good the model is whose lists are served; ``note`` says why there is no report."""

    model: str | None
    generation: int | None
    trained: datetime | None
    data: Data | None
    report: Report | None
    note: str | None = None
    stories: int | None = None
    newest: datetime | None = None
