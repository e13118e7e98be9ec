"""Functions as processes of this machine: each program an origin of its own, started when it is first called."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from ...domain.errors import Busy, FunctionRefused
from ...domain.functions import Function
from ...domain.json import canonical
from ...ports import Alias, Program
from . import function_code
from .database import Database
from .edge_functions import MAX_BODY, FunctionCall, FunctionReply
from .function_events import BadAnswer, event_of, reply_of
from .function_pool import MAX_PROCESSES, FunctionPool, TooBusy
from .function_process import FunctionFailed, Start, TookTooLong

_MIGRATIONS = (
    (
        """CREATE TABLE programs (
            host TEXT NOT NULL PRIMARY KEY,
            app TEXT NOT NULL,
            digest TEXT NOT NULL,
            function TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE aliases (
            app TEXT NOT NULL,
            function TEXT NOT NULL,
            pointer TEXT NOT NULL,
            digest TEXT NOT NULL,
            generation INTEGER NOT NULL,
            PRIMARY KEY (app, function, pointer)
        ) WITHOUT ROWID""",
    ),
)
_FIND = "SELECT app, digest, function FROM programs WHERE host = ?"
_ALIAS = "SELECT digest, generation FROM aliases WHERE app = ? AND function = ? AND pointer = ?"
_POINT = "REPLACE INTO aliases (app, function, pointer, digest, generation) VALUES (?, ?, ?, ?, ?)"
_UNPOINT = "DELETE FROM aliases WHERE app = ? AND function = ? AND pointer = ?"
_SHOWN = "SELECT pointer FROM aliases WHERE app = ? AND function = ? AND digest = ? LIMIT 1"

SUFFIX = ".functions.localhost"
_LEFTOVER_S = 86_400
_log = logging.getLogger(__name__)


class ProcessFunctions:
    """Functions, and what the local edge calls.

    What was published is in a database; files are unzipped anew by each run of the server.
    """

    def __init__(self, root: Path, read: Callable[[str], bytes | None], pool: FunctionPool | None = None) -> None:
        """Open or create; `read` returns the bytes of a key of the store."""
        self._logs = root / "logs"
        self._run = root / f"run-{secrets.token_hex(8)}"
        self._read = read
        self._pool = pool or FunctionPool()
        self._threads = ThreadPoolExecutor(2 * MAX_PROCESSES, thread_name_prefix="function")
        self._laying = threading.Lock()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(root)
        self._database = Database(root / "functions.sqlite3", _MIGRATIONS)

    def close(self) -> None:
        """Stop every process, and remove what this run unzipped."""
        self._pool.stop()
        self._threads.shutdown()
        self._database.close()
        shutil.rmtree(self._run, ignore_errors=True)

    def publish(self, program: Program) -> str:
        """Make a program callable at an origin of its own, and return the origin's host.

        Raises:
            FunctionRefused: this machine cannot run it, or its zip is none.
        """
        host = _host(program.app, program.function.name, program.digest)
        function_code.check(program.function, self._zip(program))
        with self._database.transaction() as connection:
            row = (host, program.app, program.digest, canonical(asdict(program.function)).decode())
            connection.execute("REPLACE INTO programs (host, app, digest, function) VALUES (?, ?, ?, ?)", row)
        return host

    def remove(self, app: str, function: str, digest: str) -> None:
        """Take a program and its origin away; one that is not there is no error.

        Raises:
            Busy: an alias still shows it.
        """
        host = _host(app, function, digest)
        with self._database.transaction() as connection:
            if shown := connection.execute(_SHOWN, (app, function, digest)).fetchone():
                raise Busy(f"{shown[0]} still shows {function} {digest}. Try again in a moment.")
            connection.execute("DELETE FROM programs WHERE host = ?", (host,))
        self._pool.stop(host)
        shutil.rmtree(self._code(host), ignore_errors=True)

    def point(self, alias: Alias, digest: str | None, generation: int) -> None:
        """Make an alias show a published program, None for none, unless it shows a higher generation already."""
        where = (alias.app, alias.function, alias.pointer)
        with self._database.transaction() as connection:
            found = connection.execute(_ALIAS, where).fetchone()
            if found and found[1] > generation:
                return
            if digest is None:
                connection.execute(_UNPOINT, where)
            else:
                connection.execute(_POINT, (*where, digest, generation))

    def pointed(self, alias: Alias) -> str | None:
        """Return the digest of the program that an alias shows, None if there is no such alias."""
        rows = self._database.rows(_ALIAS, (alias.app, alias.function, alias.pointer))
        return str(rows[0][0]) if rows else None

    async def __call__(self, call: FunctionCall) -> FunctionReply:
        """Return the function's answer; 502 if it failed or is not there, 504 if it took too long, 429 if busy."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, call)

    def _answer(self, call: FunctionCall) -> FunctionReply:
        program = self._program(call.host)
        if program is None:
            return _plain(502, "This function is not there any more.\n")
        event = json.dumps(event_of(call, str(uuid.uuid4())), ensure_ascii=False).encode("utf-8", "surrogatepass")
        if len(event) > MAX_BODY:
            return _plain(413, f"A function takes at most {MAX_BODY:,} bytes.\n")
        try:
            return reply_of(self._pool.call(call.host, lambda: self._start(call.host, program), event))
        except TooBusy:
            return _plain(429, "All processes of this function are busy. Try again in a moment.\n")
        except (FunctionFailed, BadAnswer, FunctionRefused) as fault:
            name = f"{program.function.name} of {program.app}"
            _log.warning("%s failed at %s %s: %s (%s)", name, call.method, call.path, fault, self._log(program))
            if isinstance(fault, TookTooLong):
                return _plain(504, "The function took too long.\n")
            return _plain(502, "The function failed.\n")

    def _program(self, host: str) -> Program | None:
        rows = self._database.rows(_FIND, (host,))
        if not rows:
            return None
        app, digest, listed = rows[0]
        facts = json.loads(listed)
        return Program(app, digest, Function(**{**facts, "routes": tuple(facts["routes"])}))

    def _start(self, host: str, program: Program) -> Start:
        function = program.function
        environment = {
            "AWS_LAMBDA_FUNCTION_NAME": f"{program.app}--{function.name}",
            "AWS_LAMBDA_FUNCTION_VERSION": program.digest,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        }
        code, client = self._laid(host, program)
        return Start(code, client, function.handler, environment, function.timeout_s, self._log(program))

    def _laid(self, host: str, program: Program) -> tuple[Path, Path]:
        """Return the directories of a program's files and of the client's, laid if they are not there yet."""
        code, client = self._code(host), self._run / "client"
        with self._laying:
            self._run.mkdir(mode=0o700, exist_ok=True)
            if not client.is_dir():
                function_code.lay_client(client)
            if not code.is_dir():
                arriving = self._run / secrets.token_hex(8)
                arriving.mkdir()
                try:
                    function_code.unzip(self._zip(program), arriving)
                    arriving.rename(code)
                finally:
                    shutil.rmtree(arriving, ignore_errors=True)  # It is there only if that failed.
        return code, client

    def _zip(self, program: Program) -> bytes:
        body = self._read(program.key)
        if body is None:
            raise FunctionRefused(
                f"The zip of {program.function.name} is not in the store. Publish its version again.",
                function=program.function.name,
            )
        return body

    def _code(self, host: str) -> Path:
        return self._run / host.removesuffix(SUFFIX)

    def _log(self, program: Program) -> Path:
        return self._logs / f"{program.app}--{program.function.name}-{program.digest}.log"


def _host(app: str, function: str, digest: str) -> str:
    """Return a host like those of function URLs: 32 characters that say nothing, and a suffix that all share."""
    return hashlib.sha256(f"{app}/{function}/{digest}".encode()).hexdigest()[:32] + SUFFIX


def _clear(root: Path) -> None:
    """Remove what servers that crashed a day ago or more had unzipped."""
    oldest = time.time() - _LEFTOVER_S
    for left in root.glob("run-*"):
        if left.stat().st_mtime < oldest:
            shutil.rmtree(left, ignore_errors=True)


def _plain(status: int, text: str) -> FunctionReply:
    headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
    return FunctionReply(status, headers, text.encode())
