"""HTTP as the local edge speaks it: the CloudFront event of a request, and which answer its headers ask for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from typing import Any, TypeAlias
from urllib.parse import quote_from_bytes

from .edge_files import FilePart, ServedObject
from .edge_runtime import Event

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# CloudFront's own limits, so that nobody relies on more here and is surprised there.
_MAX_URL = 8_192
_MAX_HEADER_BYTES = 20_480
_MAX_HEADERS = 100

_MIN_GZIP = 1_024
_MAX_GZIP = 8 * 1024**2
_TEXT = re.compile(
    r"text/|application/(?:json|javascript|xml|wasm|manifest\+json|[a-z0-9.+-]+\+(?:json|xml))|image/svg\+xml|font/[ot]tf"
)
# Nineteen digits hold any file's size; the bound keeps a header from becoming a number of megabytes.
_RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))[ \t]*")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. A HEAD request gets everything but the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes | FilePart = b""
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """How a file answers a request: with which status and headers, which part of it, compressed or not."""

    status: int
    headers: dict[str, str]
    part: range
    compressed: bool


def plain(status: int, text: str) -> Reply:
    """Return a short answer in words, which nobody may keep."""
    body = text.encode()
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
    }
    return Reply(status, headers, body)


def refusal(scope: Scope) -> Reply | None:
    """Return the answer to a request that CloudFront would find too large, None if it would not."""
    query = len(scope["query_string"])
    if len(scope["raw_path"]) + query > _MAX_URL:
        return plain(HTTPStatus.REQUEST_URI_TOO_LONG, f"The URL is longer than {_MAX_URL:,} bytes.\n")
    headers = scope["headers"]
    if len(headers) > _MAX_HEADERS or query + sum(len(n) + len(v) for n, v in headers) > _MAX_HEADER_BYTES:
        return plain(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"More than {_MAX_HEADERS} headers, or more than {_MAX_HEADER_BYTES:,} bytes of them.\n",
        )
    return None


def event_of(scope: Scope) -> Event:
    """Return the viewer-request event that CloudFront would make of a request."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    cookies = "; ".join(value for name, value in headers if name == "cookie")
    client = scope.get("client")
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request"},
        "viewer": {"ip": client[0] if client else "127.0.0.1"},
        "request": {
            "method": scope["method"],
            "uri": _ascii(scope["raw_path"]),
            "rawQueryString": _ascii(scope["query_string"]),
            "querystring": _grouped(_pairs(_ascii(scope["query_string"]), "&")),
            "headers": _grouped((name, value) for name, value in headers if name != "cookie"),
            "cookies": _grouped(_pairs(cookies, ";")),
        },
    }


def response_event(event: Event, request: Event, reply: Reply) -> Event:
    """Return the viewer-response event for an origin's answer to the request that the first function let through."""
    response = {
        "statusCode": reply.status,
        "statusDescription": responses.get(reply.status, ""),
        "headers": {name: {"value": value} for name, value in reply.headers.items()},
        "cookies": _cookies(reply.cookies),
    }
    return {**event, "context": {"eventType": "viewer-response"}, "request": request, "response": response}


def reply_of(response: Event, body: bytes | FilePart) -> Reply:
    """Return the answer that a function's response object describes, with `body`."""
    headers = {name: str(entry["value"]) for name, entry in response["headers"].items()}
    cookies = tuple(
        "; ".join(filter(None, [f"{name}={one['value']}", one.get("attributes")]))
        for name, entry in response.get("cookies", {}).items()
        for one in entry.get("multiValue", [entry])
    )
    return Reply(int(response["statusCode"]), headers, body, cookies)


def _cookies(set_cookies: Iterable[str]) -> dict[str, Any]:
    grouped: dict[str, list[dict[str, str]]] = {}
    for text in set_cookies:
        pair, _, attributes = text.partition(";")
        name, _, value = pair.partition("=")
        grouped.setdefault(name.strip(), []).append({"value": value.strip(), "attributes": attributes.strip()})
    return {name: {**same[0], "multiValue": same} if len(same) > 1 else same[0] for name, same in grouped.items()}


def choose(served: ServedObject, status: int, request: Event) -> Choice:
    """Return how `served` answers `request`: whole, in part, compressed, or not at all because the viewer has it."""
    headers = {"content-type": served.content_type, "cache-control": served.cache_control}
    shrinks = _MIN_GZIP < served.size <= _MAX_GZIP and _TEXT.match(served.content_type) is not None
    if shrinks:
        headers["vary"] = "Accept-Encoding"
    part = _part(served, status, request)
    compressed = shrinks and part is None and _accepts_gzip(_value(request, "accept-encoding"))
    etag = f'"{served.sha256}-gzip"' if compressed else f'"{served.sha256}"'
    if compressed:
        headers["content-encoding"] = "gzip"
    # A validator on an error page would only ever be sent in vain.
    if status == HTTPStatus.OK:
        headers |= {"etag": etag, "accept-ranges": "bytes"}
        if _matches(_value(request, "if-none-match"), etag):
            return Choice(HTTPStatus.NOT_MODIFIED, _without_body(headers), range(0), compressed=False)
    if part is None:
        return Choice(status, headers, range(served.size), compressed)
    if not part:
        refused = {"content-range": f"bytes */{served.size}", "cache-control": "no-store"}
        return Choice(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, refused, part, compressed=False)
    headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{served.size}"
    return Choice(HTTPStatus.PARTIAL_CONTENT, headers, part, compressed=False)


def _part(served: ServedObject, status: int, request: Event) -> range | None:
    """Return the one range that is asked for, empty if it lies outside the file; None for the whole file."""
    asked = _RANGE.fullmatch(_value(request, "range"))
    only_if = _value(request, "if-range")
    if asked is None or status != HTTPStatus.OK or request["method"] != "GET":
        return None
    if only_if and only_if != f'"{served.sha256}"':
        return None
    first, last, suffix = asked.groups()
    if suffix is not None:
        return range(max(served.size - int(suffix), 0), served.size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, served.size) if last else served.size)


def _matches(asked: str, etag: str) -> bool:
    return asked.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in asked.split(",")}


def _accepts_gzip(accepted: str) -> bool:
    qualities = {}
    for entry in accepted.lower().split(","):
        coding, _, quality = entry.partition(";")
        qualities[coding.strip()] = quality.replace(" ", "")
    quality = qualities.get("gzip", qualities.get("*", "q=0"))
    return re.fullmatch(r"q=0(?:\.0*)?", quality) is None


def _without_body(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in ("etag", "cache-control", "vary") if name in headers}


def _value(request: Event, name: str) -> str:
    entry = request["headers"].get(name, {"value": ""})
    return ", ".join(one["value"] for one in entry.get("multiValue", [entry]))


def _ascii(raw: bytes) -> str:
    """CloudFront's events hold URLs in ASCII; bytes that a viewer did not encode are encoded here."""
    return quote_from_bytes(raw, safe=_PRINTABLE)


def _pairs(text: str, separator: str) -> Iterable[tuple[str, str]]:
    for entry in text.split(separator):
        name, _, value = entry.strip().partition("=")
        if name:
            yield name, value


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return {name: _entry(values) for name, values in grouped.items()}


def _entry(values: list[str]) -> dict[str, Any]:
    if len(values) == 1:
        return {"value": values[0]}
    return {"value": values[0], "multiValue": [{"value": value} for value in values]}
