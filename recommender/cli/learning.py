"""Commands that change what is served: import, recompute; and evaluate, ``train`` and ``export`` beside them.

A command imports what it runs when it runs: the numeric libraries take longer
to load than a small import takes.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from recommender import engine
from recommender.cli import charting, show, watching
from recommender.cli.context import REJECTED, Context, Json, current
from recommender.cli.engines import Engine, Scheduler, opened
from recommender.cli.exporting import export
from recommender.cli.training import train
from recommender.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("import")(import_)
    app.command()(train)
    app.command()(recompute)
    app.command()(evaluate)
    app.command()(export)


def import_(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files or folders of stories.")],
    watch: Annotated[bool, typer.Option("--watch", help="Go on: import what changes, until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks of --watch.", metavar="SECONDS")
    ] = 1.0,
    json: Json = False,
) -> None:
    """Import stories from files and folders.

    Front matter (.md .markdown .txt), JSON and JSONL, RSS, Atom and JSON Feed, and HTML pages.
    Importing again touches only what changed. A file that is no story is rejected by name, line
    and reason, and the rest goes on; then the exit code is 3. With --watch it prints a line for each
    batch; a folder that is away and a store that is being written are waited for.

    Example:  recommender import seeds/ more/stories.jsonl
    """
    from recommender.pipeline.importing import import_paths

    for path in paths:
        if str(path).startswith(("http:/", "https:/")):
            raise UsageError(f"{path}: addresses are not fetched; download it and import the file")
    here = current(context)
    if here.verbose:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("recommender").setLevel(logging.INFO)
    with here.open(create=True) as store:
        if watch:
            watching.watch(here, store, paths, every, json=json)
            return
        report = import_paths(store, paths, here.progress, here.settings.tzinfo)
    if json:
        here.out.print_json(data=asdict(report), ensure_ascii=True)  # a file may have any name
    else:
        saved = report.saved
        rows = [
            ("files", f"{report.files:,} ({report.unchanged:,} unchanged, not read again)"),
            ("stories", f"{saved.new:,} new, {saved.changed:,} changed, {saved.unchanged:,} as they were"),
            ("curated links", f"{saved.links_added:,} added, {saved.links_removed:,} removed"),
            ("rejected", f"{len(report.rejections):,}"),
        ]
        here.out.print(show.facts(rows))
        if not here.quiet:
            show.warnings(report, here.err, every=here.verbose)
        show.rejections(report, here.err)
    if report.rejections:
        raise typer.Exit(REJECTED)


def recompute(
    context: typer.Context,
    engine_name: Engine = None,
    scheduler: Scheduler = None,
    since_last: Annotated[
        bool,
        typer.Option(
            "--since-last",
            help="Rank only stories in whose lists something belongs that was imported since the last time: "
            "the lists are the same, a few hundred new stories take seconds.",
        ),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Publish nothing: show what would change against what is served.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="With --diff: this model, or `default`, and not the active one.", metavar="ID"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="With --diff: most changed stories to show; 10 by default.", metavar="N"),
    ] = None,
    json: Json = False,
) -> None:
    """Rank every story's neighbours with the active model and publish them, all at once.

    With --engine dask the workers of a cluster rank, and the lists are the same. With --diff nothing
    is published: it says how many stories' first ten would change, by how much, and which most.

    Example:  recommender import new/ && recommender recompute --since-last
    Example:  recommender recompute --diff --model default
    Example:  recommender recompute --engine dask --scheduler tcp://10.0.0.5:8786
    """
    if not diff and (model is not None or limit is not None):
        raise UsageError(
            "--model and --limit are of --diff; `recommender models activate ID` chooses a model"
        )
    if diff and since_last:
        raise UsageError("--diff compares all lists, --since-last makes some: choose one")
    from recommender import default
    from recommender.pipeline.recomputing import recompute as run_recompute
    from recommender.pipeline.refreshing import refresh

    here = current(context)
    if diff:
        with opened(here, engine_name, scheduler) as run:
            _differ(here, run, model, limit, json=json)
        return
    verb = refresh if since_last else run_recompute
    with opened(here, engine_name, scheduler) as run, here.open() as store:
        done = verb(store, here.models, here.settings.neighbours, run, here.progress)
    if json:
        here.out.print_json(data=asdict(done))
        return
    if done.model == default.NAME:
        here.say(
            "No model is trained yet: ranked by the default ranker, which other newsrooms' links taught. "
            "`recommender train` learns one from yours."
        )
    here.out.print(
        f"generation {done.generation}: {done.stories:,} stories, of which {done.ranked:,} were ranked now, "
        f"with {done.neighbours:,} neighbours; model {done.model}",
        markup=False,
    )


def _differ(here: Context, run: engine.Engine, model: str | None, limit: int | None, *, json: bool) -> None:
    from recommender.cli import differing
    from recommender.pipeline.differing import SHOWN, difference

    with here.open() as store:
        found = difference(
            store,
            here.models,
            model,
            here.settings.neighbours,
            run,
            here.progress,
            limit=SHOWN if limit is None else limit,
        )
    if json:
        here.out.print_json(data=asdict(found))
    else:
        here.out.print(differing.difference(found))


def evaluate(
    context: typer.Context,
    protocol: Annotated[
        str,
        typer.Option(
            help="cold: the day a story comes out, its links unknown; warm: a story of the archive, "
            "its own links unknown, all others drawn."
        ),
    ] = "cold",
    cut: Annotated[
        str | None,
        typer.Option(
            help="Cold: hide links of stories published after this time (a date is its first moment); "
            "by default those of the newest fifth.",
            metavar="DATE",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Warm: which tenth of the linked stories is asked; 0 by default.", metavar="N"
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Length of the lists.")] = 10,
    compare: Annotated[
        str,
        typer.Option(
            help="Systems to compare with, any number: the default ranker, which knows none of these "
            "links, baselines, and with their extras bm25 and minilm.",
            metavar="NAME,…",
        ),
    ] = "default,tfidf,tfidf-decay,trigram-decay",
    slices: Annotated[
        bool,
        typer.Option("--slices", help="Also show the queries by provider, topic, age and number of links."),
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option(help="Also write the report, slices included, to this file.", metavar="FILE"),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page to this file, with plots: of this, of the models there are, and of what "
            "readers click. It needs nothing beside it.",
            metavar="FILE",
        ),
    ] = None,
    per_query: Annotated[
        Path | None,
        typer.Option(
            help="Also write every query's lists, right answers and metrics to this file: JSONL, a line "
            "a query.",
            metavar="FILE",
        ),
    ] = None,
    engine_name: Engine = None,
    scheduler: Scheduler = None,
) -> None:
    """Measure the ranking against the editors' own links, next to baselines.

    Links are hidden by a protocol, a ranker is trained on the rest, and then asked for them. nDCG
    comes with a 95 % bootstrap interval, each comparison with a paired one.

    Example:  recommender evaluate --compare tfidf-decay,bm25 --slices --json report.json

    Example:  recommender evaluate --html report.html
    """
    from recommender.pipeline.evaluating import judge

    here = current(context)
    for path in (json, html, per_query):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"{path}: cannot be written: no folder {path.parent}")
    systems = [name.strip() for name in compare.split(",") if name.strip()]
    with opened(here, engine_name, scheduler) as run:
        with here.open() as store:
            corpus = store.corpus()
            beside = None if html is None else (charting.trained(here.models, store), charting.clicked(store))
        judged = judge(corpus, _date(cut), k, systems, run, here.progress, protocol=protocol, seed=seed)
    report = judged.report()
    if json is not None:
        _write(json, orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if html is not None and beside is not None:
        charting.write(html, report, *beside)
    if per_query is not None:
        lines = (orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in judged.per_query())
        _write(per_query, b"".join(lines))
    here.out.print(show.evaluation(report))
    if slices:
        here.out.print(show.slices(report))


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--cut {text!r}: expected a date such as 2024-03-22 or 2024-03-22T18:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write(path: Path, body: bytes) -> None:
    try:
        path.write_bytes(body)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
