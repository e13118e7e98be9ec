"""Requests as the events that function URLs make of them, and answers as functions return them.

Payload format 2.0: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from .edge_functions import HEADER_NAME, FunctionCall, FunctionReply

_TEXT = re.compile(r"text/|application/(?:json|javascript|xml|[a-z0-9.+-]+\+(?:json|xml))")
_BODILESS = frozenset({204, 304})
# Those of one connection, and those that whoever sends the answer sets.
_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})


class BadAnswer(Exception):
    """What a function returned is no answer to a request."""


def event_of(call: FunctionCall, request_id: str) -> dict[str, Any]:
    """Return the event that a function gets for a request."""
    headers = {name: value for name, value in call.headers.items() if name != "cookie"}
    cookies = [part.strip() for part in call.headers.get("cookie", "").split(";")]
    text = _text(call.body, headers.get("content-type", ""))
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": call.path,
        "rawQueryString": call.query,
        "headers": {**headers, "host": call.host},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": call.host.partition(".")[0],
            "domainName": call.host,
            "domainPrefix": call.host.partition(".")[0],
            "http": {
                "method": call.method,
                "path": call.path,
                "protocol": "HTTP/1.1",
                "sourceIp": headers.get("x-forwarded-for", "").rpartition(",")[2].strip(),
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": text is None,
    }
    if any(cookies):
        event["cookies"] = [cookie for cookie in cookies if cookie]
    if call.query:
        event["queryStringParameters"] = _joined(parse_qsl(call.query, keep_blank_values=True))
    if call.body:
        event["body"] = base64.b64encode(call.body).decode() if text is None else text
    return event


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _text(body: bytes, kind: str) -> str | None:
    """Return a body that is text, None for one that the event carries as base64."""
    if body and not _TEXT.match(kind.lower()):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def reply_of(payload: bytes) -> FunctionReply:
    """Return the answer that a function's result means; one without a `statusCode` is the JSON body of a 200.

    Raises:
        BadAnswer: it means none.
    """
    try:
        result = json.loads(payload)
    except (ValueError, RecursionError) as fault:
        raise BadAnswer("it is no JSON") from fault
    if not isinstance(result, Mapping) or "statusCode" not in result:
        return FunctionReply(200, [("content-type", "application/json")], payload)
    status = result["statusCode"]
    if not str(status).isascii() or not str(status).isdigit() or not 200 <= int(status) <= 599:  # noqa: PLR2004 - HTTP's.
        raise BadAnswer("its statusCode is not between 200 and 599")
    headers = [*_headers(result.get("headers") or {}), *(("set-cookie", c) for c in result.get("cookies") or ())]
    if not all(HEADER_NAME.fullmatch(name) and _is_value(value) for name, value in headers):
        raise BadAnswer("a header or cookie has characters that none may have")
    if "content-type" not in {name for name, _ in headers} and int(status) not in _BODILESS:
        headers.append(("content-type", "application/json"))
    return FunctionReply(int(status), headers, _body(result))


def _headers(given: Any) -> list[tuple[str, str]]:
    if not isinstance(given, Mapping):
        raise BadAnswer("its headers are no object")
    named = [(str(name).lower(), _plain(value)) for name, value in given.items()]
    return [(name, value) for name, value in named if name not in _HOP]


def _plain(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)


def _is_value(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and _is_latin(value)


def _is_latin(value: str) -> bool:
    return all(ord(char) < 256 for char in value)  # noqa: PLR2004 - what a header can carry.


def _body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadAnswer("its body is not the base64 that it says") from fault
