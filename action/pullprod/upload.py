"""Sending what the control plane asks for: in parallel, from disk, with retries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3

from .api import pause
from .errors import PullprodError, UnreachableError, UsageError
from .package import PackagedFile

THREADS = 16
_ATTEMPTS = 5
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_TIMEOUT = urllib3.Timeout(connect=10, read=120)


class ExpiredError(PullprodError):
    """An upload address is not valid any more; a fresh one has to be asked for."""


class Uploader:
    """Sends files to the addresses that the control plane hands out. The token is never sent there."""

    def __init__(self, files: Sequence[PackagedFile], on_sent: Callable[[int], None] = lambda _: None) -> None:
        self._by_digest: Mapping[str, PackagedFile] = {file.sha256: file for file in files}
        self._on_sent = on_sent
        self._pool = urllib3.PoolManager(maxsize=THREADS, timeout=_TIMEOUT, retries=False)
        self.files = 0
        self.bytes = 0

    def send(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Send all items of a page; the first that fails for good stops the rest.

        Raises:
            ExpiredError: an address is not valid any more.
            UsageError: a file changed since it was hashed.
            UnreachableError: the store does not take it, however often it is tried.
        """
        with ThreadPoolExecutor(THREADS) as threads:
            futures = [threads.submit(self._send, item) for item in items]
            try:
                for future in futures:
                    sent = future.result()
                    self.files += 1
                    self.bytes += sent
            except BaseException:
                threads.shutdown(wait=True, cancel_futures=True)
                raise

    def _send(self, item: Mapping[str, Any]) -> int:
        file = self._by_digest[item["sha256"]]
        if file.source.stat().st_size != file.size:
            raise _changed(file)
        status = 0
        for attempt in range(_ATTEMPTS):
            if attempt:
                pause(attempt)
            status, body = self._put(item, file)
            if status in range(200, 300):
                self._on_sent(file.size)
                return file.size
            if status not in _RETRIED and status != 0:
                raise _refusal(file, status, body)
        raise UnreachableError(
            f"Sending {file.path!r} failed {_ATTEMPTS} times ({status or 'no answer'}). Publish again to go on."
        )

    def _put(self, item: Mapping[str, Any], file: PackagedFile) -> tuple[int, bytes]:
        headers = {**item["headers"], "Content-Length": str(file.size)}
        try:
            with file.source.open("rb") as body:
                answer = self._pool.request("PUT", item["url"], body=body, headers=headers, redirect=False)
                return answer.status, answer.data
        except urllib3.exceptions.HTTPError:
            return 0, b""


def _changed(file: PackagedFile) -> UsageError:
    return UsageError(
        f"The file {file.path!r} changed while it was published. Let the build finish, then publish again."
    )


def _refusal(file: PackagedFile, status: int, body: bytes) -> PullprodError:
    try:
        problem = json.loads(body)
    except ValueError:
        problem = {}
    code = problem.get("code") if isinstance(problem, dict) else None
    expired = 403
    if status == expired:
        return ExpiredError(f"The address for {file.path!r} is not valid any more.")
    if code == "digest-mismatch":
        return _changed(file)
    detail = problem.get("detail") if code else f"the store answered {status}"
    return PullprodError(f"Sending {file.path!r} failed: {detail}", problem if code else None)
