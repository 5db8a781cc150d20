"""What FastAPI does not say of the API in the OpenAPI document, and what it says wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from recommender.api import accepting, events
from recommender.api.admitting import Gate
from recommender.api.problems import MEDIA_TYPE
from recommender.api.responses import problems_of

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}


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


def guarded(document: dict[str, Any], gate: Gate) -> None:
    """Say where there are limits, and where reading needs a key, in place."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            statuses = [429] if gate.counts(path) else []
            if gate.asks_for_key(method.upper(), path):
                operation["security"] = [{"key": []}]
                statuses += [401, 403]
            operation["responses"] |= {str(status): _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    (described,) = problems_of(status).values()
    content = {MEDIA_TYPE: described["content"][MEDIA_TYPE] | {"schema": _PROBLEM}}
    return {"description": described["description"], "content": content}


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
