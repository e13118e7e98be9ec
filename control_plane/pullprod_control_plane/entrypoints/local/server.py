"""One port for API, uploads and edge, told apart by `Host` and path."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from aws_lambda_powertools.event_handler import HttpResolverLocal

from ...application import reconcile
from ..api import app
from .api_server import ApiServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from ...bootstrap import AsgiApp, ControlPlane, LocalSystem
    from .api_server import Receive, Scope, Send

_log = logging.getLogger(__name__)
_API_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_EVERY_S = 60.0


class LocalServer:
    """The ASGI application of `pullprod serve`."""

    def __init__(self, system: LocalSystem) -> None:
        self._api = ApiServer(app.create(HttpResolverLocal(enable_validation=True), system.control))
        self._uploads = system.uploads
        self._edge = system.edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one request to the part that it is for."""
        if scope["type"] == "http":
            await self._part(scope)(scope, receive, send)

    def _part(self, scope: Scope) -> AsgiApp:
        if _host(scope) not in _API_HOSTS:
            return self._edge
        return self._uploads if scope["path"].startswith("/uploads/") else self._api


def _host(scope: Scope) -> str:
    header = next((value for name, value in scope["headers"] if name == b"host"), b"")
    host: str = header.decode("latin-1").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host


class LogLines(logging.Formatter):
    """Log lines, with what users wrote in them: it begins no line of its own, and steers no terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name.
        """Return the message on one line."""
        return _printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - likewise.
        """Return the traceback, which has many."""
        return "\n".join(_printable(line) for line in super().formatException(ei).splitlines())


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else " " for char in line)


class Reconciler:
    """Finishes what a crash interrupted: once the server listens, and every minute from then on."""

    def __init__(self, control: ControlPlane, wait: Callable[[float], None]) -> None:
        """`wait` returns after so many seconds, or when there is work."""
        self._control = control
        self._wait = wait
        self._waiting = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def catch_up(self) -> None:
        """Show what the ledger had decided; what cannot be shown now is tried again in each round."""
        self._try(lambda: reconcile.decided(self._control.ports))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the round that is under way."""
        self._stop.set()
        self._control.ports.worker.wake()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._try(self._round)
            # While a version waits for something: back soon, and less soon each time.
            self._wait(min(2.0 ** (self._waiting - 1), _EVERY_S) if self._waiting else _EVERY_S)

    def _round(self) -> None:
        report = reconcile.one_round(self._control.ports, self._control.addresses)
        self._waiting = min(self._waiting + 1, 10) if report.waiting else 0

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001 - a round that fails must not be the last.
            _log.exception("the reconciler's round failed; the next is in %.0f s", _EVERY_S)


def run(system: LocalSystem, sockets: list[socket.socket], announce: Callable[[], None]) -> None:
    """Serve on bound sockets until interrupted; `announce` is called once requests are answered.

    What the ledger had decided before a crash is shown before the first viewer is answered.
    """
    log = logging.StreamHandler()
    log.setFormatter(LogLines())
    logging.getLogger().addHandler(log)
    reconciler = Reconciler(system.control, system.wait)
    reconciler.catch_up()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            reconciler.start()
            announce()

    config = uvicorn.Config(
        LocalServer(system),
        log_level="warning",
        access_log=False,  # It would have upload addresses and share links in it.
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    try:
        Server(config).run(sockets)
    finally:
        reconciler.stop()
        system.close()
