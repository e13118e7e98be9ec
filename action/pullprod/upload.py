"""Sending what the control plane asks for: in parallel, from disk, with retries."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3

from .api import pause
from .config import is_loopback
from .errors import PullprodError, UnreachableError, UsageError
from .package import PackagedFile

THREADS = 16
_ATTEMPTS = 8  # Where every fifth upload fails, a publish of 2,000 files comes through: 2,000 * 0.2 ** 8 < 0.01.
_CHUNK = 1024 * 1024
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})  # 409: two sent the same at once, and S3 took neither.
_THERE = 412  # An address is for a key that is free, so somebody else has sent exactly these bytes.
_EXPIRED = 403
_CHANGED = frozenset({"digest-mismatch", "BadDigest"})
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")
_MAX_ANSWER = 64 * 1024
_TIMEOUT = urllib3.Timeout(connect=10, read=60)


class ExpiredError(PullprodError):
    """An upload address is not valid any more; a fresh one has to be asked for."""


class UnsafeError(PullprodError):
    """An upload address would carry files in the clear; whoever runs the control plane has to look."""


class _Address(NamedTuple):
    """Where a file is put: connections to the store, and what is asked for there."""

    store: urllib3.HTTPConnectionPool
    target: str


class Uploader:
    """Sends files to the addresses that the control plane hands out. The token is never sent there."""

    def __init__(self, files: Sequence[PackagedFile], on_sent: Callable[[int], None] = lambda _: None) -> None:
        self._by_digest: Mapping[str, PackagedFile] = {file.sha256: file for file in files}
        self._on_sent = on_sent
        self._stores: dict[str, urllib3.HTTPConnectionPool] = {}
        self.files = 0
        self.bytes = 0

    def send(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Send all items of a page; the first that fails for good stops the rest.

        Raises:
            UnsafeError: an address would carry them in the clear; nothing of the page was sent.
            ExpiredError: an address is not valid any more.
            UsageError: a file changed since it was hashed.
            UnreachableError: the store does not take it, however often it is tried.
        """
        addressed = [(item, self._address(item["url"])) for item in items]
        threads, stop = ThreadPoolExecutor(THREADS), Event()
        try:
            for future in as_completed([threads.submit(self._send, *each, stop) for each in addressed]):
                self.bytes += future.result()
                self.files += 1
        finally:
            # After a failure the others are not waited for: they may hang on a store that says nothing.
            stop.set()
            threads.shutdown(wait=False, cancel_futures=True)

    def _address(self, url: str) -> _Address:
        # Taken apart once, and not by urllib3, which looks at each byte of an address, three times a request.
        parts = _safe(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._stores:
            self._stores[origin] = _store(parts)
        return _Address(self._stores[origin], f"{parts.path}?{parts.query}" if parts.query else parts.path)

    def _send(self, item: Mapping[str, Any], address: _Address, stop: Event) -> int:
        file = self._by_digest[item["sha256"]]
        status, asked = 0, None
        for attempt in range(_ATTEMPTS):
            if attempt and not stop.is_set():
                pause(attempt, asked)
            if stop.is_set():
                break
            status, body, asked = self._put(item, address, file)
            if status in range(200, 300) or status == _THERE:
                self._on_sent(file.size)
                return file.size
            if status not in _RETRIED and status != 0 and _s3_code(body) != "RequestTimeout":
                raise _refusal(file, status, body)
        raise UnreachableError(
            f"Sending {file.path!r} failed {_ATTEMPTS} times ({status or 'no answer'}). Publish again to go on."
        )

    def _put(self, item: Mapping[str, Any], address: _Address, file: PackagedFile) -> tuple[int, bytes, str | None]:
        headers = {**item["headers"], "Content-Length": str(file.size)}
        try:
            with _opened(file) as source:
                body = _pieces(file, source)
                answer = address.store.urlopen(
                    "PUT", address.target, body=body, headers=headers, redirect=False, preload_content=False
                )
                return answer.status, _said(answer), answer.headers.get("Retry-After")
        except urllib3.exceptions.HTTPError:
            return 0, b"", None


def _said(answer: urllib3.BaseHTTPResponse) -> bytes:
    """Return the beginning of an answer, which is all of what a store says; then the connection may serve again."""
    said = answer.read(_MAX_ANSWER)
    if len(said) == _MAX_ANSWER:
        answer.close()
    answer.release_conn()
    return said


def _store(parts: SplitResult) -> urllib3.HTTPConnectionPool:
    """Return connections to a store, by the proxy and the authorities that the environment names, like the API's."""
    origin = f"{parts.scheme}://{parts.netloc}"
    with requests.Session() as session:
        session.trust_env = not is_loopback(parts.hostname)
        found = session.merge_environment_settings(origin, {}, None, None, None)
    options: dict[str, Any] = {"maxsize": THREADS, "timeout": _TIMEOUT, "retries": False}
    if isinstance(found["verify"], str):
        options["ca_cert_dir" if Path(found["verify"]).is_dir() else "ca_certs"] = found["verify"]
    proxy = requests.utils.select_proxy(origin, found["proxies"])
    pools = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
    return pools.connection_from_host(parts.hostname, parts.port, parts.scheme)


def _safe(url: str) -> SplitResult:
    """Take an address apart that is https, or http on this machine.

    Raises:
        UnsafeError: it is anything else.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UnsafeError("The control plane gave an upload address that is none. Nothing was sent there.") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise UnsafeError(
            f"The control plane wants the files sent to {parts.scheme}://{host}; only https is safe. "
            "Nothing was sent there. Tell whoever runs it."
        )
    return parts


def _opened(file: PackagedFile) -> BinaryIO:
    try:
        source = file.source.open("rb")
    except OSError:
        raise _changed(file) from None
    if os.fstat(source.fileno()).st_size != file.size:
        source.close()
        raise _changed(file)
    return source


def _pieces(file: PackagedFile, source: BinaryIO) -> Iterator[bytes]:
    """Yield exactly as many bytes as were announced; a file that is written meanwhile may have fewer, or more."""
    left = file.size
    while left:
        piece = source.read(min(left, _CHUNK))
        if not piece:
            raise _changed(file)
        left -= len(piece)
        yield piece


def _changed(file: PackagedFile) -> UsageError:
    return UsageError(
        f"The file {file.path!r} changed while it was published. Let the build finish, then publish again."
    )


def _refusal(file: PackagedFile, status: int, body: bytes) -> PullprodError:
    if status == _EXPIRED:
        return ExpiredError(f"The address for {file.path!r} is not valid any more.")
    problem = _problem(body)
    if problem.get("code", _s3_code(body)) in _CHANGED:
        return _changed(file)
    answered = f"the store answered {status} {_s3_code(body) or ''}".rstrip()
    return PullprodError(f"Sending {file.path!r} failed: {problem.get('detail', answered)}", problem or None)


def _problem(body: bytes) -> dict[str, Any]:
    """Return the problem document that a control plane's own store answers with; nothing of anybody else."""
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) and "code" in problem else {}


def _s3_code(body: bytes) -> str | None:
    """Return why S3 refuses: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""
    found = _CODE.search(body)
    return found[1].decode() if found else None
