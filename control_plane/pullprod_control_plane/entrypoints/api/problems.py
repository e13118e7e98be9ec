"""Refusals of the API as RFC 9457 problem documents, and the HTTP status of each code."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError

from ...domain.errors import PullprodError
from ...domain.json import Json

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver

_log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
STATUS: Mapping[str, int] = {
    "invalid-request": 422,
    "payload-too-large": 413,
    "headers-too-large": 431,
    "unsupported-media-type": 415,
    "rate-limited": 429,
    "unauthenticated": 401,
    "forbidden": 403,
    "not-found": 404,
    "ambiguous-reference": 409,
    "name-taken": 409,
    "host-refused": 409,
    "version-not-ready": 409,
    "upload-incomplete": 409,
    "function-refused": 422,
    "no-previous": 409,
    "nothing-to-share": 409,
    "stale-pointer": 412,
    "stale-app": 412,
    "pointer-held": 423,
    "guard-refused": 409,
    "idempotency-conflict": 422,
    "digest-mismatch": 400,
    "upload-refused": 403,
    "storage-full": 507,
    "busy": 503,
    "internal": 500,
}
_MAX_ERRORS = 20


def document(code: str, title: str, detail: str, facts: Mapping[str, Json]) -> dict[str, Json]:
    """Return a problem document; facts never displace its own members."""
    problem: dict[str, Json] = {"type": f"urn:pullprod:problem:{code}", "title": title, "status": STATUS[code]}
    return {**facts, **problem, "detail": detail, "code": code}


def response(code: str, title: str, detail: str, facts: Mapping[str, Json]) -> Response[str]:
    """Return a problem as a response."""
    headers = {"WWW-Authenticate": "Bearer"} if code == "unauthenticated" else {}
    if code == "busy":
        headers["Retry-After"] = "1"
    body = json.dumps(document(code, title, detail, facts))
    return Response(status_code=STATUS[code], content_type=CONTENT_TYPE, body=body, headers=headers)


def install(app: ApiGatewayResolver) -> None:
    """Make every refusal, and every fault, a problem document."""
    app.exception_handler(PullprodError)(_refused)
    app.exception_handler([RequestValidationError, RequestUnsupportedContentType])(_invalid)
    app.exception_handler(Exception)(_fault)
    app.not_found(_unknown)


def _refused(refusal: PullprodError) -> Response[str]:
    return response(refusal.code, refusal.title, refusal.detail, refusal.facts)


def _invalid(error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
    errors = [
        {"where": ".".join(str(part) for part in e["loc"])[:200], "what": str(e["msg"])[:300]}
        for e in error.errors()[:_MAX_ERRORS]
    ]
    first = errors[0] if errors else {"where": "body", "what": "cannot be read"}
    detail = f"{first['where']}: {first['what']}. See /v1/openapi.json for what is taken."
    return response("invalid-request", "The request is not valid", detail, {"errors": errors})


def _unknown(_: NotFoundError) -> Response[str]:
    return response("not-found", "Not found", "There is no such call. See /v1/openapi.json for those there are.", {})


def _fault(_: Exception) -> Response[str]:
    _log.exception("a call failed")
    return response("internal", "Something is wrong here", "This is our fault, not yours. See the server's log.", {})
