"""An explained answer as a person reads it: below each story what it shares, and what made its score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import plain

if TYPE_CHECKING:
    from recommender.service import Answer

SLIGHT = 0.05
"""Log-odds under which groups are told together: they move no score by more than a hundredth."""

BAR = 2.0
"""Blocks drawn for a log-odds of 1."""

LINKS = {
    "story": "linked to by the story's editors",
    "item": "its editors linked to the story",
    "both": "linked to each other by editors",
    None: "linked by editors",
}


def explained(answer: Answer, now: datetime) -> RenderableType:
    """Lay out an answer of the service that has ``why``."""
    if not answer.items:
        return show.related(answer, now)
    parts: list[RenderableType] = []
    for item in answer.items:
        head = Text.assemble((f"{item['rank']:>2}  ", "dim"), f"{item['score']:.2f}  ")
        head.append(plain(item["title"]), Style(bold=True, link=item["webUrl"]))
        facts = (item["source"], show.outlet(item), show.age(item["publishedDateTime"], now))
        head.append(f"  {' · '.join(facts)}", "dim")
        table = show.borderless(header=False)
        table.add_column(style="dim", width=14, justify="right")
        table.add_column(overflow="fold")
        for name, value in _rows(item["why"]):
            table.add_row(name, value)
        parts += [head, table, Text()]
    return Group(*parts, show.made_by(answer))


def _rows(why: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    """Name what is known; what is not is left out."""
    if why["terms"]:
        yield "shares", _terms(why)
    elif why["terms"] is not None:
        yield "shares", Text("no words", "dim")
    if why["topics"]:
        yield "topics", Text(plain(", ".join(why["topics"])))
    if why["days_apart"] is not None:
        yield "published", Text(_apart(why["days_apart"]))
    if link := why["curated"]:
        yield "editors", Text(f"{LINKS[link['by']]}, place {link['place']}", "green")
    if why["co_curated"]:
        titles = "; ".join(f"“{one['title']}”" for one in why["co_curated"])
        yield "linked too", Text(plain(titles))
    if why["parts"]:
        yield "score", _parts(why["parts"])


def _terms(why: Mapping[str, Any]) -> Text:
    text = Text()
    for one in why["terms"]:
        text.append(", " if text else "")
        # A headline says more of a story than what follows it.
        text.append(plain(one["term"]), "bold" if "title" in one["story"] and "title" in one["item"] else "")
        text.append(f" {one['weight']:.1f}", "dim")
    return text


def _apart(days: float) -> str:
    if days == 0:
        return "at the same time"
    hours = abs(days) * 24
    amount = f"{abs(days):.1f} days" if hours >= 48 else f"{hours:.1f} hours"
    return f"{amount} {'later' if days > 0 else 'earlier'}"


def _parts(parts: Mapping[str, float]) -> Text:
    """Draw the groups, greatest first, and what every pair has."""
    groups = {name: part for name, part in parts.items() if name != "base"}
    told = sorted(
        (name for name in groups if abs(groups[name]) >= SLIGHT), key=lambda name: -abs(groups[name])
    )
    text = Text()
    for name in told:
        style = "green" if groups[name] > 0 else "red"
        text.append(f"{plain(name)} ")
        text.append("█" * round(BAR * abs(groups[name])), style)
        text.append(f"{groups[name]:+.2f}  ", style)
    rest = sum(part for name, part in groups.items() if name not in told)
    if abs(rest) >= 0.005:
        text.append(f"others {rest:+.2f}  ", "dim")
    text.append(f"every pair {parts['base']:+.2f}", "dim")
    return text
