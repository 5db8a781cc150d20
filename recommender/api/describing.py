"""What FastAPI does not say of the API in the OpenAPI document, and what it says wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recommender.api import accepting, events
from recommender.api.problems import MEDIA_TYPE


def complete(document: dict[str, Any]) -> None:
    """Make a document that FastAPI wrote true, in place."""
    document["components"]["schemas"] |= accepting.SCHEMAS | events.SCHEMAS
    for operation in _operations(document):
        for response in operation["responses"].values():
            content = response.get("content", {})
            if MEDIA_TYPE in content:
                # FastAPI files every model under the route's own media type.
                (routes_own,) = content.keys() - {MEDIA_TYPE}
                content[MEDIA_TYPE] |= content.pop(routes_own)
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave null out of what a parameter may be: a query has no word for it."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if not kinds:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
