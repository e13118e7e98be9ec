"""How a probe asks: one GET, whose redirect is an answer and whose body is left unread."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from ..domain.locks import COOKIE
from ..ports import Answer

_URL_CHARACTERS = "/?&=%:@!$'()*+,;~-._"


def ask(connection: HTTPConnection, host: str, path: str, share: str | None) -> Answer:
    """Return what comes back for `path` under the name `host`, status 0 for nothing; the connection is closed then."""
    headers = {"Host": host, **({"Cookie": f"{COOKIE}={share}"} if share else {})}
    try:
        with closing(connection):
            connection.request("GET", quote(path, safe=_URL_CHARACTERS), headers=headers)
            with connection.getresponse() as response:
                return Answer(response.status, response.getheader("x-pullprod-version"))
    except (OSError, HTTPException):
        return Answer(0)
