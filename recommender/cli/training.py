"""The command that learns, and what it says of the model that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli import show
from recommender.cli.context import Context, Json, current
from recommender.cli.engines import Engine, Scheduler, opened
from recommender.errors import NothingToLearn, UsageError

if TYPE_CHECKING:
    from recommender.pipeline.promoting import Comparison
    from recommender.pipeline.training import Trained


def train(
    context: typer.Context,
    activate: Annotated[
        bool,
        typer.Option(
            "--activate/--no-activate",
            help="Let the next recompute use the new model, if it is not worse than the active one.",
        ),
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Let the next recompute use it even if it is worse.")
    ] = False,
    clicks: Annotated[
        bool,
        typer.Option(
            "--clicks",
            help="Also learn from pairs that readers click more than their rank explains, and show what "
            "that is worth.",
        ),
    ] = False,
    engine_name: Engine = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Learn from the curated links what related means, and write models/<id>/.

    The table shows how the same settings do with the newest fifth of the linked stories held back;
    the model itself learns from all. What readers get does not change before the next recompute.
    The new model becomes the active one unless it is worse, on stories that neither has seen, by
    more than chance. With too few links nothing is learned and no model is written: the default
    ranker needs none. With --clicks the table has the same settings without clicks beside them:
    both are judged by editors' links alone, and know clicks of before the cut alone.

    Example:  recommender train && recommender recompute
    """
    from recommender.pipeline.training import train as run_training

    if force and not activate:
        raise UsageError("--force activates the new model, --no-activate does not: choose one")
    here = current(context)
    try:
        with opened(here, engine_name, scheduler) as run, here.open() as store:
            trained = run_training(
                store,
                here.models,
                activate=activate,
                force=force,
                clicks=clicks,
                engine=run,
                progress=here.progress,
            )
    except NothingToLearn as error:
        _not_trained(here, str(error), json=json)
        return
    if json:
        told = {"model": trained.model.id, "activated": trained.activated, "report": trained.report}
        here.out.print_json(data=told)
        return
    if "systems" in trained.report:
        here.out.print(show.evaluation(trained.report))
    else:
        here.say(f"Not evaluated: {trained.report['reason']}")
    if clicks:
        here.out.print(learned_from(trained.report["clicks"], trained.clicks), markup=False)
    here.out.print(verdict(trained.comparison), markup=False)
    here.out.print(f"model {trained.model.id}{' (active)' if trained.activated else ''}", markup=False)
    if activate and not trained.activated:
        _not_activated(here, trained)


def learned_from(found: Mapping[str, int], counted: int) -> str:
    """Say how many pairs the clicks counted taught, and by how many the table tells what they are worth."""
    if not counted:
        return "Clicks: no clicks were counted yet, so they taught nothing."
    if not found["pairs"]:
        return (
            f"Clicks: of {counted:,} counted, no pair that no editor linked has clearly more than its rank "
            "explains, so they taught nothing."
        )
    pairs = "1 pair" if found["pairs"] == 1 else f"{found['pairs']:,} pairs"
    before = found["before_cut"]
    worth = (
        f"What they are worth is told by {before:,}, of days before the cut: see `without clicks`."
        if before
        else "None is of days before the cut, so nothing tells what they are worth."
    )
    return f"Clicks: {pairs} that readers like and no editor linked. {worth}"


def verdict(found: Comparison) -> str:
    """Say in a sentence or two how a new model compares with the active one."""
    name = "the active model" if found.active is None else found.active
    if found.ahead is None:
        return f"Nobody can tell whether it is better than {name}: {found.reason}."
    least, most = found.ahead["interval"]
    how = "better" if least > 0 else "worse" if most < 0 else "neither better nor worse for sure"
    return (
        f"Beside {name}, on {found.queries} linked stories that neither has seen: nDCG@10 {found.new:.3f}, "
        f"{name} {found.old:.3f}; {found.ahead['mean']:+.3f} [{least:+.3f}, {most:+.3f}], {how}."
    )


def _not_activated(here: Context, trained: Trained) -> None:
    here.out.print(
        f"Not activated, since it is worse: {trained.comparison.active} stays active. `recommender models "
        f"activate {trained.model.id}`, or `recommender train --force`, takes it all the same.",
        markup=False,
    )


def _not_trained(here: Context, reason: str, *, json: bool) -> None:
    """Say why there is no new model, and what ranks: no failure, for the default ranker needs no links."""
    from recommender import default, models

    active = models.active(here.models)
    if json:
        here.out.print_json(data={"model": None, "reason": reason, "active": active or default.NAME})
        return
    here.say(f"Not trained: {reason}")
    if active is not None:
        here.say(
            f"Model {active} stays active; `recommender models activate {default.NAME}` leaves it for the "
            "default ranker."
        )
