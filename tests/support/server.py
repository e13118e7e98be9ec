"""The real server in a process of its own, reached over HTTP."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.emulators import LOCALHOST, free_port

PROGRAM = "from pullprod_control_plane.entrypoints.local.serve import command; command()"
_STARTS_WITHIN_S = 60
_ATTEMPTS = 10


@dataclass
class Answer:
    """What came back for one request, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """`pullprod serve` on `data`; `log` keeps what it writes to standard error, beside the data if not named."""

    data: Path
    token: str = ""
    port: int = field(default_factory=free_port)
    log: Path = Path()
    process: subprocess.Popen[str] | None = None
    options: tuple[str, ...] = ()
    program: str = PROGRAM

    def __post_init__(self) -> None:
        if self.log == Path():
            self.log = self.data.with_name(self.data.name + ".log")

    @property
    def url(self) -> str:
        return f"http://{LOCALHOST}:{self.port}"

    def start(self) -> Server:
        """Start, on the same port if it ran before, and return once it answers."""
        for attempt in range(_ATTEMPTS):
            if self._started():
                return self
            if attempt and self.token:
                break
            self.port = free_port()  # Another test was faster between finding the port and binding it.
        raise AssertionError(f"the server does not start: {self.log.read_text()}")

    def restart(self) -> Server:
        """Stop if it runs, and start with the same data and port."""
        self.stop()
        return self.start()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._end(lambda process: process.kill())

    def stop(self) -> None:
        """End it as Ctrl-C in another terminal would."""
        self._end(lambda process: process.terminate())

    def get(self, host: str, path: str, method: str = "GET", **headers: str | bytes) -> Answer:
        """Send one request as a viewer of `host`; underscores in header names stand for hyphens."""
        sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        with closing(http.client.HTTPConnection(LOCALHOST, self.port, timeout=60)) as connection:
            connection.request(method, path, headers=sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    def raw(self, request: bytes, *, finish: bool = False) -> bytes:
        """Send bytes and return all that comes back until the server closes; `finish` says that no more will come."""
        with socket.create_connection((LOCALHOST, self.port), timeout=60) as connection:
            connection.sendall(request)
            if finish:
                with suppress(OSError):  # It has hung up already.
                    connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(65_536):
                received += piece
        return received

    def rest(self) -> list[str]:
        """End it, and return what it wrote to standard output after its address and its first token."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.terminate()
        lines = self.process.stdout.readlines()
        self.stop()
        return lines

    def _started(self) -> bool:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self.program, "--data", str(self.data), "--port", str(self.port), *self.options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        patience = threading.Timer(_STARTS_WITHIN_S, self.process.kill)
        patience.start()
        try:
            return self._announced()
        finally:
            patience.cancel()

    def _announced(self) -> bool:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            return False
        assert line == f"pullprod listens on http://localhost:{self.port}\n"
        if not self.token:
            self.token = self.process.stdout.readline().removeprefix("admin token: ").strip()
        return True

    def _end(self, signal: Callable[[subprocess.Popen[str]], None]) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        signal(process)
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def running(data: Path, *options: str) -> Iterator[Server]:
    """Run a server for the time of the block; no traceback may be in its log at the end."""
    server = Server(data, options=options).start()
    try:
        yield server
        assert "Traceback" not in server.log.read_text(), server.log.read_text()
    finally:
        server.stop()
