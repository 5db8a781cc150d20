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
from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np

from benchmarks.happenings import BEATS, SECTIONS, Events, Floats, Told
from benchmarks.language import Ints, Language, drawn, ranks
from benchmarks.wording import texts
from recommender.articles import Article, Document, Provider
from recommender.corpus import Corpus
from recommender.entries import Entry, encode
from recommender.store import Store
from recommender.urls import canonical

FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)
CURATED = 0.15
"""Share of the stories that editors gave links, three on average."""

LINKED = 0.7, 0.9, 0.98
"""Cumulative shares of links within an angle, an event and a saga; the rest, within a beat."""
LOOKED_AT = 3
"""Stories that an editor looks at for every link."""

PROVIDERS = 400


def news(stories: int, seed: int = 0, rate: float = 250.0) -> Corpus:
    """Make up ``stories`` stories, ``rate`` of them a day, in the order in which they came out."""
    rng = np.random.default_rng(seed)
    events = Events.happening(stories, rate, rng)
    told = Told.of(events, rate, rng)
    titles, excerpts = texts(events, told, rng)
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
