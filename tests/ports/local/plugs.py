"""The local adapters, plugged: each as a context manager over a directory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import uvicorn

from pullprod_control_plane.adapters.local.directory_store import DirectoryStore
from pullprod_control_plane.adapters.local.sqlite_edge import SqliteEdge
from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from pullprod_control_plane.adapters.local.system_clock import SystemClock
from pullprod_control_plane.adapters.local.unmanaged_names import UnmanagedNames
from pullprod_control_plane.adapters.local.upload_server import UploadServer
from pullprod_control_plane.ports import Clock, Edge, Ledger, Names, Store

Application = Callable[..., Any]


class SetClock:
    """A clock that a test sets."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def set_clock() -> SetClock:
    return SetClock(datetime.now(timezone.utc))


@contextmanager
def serving(application: Application) -> Iterator[int]:
    """Serve an ASGI application on a free port of 127.0.0.1; every request has ended when the block has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(application, lifespan="off", ws="none", log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def sqlite_ledger(directory: Path) -> Iterator[Ledger]:
    with closing(SqliteLedger(directory / "ledger.sqlite3")) as ledger:
        yield ledger


@contextmanager
def sqlite_edge(directory: Path) -> Iterator[Edge]:
    with closing(SqliteEdge(directory / "edge.sqlite3")) as edge:
        yield edge


@contextmanager
def served_store(directory: Path, clock: Clock) -> Iterator[DirectoryStore]:
    address: list[str] = []
    with closing(DirectoryStore(directory, lambda: address[0], clock)) as store, serving(UploadServer(store)) as port:
        address.append(f"http://127.0.0.1:{port}")
        yield store


@contextmanager
def directory_store(directory: Path) -> Iterator[Store]:
    with served_store(directory / "store", SystemClock()) as store:
        yield store


def unmanaged_names(_: object) -> Names:
    return UnmanagedNames()
