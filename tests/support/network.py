"""A network between client and store that loses, delays and breaks uploads on order."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.serving import serving


@dataclass
class Network:
    """An HTTP proxy. `fault` is asked for the number of each upload, and how often its file was tried, both from 1.

    It says with which status to answer, or what happens: "passes" sends it on, "drops" closes the
    connection without an answer, "stalls" never answers, "loses" sends it on and drops the answer.
    """

    url: str = ""
    fault: Callable[[int, int], int | str] = lambda *_: "passes"
    uploads: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, address: str) -> int | str:
        with self.lock:
            self.uploads += 1
            self.tried[address] += 1
            number, attempt = self.uploads, self.tried[address]
        return self.fault(number, attempt)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    network: Network

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.network.next_fault(self.path)
        if isinstance(fault, int):
            self._answer(fault, b"")
            return
        if fault == "stalls":
            self.network.over.wait()
        if fault in {"drops", "stalls"}:
            self.close_connection = True
            return
        status, answer = self._sent_on(body)
        if fault == "loses":
            self.close_connection = True
            return
        self._answer(status, answer)

    def _sent_on(self, body: bytes) -> tuple[int, bytes]:
        target = urlsplit(self.path)
        with closing(http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)) as connection:
            connection.request("PUT", f"{target.path}?{target.query}", body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """Servers that are killed and clients that hang up are what is tested."""


@contextmanager
def network() -> Iterator[Network]:
    """Run one for the time of the block."""
    made = Network()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"network": made}))
    made.url = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        try:
            yield made
        finally:
            made.over.set()
