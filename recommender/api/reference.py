"""The page at ``/docs``: the OpenAPI document for people, with nothing loaded from anywhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any, Final

from starlette.responses import HTMLResponse

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8885; --accent: light-dark(#0a58ca, #8ab4f8) }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 54rem; margin: 3rem auto; padding: 0 1.25rem }
h1 { line-height: 1.2 } h2 { margin: 3rem 0 .25rem; font-size: 1.15rem } a, h2 code { color: var(--accent) }
code, pre { font: .875em/1.5 ui-monospace, monospace } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0 }
td, th { border-top: 1px solid var(--line) }
pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem }
summary { cursor: pointer; margin-top: .75rem }
"""
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(document: Mapping[str, Any]) -> HTMLResponse:
    """Show an OpenAPI document: each operation with its parameters and an example of each response."""
    info = document["info"]
    schemas = document["components"]["schemas"]
    operations = "".join(
        _operation(path, method, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        f'<p>Version {escape(info["version"])} · <a href="openapi.json">openapi.json</a></p>{operations}'
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})


def _operation(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    rows = "".join(map(_parameter, operation.get("parameters", ())))
    body = "".join(_body(operation["requestBody"], schemas)) if "requestBody" in operation else ""
    return (
        f"<h2><code>{escape(method.upper())} {escape(path)}</code> {escape(operation['summary'])}</h2>"
        f"<p>{escape(operation['description'])}</p>"
        + (f"<table><tr><th>Parameter<th>Default<th>Meaning</tr>{rows}</table>" if rows else "")
        + body
        + "".join(_examples(operation["responses"]))
    )


def _parameter(parameter: Mapping[str, Any]) -> str:
    default = "required" if parameter["required"] else parameter["schema"].get("default")
    default = "" if default in (None, []) else default
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{escape(str(default))}"
        f"<td>{escape(parameter.get('description', ''))}</tr>"
    )


def _body(body: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    for content in body["content"].values():
        schema = _resolved(content["schema"], schemas)
        # Of a body that may be several things, the first is what is told of.
        schema = {**_resolved(schema.get("anyOf", [{}])[0], schemas), **schema}
        fields = (
            f"<tr><td><code>{escape(name)}</code><td>{escape(field.get('description', ''))}</tr>"
            for name, field in schema["properties"].items()
        )
        head = f"<p>{escape(schema['description'])}</p><table><tr><th>Field<th>Meaning</tr>"
        yield f"{head}{''.join(fields)}</table>"
        yield _example("Body", schema["example"])


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    return found


def _example(said: str, example: Any) -> str:
    text = json.dumps(example, indent=2, ensure_ascii=False)
    return f"<details><summary>{escape(said)}</summary><pre>{escape(text)}</pre></details>"


def _examples(responses: Mapping[str, Any]) -> Iterator[str]:
    for status, response in responses.items():
        for content in response.get("content", {}).values():
            yield _example(f"{status} {response['description']}", content["example"])
