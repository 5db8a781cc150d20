"""What a recompute would change, as a person likes to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import plain

if TYPE_CHECKING:
    from recommender.pipeline.differing import Difference, Moved


def difference(found: Difference) -> RenderableType:
    """Lay out a difference: numbers, and below them the stories that change most."""
    rows = [
        ("model", f"{found.model}, beside generation {found.generation} by {found.served}, which is served"),
        ("first ten change", f"{found.changed:,} of {found.stories:,} stories"),
        ("overlap@10", _number(found.overlap, "{:.3f}", "on average")),
        ("displacement", _number(found.displacement, "{:.2f}", "places on average, of those that stay")),
        ("entering", _sources(found.entering)),
        ("leaving", _sources(found.leaving)),
        ("new, gone", f"{found.new:,} stories without a list so far, {found.gone:,} without one then"),
    ]
    parts: list[RenderableType] = [show.facts(rows)]
    for story in found.most:
        table = show.borderless(header=False)
        for _ in range(3):
            table.add_column(no_wrap=True)
        table.add_column(overflow="fold", ratio=1)
        for sign, style, moved in (("+", "green", story.entering), ("−", "red", story.leaving)):
            for one in moved:
                table.add_row(Text(f"  {sign}", style), *_moved(one))
        if not (story.entering or story.leaving):
            table.add_row(Text("  ="), "", "", Text("the same stories in another order", "dim"))
        heading = Text(f"\n{plain(story.title)}", "bold")
        heading.append(f"  overlap {story.overlap:.2f}", "not bold dim")
        parts += [heading, table]
    return Group(*parts)


def _moved(one: Moved) -> tuple[str, Text, Text]:
    return (
        str(one.place),
        Text(one.source, "green" if one.source == "curated" else "dim"),
        Text(plain(one.title)),
    )


def _number(value: float | None, how: str, of_what: str) -> str:
    return "–" if value is None else f"{how.format(value)} {of_what}"


def _sources(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {source}" for source, count in counts.items())
