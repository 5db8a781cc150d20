"""The file that ``evaluate --html`` writes: what it measured, and what there is to set beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recommender import pointing
from recommender.pointing import Root
from recommender.store import Store


def trained(root: Root, store: Store) -> list[dict[str, Any]]:
    """List the models of a folder as ``GET /models`` does, newest first; ``store`` says which is served.

    Raises ``ModelError`` where the folder cannot be read.
    """
    from recommender import models

    active, generation = pointing.active(root), store.generation()
    served = None if generation is None else generation.model
    listed = []
    for manifest in reversed(models.listed(root)):
        ours = manifest.get("report", {}).get("systems", {}).get("recommender", {})
        listed.append(
            {
                "id": manifest["id"],
                "created": manifest["created"],
                "ndcg": ours.get("ndcg"),
                "interval": ours.get("interval"),
                "active": manifest["id"] == active,
                "served": manifest["id"] == served,
            }
        )
    return listed


def clicked(store: Store) -> dict[str, Any] | None:
    """Say what readers click, as JSON has it; ``None`` where nothing was clicked."""
    from recommender.evaluation import clickthrough

    found = clickthrough(store.events())
    return asdict(found) if found.clicked else None


def write(
    path: Path, report: Mapping[str, Any], models: list[dict[str, Any]], clicks: Mapping[str, Any] | None
) -> None:
    """Write the file, whole or not at all.  Raises ``UsageError`` where it cannot be written."""
    from recommender.pipeline.exporting import whole
    from recommender.web import reports

    page = reports.file(report, models, clicks)
    with whole(path) as partial:
        partial.write_text(page, "utf-8")
