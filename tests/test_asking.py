"""Parameters are read as FastAPI reads them."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from recommender.api import problems
from recommender.api.asking import QueryRoute
from recommender.api.routes import RelatedQuery
from recommender.service import Options


async def told(request: Request, query: Annotated[RelatedQuery, Query()]) -> Response:
    return Response(repr(query))


@pytest.fixture(scope="module")
def client() -> TestClient:
    """One function behind two routes: ours, and FastAPI's own."""
    app = FastAPI()
    problems.install(app)
    app.router.add_api_route("/ours", told, response_model=None, route_class_override=QueryRoute)
    app.router.add_api_route("/theirs", told, response_model=None)
    return TestClient(app)


NAMES = st.sampled_from([*Options.model_fields, "url", "model", "Url", "", "limit[]"])
VALUES = st.one_of(
    st.sampled_from(
        ["1", "50", "51", "true", "off", "first", "2020-01-01", "2021-02-03T04:05:06Z", "0.5", "nan"]
    ),
    st.sampled_from(["https://news.example/a", "any", "hide", " ", "ü&=+%", "\x00"]),
    st.text(max_size=5),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_any_query_is_read_as_fastapi_reads_it(client: TestClient, parameters: list[tuple[str, str]]) -> None:
    asked: Any = [("url", "https://news.example/a"), *parameters]
    ours, theirs = (client.get(path, params=asked) for path in ("/ours", "/theirs"))
    assert (ours.status_code, ours.text) == (theirs.status_code, theirs.text)


@pytest.mark.parametrize(
    "query",
    ["", "url", "url=", "url=a;limit=1", "url=%ff", "url=a&&&limit=2", "url=a&limit=1&limit=2", "url=a&url=b",
     "topic=a&topic=b&url=x", "topic&url=x", "url=a+b%2Bc", "x=1&x=2&url=a", "url=%E2%82%AC", "=&url=a"],
)  # fmt: skip
def test_a_query_as_it_is_written(client: TestClient, query: str) -> None:
    ours, theirs = (client.get(f"{path}?{query}") for path in ("/ours", "/theirs"))
    assert (ours.status_code, ours.text) == (theirs.status_code, theirs.text)
