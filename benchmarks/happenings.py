"""What happens in a made-up world, and which story tells it: events of beats and sagas, and their angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.language import COMMON, LEMMAS, Ints, Language, drawn, ranks

Floats = NDArray[np.float64]

SECTIONS = ("World", "Politics", "Business", "Sport", "Health", "Science", "Technology", "Culture",
            "Crime", "Weather", "Travel", "Opinion")  # fmt: skip
SECTION_WORDS = 1_500
BEATS = 30
"""Beats a section: what its events are about again and again."""
BEAT_WORDS = 40

OLD_NAMES = 3_000
"""Names known before the first day."""
EVENT_NAMES = 5
EVENT_WORDS = 14
"""Words an event has, those that its stories use most first; up to ``EVENT_NAMES`` of them are names."""
SAGA_WORDS = 8
IN_SAGAS = 0.6
EVENTS_OF_A_SAGA = 15
SAGA_DAYS = 60.0
LARGEST = 80
NEW_ANGLE = 0.3
"""How often the next story of an event takes another angle."""


@dataclass(frozen=True, slots=True)
class Events:
    """What happened, in order: each array has a row an event, or a row a beat, in a language.

    ``words`` (e, EVENT_WORDS) and ``beat_words`` (SECTIONS × BEATS, BEAT_WORDS)
    are lemmas; ``names`` (e,) is how many were known when an event began.
    ``saga`` is a number of its own for an event that belongs to none.
    """

    language: Language
    size: Ints
    day: Floats
    beat: Ints
    saga: Ints
    names: Ints
    words: Ints
    beat_words: Ints
    section_words: Ints

    @classmethod
    def happening(cls, stories: int, rate: float, rng: np.random.Generator) -> Events:
        """Let enough happen for ``stories`` stories."""
        size = _sizes(stories, rng)
        count = len(size)
        day = np.sort(rng.random(count)) * stories / rate
        section = drawn(ranks(len(SECTIONS), 0.6, 1), count, rng)
        beat = section * BEATS + drawn(ranks(BEATS, 0.6, 2), count, rng)
        # Sagas stand at even distances in time, each with events around it: so they are as dense in a short
        # archive as in a long one.
        every = EVENTS_OF_A_SAGA / (IN_SAGAS * count * rate / stories) if count else 1.0
        saga = np.round((day + rng.normal(0, SAGA_DAYS, count)) / every).astype(np.int64)
        _, saga = np.unique(saga, return_inverse=True)
        alone = rng.random(count) >= IN_SAGAS
        first = np.full(saga.max(initial=-1) + 1, count)
        np.minimum.at(first, saga[~alone], np.flatnonzero(~alone))
        leads = np.where(alone, np.arange(count), first[saga])
        beat = beat[leads]
        # Ever fewer names are new: one or two an event in a young archive, one in three events in an old one.
        fresh = np.minimum(3, 14 * (np.arange(count) + 1_000.0) ** -0.3)
        names = OLD_NAMES + np.cumsum((fresh + rng.random(count)).astype(np.int64))
        language = Language.make(int(names.max(initial=OLD_NAMES)) + rare_words(stories), rng)
        section_words = (LEMMAS * rng.random((len(SECTIONS), SECTION_WORDS)) ** COMMON).astype(np.int64)
        beat_words = np.take_along_axis(
            np.repeat(section_words, BEATS, axis=0),
            drawn(ranks(SECTION_WORDS, 0.6, 20), (len(SECTIONS) * BEATS, BEAT_WORDS), rng),
            axis=1,
        )
        words = _event_words(names, beat_words[beat], rng)
        words[:, 1 : 1 + SAGA_WORDS] = words[leads, 1 : 1 + SAGA_WORDS]
        return cls(language, size, day, beat, leads, names, words, beat_words, section_words)


def _sizes(stories: int, rng: np.random.Generator) -> Ints:
    """Share ``stories`` out among events: many have one story, few have hundreds (Pareto)."""
    size = np.minimum(rng.random(stories) ** (-1 / 1.6), LARGEST).astype(np.int64)
    size = size[: np.searchsorted(np.cumsum(size), stories) + 1]
    if len(size):
        size[-1] -= size.sum() - stories
    return size


def rare_words(stories: int) -> int:
    """Count the words that come up in a story rather than an event, by Heaps' law."""
    return int(2.5 * stories**0.75) + 1


def _event_words(names: Ints, beat_words: Ints, rng: np.random.Generator) -> Ints:
    """Choose an event's lemmas: names, the newest first, then words of its beat and of the language."""
    count = len(names)
    words = np.empty((count, EVENT_WORDS), np.int64)
    before = np.r_[OLD_NAMES, names[:-1]][:count]
    for place in range(EVENT_NAMES):
        known = power(before, 0.95, rng)
        words[:, place] = LEMMAS + np.where(before + place < names, before + place, known)
    for place in range(EVENT_NAMES, EVENT_WORDS):
        general = (LEMMAS * rng.random(count) ** COMMON).astype(np.int64)
        own = beat_words[np.arange(count), rng.integers(0, BEAT_WORDS, count)]
        words[:, place] = np.where(rng.random(count) < 0.4, own, general)
    return words


def power(size: Ints, exponent: float, rng: np.random.Generator) -> Ints:
    """Draw a rank from 0 … size − 1 for each entry of ``size``, with shares of rank ** −exponent."""
    rest = 1 - exponent
    drawn_rank = (1 + rng.random(len(size)) * (size**rest - 1.0)) ** (1 / rest)
    return np.minimum(drawn_rank.astype(np.int64) - 1, size - 1)


def _days(began: Floats, event: Ints, rate: float, rng: np.random.Generator) -> Floats:
    """Say on which day stories (n,) came out: soon after their event began, ``rate`` of them a day."""
    if not len(event):
        return began
    pace = np.exp(rng.normal(np.log(0.6), 1.1, event[-1] + 1))
    raw = began + rng.exponential(1.0, len(event)) * pace[event]
    # Events come and go, but a newsroom's day is full: time is stretched until every day has its rate.
    marks = np.sort(raw)[:: max(1, int(rate))]
    ends = np.r_[marks, raw.max() + 1e-6]
    length = len(raw) / rate
    made: Floats = np.interp(raw, ends, np.r_[np.arange(len(marks)) * (int(rate) or 1) / rate, length])
    return made


@dataclass(frozen=True, slots=True)
class Told:
    """Which event each story (n,) tells, and how.

    ``angle`` is the angle it takes, no two events' have one number; ``day`` when
    it came out; ``close``, 0–1, how much of its text is about its event.
    """

    event: Ints
    angle: Ints
    day: Floats
    close: Floats

    @classmethod
    def of(cls, events: Events, rate: float, rng: np.random.Generator) -> Told:
        """Tell all events, one after the other, each from its first story to its last."""
        event = np.repeat(np.arange(len(events.size)), events.size)
        day = _days(events.day[event], event, rate, rng)
        day = day[np.lexsort((day, event))]
        new = rng.random(len(event)) < NEW_ANGLE
        new[:1] = True
        new[1:] |= event[1:] != event[:-1]
        return cls(event, np.cumsum(new) - 1, day, rng.beta(2.4, 2.4, len(event)))

    def of_rows(self, rows: Ints | slice) -> Told:
        """Pick some of the stories."""
        return Told(self.event[rows], self.angle[rows], self.day[rows], self.close[rows])

    def __len__(self) -> int:
        return len(self.event)
