"""The API behind an ASGI server: bounded bodies, one worker thread a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.event_handler import HttpResolverLocal

from ..api import intake, problems

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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await _read(receive)
            cleaned = _cleaned(scope)
            loop = asyncio.get_running_loop()
            messages = await loop.run_in_executor(self._threads, self._call, cleaned, body, _content_type(scope))
        except intake.Refused as refused:
            messages = _refusal(refused)
        for message in messages:
            await send(message)

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
        scope["query_string"].decode("ascii")
        headers = [(name, value.decode().encode()) for name, value in scope["headers"] if name != _CONTENT_TYPE]
        path = scope["raw_path"].decode("ascii")
    except UnicodeDecodeError:
        raise intake.no_text() from None
    return {**scope, "path": path, "headers": [*headers, (_CONTENT_TYPE, intake.JSON_TYPE.encode())]}


def _content_type(scope: Scope) -> str:
    return b", ".join(value for name, value in scope["headers"] if name == _CONTENT_TYPE).decode("latin-1")


def _refusal(refused: intake.Refused) -> list[MutableMapping[str, Any]]:
    headers = [(_CONTENT_TYPE, problems.CONTENT_TYPE.encode()), (b"connection", b"close")]
    return [
        {"type": "http.response.start", "status": refused.status, "headers": headers},
        {"type": "http.response.body", "body": refused.body.encode()},
    ]
