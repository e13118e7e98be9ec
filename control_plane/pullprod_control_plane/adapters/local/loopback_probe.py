"""Asks the edge of this machine, under any host name, without asking DNS."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection

from ...ports import Answer
from ..asking import ask

_SECONDS = 5


class LoopbackProbe:
    """Probe of the server on 127.0.0.1; `port` may be a function, for a port that is known only once it listens."""

    def __init__(self, port: int | Callable[[], int]) -> None:
        self._port = port

    def get(self, host: str, path: str, share: str | None = None) -> Answer:
        """Return what `host` (with its port) answers for `path`; status 0 when nothing comes back within 5 s."""
        port = self._port if isinstance(self._port, int) else self._port()
        return ask(HTTPConnection("127.0.0.1", port, timeout=_SECONDS), host, path, share)
