"""The server, composed as always, that kills itself with SIGKILL at one chosen call of a port."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pullprod_control_plane import bootstrap
from pullprod_control_plane.adapters.local.system_clock import SystemClock
from pullprod_control_plane.adapters.local.upload_server import UploadServer
from pullprod_control_plane.application import tokens
from pullprod_control_plane.entrypoints.local import serve, server
from pullprod_control_plane.settings import LocalSettings
from scripts.emulators import free_port
from tests.support.racing import processes

_STARTS_WITHIN_S = 60
# Calls of the API run in `api` threads, uploads in `asyncio` ones. The reconciler's own calls are not counted.
_COUNTED = ("api", "asyncio")


@dataclass(frozen=True)
class Stop:
    """Where the server dies: before or after the call of a port with this number, counted from 1."""

    number: int
    after: bool


class Calls:
    """Counts calls, tells each one's name, and dies at the chosen one."""

    def __init__(self, stop: Stop | None, told: Connection) -> None:
        self._stop = stop
        self._told = told
        self._lock = threading.Lock()
        self._count = 0

    def made(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call`, counted under `name`."""

        def counted(*given: Any, **named: Any) -> Any:
            if not threading.current_thread().name.startswith(_COUNTED):
                return call(*given, **named)
            with self._lock:
                self._count += 1
                number = self._count
                self._told.send(name)
            self._die_at(Stop(number, after=False))
            try:
                return call(*given, **named)
            finally:
                self._die_at(Stop(number, after=True))

        return counted

    def _die_at(self, reached: Stop) -> None:
        if reached == self._stop:
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()  # Nothing runs on until the signal is there.


class Watched:
    """A port whose calls are counted; an upload that `open_upload` begins is watched as well."""

    def __init__(self, name: str, port: object, calls: Calls) -> None:
        self._name = name
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name == "open_upload":
            return lambda *given: Watched("upload", found(*given), self._calls)
        if name in {"abort", "check_upload", "close"}:
            return found
        return self._calls.made(f"{self._name}.{name}", found)


@dataclass(frozen=True)
class Later:
    """A clock that is some days ahead."""

    days: int

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(days=self.days)


@dataclass
class CrashingServer:
    """A server in a process of its own. `calls` are the names of the port calls that it made for its callers."""

    data: Path
    days_later: int = 0
    port: int = 0
    token: str = ""

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self._calls: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, stop: Stop | None = None) -> None:
        """Start, and return once it answers; `stop` says where it shall die."""
        context = processes()
        self._ours, theirs = context.Pipe(duplex=False)
        arguments = (self.data, self.port, self.days_later, stop, theirs)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        assert self._ours.poll(_STARTS_WITHIN_S), "the server does not start"
        self.token = self._ours.recv() or self.token
        self._calls = []

    @property
    def calls(self) -> list[str]:
        """Return the names of the calls made since the start."""
        try:
            while self._ours.poll():
                self._calls.append(self._ours.recv())
        except EOFError:
            pass
        return self._calls

    def died(self) -> bool:
        """Tell whether it killed itself, once it has ended."""
        self._process.join(_STARTS_WITHIN_S)
        return self._process.exitcode == -signal.SIGKILL

    def end(self) -> None:
        """End it as Ctrl-C would."""
        self._process.terminate()
        self._gone()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._gone()

    def _gone(self) -> None:
        self._process.join(_STARTS_WITHIN_S)
        self._process.close()
        self._ours.close()


def _serve(data: Path, port: int, days_later: int, stop: Stop | None, told: Connection) -> None:
    log = os.open(data.with_name("server.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    system = bootstrap.local(LocalSettings(data, port))
    with closing(told):
        watched = _watched(system, Calls(stop, told), days_later)
        server.run(watched, serve._bind(port), lambda: told.send(tokens.first_admin(system.control.ports)))


def _watched(system: bootstrap.LocalSystem, calls: Calls, days_later: int) -> bootstrap.LocalSystem:
    ports = system.control.ports
    store: Any = Watched("store", ports.store, calls)
    names = ("ledger", "edge", "names", "functions", "probe")
    watched: dict[str, Any] = {name: Watched(name, getattr(ports, name), calls) for name in names}
    around = replace(ports, **watched, store=store, clock=Later(days_later))
    return replace(system, control=replace(system.control, ports=around), uploads=UploadServer(store))
