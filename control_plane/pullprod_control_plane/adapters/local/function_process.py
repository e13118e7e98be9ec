"""One process of a function, under AWS's runtime interface client, which asks the runtime API here for its work.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time

from .edge_functions import MAX_BODY

_INIT_S = 10  # As on AWS, a first call may take this longer.
_API = "/2018-06-01/runtime/"
_MAX_LOG = 10 * 1024**2
# -I and -S: no variable, directory or installed package of the server reaches the function.
_BOOT = """import sys
sys.path[:0] = sys.argv[1:3]
sys.argv[1:3] = []
from awslambdaric.__main__ import main
main(sys.argv)
"""


class FunctionFailed(Exception):
    """A call that brought no result: the function raised, said too much, or its process died."""


class AnswerTooLarge(FunctionFailed):
    """There was a result, of more than an answer may have."""


class TookTooLong(FunctionFailed):
    """A call that was ended, with its process, when the function's timeout had passed."""


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a process of a function: its files, the client's, its handler, environment and log."""

    code: Path
    client: Path
    handler: str
    environment: Mapping[str, str]
    timeout_s: int
    log: Path


class FunctionProcess:
    """A running process. It is called by one thread at a time; after FunctionFailed, ask `alive`."""

    def __init__(self, start: Start) -> None:
        self._timeout_s = start.timeout_s
        self._first = True
        self._work: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._results: queue.Queue[tuple[str | None, bytes | FunctionFailed]] = queue.Queue()
        self._api = _RuntimeApi(self._work, self._results)
        self._process = _spawn(start, self._api.address)
        threading.Thread(target=self._watch, name="function-watch", daemon=True).start()

    def call(self, event: bytes) -> bytes:
        """Return the function's result for an event; FunctionFailed says why there is none."""
        call_id = str(uuid.uuid4())
        patience = self._timeout_s + (_INIT_S if self._first else 0)
        self._first = False
        self._api.deadline_ms = int((time() + patience) * 1000)
        self._work.put((call_id, event))
        try:
            result = self._result(call_id, time() + patience)
        except queue.Empty:
            self.stop()
            raise TookTooLong(f"it took longer than its timeout of {self._timeout_s} s") from None
        if isinstance(result, AnswerTooLarge):
            self.stop()  # It was cut off in the middle of its answer, and would end while it serves the next call.
        if isinstance(result, FunctionFailed):
            raise result
        return result

    @property
    def alive(self) -> bool:
        """Tell whether it can be called again."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process and whatever it started, at once."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._work.put(None)
        self._api.close()

    def _result(self, call_id: str, until: float) -> bytes | FunctionFailed:
        while True:
            answered, result = self._results.get(timeout=max(until - time(), 0))
            if answered in {call_id, None}:
                return result

    def _watch(self) -> None:
        code = self._process.wait()
        self._results.put((None, FunctionFailed(f"its process ended with {code}")))


def _spawn(start: Start, address: str) -> subprocess.Popen[bytes]:
    start.log.parent.mkdir(parents=True, exist_ok=True)
    fresh = not start.log.exists() or start.log.stat().st_size > _MAX_LOG
    command = [sys.executable, "-I", "-S", "-c", _BOOT, str(start.code), str(start.client), start.handler]
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        **start.environment,
        "AWS_LAMBDA_RUNTIME_API": address,
        "LAMBDA_TASK_ROOT": str(start.code),
        "_HANDLER": start.handler,
    }
    with start.log.open("wb" if fresh else "ab") as log:
        return subprocess.Popen(  # noqa: S603 - the interpreter that runs us; what it runs is the user's own function.
            command,
            cwd=start.code,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class _RuntimeApi:
    """The runtime API for one process, on a loopback port of its own."""

    def __init__(
        self,
        work: queue.Queue[tuple[str, bytes] | None],
        results: queue.Queue[tuple[str | None, bytes | FunctionFailed]],
    ) -> None:
        self.work = work
        self.results = results
        self.deadline_ms = 0
        api = self

        class Handler(_Handler):
            runtime = api

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._closed = False
        threading.Thread(target=self._serve, name="runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """Return where it listens."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        with contextlib.suppress(OSError):  # It waits for a connection; if that fails, it has stopped before.
            socket.create_connection(("127.0.0.1", self._server.server_port)).close()

    def _serve(self) -> None:
        with self._server:
            while not self._closed:
                self._server.handle_request()


class _Handler(BaseHTTPRequestHandler):
    """Hands out work, takes in results."""

    runtime: _RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer `invocation/next`, once there is work."""
        work = self.runtime.work.get() if self.path == f"{_API}invocation/next" else None
        if work is None:
            self.close_connection = True
            return
        call_id, event = work
        self._answer(
            200,
            event,
            [
                ("Content-Type", "application/json"),
                ("Lambda-Runtime-Aws-Request-Id", call_id),
                ("Lambda-Runtime-Deadline-Ms", str(self.runtime.deadline_ms)),
                ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:000000000000:function:local"),
            ],
        )

    def do_POST(self) -> None:
        """Take a result, an error, or the news that the function cannot be loaded."""
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(size, MAX_BODY + 1))
        kind = self.path.removeprefix(_API).split("/")
        if kind == ["init", "error"]:
            self.runtime.results.put((None, FunctionFailed("it could not be loaded; its log says why")))
        elif kind[2:] == ["response"] and size > MAX_BODY:
            self.runtime.results.put((kind[1], AnswerTooLarge(f"its answer has more than {MAX_BODY:,} bytes")))
            self.close_connection = True
        elif kind[2:] == ["response"]:
            self.runtime.results.put((kind[1], body))
        elif kind[2:] == ["error"]:
            self.runtime.results.put((kind[1], FunctionFailed("it raised an error; its log says which")))
        self._answer(202, b"", [])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name.
        """Say nothing: the function's own log is what counts."""

    def _answer(self, status: int, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
