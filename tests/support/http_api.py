"""Requests as API Gateway hands them to a Lambda function."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote

_TEXTS = ("text/", "application/json", "application/xml", "application/javascript")


def event(method: str, address: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Return the request as API Gateway describes it: no escape left in the path but `%25`, bodies that it does not
    know to be text in base64, nothing said of what is not there."""
    path, _, query = address.partition("?")
    text = headers.get("content-type", "").startswith(_TEXTS)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(path.replace("%25", "%2525")),
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "isBase64Encoded": bool(body) and not text,
    }
    if query:
        made["queryStringParameters"] = dict(pair.split("=", 1) for pair in unquote(query).split("&"))
    return {**made, "body": body.decode() if text else base64.b64encode(body).decode()} if body else made
