"""A made-up language for made-up news: how its words are spelled, and how often they come.

Lemmas are numbers: 0 … ``LEMMAS`` − 1 are words of the language, each in some
``FORMS``; numbers from there on are names, in one form.  Words of a text are
numbers too, of ``Language.spelled``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LEMMAS = 16_000
FORMS = ("", "s", "ed")
COMMON = 2.5
"""A lemma drawn as ``LEMMAS`` × u ** COMMON, u uniform, is one of the common ones more often than not."""
FORM_SHARES = (0.62, 0.24, 0.14)

_ONSETS = "s r t l n m c d p b f g h v st w pr tr ch j k br cl cr dr fl gr pl qu sh sl sp str th"
_VOWELS = "e a i o u ea io ai ee ou ie"
_CODAS = "- - - - n r s t l m d ng nt st ck nd ll"
"""Parts of syllables, those that come most first; most syllables end with their vowel."""

_FILLERS = """the*30 to*15 of*13 in*13 a*13 and*13 for*7 on*6 with*4 is*4 that*4 it*3 as*3 at*3 by*3 from*3
has*3 was*3 are*3 an*2 after*2 be*2 will*3 his*2 not*2 who*2 this*2 he*2 have*2 their*2 its*2 more*2 about*2
but*2 they*2 over up were been before against how what all one"""
"""Words without a meaning of their own, which analysis passes over, with how often they come."""

OF_THE = "of the", "in the", "to the", "on the", "for the", "at the", "and the", "with the", "from the"
"""What comes in front of a word as often as not, rather than one filler."""


@dataclass(frozen=True, slots=False)
class Language:
    """All words, as strings: ``fillers``, then every form of every lemma, then ``names`` names.

    ``partner`` (LEMMAS + names,) is the lemma that mostly comes after a lemma
    (health officials; a first name and its last name), or −1.
    """

    words: list[str]
    fillers: int
    partner: Ints

    @classmethod
    def make(cls, names: int, rng: np.random.Generator) -> Self:
        """Spell ``LEMMAS`` words and ``names`` names, no two the same."""
        singles = [part.partition("*") for part in _FILLERS.split()]
        fillers = [word for word, _, often in singles for _ in range(int(often or 1))]
        fillers += [word for word in OF_THE for _ in range(4)]
        stems = _stems(LEMMAS + names, set(fillers), rng)
        lemmas = [stem + form for stem in stems[:LEMMAS] for form in FORMS]
        partner = np.full(LEMMAS + names, -1)
        # One word in four has a partner of its own kind, one name in two.
        for first, size, share in ((0, LEMMAS, 0.25), (LEMMAS, names, 0.5)):
            has = first + np.flatnonzero(rng.random(size) < share)
            partner[has] = first + (rng.random(len(has)) ** COMMON * size).astype(np.int64)
        return cls(
            [*fillers, *lemmas, *(stem.capitalize() for stem in stems[LEMMAS:])], len(fillers), partner
        )

    @cached_property
    def spelled(self) -> NDArray[np.object_]:
        """All words as an array, to be picked from by number."""
        return np.array(self.words, object)

    def forms(self, lemmas: Ints, rng: np.random.Generator) -> Ints:
        """Give each lemma a form it has, as the number of a word; −1 stays −1."""
        form = np.searchsorted(np.cumsum(FORM_SHARES), rng.random(len(lemmas)))
        word = np.where(
            lemmas < LEMMAS, lemmas * len(FORMS) + np.minimum(form, 2), lemmas + LEMMAS * (len(FORMS) - 1)
        )
        return np.where(lemmas < 0, -1, word + self.fillers)


def _stems(count: int, taken: set[str], rng: np.random.Generator) -> list[str]:
    """Spell ``count`` different words; those that come first, and will be used most, are shorter."""
    stems: dict[str, None] = {}
    # Forms are told apart by their endings: a stem that ends like one could be another's form.
    while len(stems) < count:
        missing = int((count - len(stems)) * 1.3) + 100
        longer = np.minimum(1, (np.arange(missing) + len(stems)) / LEMMAS)
        syllables = (
            1 + (rng.random(missing) < 0.7 + 0.25 * longer) + (rng.random(missing) < 0.05 + 0.2 * longer)
        )
        parts = [
            np.char.add(np.char.add(_drawn(_ONSETS, missing, rng), _drawn(_VOWELS, missing, rng)),
                        _drawn(_CODAS, missing, rng))
            for _ in range(3)
        ]  # fmt: skip
        ending = [parts[0], np.char.add(parts[0], parts[1]), np.char.add(np.char.add(*parts[:2]), parts[2])]
        chosen = np.choose(syllables - 1, [part.astype("U24") for part in ending])
        stems.update(dict.fromkeys(word for word in chosen.tolist() if word not in taken))
    return list(stems)[:count]


def _drawn(parts: str, count: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Draw parts of words, the first ones more often, as letters are."""
    return np.array(parts.replace("-", "").split(" "))[
        (rng.random(count) ** 2.4 * (parts.count(" ") + 1)).astype(np.int64)
    ]


def ranks(kinds: int, exponent: float, shift: float) -> NDArray[np.float64]:
    """Cumulative shares (kinds,) by rank after Zipf and Mandelbrot: 1 / (rank + shift) ** exponent."""
    share = (np.arange(1, kinds + 1) + shift) ** -exponent
    return np.asarray(np.cumsum(share) / share.sum())


def drawn(cumulative: NDArray[np.float64], count: int | tuple[int, int], rng: np.random.Generator) -> Ints:
    """Draw ranks, from 0: ``count`` of them, or an array of that shape."""
    return np.minimum(np.searchsorted(cumulative, rng.random(count)), len(cumulative) - 1)
