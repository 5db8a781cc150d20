"""The words that two stories share and how rare they are, for a process that only answers.

``text`` makes vectors with scikit-learn, which takes a process 1.8 s and 80 MB
to load.  To name what two stories share needs neither vectors nor all of the
terms: so its analysis and its hash are here once more, in plain Python, and
``tests/test_terms.py`` holds the two against each other.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, NamedTuple, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from recommender.checksums import stamped, verified

Field = Literal["title", "excerpt"]

WORD: Final = re.compile(r"\b\w\w+\b")
"""A word: two letters, digits or underscores at least."""

COLUMNS: Final = 2**31 - 1
"""Numbers a term may have."""

_MAGIC: Final = b"terms 2\n"
_ALIGNED: Final = 8
"""Arrays begin at a multiple of this many bytes: numpy would copy any other at every search."""


# Rarity


@dataclass(frozen=True, slots=True)
class Rarity:
    """How rare terms are, by their hash.

    ``hashes`` (t,) int32, strictly ascending; ``idf`` (t,) float32; ``unseen``
    the idf of a term outside it.
    """

    hashes: NDArray[np.int32]
    idf: NDArray[np.float32]
    unseen: float

    def of(self, terms: Sequence[str]) -> list[float]:
        """Give the idf of each term."""
        if not len(self.hashes):
            return [self.unseen] * len(terms)
        wanted = np.array([hashed(term) for term in terms], np.int32)
        place = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        found: list[float] = np.where(self.hashes[place] == wanted, self.idf[place], self.unseen).tolist()
        return found


_MASK: Final = 0xFFFFFFFF


def hashed(term: str) -> int:
    """Hash a term: a word, or two with a space between them."""
    first, _, second = term.partition(" ")
    return paired(murmur(first), murmur(second)) if second else murmur(first)


def paired(first: int, second: int) -> int:
    """Hash a pair of words by the hashes of the two: MurmurHash3's last steps over a sum of both."""
    state = first * 0x9E3779B1 + second & _MASK
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    return (state ^ state >> 16) % COLUMNS


def trigrams(token: str) -> list[str]:
    """List the letter trigrams of what stands between two spaces, those spaces being part of them."""
    padded = f" {token} "
    return [padded[start : start + 3] for start in range(len(padded) - 2)]


@lru_cache(maxsize=16_384)
def murmur(word: str) -> int:
    """Hash a word as ``HashingVectorizer`` does: the amount of its MurmurHash3 (32 bits, seed 0)."""
    key = word.encode()
    mask = _MASK
    state = 0
    for start in range(0, len(key), 4):
        block = int.from_bytes(key[start : start + 4], "little") * 0xCC9E2D51 & mask
        state ^= (block << 15 | block >> 17) * 0x1B873593 & mask
        if start + 4 <= len(key):
            state = (state << 13 | state >> 19) * 5 + 0xE6546B64 & mask
    state ^= len(key)
    state = (state ^ state >> 16) * 0x85EBCA6B & mask
    state = (state ^ state >> 13) * 0xC2B2AE35 & mask
    state ^= state >> 16
    if state == 1 << 31:  # its amount is no int32; scikit-learn has this for it
        return 1
    return min(state, (1 << 32) - state) % COLUMNS


# The text space of a generation


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A text space as it is stored: all that ``text.TextSpace`` has learned, and the words it passes over."""

    title_weight: float
    stop_words: frozenset[str]
    words: Rarity
    trigrams: Rarity

    def to_bytes(self) -> bytes:
        """Write it: a line of JSON padded with spaces, hashes and idf of words and trigrams, a checksum."""
        spaces = {"words": self.words, "trigrams": self.trigrams}
        head = {
            "title_weight": self.title_weight,
            "stop_words": sorted(self.stop_words),
            **{name: {"terms": len(one.hashes), "unseen": one.unseen} for name, one in spaces.items()},
        }
        line = _MAGIC + orjson.dumps(head)
        line += b" " * (-(len(line) + 1) % _ALIGNED) + b"\n"
        arrays = [
            array.tobytes()
            for one in spaces.values()
            for array in (one.hashes.astype("<i4"), one.idf.astype("<f4"))
        ]
        return stamped(b"".join([line, *arrays]))

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """Read what ``to_bytes`` wrote; the arrays stay where they are.

        Raises ``ValueError`` for anything else: another format, cut short,
        changed, terms out of order, numbers that are none.
        """
        if not packed.startswith(_MAGIC):
            raise ValueError("a vocabulary of another format than this program reads")
        try:
            packed = verified(packed)
        except ValueError as error:
            raise ValueError(f"a vocabulary that is {error}") from error
        end = packed.find(b"\n", len(_MAGIC)) + 1
        try:
            head = orjson.loads(packed[len(_MAGIC) : end])
            sizes = [int(head[name]["terms"]) for name in ("words", "trigrams")]
            unseen = [float(head[name]["unseen"]) for name in ("words", "trigrams")]
            weight, stop_words = float(head["title_weight"]), frozenset(map(str, head["stop_words"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"a vocabulary whose head cannot be read: {error}") from error
        if min(sizes) < 0 or end + 8 * sum(sizes) != len(packed) or not np.isfinite([*unseen, weight]).all():
            raise ValueError("a vocabulary that is cut short, or does not say what it holds")
        words, trigrams = (
            _rarity(packed, start, size, other)
            for start, size, other in zip((end, end + 8 * sizes[0]), sizes, unseen, strict=True)
        )
        return cls(weight, stop_words, words, trigrams)


def _rarity(packed: bytes, start: int, size: int, unseen: float) -> Rarity:
    hashes = np.frombuffer(packed, "<i4", size, start)
    idf = np.frombuffer(packed, "<f4", size, start + 4 * size)
    if (hashes[1:] <= hashes[:-1]).any() or (hashes[:1] < 0).any() or not np.isfinite(idf).all():
        raise ValueError("a vocabulary whose terms are out of order, or have no weight")
    return Rarity(hashes, idf, unseen)


# What two texts share


class Text(NamedTuple):
    """A story's words without stop words, numbered through title and excerpt.

    ``places`` has of every word and every pair of words (``"task force"``)
    where it begins, ascending; the excerpt begins at ``excerpt``.
    """

    places: dict[str, list[int]]
    excerpt: int

    @classmethod
    def of(cls, title: str, excerpt: str, stop_words: Collection[str]) -> Self:
        """Analyse a text as ``text`` does: two letters or more, in lower case, no pair across the fields."""
        places: dict[str, list[int]] = defaultdict(list)
        start = 0
        begins = 0
        for text in (title, excerpt):
            words = [word for word in WORD.findall(text.lower()) if word not in stop_words]
            for place, word in enumerate(words, start):
                places[word].append(place)
            for place, pair in enumerate(pairwise(words), start):
                places[" ".join(pair)].append(place)
            begins, start = start, start + len(words)
        return cls(dict(places), begins)

    def fields(self, term: str) -> list[Field]:
        """Tell where a term of this text stands."""
        places = self.places[term]
        there: list[tuple[Field, bool]] = [
            ("title", places[0] < self.excerpt),
            ("excerpt", places[-1] >= self.excerpt),
        ]
        return [name for name, found in there if found]

    def covered(self, term: str) -> set[int]:
        """List the words, by number, that a term of this text takes, wherever it stands."""
        length = term.count(" ") + 1
        return {place + word for place in self.places[term] for word in range(length)}


class Shared(NamedTuple):
    """A term of two texts, its idf, and in which fields of the story and of the item it stands."""

    term: str
    weight: float
    story: list[Field]
    item: list[Field]


def shared(story: Text, item: Text, rarity: Rarity, most: int) -> list[Shared]:
    """Name the terms two texts share, rarest first, ``most`` at most.

    A term all of whose words belong to rarer ones already named, in either
    text, adds nothing and is left out: ``task force`` stands for ``task`` and
    ``force``, unless both texts have one of them elsewhere too.
    """
    common = list(story.places.keys() & item.places.keys())
    ranked = sorted(
        zip(rarity.of(common), common, strict=True),
        # Of equal ones the longer first, then as they stand in the story; the same in every process.
        key=lambda one: (-one[0], -one[1].count(" "), story.places[one[1]][0], one[1]),
    )
    told: list[Shared] = []
    taken_story: set[int] = set()
    taken_item: set[int] = set()
    for weight, term in ranked:
        in_story, in_item = story.covered(term), item.covered(term)
        if in_story <= taken_story or in_item <= taken_item:
            continue
        told.append(Shared(term, weight, story.fields(term), item.fields(term)))
        if len(told) == most:
            break
        taken_story |= in_story
        taken_item |= in_item
    return told
