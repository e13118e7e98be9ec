"""The API behind an ASGI server: bounded bodies, one worker thread a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.event_handler import HttpResolverLocal

from ..api import problems

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 6 * 1024 * 1024  # What a Lambda takes; a client that works here works there.
_WORKERS = 16
_FORM = "application/x-www-form-urlencoded"


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
        for message in await loop.run_in_executor(self._threads, self._call, cleaned, body):
            await send(message)

    def _call(self, scope: Scope, body: bytes) -> list[MutableMapping[str, Any]]:
        if not _readable(body):
            return _refusal("invalid-request", "The body nests too deeply, or has a number of thousands of digits.")
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


def _readable(body: bytes) -> bool:
    """Tell whether JSON can be read from the body, or the resolver will say where it stops being JSON.

    What Python's parser gives up on is the caller's fault, and the resolver would take it for its own.
    """
    try:
        json.loads(body)
    except json.JSONDecodeError:
        return True
    except (RecursionError, ValueError):
        return False
    return True


def _cleaned(scope: Scope, body: bytes) -> Scope | None:
    """Return the scope with its path still encoded, so that `%2F` in a reference stays one; None if it is no text.

    curl labels what `-d` sends as a form. A body that is JSON is taken for what it is.
    """
    try:
        body.decode()
        scope["query_string"].decode("ascii")
        headers = [(name, value.decode().encode()) for name, value in scope["headers"]]
        path = scope["raw_path"].decode("ascii")
    except UnicodeDecodeError:
        return None
    kept = [(n, v) for n, v in headers if not (n == b"content-type" and v.decode().startswith(_FORM))]
    if len(kept) < len(headers) or not any(name == b"content-type" for name, _ in kept):
        kept.append((b"content-type", b"application/json"))
    return {**scope, "path": path, "headers": kept}


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
