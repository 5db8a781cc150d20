"""Choosing from a story's neighbours: those that pass, of copies only one, and not all alike.

Nothing here reads by itself: cards come from a function that is given, as
they are needed, so that a list of ten costs about ten cards.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from math import sqrt
from typing import Final, NamedTuple

from recommender.neighbours import DIGITS, OWN, Neighbour
from recommender.service.options import Options
from recommender.service.selection import Filters, Read, Shown


class Chosen(NamedTuple):
    """A neighbour that is shown, what is shown of it, and its copies that pass too, best placed first.

    ``pinned`` if an editor put it there.
    """

    neighbour: Neighbour
    card: Shown
    copies: tuple[Shown, ...] = ()
    pinned: bool = False


_chosen: Final = partial(tuple.__new__, Chosen)
"""``Chosen`` for all its fields, without a call in Python for each."""


def choose(
    entries: Iterable[Neighbour],
    copies: Sequence[Neighbour],
    left_out: Collection[int],
    filters: Filters,
    read: Read,
    pins: Sequence[Chosen] = (),
) -> Iterator[Chosen]:
    """Yield the neighbours to show, in order, more than ``limit`` if there are more.

    ``entries`` are in the order of ``corpus.unpacked``; ``copies`` are those
    of ``corpus.copies``.  Those ``left_out``, by id, are never shown; ``pins``
    are shown besides.
    """
    options = filters.options
    chosen = _collapsed(entries, copies, left_out, filters, read)
    return diversified(list(chosen), options, pins) if options.diversity else chosen


def known(copies: Sequence[Neighbour], left_out: Collection[int]) -> set[int]:
    """Find the groups a reader has read: copies of the story itself, and of those left out."""
    return {OWN} | {one.group for one in copies if one.article in left_out}


def _collapsed(
    entries: Iterable[Neighbour],
    copies: Sequence[Neighbour],
    left_out: Collection[int],
    filters: Filters,
    read: Read,
) -> Iterator[Chosen]:
    options = filters.options
    read_before = known(copies, left_out)
    groups = {} if options.duplicates == "show" else _groups(admitted(copies, left_out, options))
    # Without filters almost all neighbours pass: no more cards are read than are likely shown.
    step = None if options.reads_cards else options.limit + len(left_out) - 1
    cards: dict[int, Shown] = {}
    seen: set[int] = set()
    entries = iter(entries)
    while listed := list(islice(entries, step)):
        batch = admitted(listed, left_out, options)
        wanted = [one.article for one in batch]
        if groups:
            # Which of its copies stands for a group is known once all of them are read.
            wanted += [member.article for one in batch for member in groups.get(one.group, ())]
            wanted = [article for article in dict.fromkeys(wanted) if article not in seen]
            seen.update(wanted)
        cards.update(filters.passing(read(wanted)))
        if not groups:
            yield from [_chosen((one, cards[one[0]], (), False)) for one in batch if one[0] in cards]
            continue
        for one in batch:
            members = groups.get(one.group)
            if members is None:
                if one.article in cards:
                    yield _chosen((one, cards[one.article], (), False))
            elif one.curated or one.group not in read_before:
                passing = [(each, cards[each.article]) for each in members if each.article in cards]
                yield from _foremost(one, passing, options)


def admitted(listed: Iterable[Neighbour], left_out: Collection[int], options: Options) -> list[Neighbour]:
    """Leave out whom ``options`` do without looking at cards."""
    least = options.min_score
    return [one for one in listed if one[0] not in left_out and (one[1] >= least or one[2])]


def _groups(copies: Iterable[Neighbour]) -> Mapping[int, list[Neighbour]]:
    """List the members of every group of copies, in their order."""
    groups: dict[int, list[Neighbour]] = defaultdict(list)
    for one in copies:
        groups[one.group].append(one)
    return groups


def _foremost(one: Neighbour, passing: list[tuple[Neighbour, Shown]], options: Options) -> Iterator[Chosen]:
    """Yield a neighbour if it stands for its group, of which those pass that are given, best placed first."""
    # Stable: an editor's choice comes before the better placed.
    passing.sort(key=lambda pair: not pair[0].curated)
    if passing and passing[0][0] == one:
        collapsed = options.duplicates == "collapse"
        yield Chosen(one, passing[0][1], tuple(card for _, card in passing[1:]) if collapsed else ())


_WORD: Final = re.compile(r"\w{4,}")
"""Shorter words are mostly those that all texts have, in any language written with spaces."""


_LEAST: Final = 0.5 * 10**-DIGITS
"""What counts for a score that is rounded to 0: there too the unlike come first."""


def diversified(ranked: Sequence[Chosen], options: Options, pins: Sequence[Chosen] = ()) -> Iterator[Chosen]:
    """Yield the same in an order in which neighbours are less alike.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) as a
    product: next comes the greatest score^(1 − d) · (1 − s)^d, where d is
    ``diversity`` and s the greatest similarity to what was yielded before or
    is pinned, 0–1; of equal ones the best ranked.  Scores of one list may be
    0.8 and 0.002: in a sum of the two, similarity alone would order all but
    the first few.  Similarity is the cosine of the sets of words in title and
    excerpt.  What ``curated=first`` puts first stays there.
    """
    weight = options.diversity
    words = [_words(one) for one in ranked]
    relevance = [max(one.neighbour.score, _LEAST) ** (1 - weight) for one in ranked]
    gain = relevance.copy()
    nearest = [0.0] * len(ranked)
    left = list(range(len(ranked)))

    def stands(mine: set[str]) -> None:
        for at in left:
            shared = len(mine & words[at])
            if shared and (alike := shared / sqrt(len(mine) * len(words[at]))) > nearest[at]:
                nearest[at] = alike
                gain[at] = relevance[at] * max(0.0, 1 - alike) ** weight

    for pin in pins:
        stands(_words(pin))
    while left:
        best = left[0]
        if options.curated != "first" or not ranked[best].neighbour.curated:
            best = max(left, key=gain.__getitem__)
        yield ranked[best]
        left.remove(best)
        stands(words[best])


def _words(one: Chosen) -> set[str]:
    return set(_WORD.findall(f"{one.card['title']} {one.card['excerpt']}".casefold()))
