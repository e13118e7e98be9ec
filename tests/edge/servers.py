"""An EdgeServer behind a real uvicorn on a loopback port, with files on disk."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from pullprod_control_plane.adapters.local.edge_files import ServedObject
from pullprod_control_plane.adapters.local.edge_functions import FunctionCall, FunctionReply
from pullprod_control_plane.adapters.local.edge_server import EdgeServer
from pullprod_control_plane.domain.segments import object_key, segment_of

OLD = "aaaaaaaaaaaa-00000001"
NEW = "bbbbbbbbbbbb-00000002"


@dataclass(frozen=True)
class File:
    path: Path
    size: int
    sha256: str
    content_type: str
    cache_control: str


@dataclass
class World:
    """The routes and files that a server shows; tests change them while it runs."""

    directory: Path
    routes: dict[str, str] = field(default_factory=dict)
    objects: dict[str, File] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    calls: list[FunctionCall] = field(default_factory=list)
    reply: FunctionReply = field(default_factory=lambda: FunctionReply(200, [], b"called"))
    port: int = 0

    def route(self, key: str, version: str, **more: Any) -> None:
        letter = version[0].upper()
        segments = "".join(f"{letter}{n:07d}" for n in range(64))
        self.routes[key] = json.dumps({"a": "shop", "v": version, "g": 1, "s": segments, "c": "d", **more})

    def put(self, version: str, path: str, content: bytes, content_type: str, cache: str = "max-age=0") -> File:
        """Store a file of a version and return it."""
        sha256 = hashlib.sha256(content).hexdigest()
        where = self.directory / sha256
        where.write_bytes(content)
        digest = f"{version[0].upper()}{segment_of(path):07d}"
        file = File(where, len(content), sha256, content_type, cache)
        self.objects[object_key("shop", digest, path)] = file
        return file

    def find(self, key: str) -> ServedObject | None:
        self.asked.append(key)
        return self.objects.get(key)

    async def call(self, call: FunctionCall) -> FunctionReply:
        """Stand for every function: note the call, answer what a test has put there."""
        self.calls.append(call)
        return self.reply

    def get(
        self,
        path: str,
        host: str = "www.example.com",
        method: str = "GET",
        body: bytes | str | None = None,
        **headers: str,
    ) -> Answer:
        """Send one request; underscores in header names stand for hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        cookies = response.headers.get_all("set-cookie", [])
        answer = Answer(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read(), cookies)
        connection.close()
        return answer

    def raw(self, request: bytes) -> bytes:
        """Send bytes and return all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        return received

    def raw_status(self, target: bytes, headers: bytes = b"") -> int:
        """Return the status for a request line that no HTTP client would send."""
        head = b"GET " + target + b" HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n"
        return int(self.raw(head + headers + b"\r\n").split(b" ")[1])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]


@contextmanager
def serving(world: World) -> Iterator[World]:
    """Run an EdgeServer for `world` until the block ends."""
    app = EdgeServer(world.routes.get, world.find, world.call)
    config = uvicorn.Config(app, log_level="error", lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    # asyncio turns Nagle's algorithm off only for sockets that say they are TCP; with it, every answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    world.port = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield world
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
