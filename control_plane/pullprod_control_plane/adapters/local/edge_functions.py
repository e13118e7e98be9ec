"""Between the local edge and what runs functions: the request that a function URL would get, and its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from .edge_http import Receive, Reply, Scope, plain
from .edge_runtime import Event

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB, request and response alike.
MAX_BODY = 6 * 1024**2

_OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
# At CloudFront the signature takes the place of the viewer's own.
_NOT_PASSED_ON = _OF_THE_CONNECTION | {"authorization", "host"}
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_STATUS = range(HTTPStatus.OK, 600)


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A request to the function at an origin's host.

    `path` and `query` are as the viewer sent them; `headers` have lower-case names and no `host`; `body` is whole.
    """

    host: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class FunctionReply:
    """What a function answered. `headers` may repeat `set-cookie`; the length is that of `body`."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Functions(Protocol):
    """Runs functions."""

    async def __call__(self, call: FunctionCall) -> FunctionReply:
        """Return the function's answer; 502 for one that failed or is not there, 504 for one that took too long."""
        ...


async def body_of(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body of a request, or None if it is longer than a function may get, or is cut off."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if not announced.isdigit() or int(announced) > MAX_BODY:
        return None
    body = bytearray()
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body) if len(body) <= MAX_BODY else None


def call_of(scope: Scope, request: Event, body: bytes) -> FunctionCall:
    """Return the call that CloudFront would make for the request that viewer_request.js let through."""
    headers = {
        name: ", ".join(one["value"] for one in entry.get("multiValue", [entry]))
        for name, entry in request["headers"].items()
        if name not in _NOT_PASSED_ON
    }
    client = scope["client"][0] if scope.get("client") else "127.0.0.1"
    headers["x-forwarded-for"] = ", ".join(filter(None, [headers.get("x-forwarded-for"), client]))
    headers["x-forwarded-proto"] = scope["scheme"]
    if cookies := _cookies(request["cookies"]):
        headers["cookie"] = cookies
    return FunctionCall(
        host=request["origin"]["updateRequestOrigin"]["domainName"],
        method=request["method"],
        path=request["uri"],
        query=_query(scope["query_string"].decode("latin-1"), request["querystring"]),
        headers=headers,
        body=body,
    )


def _query(sent: str, kept: Mapping[str, Any]) -> str:
    """Return a query as it was sent, but for what viewer_request.js took away."""
    pairs = [(pair.partition("=")[0].strip(), pair) for pair in sent.split("&")]
    return "&".join(pair for name, pair in pairs if name == "" or name in kept)


def _cookies(cookies: Mapping[str, Any]) -> str:
    pairs = [(name, one["value"]) for name, entry in cookies.items() for one in entry.get("multiValue", [entry])]
    return "; ".join(f"{name}={value}" for name, value in pairs)


def answer_of(reply: FunctionReply) -> Reply:
    """Return a function's answer as one of ours; 502 where it cannot be said in HTTP."""
    headers = [(name.lower(), value) for name, value in reply.headers]
    sayable = all(HEADER_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers)
    if reply.status not in _STATUS or not sayable or len(reply.body) > MAX_BODY:
        return plain(HTTPStatus.BAD_GATEWAY, "The function answered something that is not HTTP.\n")
    cookies = tuple(value for name, value in headers if name == "set-cookie")
    joined: dict[str, str] = {}
    for name, value in headers:
        if name not in _OF_THE_CONNECTION | {"set-cookie", "content-length"}:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return Reply(reply.status, {**joined, "content-length": str(len(reply.body))}, reply.body, cookies)
