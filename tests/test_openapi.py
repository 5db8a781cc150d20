"""The OpenAPI document as tools read it: valid, named, and with examples that are what it describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient
from test_api import operations

from recommender.api import create_app
from recommender.service import Draft, Options
from recommender.service.posting import post
from recommender.settings import Settings
from recommender.store import Store


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    document: dict[str, Any] = create_app(Settings(store="sqlite:///none.sqlite")).openapi()
    return document


def described(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find every schema of the document, whatever it is in, with where it stands."""

    def below(schema: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
        yield where, schema
        for name in ("items", "additionalProperties"):
            if isinstance(schema.get(name), dict):
                yield from below(schema[name], f"{where}.{name}")
        for number, each in enumerate([*schema.get("anyOf", ()), *schema.get("oneOf", ())]):
            yield from below(each, f"{where}.{number}")
        for name, each in schema.get("properties", {}).items():
            yield from below(each, f"{where}.{name}")

    for name, schema in openapi["components"]["schemas"].items():
        yield from below(schema, name)
    for name, operation in operations(openapi):
        for parameter in operation.get("parameters", ()):
            yield from below(parameter["schema"], f"{name}?{parameter['name']}")
        for where, content in contents(operation):
            yield from below(content["schema"], f"{name} {where}")


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    bodies = {"body": operation["requestBody"]} if "requestBody" in operation else {}
    for where, body in {**bodies, **operation["responses"]}.items():
        for content in body.get("content", {}).values():
            yield where, content


def test_the_document_is_valid(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(openapi).iter_errors()] == []


def test_a_document_that_is_not_is_told(openapi: dict[str, Any]) -> None:
    wrong = {**openapi, "info": {"title": "x"}}
    assert list(OpenAPIV31SpecValidator(wrong).iter_errors())


def test_every_list_says_of_what_and_every_object_of_what(openapi: dict[str, Any]) -> None:
    schemas = list(described(openapi))
    assert len(schemas) > 200
    for where, schema in schemas:
        if schema.get("type") == "array":
            assert "items" in schema, where
        if schema.get("type") == "object":
            assert {"properties", "additionalProperties"} & set(schema), where


def test_bodies_and_answers_are_made_of_schemas_with_names(openapi: dict[str, Any]) -> None:
    def named(schema: dict[str, Any]) -> bool:
        parts = schema.get("anyOf", [schema.get("items", schema)])
        return all("$ref" in part for part in parts) or (parts != [schema] and all(map(named, parts)))

    texts = []
    for name, operation in operations(openapi):
        for where, content in contents(operation):
            text = content["schema"] == {"type": "string"}  # has nothing in it to be named
            if text:
                texts.append(f"{name} {where}")
            assert text or named(content["schema"]), f"{name} {where}"
    assert sorted(texts) == ["GET /evaluation 200", "GET /metrics 200", "GET /related.html 200"]


def test_no_parameter_is_null(openapi: dict[str, Any]) -> None:
    assert "null" in str(openapi["components"]["schemas"]["Item"])
    for name, operation in operations(openapi):
        for parameter in operation.get("parameters", ()):
            assert "null" not in str(parameter["schema"]), f"{name}?{parameter['name']}"


def test_examples_are_what_is_described(openapi: dict[str, Any]) -> None:
    def valid(schema: dict[str, Any], example: object) -> None:
        whole = {**schema, "components": openapi["components"]}
        Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(example)

    seen = 0
    for _, operation in operations(openapi):
        for parameter in operation.get("parameters", ()):
            for example in parameter["schema"].get("examples", ()):
                valid(parameter["schema"], example)
                seen += 1
        for _, content in contents(operation):
            schema = content["schema"]
            if "$ref" in schema:
                schema = openapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
            valid(content["schema"], content.get("example", schema.get("example")))
            seen += 1
    assert seen > 50


@pytest.mark.parametrize("told", ["2020-06-15", "2020-06-15T18:03:00Z"])
def test_a_moment_is_a_date_or_a_time_as_described(openapi: dict[str, Any], told: str) -> None:
    kinds = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
    parameters = dict(operations(openapi))["GET /related"]["parameters"]
    for name in ("since", "until"):
        (schema,) = (each["schema"] for each in parameters if each["name"] == name)
        assert schema["anyOf"] == kinds
        assert getattr(Options.model_validate({name: told}), name) is not None
    field = openapi["components"]["schemas"]["Draft"]["properties"]["publishedDateTime"]
    assert field["anyOf"] == [*kinds, {"type": "null"}]
    for given in (told, None):
        assert Draft.model_validate(
            {"title": "x", "publishedDateTime": given}
        ).published_date_time is not None or (given is None)


def test_what_can_be_posted_is_what_the_reader_reads(openapi: dict[str, Any], store: Store) -> None:
    """Every field that is described, with a value as described, is taken without a warning."""
    article = openapi["components"]["schemas"]["Article"]
    values: dict[str, Any] = {
        "title": "A title",
        "excerpt": "A text",
        "publishedDateTime": "2020-06-15T18:03:00Z",
        "type": "video",
        "provider": {"name": "News", "domain": "news.example"},
        "topics": ["Transport"],
        "quality": 81.5,
        "images": [{"url": "https://news.example/a.jpg", "width": 3, "height": 2, "title": "A pier"}],
        "related": [{"title": "Another", "webUrl": "https://news.example/b"}],
        "removed": False,
    }
    addresses = dict.fromkeys(
        ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl"), "https://news.example/a"
    )
    assert set(article["properties"]) == {*values, *addresses}
    whole = {"components": openapi["components"], **article}
    Draft202012Validator(whole).validate({**values, **addresses})
    (told,) = post(store, [{**values, **addresses}])
    assert (told.status, list(told.warnings)) == ("new", [])
    for lacking in article["required"]:
        (told,) = post(store, [{**values, **addresses, lacking: ""}])
        assert told.status == "rejected"


def test_the_reference_page_tells_of_what_can_be_posted() -> None:
    with TestClient(create_app(Settings(store="sqlite:///none.sqlite"))) as client:
        page = client.get("/docs").text
    assert "<code>cdnAmpWebUrl</code>" in page
