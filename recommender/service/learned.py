"""What models there are, which is active, which is served, and how good that one is.

Read from the store, where ``train`` records every model's report: who answers
need not have the models.  Only what is active is told by their folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from recommender import pointing
from recommender.articles import iso
from recommender.errors import RecommenderError
from recommender.store import Store

_OURS: Final = "recommender"
"""This project among the systems of a report."""


def models(store: Store, root: pointing.Root) -> dict[str, Any]:
    """List the models that the store knows of, newest first, and name those that are active and served.

    ``active`` is ``None`` where there are no models to be seen, ``served``
    before the first recompute; ``default`` is the default ranker.
    """
    generation = store.generation()
    active, served = _active(root), None if generation is None else generation.model
    listed = []
    for record in store.models():
        data = record.report.get("data", {})
        ours = record.report.get("systems", {}).get(_OURS, {})
        listed.append(
            {
                "id": record.id,
                "created": _time(record.created_at),
                # A report of an older program says of how many stories it is, and of links nothing.
                "stories": data.get("stories", record.report.get("stories")),
                "links": data.get("links"),
                "ndcg": ours.get("ndcg"),
                "interval": ours.get("interval"),
                "active": None if active is None else record.id == active,
                "served": record.id == served,
            }
        )
    return {"active": active, "served": served, "models": listed}


def evaluation(store: Store, now: int) -> dict[str, Any]:
    """Give the report of the model whose lists are served, as ``train`` recorded it.

    ``report`` is ``None``, and ``note`` says why, for the default ranker, for a
    model that was trained elsewhere, and before the first recompute.
    ``stories`` have a list; ``newest`` is when the last one came out, of those
    that have until ``now`` (seconds since 1970, UTC), listed or not.
    """
    generation = store.generation()
    newest = next((_time(card.published_at) for _, card in store.near(now, None, now, 1)), None)
    if generation is None:
        return _evaluation(newest=newest, note="nothing was recomputed yet")
    told: dict[str, Any] = {"model": generation.model, "generation": generation.id}
    told |= {"stories": generation.stories, "newest": newest}
    if generation.model == pointing.DEFAULT:
        note = (
            "served by the default ranker, which has learned nothing here; reports of others name it beside"
        )
        return _evaluation(**told, note=note)
    record = next((one for one in store.models() if one.id == generation.model), None)
    if record is None:
        return _evaluation(**told, note="this store has no report of the model: it was trained on another")
    report = {name: value for name, value in record.report.items() if name != "data"}
    told |= {"trained": _time(record.created_at), "data": record.report.get("data")}
    return _evaluation(**told, report=report)


def _evaluation(
    *,
    model: str | None = None,
    generation: int | None = None,
    stories: int = 0,
    newest: str | None = None,
    trained: str | None = None,
    data: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    return {
        "model": model,
        "generation": generation,
        "stories": stories,
        "newest": newest,
        "trained": trained,
        "data": data,
        "report": report,
        "note": note,
    }


def _active(root: pointing.Root) -> str | None:
    try:
        if not pointing.place(root).is_dir():
            return None
        return pointing.active(root) or pointing.DEFAULT
    except (RecommenderError, OSError):
        return None


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))
