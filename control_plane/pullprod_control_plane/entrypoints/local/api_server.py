"""The API behind an ASGI server: bounded requests, bounded rates, one worker thread a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.event_handler import HttpResolverLocal

from ..api import intake, limits, safety
from ..api.limits import Caller, Limits

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_WORKERS = 16
_CONTENT_TYPE = b"content-type"


class ApiServer:
    """Serves the resolver. Calls wait for disks and probes, so they run beside the loop that serves viewers."""

    def __init__(self, resolver: HttpResolverLocal) -> None:
        self._resolver = resolver
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="api")
        self._limits = Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            messages = await self._answer(scope, receive)
        except intake.Refused as refused:
            messages = _refusal(refused)
        for message in messages:
            await send(_safe(message, scope))

    async def _answer(self, scope: Scope, receive: Receive) -> list[MutableMapping[str, Any]]:
        cleaned = _cleaned(scope)
        caller = _caller(scope)
        self._limits.admit(caller)
        body = await _read(receive)
        loop = asyncio.get_running_loop()
        messages = await loop.run_in_executor(self._threads, self._call, cleaned, body, _header(scope, _CONTENT_TYPE))
        self._limits.learn(caller, scope["path"], messages[0]["status"])
        return messages

    def _call(self, scope: Scope, body: bytes, content_type: str) -> list[MutableMapping[str, Any]]:
        intake.text(body, content_type)
        messages: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        asyncio.run(self._resolver(scope, receive, send))
        return messages


async def _read(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > intake.MAX_BODY:
            raise intake.too_large()
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _cleaned(scope: Scope) -> Scope:
    """Return the scope with its path still encoded, so that `%2F` in a reference stays one."""
    try:
        query = scope["query_string"].decode("ascii")
        headers = [(name, value.decode().encode()) for name, value in scope["headers"] if name != _CONTENT_TYPE]
        path = scope["raw_path"].decode("ascii")
    except UnicodeDecodeError:
        raise intake.no_text() from None
    intake.head(path + query, [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
    return {**scope, "path": path, "headers": [*headers, (_CONTENT_TYPE, intake.JSON_TYPE.encode())]}


def _caller(scope: Scope) -> Caller:
    client = scope.get("client")
    return limits.caller(client[0] if client else "", _header(scope, b"authorization"))


def _header(scope: Scope, wanted: bytes) -> str:
    return b", ".join(value for name, value in scope["headers"] if name == wanted).decode("latin-1")


def _refusal(refused: intake.Refused) -> list[MutableMapping[str, Any]]:
    headers = [(name.encode(), value.encode()) for name, value in {**refused.headers, "connection": "close"}.items()]
    return [
        {"type": "http.response.start", "status": refused.status, "headers": headers},
        {"type": "http.response.body", "body": refused.body.encode()},
    ]


def _safe(message: MutableMapping[str, Any], scope: Scope) -> MutableMapping[str, Any]:
    if message["type"] != "http.response.start":
        return message
    added = [(name.encode(), value.encode()) for name, value in safety.headers(scope["scheme"]).items()]
    return {**message, "headers": [*message["headers"], *added]}
