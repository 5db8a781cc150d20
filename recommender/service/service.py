"""The service as HTTP and the command line hold it: stories in, answers out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Self

import orjson

from recommender.errors import UnknownStory
from recommender.service.options import Options
from recommender.service.selection import Window, matches, ranked
from recommender.store import Card, Found, Store
from recommender.urls import canonical


@dataclass(frozen=True, slots=True)
class Answer:
    """The related stories of a story.

    ``url`` is the story's own, as its publisher writes it.  ``items`` are JSON
    objects, best first: ``rank`` from 1, ``score`` (0–1, four decimals),
    ``source`` (``curated`` or ``model``), the fields of ``articles.card`` and
    ``alternates``.  ``model`` and ``generation`` are ``None`` before the first
    recompute.  ``age`` is the story's, in seconds, when the answer was made;
    ``None`` without a date.  ``ranked`` is false for a story that no recompute
    has seen.
    """

    url: str
    model: str | None
    generation: int | None
    items: list[dict[str, Any]]
    age: float | None
    ranked: bool = True

    def json(self) -> bytes:
        """Write the answer as HTTP and ``--json`` give it; equal answers are equal bytes."""
        return orjson.dumps(
            {"url": self.url, "model": self.model, "generation": self.generation, "items": self.items}
        )


@dataclass(frozen=True, slots=True)
class Story:
    """A story as it is shown: its URL, its ``articles.card``, the active generation and its age (seconds)."""

    url: str
    card: dict[str, Any]
    generation: int | None
    age: float | None

    def json(self) -> bytes:
        """Write the story as HTTP gives it; equal stories are equal bytes."""
        return orjson.dumps({"url": self.url, "generation": self.generation, **self.card})


_DEFAULTS: Final = Options()


class Service:
    """Answers from a store; safe to share between threads.

    ``clock`` tells the time in seconds since 1970 (UTC).  Methods raise
    StoreUnavailable when the store does not answer.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    @classmethod
    def open(cls, store: str) -> Self:
        """Open the store of that URL, as it is: nothing is created or upgraded.

        Raises as ``Store.open``.
        """
        return cls(Store.open(store, create=False))

    def close(self) -> None:
        """Close the store; the service is not to be used after."""
        self._store.close()

    def related(self, url: str, options: Options = _DEFAULTS) -> Answer:
        """Find the stories to read after the one at ``url``, which may be any form of its address.

        Never among them: the story itself, removed stories, and stories dated
        in the future.  The list is empty for a story that no recompute has
        seen yet.

        Raises InvalidURL, and UnknownStory if no story has the address or it
        is removed.
        """
        story = self._find(url)
        chosen = islice(self._choose(story, options), options.limit)
        items = [
            {"rank": rank, "score": score, "source": source, **card, "alternates": []}
            for rank, (score, source, card) in enumerate(chosen, 1)
        ]
        return Answer(
            story.url, story.model, story.generation, items, self._age(story), story.packed is not None
        )

    def story(self, url: str) -> Story:
        """Find the story at ``url``, any form of its address; raises as ``related``."""
        found = self._find(url)
        return Story(found.url, orjson.loads(found.card), found.generation, self._age(found))

    def missing(self) -> dict[str, str]:
        """Tell what answers still need, ``stories`` or ``generation``, and what to do about it.

        Empty if nothing is missing.  Cheap once something was recomputed.
        """
        generation = self._store.generation()
        if generation is not None and generation.stories:
            return {}
        status = self._store.status()
        missing = {}
        if status.stories == status.removed:
            missing["stories"] = "the store has no stories: import some"
        if generation is None:
            missing["generation"] = "no related stories were computed yet: run a recompute"
        return missing

    def _find(self, url: str) -> Found:
        found = self._store.find(canonical(url))
        if found is None or found.removed:
            shown = repr(url if len(url) <= 80 else f"{url[:79]}…")
            raise UnknownStory(f"no story in the store answers to {shown}")
        return found

    def _age(self, story: Found) -> float | None:
        return None if story.published_at is None else self._clock() - story.published_at

    def _choose(self, story: Found, options: Options) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """Yield score, source and card of the neighbours that pass, in the order they are shown."""
        left_out = {story.id, *self._ids(options.exclude)}
        entries = [one for one in ranked(story.packed or b"", options) if one.article not in left_out]
        window = Window.of(options, story.published_at)
        now = self._clock()
        # Without filters almost all neighbours pass: no more cards are read than are likely shown.
        step = (len(entries) or 1) if options.reads_cards else options.limit
        for start in range(0, len(entries), step):
            batch = entries[start : start + step]
            cards = self._store.cards([article for article, *_ in batch])
            for article, score, place, _ in batch:
                found = cards.get(article)
                if found is None or not _is_out(found, now) or not window.admits(found.published_at):
                    continue
                card = orjson.loads(found.card)
                if matches(card, options):
                    yield score, "curated" if place else "model", card

    def _ids(self, keys: Sequence[str]) -> Iterator[int]:
        for key in keys:
            found = self._store.find(key)
            if found is not None:
                yield found.id


def _is_out(card: Card, now: float) -> bool:
    return not card.removed and (card.published_at is None or card.published_at <= now)
