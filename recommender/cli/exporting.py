"""The command that writes what is served into files: JSONL, Parquet, or a file a story."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from recommender.cli.context import current
from recommender.errors import UsageError


def _path(text: str) -> Path:
    if not text:
        raise UsageError(
            "'' names nothing to write: give a file (-o related.jsonl) or a folder (--static public)"
        )
    return Path(text)


def export(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write.", metavar="FILE", parser=_path)
    ] = None,
    format_: Annotated[
        Literal["jsonl", "parquet"] | None,
        typer.Option(
            "--format",
            help="Of --output. jsonl: a line a story; parquet: a row a story and neighbour. "
            "If not given, parquet for a FILE that ends in .parquet, else jsonl.",
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            min=1,
            max=200,
            help="With --output: related stories of each story, at most; 50 by default.",
            metavar="N",
        ),
    ] = None,
    static: Annotated[
        Path | None,
        typer.Option(
            "--static",
            help="Folder to write instead, a file a story, for a CDN.",
            metavar="DIR",
            parser=_path,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, max=50, help="With --static: most stories of each answer; 10 by default.", metavar="N"
        ),
    ] = None,
) -> None:
    """Write every served list: as lines, as Parquet, or as a file a story for a CDN.

    With --output as ranked: nothing collapsed, nothing filled. With --static what GET /related?url=
    answers for each story; only lists that changed are written, and files of stories
    that are gone are deleted.

    Example:  recommender export -o related.jsonl -k 20

    Example:  recommender export -o related.parquet

    Example:  recommender export --static public/related
    """
    if (output is None) == (static is None):
        raise UsageError("choose one: --output FILE, or --static DIR")
    if static is None and limit is not None:
        raise UsageError("--limit is of --static; -k is how many stories of each --output has")
    if static is not None and (k is not None or format_ is not None):
        raise UsageError("-k and --format are of --output; --limit is how many stories an answer has")
    here = current(context)
    if static is not None:
        from recommender.static import export as run_static

        with here.open() as store:
            done = run_static(store, static, limit or 10, here.progress)
        here.say(
            f"{done.stories:,} stories in {static}: {done.written:,} files written, {done.deleted:,} deleted"
        )
        return
    assert output is not None  # noqa: S101  (one of the two is given)
    if (format_ or output.suffix.lower().lstrip(".")) == "parquet":
        from recommender.pipeline.parquet import export as run_parquet

        with here.open() as store:
            rows = run_parquet(store, output, k or 50, here.progress)
        here.say(f"{rows:,} rows written to {output}")
        return
    from recommender.pipeline.exporting import export as run_export

    with here.open() as store:
        written = run_export(store, output, k or 50, here.progress)
    here.say(f"{written:,} stories written to {output}")
