"""Responses, and the refusals that the API's description lists for each kind of call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from .. import answered
from ..problems import CONTENT_TYPE

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse

Model = TypeVar("Model", bound=BaseModel)


def _problem(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "content": {CONTENT_TYPE: {"model": answered.Problem}}}


_ALWAYS: Mapping[int, dict[str, Any]] = {
    200: {"description": "Done"},
    401: _problem("No valid token"),
    403: _problem("The token does not cover this"),
    404: _problem("Not found"),
    409: _problem("The state of things refuses it; `code` says how"),
    413: _problem("Too large"),
    415: _problem("A body that is not JSON"),
    422: _problem("Not a valid request"),
    429: _problem("Too many calls; `Retry-After` says in how many seconds the next is taken"),
    431: _problem("Address and headers are too large"),
    503: _problem("Too busy; try again"),
    507: _problem("The storage is full"),
}
OPEN: dict[int, OpenAPIResponse] = {status: _ALWAYS[status] for status in (200, 429, 431)}  # type: ignore[misc]
READS: dict[int, OpenAPIResponse] = dict(_ALWAYS)  # type: ignore[arg-type] # Powertools' TypedDicts are closed.
CREATES: dict[int, OpenAPIResponse] = {**READS, 201: {"description": "Created"}}
CONFIGURES: dict[int, OpenAPIResponse] = {
    **CREATES,
    412: _problem("The configuration has changed since it was read"),  # type: ignore[dict-item] # As above.
}
FINISHES: dict[int, OpenAPIResponse] = {**READS, 202: {"description": "Being prepared; it becomes ready by itself"}}
SWAPS: dict[int, OpenAPIResponse] = {
    **READS,
    202: {"description": "Decided; targets are still moving"},
    412: _problem("The pointer moved: the facts tell who, when, to what and why"),  # type: ignore[dict-item]
    423: _problem("The pointer is held"),  # type: ignore[dict-item]
}


def ok(body: Model, headers: Mapping[str, str] | None = None) -> Response[Model]:
    """Return 200 with a body."""
    return answer(200, body, headers)


def created(body: Model) -> Response[Model]:
    """Return 201 with a body."""
    return answer(201, body)


def answer(status: int, body: Model, headers: Mapping[str, str] | None = None) -> Response[Model]:
    """Return a JSON response."""
    all_headers: dict[str, str | list[str]] = {**(headers or {})}
    return Response(status_code=status, content_type="application/json", body=body, headers=all_headers)
