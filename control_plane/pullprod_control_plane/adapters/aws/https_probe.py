"""Asks preview addresses over HTTPS, as a viewer would."""

from __future__ import annotations

import re
import socket
import ssl
import time
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPSConnection

from ...ports import Answer
from ..asking import ask

_SECONDS = 5
# How long an edge location may take to hear of a new record, as far as a caller of the API can wait for it.
_PATIENCE_S = 8.0
_PAUSE_S = 0.5
_PORT = 443


class HttpsProbe:
    """Probe of the addresses right under `domain`, and of nothing else.

    Where names lead elsewhere from here than for viewers, `connect` is the host that is connected to in their place;
    the certificate must still be the preview's. `trust` says which certificates are believed, by default the system's.
    """

    def __init__(
        self, domain: str, connect: str | None = None, *, port: int = _PORT, trust: ssl.SSLContext | None = None
    ) -> None:
        self._preview = re.compile(rf"[a-z0-9-]{{1,63}}\.{re.escape(domain)}")
        self._connect = connect
        self._port = port
        self._given = trust

    def get(self, host: str, path: str, share: str | None = None) -> Answer:
        """Return what `host` answers for `path`; status 0 when nothing comes back within 5 s.

        An edge location that does not know the host yet is asked again, for up to 8 s.

        Raises:
            ValueError: `host` is no preview address.
        """
        if not self._preview.fullmatch(host):
            raise ValueError(f"{host[:100]!r} is not one of the preview addresses, which are all that is ever asked.")
        end = time.monotonic() + _PATIENCE_S
        while True:
            answer = ask(self._connection(host), host, path, share)
            if not _unknown(answer) or time.monotonic() + _PAUSE_S > end:
                return answer
            time.sleep(_PAUSE_S)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """Reading the system's certificates takes longer than most of a cold start."""
        return self._given or ssl.create_default_context()

    def _connection(self, host: str) -> HTTPSConnection:
        return _Connection(host, self._connect or host, self._port, self._trust)


def _unknown(answer: Answer) -> bool:
    """An edge that knows the host says which version answers."""
    return answer.version is None and answer.status in {0, HTTPStatus.NOT_FOUND}


class _Connection(HTTPSConnection):
    """A connection to `address` that speaks to, and wants the certificate of, `host`."""

    def __init__(self, host: str, address: str, port: int, trust: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=_SECONDS, context=trust)
        self._address = address
        self._trust = trust

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=self.timeout)
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
