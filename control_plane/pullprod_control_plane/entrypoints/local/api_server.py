"""The API behind an ASGI server: bounded bodies, one worker thread a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.event_handler import HttpResolverLocal

from ..api import bodies, problems

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 6 * 1024 * 1024  # What a Lambda takes; a client that works here works there.
_WORKERS = 16


class TooLarge(Exception):
    """The body has more bytes than are taken."""


class ApiServer:
    """Serves the resolver. Calls wait for disks and probes, so they run beside the loop that serves viewers."""

    def __init__(self, resolver: HttpResolverLocal) -> None:
        self._resolver = resolver
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await _read(receive)
        except TooLarge:
            await _refuse(send, "payload-too-large", f"A call's body has at most {MAX_BODY:,} bytes.")
            return
        cleaned = _cleaned(scope, body)
        if cleaned is None:
            await _refuse(send, "invalid-request", "Address, headers and body are text in UTF-8.")
            return
        loop = asyncio.get_running_loop()
        kind = _content_type(scope)
        for message in await loop.run_in_executor(self._threads, self._call, cleaned, body, kind):
            await send(message)

    def _call(self, scope: Scope, body: bytes, content_type: str) -> list[MutableMapping[str, Any]]:
        if detail := bodies.complaint(body, content_type):
            return _refusal("invalid-request", detail)
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
        if size > MAX_BODY:
            raise TooLarge
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _cleaned(scope: Scope, body: bytes) -> Scope | None:
    """Return the scope with its path still encoded, so that `%2F` in a reference stays one; None if it is no text."""
    try:
        body.decode()
        scope["query_string"].decode("ascii")
        headers = [(name, value.decode().encode()) for name, value in scope["headers"] if name != b"content-type"]
        path = scope["raw_path"].decode("ascii")
    except UnicodeDecodeError:
        return None
    return {**scope, "path": path, "headers": [*headers, (b"content-type", bodies.JSON_TYPE.encode())]}


def _content_type(scope: Scope) -> str:
    return b", ".join(value for name, value in scope["headers"] if name == b"content-type").decode("latin-1")


async def _refuse(send: Send, code: str, detail: str) -> None:
    for message in _refusal(code, detail):
        await send(message)


def _refusal(code: str, detail: str) -> list[MutableMapping[str, Any]]:
    body = json.dumps(problems.document(code, "The request is not valid", detail, {})).encode()
    headers = [(b"content-type", problems.CONTENT_TYPE.encode()), (b"connection", b"close")]
    return [
        {"type": "http.response.start", "status": problems.STATUS[code], "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
