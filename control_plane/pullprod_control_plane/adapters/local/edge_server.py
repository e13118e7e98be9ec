"""The edge on one machine: an ASGI application that runs the CloudFront Functions and is the origin behind them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from urllib.parse import unquote

from .edge_files import CompressedFiles, FilePart, ServedObject, Vanished, open_part
from .edge_functions import MAX_BODY, Functions, answer_of, body_of, call_of
from .edge_http import Receive, Reply, Scope, Send, choose, event_of, plain, refusal, reply_of, response_event
from .edge_runtime import EdgeFunctionError, EdgeRuntime, Event

_log = logging.getLogger(__name__)
_MAX_KEY = 1_024  # As in S3. A longer path names nothing, and a file system may not even be asked for it.


class EdgeServer:
    """Serves every host that has a route.

    `routes` reads the record of a key as JSON text, `objects` finds a file by its object key; both return None for
    what is not there, and are called on the event loop for every request. `functions` answers what is routed to a
    function. Whatever a viewer sends, the server goes on, and the answer is below 500 unless it is a function's.
    """

    def __init__(
        self,
        routes: Callable[[str], str | None],
        objects: Callable[[str], ServedObject | None],
        functions: Functions | None = None,
    ) -> None:
        self._routes = routes
        self._objects = objects
        self._functions = functions
        self._compressed = CompressedFiles()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; close any other connection."""
        if scope["type"] == "http":
            reply = await self._reply(scope, receive)
            await _send(reply, scope["method"], receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})

    @cached_property
    def _runtime(self) -> EdgeRuntime:
        """The engine belongs to one thread: that of the event loop, which need not be the one that called us up."""
        return EdgeRuntime(self._routes)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        refused = refusal(scope)
        if refused is not None:
            return refused
        event = event_of(scope)
        try:
            request = self._runtime.request(event)
            if "statusCode" in request:
                return _generated(request)
            if "updateRequestOrigin" in request["origin"]:
                reply = await self._function(scope, receive, request)
                # CloudFront leaves the response function out then.
                if reply.status >= HTTPStatus.BAD_REQUEST:
                    return reply
            else:
                # A site's own error pages get their headers from the not-found function there, here as all files do.
                reply = await self._file(request)
            return reply_of(self._runtime.response(response_event(event, request, reply)), reply.body)
        except EdgeFunctionError:
            _log.exception("An edge function failed; CloudFront would answer 503 too.")
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, "The edge could not route this request.\n")

    async def _function(self, scope: Scope, receive: Receive, request: Event) -> Reply:
        if self._functions is None:
            return plain(HTTPStatus.BAD_GATEWAY, "No functions run here.\n")
        body = await body_of(scope, receive)
        if body is None:
            return plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A function takes at most {MAX_BODY:,} bytes.\n")
        return answer_of(await self._functions(call_of(scope, request, body)))

    async def _file(self, request: Event) -> Reply:
        status, served = self._find(request)
        if served is not None:
            try:
                return await self._serve(served, status, request)
            except Vanished:
                _log.warning("The file of %s is not as it was stored.", request["uri"], exc_info=True)
        return plain(HTTPStatus.NOT_FOUND, "Nothing is here.\n")

    def _find(self, request: Event) -> tuple[int, ServedObject | None]:
        served = self._object(request["uri"])
        if served is not None:
            return HTTPStatus.OK, served
        status, _, uri = request["headers"]["x-pullprod-not-found"]["value"].partition(" ")
        return int(status), self._object(uri)

    def _object(self, uri: str) -> ServedObject | None:
        key = unquote(uri.removeprefix("/"))
        return self._objects(key) if len(key.encode()) <= _MAX_KEY else None

    async def _serve(self, served: ServedObject, status: int, request: Event) -> Reply:
        choice = choose(served, status, request)
        if choice.status == HTTPStatus.NOT_MODIFIED:
            return Reply(choice.status, choice.headers)
        if not choice.part:
            return Reply(choice.status, {**choice.headers, "content-length": "0"})
        body = await (self._compressed.get(served) if choice.compressed else open_part(served, choice.part))
        length = body.length if isinstance(body, FilePart) else len(body)
        return Reply(choice.status, {**choice.headers, "content-length": str(length)}, body)


def _generated(response: Event) -> Reply:
    body = response.get("body", {"data": ""})["data"].encode()
    made = reply_of(response, body)
    return Reply(made.status, {**made.headers, "content-length": str(len(body))}, body, made.cookies)


async def _send(reply: Reply, method: str, receive: Receive, send: Send) -> None:
    headers = [*reply.headers.items(), *(("set-cookie", cookie) for cookie in reply.cookies)]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    if isinstance(reply.body, FilePart) and method != "HEAD":
        await _stream(reply.body, receive, send)
        return
    if isinstance(reply.body, FilePart):
        reply.body.close()
    body = b"" if method == "HEAD" or isinstance(reply.body, FilePart) else reply.body
    await send({"type": "http.response.body", "body": body})


async def _stream(part: FilePart, receive: Receive, send: Send) -> None:
    """Send a file in pieces, and stop when the viewer has left.

    Should the file end early, the response stays incomplete: the server then breaks the connection, and the viewer
    knows that the file is not whole.
    """
    left = part.length
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        async for chunk in part.chunks():
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
            if gone.done():
                return
    finally:
        gone.cancel()
        part.close()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
