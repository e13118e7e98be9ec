"""The API as one Powertools application, whichever server or Lambda event brings the requests."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from . import access, answered, problems
from .routes import apps, pointers, previews, tokens, versions
from .routes.answers import OPEN, ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...bootstrap import ControlPlane

Resolver = TypeVar("Resolver", bound=ApiGatewayResolver)
TITLE = "pullprod"
_KEY = {  # As `access` reads it.
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Under one key this is done once, however often it is sent; the key then serves for no other call",
    "schema": {"type": "string", "minLength": 1, "maxLength": access.MAX_KEY},
}


def create(resolver: Resolver, control: ControlPlane) -> Resolver:
    """Return `resolver` with every call of the API, serving `control`."""

    def inject(app: ApiGatewayResolver, next_middleware: Callable[..., Any]) -> Response[Any]:
        app.append_context(control=control)  # type: ignore[no-untyped-call] # As Router.
        answer: Response[Any] = next_middleware(app)
        return answer

    resolver.use([inject, access.foresee, access.admit])
    for part in (apps, versions, pointers, previews, tokens):
        resolver.include_router(part.router)
    resolver.get("/v1/health", tags=["service"], operation_id="health", responses=OPEN, security=[])(_health)
    resolver.get("/v1/openapi.json", include_in_schema=False)(lambda: _openapi(resolver))
    problems.install(resolver)
    return resolver


def _health() -> Response[answered.Health]:
    """Tell that the control plane answers."""
    return ok(answered.Health(status="ok", version=version("pullprod")))


def _openapi(resolver: ApiGatewayResolver) -> Response[str]:
    return Response(status_code=200, content_type="application/json", body=openapi(resolver))


def openapi(resolver: ApiGatewayResolver) -> str:
    """Return the API's description, OpenAPI 3.1, as JSON text."""
    described = resolver.get_openapi_json_schema(
        title=TITLE,
        version="1",
        openapi_version="3.1.0",
        description="It's pull from production, not push to production.",
        security_schemes={
            "token": HTTPBearer(scheme="bearer"),
            "identity": HTTPBearer(scheme="bearer", bearerFormat="JWT"),
        },
        security=[{"token": []}],
    )
    return _with_keys(described)


def _with_keys(description: str) -> str:
    document = json.loads(description)
    for route in access.KEYED:
        method, _, path = route.partition(" ")
        document["paths"][path][method.lower()].setdefault("parameters", []).append(_KEY)
    return json.dumps(document)
