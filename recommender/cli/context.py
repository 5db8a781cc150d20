"""What all commands share: settings, the terminal, the store."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from recommender.newsrooms import Newsroom
from recommender.pointing import Root
from recommender.settings import Settings
from recommender.store import Store

Item = TypeVar("Item")

DONE, FAILED, WRONG_USE, REJECTED = 0, 1, 2, 3
"""Exit codes: all done; failed; called wrongly; done, but some input was rejected."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@dataclass(slots=True)
class Context:
    """Settings of this call, and where to print: results on ``out``, all else on ``err``."""

    settings: Settings
    quiet: bool = False
    verbose: bool = False
    out: Console = field(default_factory=lambda: _console(width=None if sys.stdout.isatty() else 120))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    @property
    def newsroom(self) -> Newsroom:
        """Whose stories and models these are."""
        return Newsroom.of(self.settings)

    @property
    def models(self) -> Root:
        """Where its models are."""
        return self.newsroom.models

    def open(self, *, create: bool = False) -> Store:
        """Open its store."""
        return Store.open(self.newsroom.store, create=create)

    def say(self, message: str) -> None:
        """Tell a person what happened, unless ``--quiet``."""
        if not self.quiet:
            self.err.print(plain(message), markup=False)

    def progress(self, items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
        """Show a bar on a terminal, and one line when it is done elsewhere."""
        if self.quiet or total == 0:
            yield from items
        elif self.err.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            with Bar(*columns, console=self.err, transient=True) as bar:
                yield from bar.track(items, total=total, description=label)
        else:
            yield from items
            self.say(f"{label}: {total} of {total}")


def _console(**options: Any) -> Console:
    # Texts are stories' and editors': "[/b]" in one is no markup, and ":bomb:" no picture.
    return Console(highlight=False, markup=False, emoji=False, **options)


def current(context: typer.Context) -> Context:
    """Find what the global options made."""
    found = context.find_object(Context)
    assert found is not None  # noqa: S101  (the callback that runs before every command sets it)
    return found


def plain(text: str) -> str:
    """Leave out control characters: a headline must not drive the reader's terminal."""
    return "".join(char for char in text.replace("\n", " ") if char.isprintable() or char in "\u200d\ufe0f")
