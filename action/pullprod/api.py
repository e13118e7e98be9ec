"""The control plane's API over HTTP: one session, retries for what may be repeated, problems as errors."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from . import __version__
from .config import Connection, is_loopback
from .errors import UnreachableError, from_problem

Json = dict[str, Any]

_TIMEOUT_S = (10, 60)  # To connect; between two bytes of an answer.
_ATTEMPTS = 5
_RETRIED = frozenset({429, 502, 503, 504})
_LONGEST_WAIT_S = 20.0
# What fails the same way the next time.
_FUTILE = (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, requests.exceptions.SSLError)
_CHUNK = 64 * 1024
_MAX_ANSWER = 64 * 1024 * 1024


class Bearer(requests.auth.AuthBase):
    """Sets the token. Being explicit, it also keeps a .netrc from replacing it."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with the token, if there is one."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def pause(attempt: int, retry_after: str | None = None) -> None:
    """Wait before another attempt: as long as the server asked, else twice as long each time, with jitter."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    time.sleep(min(max(asked, 0.2 * 2**attempt * random.uniform(0.5, 1.5)), _LONGEST_WAIT_S))  # noqa: S311 - jitter.


class Api:
    """Calls of one control plane."""

    def __init__(self, connection: Connection) -> None:
        self._url = connection.url
        self._session = requests.Session()
        self.use(connection.token)
        self._session.headers["User-Agent"] = f"pullprod/{__version__}"
        # A proxy cannot reach this machine's own loopback.
        self._session.trust_env = not is_loopback(urlsplit(connection.url).hostname)

    def use(self, token: str | None) -> None:
        """Go on with another token."""
        self._session.auth = Bearer(token)

    def get(self, path: str, **query: str | int | None) -> Json:
        """Return what a path answers."""
        given = {key: value for key, value in query.items() if value is not None}
        return self.call("GET", path + (f"?{urlencode(given)}" if given else ""))

    def read(self, path: str) -> tuple[Json, str]:
        """Return what a path answers, and its ETag, which `If-Match` takes."""
        answer, content = self._send("GET", path, None, {})
        return _decoded(answer, content), answer.headers.get("ETag", "*")

    def items(self, path: str, limit: int | None = None, **query: str | None) -> Iterator[Json]:
        """Yield the items of a list, page by page, at most `limit` of them."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            page = self.get(path, limit=min(left or 1_000, 1_000), cursor=cursor, **query)
            yield from page["items"]
            left = None if left is None else left - len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def call(self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None) -> Json:
        """Return the JSON that a call answers.

        A mutation carries an idempotency key, so a repeat after a lost answer happens once.

        Raises:
            PullprodError: the answer is a problem, or there is none.
        """
        sent = {"Idempotency-Key": str(uuid.uuid4()), **(headers or {})} if method != "GET" else dict(headers or {})
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        return _decoded(*self._send(method, path, data, sent))

    def _send(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[requests.Response, bytes]:
        options: Json = {"timeout": _TIMEOUT_S, "allow_redirects": False, "stream": True}
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                answer = self._session.request(method, self._url + path, data=data, headers=headers, **options)
                body = _read(answer)
            except requests.RequestException as fault:
                if last or isinstance(fault, _FUTILE):
                    raise UnreachableError(f"{self._url} does not answer: {_short(fault)}. Is it running?") from fault
                pause(attempt)
                continue
            if answer.status_code not in _RETRIED or last:
                return answer, body
            pause(attempt, answer.headers.get("Retry-After"))
        raise AssertionError("the last attempt returns or raises")


def _short(fault: Exception) -> str:
    text = str(fault)
    return "connection refused" if "refused" in text else type(fault).__name__


def _read(answer: requests.Response) -> bytes:
    """Return the body of an answer, which is no longer than a control plane's can be."""
    body = bytearray()
    for piece in answer.iter_content(_CHUNK):
        body += piece
        if len(body) > _MAX_ANSWER:
            answer.close()
            raise UnreachableError("The answer is too large to be the control plane's. Check its address.")
    return bytes(body)


def _decoded(answer: requests.Response, content: bytes) -> Json:
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if not answer.ok or answer.is_redirect or (not body and content):
        if not body.get("code"):
            raise UnreachableError(
                f"{urlsplit(answer.url).netloc} answered {answer.status_code}, but not as a control plane does. "
                "Check its address."
            )
        raise from_problem(answer.status_code, body)
    return body
