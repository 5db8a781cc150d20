"""A store of any size, as a newsroom's would look to who reads it: made up, and made fast.

Titles of about 10 words, excerpts of about 30, a story every five minutes, fifty neighbours each
that are near in time, with reasons of the length real ones have.  Nothing is trained or ranked: serving does
not care.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from recommender.articles import Article, Document, Image, Provider
from recommender.corpus import NEIGHBOUR_DTYPE
from recommender.entries import encode
from recommender.reasons import Parts
from recommender.store import Store

BATCH = 2_000
NEIGHBOURS = 50
NEAR = 400
"""Neighbours are among this many stories on each side."""

NEWEST = datetime(2024, 6, 1, tzinfo=UTC)
APART = timedelta(minutes=5)
PARTS = Parts(("words", "headline", "likeness", "time", "topics", "source", "links"), -5.2)

SYLLABLES = ("ba", "co", "du", "fe", "gi", "ha", "jo", "ku", "la", "me", "ni", "po", "ra", "se", "ti", "vo")
WORDS = [first + second + third for first in SYLLABLES for second in SYLLABLES for third in ("", "n", "s")]
TOPICS = ["Politics", "Transport", "Sports", "Culture", "Science", "Business", "Weather", "Health"]
# Not .example, which is spelt with "amp" and so takes the longer way to its normal form.
PROVIDERS = [Provider(f"The {word.title()}", f"{word}.test") for word in WORDS[:40]]


def url(number: int) -> str:
    """Give the address of the ``number``-th story, from 0."""
    provider = PROVIDERS[number % len(PROVIDERS)]
    words = "-".join(WORDS[(number * step) % len(WORDS)] for step in (7, 31, 101, 211, 499))
    return f"https://{provider.domain}/2024/{words}-{number}"


def story(number: int, of: int) -> Article:
    """Make the ``number``-th of ``of`` stories, the same every time."""
    drawn = random.Random(number)
    address = url(number)
    provider = PROVIDERS[number % len(PROVIDERS)]
    picture = f"https://images.{provider.domain}/pictures/{number}/original.jpg"
    return Article(
        key=address,
        url=address,
        title=" ".join(drawn.choices(WORDS, k=drawn.randint(7, 13))).capitalize(),
        excerpt=" ".join(drawn.choices(WORDS, k=drawn.randint(22, 38))).capitalize() + ".",
        published_at=NEWEST - APART * (of - number),
        web_url=address,
        amp_web_url=f"{address}/amp",
        cdn_amp_web_url=f"https://{provider.domain.replace('.', '-')}.cdn.test/c/s/{address[8:]}/amp",
        quality=drawn.randint(40, 100),
        provider=provider,
        topics=tuple(drawn.sample(TOPICS, drawn.randint(1, 2))),
        images=tuple(Image(picture, 1200, 630, False) for _ in range(drawn.randint(0, 2))),
    )


def make(path: Path, stories: int) -> None:
    """Write a store of that many stories with one generation into a file that is not there yet."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with Store.open(f"sqlite:///{partial}") as store:
        for start in range(0, stories, BATCH):
            batch = (story(number, stories) for number in range(start, min(start + BATCH, stories)))
            store.save([encode(Document(one.url, one), "") for one in batch])
        ids = store.corpus().ids
        store.publish("made-up", _lists(ids), parts=PARTS.to_json())
    partial.rename(path)  # closed, so its log is in it


def _lists(ids: np.ndarray) -> Iterator[tuple[int, bytes, bytes]]:
    """Rank neighbours at random: one story in ten has three that an editor linked, one in twenty a copy."""
    drawn = np.random.default_rng(0)
    reasons = bytes(PARTS.record.itemsize * NEIGHBOURS)
    for at, article in enumerate(ids):
        low = max(0, min(at - NEAR, len(ids) - 2 * NEAR - 1))
        near = drawn.choice(min(2 * NEAR, len(ids) - 1), NEIGHBOURS, replace=False) + low
        packed = np.zeros(NEIGHBOURS, NEIGHBOUR_DTYPE)
        packed["article"] = ids[near + (near >= at)]
        packed["score"] = np.sort(drawn.random(NEIGHBOURS, np.float32) ** 4)[::-1]
        if at % 10 == 0:
            packed["curated"][:3] = 1, 2, 3
        if at % 20 == 0:
            packed["group"][3:5] = 1
        yield int(article), packed.tobytes(), reasons
