"""Receives what upload URLs give leave to send: `PUT /uploads/{blob}?size=…&expires=…&signature=…`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from ...domain.errors import Busy, DigestMismatch, InvalidRequest, NotFound, PullprodError, StorageFull, UploadRefused
from ...domain.json import Json, canonical
from .directory_store import DirectoryStore, Incoming

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

PREFIX = "/uploads/"
_CHUNK = 1 << 20
_OK = 200
_HEADERS = {405: ((b"allow", b"PUT"),), 503: ((b"retry-after", b"1"),)}
_log = logging.getLogger(__name__)


class _MethodNotAllowed(InvalidRequest):
    title = "The method is not allowed"


class _LengthRequired(InvalidRequest):
    title = "The length is required"


class _Failed(PullprodError):
    code = "internal"
    title = "Something went wrong"


_STATUSES: Mapping[type[PullprodError], int] = {
    DigestMismatch: 400,
    UploadRefused: 403,
    NotFound: 404,
    _MethodNotAllowed: 405,
    _LengthRequired: 411,
    Busy: 503,
    StorageFull: 507,
}


class _Disconnected(Exception):
    """The sender went away; there is nobody to answer."""


class UploadServer:
    """ASGI application. A body goes to disk piece by piece, away from the event loop, and shows when all is right."""

    def __init__(self, store: DirectoryStore) -> None:
        self._store = store

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request: 200 `{}`, or a problem document."""
        try:
            await self._receive(scope, receive)
        except _Disconnected:
            return
        except PullprodError as error:
            await _refuse(send, error)
        except Exception:  # noqa: BLE001 - a sender gets a problem document, whatever happened.
            _log.exception("An upload failed")
            await _refuse(send, _Failed("The server could not take the bytes, and its log says why. Try again."))
        else:
            await _answer(send, _OK, {})

    async def _receive(self, scope: Message, receive: Receive) -> None:
        blob, size = self._checked(scope)
        incoming = await asyncio.to_thread(self._store.open_upload, blob, size)
        try:
            await _take(incoming, receive)
        finally:
            incoming.abort()

    def _checked(self, scope: Message) -> tuple[str, int]:
        """Return blob and size that the request may send, before a byte of its body is read."""
        if not scope["path"].startswith(PREFIX):
            raise NotFound("Uploads go to the URLs that an upload plan gives.")
        if scope["method"] != "PUT":
            raise _MethodNotAllowed(f"An upload is a PUT, not a {scope['method'][:20]}.")
        blob = scope["path"].removeprefix(PREFIX)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        size = self._store.check_upload(blob, *(query.get(name, [""])[0] for name in ("size", "expires", "signature")))
        length = dict(scope["headers"]).get(b"content-length")
        if length is None:
            raise _LengthRequired(f"Send the header `Content-Length: {size}`, not a chunked body.")
        if length != str(size).encode():
            raise DigestMismatch(
                f"The body was announced with {length[:20].decode('latin-1')} bytes, and the manifest says {size}. "
                "Build and publish again: the file changed.",
                expected=blob[:64],
            )
        return blob, size


async def _take(incoming: Incoming, receive: Receive) -> None:
    async for chunk in _chunks(receive):
        await asyncio.to_thread(incoming.write, chunk)
    await asyncio.to_thread(incoming.commit)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Join what the network brings into pieces of about 1 MB, each worth a trip to another thread."""
    piece, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        piece += message.get("body", b"")
        more = message.get("more_body", False)
        if piece and (len(piece) >= _CHUNK or not more):
            yield bytes(piece)
            piece.clear()


async def _refuse(send: Send, error: PullprodError) -> None:
    status = _STATUSES.get(type(error), 500)
    problem: dict[str, Json] = {
        **error.facts,
        "type": f"urn:pullprod:problem:{error.code}",
        "title": error.title,
        "status": status,
        "detail": error.detail,
        "code": error.code,
    }
    await _answer(send, status, problem)


async def _answer(send: Send, status: int, document: Mapping[str, Json]) -> None:
    body = canonical(document)
    headers = [
        (b"content-type", b"application/json" if status == _OK else b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        *_HEADERS.get(status, ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
