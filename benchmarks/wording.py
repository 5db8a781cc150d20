"""Titles and excerpts of made-up news: words of an event, its beat, its section and the language."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchmarks.happenings import (
    BEAT_WORDS,
    BEATS,
    EVENT_WORDS,
    SECTION_WORDS,
    Events,
    Told,
    power,
    rare_words,
)
from benchmarks.language import LEMMAS, Ints, Language, drawn, ranks

COPIES = 0.06
BLOCK = 40_000
"""Stories whose texts are written together, which bounds the memory taken by their words in a row."""

EXPONENT = 1.1
TITLE_SLOTS = 6.4, 1.5
EXCERPT_SLOTS = 14.5, 0.32
"""Words and pairs in a title (mean, deviation) and in an excerpt (median, deviation of the logarithm)."""
FILLED = 0.36, 0.62
"""Share of the words that have a filler before them, in a title and in an excerpt."""


def texts(events: Events, told: Told, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Write the titles and excerpts of stories (n,), block by block, event after event."""
    general = rng.permutation(LEMMAS // 4)
    general = np.r_[general, np.arange(LEMMAS // 4, LEMMAS)]
    titles: list[str] = []
    excerpts: list[str] = []
    for start in range(0, len(told), BLOCK):
        some = told.of_rows(slice(start, start + BLOCK))
        fields = _fields(events, some, general, start, rng)
        _copy(fields, some.event, rng)
        titles += [text[:1].upper() + text[1:] for text in fields[0::2]]
        excerpts += [text[:1].upper() + text[1:] + "." for text in fields[1::2]]
    return titles, excerpts


def _fields(events: Events, told: Told, general: Ints, before: int, rng: np.random.Generator) -> list[str]:
    """Write title and excerpt of stories (b,) in turns, 2b texts; ``before`` stories were there already."""
    count = len(told)
    slots = np.empty(2 * count, np.int64)
    slots[0::2] = np.clip(np.round(rng.normal(*TITLE_SLOTS, count)), 2, 14)
    slots[1::2] = np.clip(np.round(EXCERPT_SLOTS[0] * np.exp(rng.normal(0, EXCERPT_SLOTS[1], count))), 3, 45)
    field = np.repeat(np.arange(2 * count), slots)
    total = len(field)
    event = told.event[field // 2]
    close = np.repeat(told.close, 2)
    # Titles stay closer to the event.
    close[0::2] = np.minimum(0.8 * close[0::2] + 0.45, 0.97)
    kind = np.searchsorted([0.32, 0.55, 0.96], rng.random(total))
    of_event = rng.random(total) < close[field]
    lemma = np.empty(total, np.int64)

    place: Ints = np.cumsum(of_event) - of_event
    place -= np.repeat(place[np.r_[0, np.cumsum(slots)[:-1]]], slots)
    order = _order(told, rng)
    chosen = np.flatnonzero(of_event)
    lemma[chosen] = events.words[event[chosen], order[field[chosen], place[chosen] % EVENT_WORDS]]

    chosen = np.flatnonzero(~of_event & (kind == 0))
    lemma[chosen] = events.beat_words[
        events.beat[event[chosen]], drawn(ranks(BEAT_WORDS, 0.7, 2), len(chosen), rng)
    ]
    chosen = np.flatnonzero(~of_event & (kind == 1))
    word = drawn(ranks(SECTION_WORDS, 1.1, 4), len(chosen), rng)
    lemma[chosen] = events.section_words[events.beat[event[chosen]] // BEATS, word]
    chosen = np.flatnonzero(~of_event & (kind == 2))
    lemma[chosen] = general[drawn(ranks(LEMMAS, EXPONENT, 6), len(chosen), rng)]
    chosen = np.flatnonzero(~of_event & (kind == 3))
    rare = int(events.names[-1]) + power(np.full(len(chosen), rare_words(before + count)), 0.5, rng)
    known = power(events.names[event[chosen]], 0.7, rng)
    lemma[chosen] = LEMMAS + np.where(rng.random(len(chosen)) < 0.7, rare, known)
    return _written(events.language, lemma, field, 2 * count, rng)


def _order(told: Told, rng: np.random.Generator) -> Ints:
    """Order the words of their events for the titles and excerpts of stories (b,): rows (2b, EVENT_WORDS)."""
    first = told.angle[:1].sum()
    angle = rng.exponential(1.0, (int(told.angle[-1:].sum() - first) + 1, EVENT_WORDS))[told.angle - first]
    ranks_of_words = np.arange(1, EVENT_WORDS + 1)
    # A title has room for what matters most, and for what matters from its angle.
    title = rng.exponential(1.0, angle.shape) ** 0.3 * angle * ranks_of_words**0.5
    excerpt = rng.exponential(1.0, angle.shape) * angle**0.8 * ranks_of_words**0.5
    return np.argsort(np.stack([title, excerpt], axis=1).reshape(-1, EVENT_WORDS), axis=1)


def _written(
    language: Language, lemma: Ints, field: Ints, fields: int, rng: np.random.Generator
) -> list[str]:
    """Put lemmas (s,) of some fields, in order, into words: fillers before some, partners after others."""
    total = len(lemma)
    words = np.full((total, 3), -1)
    filled = rng.random(total) < np.array(FILLED)[field % 2]
    words[filled, 0] = rng.integers(0, language.fillers, int(filled.sum()))
    words[:, 1] = language.forms(lemma, rng)
    words[:, 2] = language.forms(np.where(rng.random(total) < 0.8, language.partner[lemma], -1), rng)
    there = words >= 0
    ends = np.cumsum(np.bincount(field, there.sum(axis=1), fields).astype(np.int64))
    spelled = language.spelled[words[there]].tolist()
    return [" ".join(spelled[start:end]) for start, end in pairwise([0, *ends.tolist()])]


def _copy(fields: list[str], event: Ints, rng: np.random.Generator) -> None:
    """Tell some stories (b,) in the words of another of the event: excerpts cut, titles mostly kept."""
    copied = rng.random(len(event)) < COPIES
    copied[:1] = False
    copied[1:] &= event[1:] == event[:-1]
    source = np.maximum.accumulate(np.where(copied, 0, np.arange(len(event))))
    length = rng.uniform(0.6, 1.0, len(event))
    same = rng.random(len(event)) < 0.6
    for row in np.flatnonzero(copied).tolist():
        words = fields[2 * source[row] + 1].split()
        fields[2 * row + 1] = " ".join(words[: int(np.ceil(length[row] * len(words)))])
        if same[row]:
            fields[2 * row] = fields[2 * source[row]]
