"""Users of the client: their repositories, their shell, and a server that misbehaves on order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.serving import serving

Json = dict[str, Any]
IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "protocol.file.allow=always")


def git(repository: Path, *arguments: str) -> str:
    """Run git as Ada and return what it prints."""
    command = ["git", "-C", str(repository), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def repository(path: Path) -> Path:
    """Return a new repository on branch main, without a commit."""
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    (path / ".gitignore").write_text("dist/\n")
    return path


def commit(path: Path, message: str) -> str:
    """Commit everything, if only an empty change, and return the commit."""
    git(path, "add", "-A")
    git(path, "commit", "-q", "--allow-empty", "-m", message)
    return git(path, "rev-parse", "HEAD")


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """Write files with the directories that they are in."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


@dataclass
class Shell:
    """Somebody who types commands in `directory`."""

    directory: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT") if name in os.environ}
        own = {"HOME": str(self.directory.parent), "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
        self.environ = {**kept, **own, **self.environ}

    def run(self, *arguments: str, expect: int | None = 0, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run pullprod; no run may ever show a traceback."""
        command = [sys.executable, "-m", "pullprod", *arguments]
        options = {"cwd": self.directory, "env": self.environ, "timeout": 120, **more}
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, **options)
        assert "Traceback" not in done.stderr, done.stderr
        assert expect is None or done.returncode == expect, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments: str) -> Json:
        """Run pullprod with --json and return what it prints."""
        found: Json = json.loads(self.run(*arguments, "--json").stdout)
        return found

    def error(self, *arguments: str, expect: int) -> str:
        """Run pullprod, which must fail with one line and nothing on standard output."""
        done = self.run(*arguments, expect=expect)
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr


@dataclass
class Request:
    """What a faulty server was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler], object]


@dataclass
class Faulty:
    """A server that gives the answers of `script` in turn, then `usual` forever."""

    port: int
    usual: Answer
    script: list[Answer] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def says(status: int, body: object = None, **headers: str) -> Answer:
    """Answer with a status, JSON or text, and headers."""
    data = body.encode() if isinstance(body, str) else json.dumps({"ok": True} if body is None else body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def problem(status: int, code: str, **facts: object) -> Answer:
    """Answer with a problem as the control plane does."""
    return says(status, {"title": code, "status": status, "detail": f"It is {code}.", "code": code, **facts})


def drops(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection instead of answering."""
    handler.close_connection = True


def drops_midway(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent, then close the connection."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


def never_ends(handler: BaseHTTPRequestHandler) -> None:
    """Answer with a body that goes on until the client hangs up."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    while True:
        handler.wfile.write(b" " * 65_536)


@contextmanager
def faulty(usual: Answer | None = None) -> Iterator[Faulty]:
    """Run a faulty server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = {name.lower(): value for name, value in self.headers.items()}
            control.seen.append(Request(self.command, self.path, sent, body))
            (control.script.pop(0) if control.script else control.usual)(self)

        do_GET = do_PUT = do_POST = do_DELETE = do_CONNECT = handle_any  # noqa: N815 - the names are http.server's.

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # Clients come many at once; none is to be turned away but by a fault.

        def handle_error(self, *_: object) -> None:
            """Clients that hang up are what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    control = Faulty(server.server_address[1], usual or says(200))
    with serving(server):
        yield control
