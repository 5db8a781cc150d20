"""What an audit tells: doubtful links, why, and what the model thinks of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from recommender.articles import iso
from recommender.store import Named


class Reason(StrEnum):
    """Why a link deserves a look.

    One that readers cannot follow, or that leads to its own story, is that and
    nothing else; the last three may be said of one link together.
    """

    DEAD = "dead"
    """No story answers to the target."""
    ITSELF = "itself"
    """The target is another address of the story itself."""
    UNPUBLISHED = "unpublished"
    """The target is removed, or dated in the future, or the story itself is removed.

    A story dated in the future may link to what is out: that is how it is
    prepared.  The documents' own ``published`` is no sign: publishers have it
    false for stories that every reader can open.
    """
    DUPLICATE = "duplicate"
    """The same document gives the same target before, under another address.

    That several documents give the same link is no fault: links are united.
    """
    LOOKS_WRONG = "looks-wrong"
    """The model scores it below ``auditing.UNLIKELY``, after ``auditing.BETTER`` or more nobody linked."""
    ONE_WAY = "one-way"
    """The target has links of its own and none back; one without any is a mention, and no fault."""


class View(NamedTuple):
    """How the model ranks a link's target for its story, as if no editor had linked anything.

    ``rank`` counts from 1 in the story's served list of ``listed`` stories,
    and ``better`` are those before it that no editor linked.  The list keeps
    what editors linked before it keeps the best of the rest, so where nothing
    unlinked comes after the target it may rank still lower: ``exact`` is
    false.  ``rank``, ``score`` and ``better`` are ``None`` for a target that is
    not in the list.
    """

    listed: int
    rank: int | None = None
    exact: bool = False
    score: float | None = None
    better: int | None = None


class Given(NamedTuple):
    """Where a link stands: the document, and its place (from 1) among the links kept of it."""

    origin: str
    place: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A link and one reason to look at it.

    ``source`` and ``target`` are ids of stories, ``key`` is what the document
    names; ``detail`` says more of the reason where there is more.
    ``told_by`` is the document as which the story is shown, where it is none
    of those that give the link: they may tell another story under its address,
    and that may be what is wrong.  ``view`` is
    ``None`` where an end is no story that is ranked: it is dead, removed, or
    newer than the last recompute.
    """

    reason: Reason
    source: int
    target: int | None
    key: str
    given: tuple[Given, ...]
    detail: str = ""
    view: View | None = None
    told_by: str | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    ``links`` of ``sources`` stories were looked at; ``counts`` has every
    reason, ``doubts`` the foremost of those asked for.  ``stories`` names the
    stories in ``doubts``, by id.  ``generation`` and ``model`` are whose view
    it is, ``None`` before the first recompute: then no link looks wrong.
    """

    generation: int | None
    model: str | None
    links: int
    sources: int
    counts: dict[Reason, int]
    doubts: dict[Reason, list[Doubt]]
    stories: dict[int, Named]

    def data(self) -> dict[str, Any]:
        """Give it all as plain values, for JSON: ``doubts`` as one list, reason by reason."""
        return {
            "generation": self.generation,
            "model": self.model,
            "links": self.links,
            "stories": self.sources,
            "counts": {str(reason): count for reason, count in self.counts.items()},
            "doubts": [self._plain(doubt) for doubts in self.doubts.values() for doubt in doubts],
        }

    def _plain(self, doubt: Doubt) -> dict[str, Any]:
        return {
            "reason": str(doubt.reason),
            "detail": doubt.detail,
            "source": self._story(doubt.source),
            "target": None if doubt.target is None else self._story(doubt.target),
            "key": doubt.key,
            "given": [given._asdict() for given in doubt.given],
            "told_by": doubt.told_by,
            "model": None if doubt.view is None else doubt.view._asdict(),
        }

    def _story(self, story: int) -> dict[str, Any]:
        named = self.stories[story]
        return {"url": named.url, "title": named.title, "publishedDateTime": moment(named.published_at)}


def moment(seconds: int | None) -> str | None:
    """Write seconds since 1970 (UTC) as documents do."""
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))
