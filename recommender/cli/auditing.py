"""The audit as an editor reads it: how many links of each reason, then the foremost of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated

import orjson
import typer
from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from recommender.cli import show
from recommender.cli.context import Json, current, plain
from recommender.pipeline.doubts import Audit, Doubt, Reason, View
from recommender.store import Named

LONGEST = 200
"""Characters shown of a headline."""

LIMIT = 10
"""Links shown of each reason."""

DIM, WARNING = Style(bold=False, dim=True), Style(bold=False, color="yellow")

MEANINGS = {
    Reason.DEAD: "no story answers to the target",
    Reason.ITSELF: "the target is another address of the story itself",
    Reason.UNPUBLISHED: "an end is removed, or the target is dated in the future",
    Reason.DUPLICATE: "one document gives the same target twice, under two addresses",
    Reason.LOOKS_WRONG: "the model scores it below 0.05, after 10 stories or more that nobody linked",
    Reason.ONE_WAY: "the target has links of its own, and none back",
}
"""Each reason in a line, in the order of the report."""


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(audit)


def audit(
    context: typer.Context,
    reason: Annotated[
        Reason | None, typer.Option(help="List the links of this reason only.", show_default=False)
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Links shown of each reason; by default 10, all with --json.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Report curated links that deserve a look, with the model's view of each.

    dead: no story answers to the target. itself: it is another address of the story itself.
    unpublished: an end is removed, or the target is dated in the future. duplicate: one document
    gives the same target twice, under two addresses. looks-wrong: the model scores it below 0.05,
    after 10 stories or more that nobody linked. one-way: the target has links of its own, and none
    back; these may be very many, so they are listed only with --reason or --json.

    Nothing is fetched and nothing is changed. Doubtful links are no failure: the exit code is 0.

    Example:  recommender audit --reason looks-wrong --limit 20
    """
    from recommender.pipeline.auditing import audit as run_audit

    here = current(context)
    asked = [reason] if reason else [one for one in Reason if json or one is not Reason.ONE_WAY]
    with here.open() as store:
        done = run_audit(store, time.time(), asked, limit or (None if json else LIMIT))
    if json:
        typer.echo(orjson.dumps(done.data(), option=orjson.OPT_INDENT_2).decode())
        return
    here.out.print(_counts(done))
    for doubts in done.doubts.values():
        if doubts:
            here.out.print(_group(done, doubts))
    if not here.quiet:
        here.out.print(_foot(done))


def _counts(done: Audit) -> RenderableType:
    table = show.borderless()
    table.add_column("reason")
    table.add_column("links", justify="right")
    table.add_column("", style="dim")
    for reason, count in done.counts.items():
        # Without a recompute there is no view: nothing looks wrong, and nothing looks right.
        unknown = reason is Reason.LOOKS_WRONG and done.generation is None
        table.add_row(
            reason, "–" if unknown else f"{count:,}", MEANINGS[reason], style="" if count else "dim"
        )
    head = Text(f"{done.links:,} curated links of {done.sources:,} stories", "bold")
    return Group(head, Text(), table)


def _group(done: Audit, doubts: Sequence[Doubt]) -> RenderableType:
    """Lay out the links of one reason: a story and its documents, and below it what it links to."""
    reason = doubts[0].reason
    count = done.counts[reason]
    shown = "" if count == len(doubts) else f"the first {len(doubts):,} of "
    table = show.borderless()
    for name in ("score", "rank", "link"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("story", ratio=1, overflow="fold")
    # The foremost link decides where a story stands; an editor who opens its document sees to all of them.
    opened: dict[tuple[int, tuple[str, ...]], list[Doubt]] = {}
    for doubt in doubts:
        opened.setdefault((doubt.source, tuple(given.origin for given in doubt.given)), []).append(doubt)
    for (_, origins), links in opened.items():
        table.add_row("", "", "", _source(done, links[0], origins))
        for doubt in links:
            table.add_row(*_view(doubt.view), str(doubt.given[0].place), _target(done, doubt))
    return Group(Text(f"\n{reason}", "bold yellow") + Text(f"  {shown}{count:,}", "dim"), table)


def _source(done: Audit, doubt: Doubt, origins: Sequence[str]) -> Text:
    text = _title(done.stories[doubt.source], "bold")
    first, *others = map(_file, origins)
    text.append(f"\n{first}{f', and {len(others):,} more' if others else ''}", DIM)
    if doubt.told_by is not None:
        text.append(f"\nThe story is shown as another document tells it: {_file(doubt.told_by)}", WARNING)
    return text


def _target(done: Audit, doubt: Doubt) -> Text:
    text = Text("→ ")
    if doubt.target is None:
        text.append(plain(doubt.key))
    else:
        target = done.stories[doubt.target]
        text += _title(target, "")
        text.append(f"\n  {plain(target.url)}", Style(dim=True, link=target.url))
    if doubt.detail:
        text.append(f"\n  {plain(doubt.detail)}", WARNING)
    return text


def _title(story: Named, style: str) -> Text:
    text = Text(plain(story.title)[:LONGEST], style)
    day = "undated" if story.published_at is None else show.when(story.published_at)[:10]
    return text.append(f"  {day}", DIM)


def _file(origin: str) -> str:
    """Name a document as it is opened from here."""
    path, here = PurePath(origin), Path.cwd()
    # What was posted, or is from a feed, has an address: as a path it would lose one of its slashes.
    return plain(str(path.relative_to(here)) if path.is_relative_to(here) else origin)


def _view(view: View | None) -> tuple[str, str]:
    """Write score and rank; ``47+`` is the 47th or later."""
    if view is None:
        return "–", "–"
    if view.rank is None:
        return "–", f"not in {view.listed}"
    score = "–" if view.score is None else f"{view.score:.3f}"
    return score, f"{view.rank}{'' if view.exact else '+'}"


def _foot(done: Audit) -> Text:
    lines = []
    if done.generation is None:
        lines.append("No model's view yet: run `recommender recompute`.")
    else:
        lines.append(
            f"Score and rank are those of model {plain(done.model or '–')}, generation {done.generation}, as "
            "if nobody had linked anything; 47+ is the 47th or later."
        )
    hidden = [reason for reason, count in done.counts.items() if count and reason not in done.doubts]
    if hidden:
        lines.append(f"Counted and not listed: {', '.join(hidden)}; `--reason` lists one, `--json` all.")
    return Text("\n" + "\n".join(lines), "dim")
