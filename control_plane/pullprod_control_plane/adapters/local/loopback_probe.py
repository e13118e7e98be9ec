"""Asks the edge of this machine, under any host name, without asking DNS."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

from ...ports import Answer

_SECONDS = 5
_URL_CHARACTERS = "/?&=%:@!$'()*+,;~-._"


class LoopbackProbe:
    """Probe of the server on 127.0.0.1; `port` may be a function, for a port that is known only once it listens."""

    def __init__(self, port: int | Callable[[], int]) -> None:
        self._port = port

    def get(self, host: str, path: str) -> Answer:
        """Return what `host` (with its port) answers for `path`; status 0 when nothing comes back within 5 s."""
        port = self._port if isinstance(self._port, int) else self._port()
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)) as connection:
                connection.request("GET", quote(path, safe=_URL_CHARACTERS), headers={"Host": host})
                with connection.getresponse() as response:
                    return Answer(response.status, response.getheader("x-pullprod-version"))
        except (OSError, http.client.HTTPException):
            return Answer(0)
