"""Why a story is in a list: what it shares with the story asked for, and what that is worth to the model.

No model is loaded.  What only the model knows was noted at the recompute;
which words two stories share is found here, from their cards.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

from recommender.neighbours import DIGITS, Neighbour
from recommender.reasons import LINKED, LINKED_BACK, Parts, Reason
from recommender.service.options import Options
from recommender.service.selection import Filters, Shown, Window
from recommender.store import Found, Store
from recommender.terms import Text, Vocabulary, shared

TERMS: Final = 8
"""Shared terms that are named at most."""

_DAY: Final = 86_400
_LINKED_BY: Final = {LINKED: "story", LINKED_BACK: "item", LINKED | LINKED_BACK: "both"}

_log = logging.getLogger(__name__)


class Explainer:
    """Explains answers from a store; safe to share between threads.

    Holds the vocabulary of one generation, from the first explanation on.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loading = Lock()
        self._loaded: tuple[int, Vocabulary | None] | None = None

    def explain(
        self, story: Found, items: Sequence[tuple[Neighbour | None, Shown]], now: float
    ) -> list[dict[str, Any]]:
        """Say of each item why it is in the list of ``story``: JSON objects, all with the same keys.

        An item is a neighbour, or ``None`` for what fills the list, and its
        card.  ``terms``: those shared, rarest first, with their idf
        (``weight``) and where they stand; ``None`` if the words of the
        generation are not kept.  ``days_apart``: above 0 if the item is the
        newer; ``None`` without both dates.  ``topics``: those shared, as the
        story spells them.  ``curated``: the place among the story's editors'
        links, and whose link it is (``by``); else ``None``.  ``co_curated``:
        stories of the same list that editors linked with the item, those
        linked to both first.  ``parts``: log-odds by group of features that
        sum up to the score's; ``None`` for what no model scored or noted.
        """
        asked = Shown(story.card)
        vocabulary = None if story.generation is None else self._vocabulary(story.generation)
        analysed = None if vocabulary is None else _text(asked, vocabulary)
        reasons = _reasons(story, {neighbour.article for neighbour, _ in items if neighbour})
        told: list[Reason | None] = [
            None if neighbour is None else reasons.get(neighbour.article) for neighbour, _ in items
        ]
        beside = self._titles({article for reason in told if reason for article in reason.beside}, now)
        explained: list[dict[str, Any]] = []
        for (neighbour, card), reason in zip(items, told, strict=True):
            terms = None
            if vocabulary is not None and analysed is not None:
                found = shared(analysed, _text(card, vocabulary), vocabulary.words, TERMS)
                terms = [one._asdict() | {"weight": round(one.weight, DIGITS)} for one in found]
            explained.append(
                {
                    "terms": terms,
                    "days_apart": _days(asked, card),
                    "topics": _topics(asked, card),
                    "curated": _curated(neighbour, reason),
                    "co_curated": _once(beside[one] for one in reason.beside if one in beside)
                    if reason
                    else [],
                    "parts": reason.parts if reason else None,
                }
            )
        return explained

    def _vocabulary(self, generation: int) -> Vocabulary | None:
        """Give the words of a generation, read once; ``None`` if they are not kept, or cannot be read."""
        loaded = self._loaded
        if loaded is None or loaded[0] != generation:
            # A large archive has millions of terms: not one copy a thread.
            with self._loading:
                loaded = self._loaded
                if loaded is None or loaded[0] != generation:
                    loaded = self._loaded = generation, self._read(generation)
        return loaded[1]

    def _read(self, generation: int) -> Vocabulary | None:
        packed = self._store.vocabulary(generation)
        if packed is None:
            return None
        try:
            return Vocabulary.from_bytes(packed)
        except ValueError as error:
            # Perhaps a newer program's: half of an explanation is better than none.
            _log.warning("generation %d is explained without shared words: %s", generation, error)
            return None

    def _titles(self, articles: set[int], now: float) -> dict[int, dict[str, Any]]:
        """Read what is told of stories beside an item; removed and future ones are not told of."""
        filters = Filters(Options(), Window.of(Options(), None), now)
        shown = filters.passing(self._store.cards(sorted(articles)))
        return {
            article: {name: card[name] for name in ("title", "webUrl")} for article, card in shown.items()
        }


def _reasons(story: Found, wanted: Collection[int]) -> Mapping[int, Reason]:
    if not story.packed or story.reasons is None or story.parts is None:
        return {}
    try:
        return Parts.from_json(story.parts).read(story.reasons, story.packed, wanted)
    except ValueError as error:
        _log.warning("%s is explained without parts: %s", story.url, error)
        return {}


def _text(card: Shown, vocabulary: Vocabulary) -> Text:
    return Text.of(card["title"], card["excerpt"], vocabulary.stop_words)


def _days(asked: Shown, card: Shown) -> float | None:
    dates = asked["publishedDateTime"], card["publishedDateTime"]
    if None in dates:
        return None
    first, second = map(datetime.fromisoformat, dates)
    return round((second - first).total_seconds() / _DAY, 2) + 0.0  # no −0.0


def _topics(asked: Shown, card: Shown) -> list[str]:
    others = {topic.casefold() for topic in card["topics"]}
    return list(dict.fromkeys(topic for topic in asked["topics"] if topic.casefold() in others))


def _once(stories: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out copies: what has the title of one before."""
    kept: dict[str, dict[str, Any]] = {}
    for story in stories:
        kept.setdefault(story["title"].casefold(), story)
    return list(kept.values())


def _curated(neighbour: Neighbour | None, reason: Reason | None) -> dict[str, Any] | None:
    if neighbour is None or not neighbour.curated:
        return None
    return {"place": neighbour.curated, "by": _LINKED_BY.get(reason.sides) if reason else None}
