"""Made-up news of any size: what the measuring programs measure with, and nobody's property.

``news(stories, seed, rate)`` gives a ``Corpus``, the same one for the same arguments; ``save`` puts
one into a store.  A larger archive is a longer one: ``rate`` stories come out a day.

From the top down:

- Sections have beats, and each its own words, drawn by rank after Zipf and Mandelbrot.
- An event belongs to a beat, and one to ``LARGEST`` stories cover it within hours to days.  It has names,
  some never heard before, and key words; its stories draw from both, in other forms and another order,
  stories that take the same angle mostly the same ones.  Most events belong to sagas, which share words
  over months.
- New names keep coming, ever more slowly (Heaps), and so do words that hardly any other story has.
- Some stories are copies of another outlet's, their excerpts cut elsewhere.
- Editors link some stories: mostly from the same angle, else of the same event, its saga, or its beat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.language import COMMON, LEMMAS, Ints, Language, drawn, ranks
from recommender.articles import Article, Document, Provider
from recommender.corpus import Corpus
from recommender.entries import Entry, encode
from recommender.store import Store
from recommender.urls import canonical

Floats = NDArray[np.float64]

FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)
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
COPIES = 0.06
NEW_ANGLE = 0.3
"""How often the next story of an event takes another angle."""

CURATED = 0.15
"""Share of the stories that editors gave links, three on average."""

LINKED = 0.7, 0.9, 0.98
"""Cumulative shares of links within an angle, an event and a saga; the rest, within a beat."""
LOOKED_AT = 3
"""Stories that an editor looks at for every link."""

PROVIDERS = 400
BLOCK = 40_000
"""Stories whose texts are written together, which bounds the memory taken by their words in a row."""


def news(stories: int, seed: int = 0, rate: float = 250.0) -> Corpus:
    """Make up ``stories`` stories, ``rate`` of them a day, in the order in which they came out."""
    rng = np.random.default_rng(seed)
    events = Events.happening(stories, rate, rng)
    told = Told.of(events, rate, rng)
    titles, excerpts = _texts(events, told, rng)
    order = np.argsort(told.day, kind="stable")
    told = told.of_rows(order)
    titles, excerpts = [titles[row] for row in order], [excerpts[row] for row in order]
    provider = drawn(ranks(PROVIDERS, 0.9, 5), stories, rng)
    providers = [f"{name}.example" for name in _outlets(events.language)]
    topics = [(name,) for name in SECTIONS]
    published = told.day + FIRST_DAY.timestamp() / 86_400
    return Corpus(
        ids=np.arange(1, stories + 1),
        urls=_urls(told.day, [providers[one] for one in provider], titles),
        titles=titles,
        excerpts=excerpts,
        # Whole seconds, as a store keeps them.
        published=np.floor(published * 86_400) / 86_400,
        quality=np.clip(np.round(rng.normal(60, 25, stories)), 1, 150),
        providers=[providers[one] for one in provider],
        types=["video" if one else "article" for one in rng.random(stories) < 0.04],
        topics=[topics[one] for one in events.beat[told.event] // BEATS],
        tags=[()] * stories,
        links=_links(events, told, rng),
    )


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
        language = Language.make(int(names.max(initial=OLD_NAMES)) + _rare(stories), rng)
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


def _rare(stories: int) -> int:
    """Count the words that come up in a story rather than an event, by Heaps' law."""
    return int(2.5 * stories**0.75) + 1


def _event_words(names: Ints, beat_words: Ints, rng: np.random.Generator) -> Ints:
    """Choose an event's lemmas: names, the newest first, then words of its beat and of the language."""
    count = len(names)
    words = np.empty((count, EVENT_WORDS), np.int64)
    before = np.r_[OLD_NAMES, names[:-1]][:count]
    for place in range(EVENT_NAMES):
        known = _power(before, 0.95, rng)
        words[:, place] = LEMMAS + np.where(before + place < names, before + place, known)
    for place in range(EVENT_NAMES, EVENT_WORDS):
        general = (LEMMAS * rng.random(count) ** COMMON).astype(np.int64)
        own = beat_words[np.arange(count), rng.integers(0, BEAT_WORDS, count)]
        words[:, place] = np.where(rng.random(count) < 0.4, own, general)
    return words


def _power(size: Ints, exponent: float, rng: np.random.Generator) -> Ints:
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


# Texts

EXPONENT = 1.1
TITLE_SLOTS = 6.4, 1.5
EXCERPT_SLOTS = 14.5, 0.32
"""Words and pairs in a title (mean, deviation) and in an excerpt (median, deviation of the logarithm)."""
FILLED = 0.36, 0.62
"""Share of the words that have a filler before them, in a title and in an excerpt."""


def _texts(events: Events, told: Told, rng: np.random.Generator) -> tuple[list[str], list[str]]:
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
    rare = int(events.names[-1]) + _power(np.full(len(chosen), _rare(before + count)), 0.5, rng)
    known = _power(events.names[event[chosen]], 0.7, rng)
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


# What else a story has


def _outlets(language: Language) -> list[str]:
    return [name.lower() for name in language.words[-PROVIDERS:]]


def _urls(days: Floats, providers: list[str], titles: list[str]) -> list[str]:
    """Give each story an address: its outlet, day, number and title's words."""
    dates = [(FIRST_DAY + timedelta(day)).strftime("%Y/%m/%d") for day in range(int(days.max(initial=0)) + 1)]
    return [
        f"https://www.{provider}/{dates[day]}/{row}-{title.lower().replace(' ', '-')}"
        for row, (day, provider, title) in enumerate(
            zip(days.astype(int).tolist(), providers, titles, strict=True)
        )
    ]


def _links(events: Events, told: Told, rng: np.random.Generator) -> Ints:
    """Curate links (m, 2) among stories (n,), which are in the order in which they came out."""
    count = len(told)
    lonely = events.size[told.event] == 1
    # Editors link where there is something to link to, and now and then where there is little.
    drawn_first = np.argsort(rng.exponential(1.0, count) / np.where(lonely, 0.03, 1.0))
    source = np.sort(drawn_first[: round(CURATED * count)])
    source = np.repeat(source, 1 + rng.poisson(3.0, len(source)))
    kind = np.searchsorted(LINKED, rng.random(len(source)))
    # Who has no other story of the angle, or the event, or the saga, gets one of what is next.
    target = np.full(len(source), -1)
    for number, group in enumerate(
        (told.angle, told.event, events.saga[told.event], events.beat[told.event])
    ):
        wanted = (target < 0) & (kind <= number)
        target[wanted] = _nearby(group, source[wanted], told.close, rng)
    pairs = np.column_stack([source, target])[target >= 0]
    _, first = np.unique(pairs, axis=0, return_index=True)
    return np.asarray(pairs[np.sort(first)], np.int64)


def _nearby(group: Ints, source: Ints, close: Floats, rng: np.random.Generator) -> Ints:
    """Find for each source (s,) another story of its group near in time, mostly an earlier one; −1 for none.

    Of ``LOOKED_AT`` such, the one that stays closest to its event.
    """
    order = np.argsort(group, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    found = np.full(len(source), -1)
    best = np.zeros(len(source))
    for _ in range(LOOKED_AT):
        step = rng.geometric(0.3, len(source)) * np.where(rng.random(len(source)) < 0.75, -1, 1)
        there = place[source] + step
        inside = (there >= 0) & (there < len(order))
        other = order[np.where(inside, there, 0)]
        better = inside & (group[other] == group[source]) & (close[other] > best)
        found[better], best[better] = other[better], close[other[better]]
    return found


# Into a store


def entries(corpus: Corpus) -> Iterator[Entry]:
    """Make of every story what ``Store.save`` writes."""
    keys = [canonical(url) for url in corpus.urls]
    starts = np.searchsorted(corpus.links[:, 0], np.arange(len(corpus) + 1)).tolist()
    targets = corpus.links[:, 1].tolist()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for row, url in enumerate(corpus.urls):
        article = Article(
            key=keys[row],
            url=url,
            title=corpus.titles[row],
            excerpt=corpus.excerpts[row],
            published_at=epoch + timedelta(seconds=round(corpus.published[row] * 86_400)),
            web_url=url,
            type=corpus.types[row],
            quality=float(corpus.quality[row]),
            provider=Provider(domain=corpus.providers[row]),
            topics=corpus.topics[row],
        )
        links = tuple(keys[target] for target in targets[starts[row] : starts[row + 1]])
        yield encode(Document(url, article, links=links), "made up")


def save(store: Store, corpus: Corpus) -> None:
    """Import made-up news into a store, a transaction a batch."""
    told = entries(corpus)
    while batch := list(islice(told, 5_000)):
        store.save(batch)
