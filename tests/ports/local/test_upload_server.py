from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from pullprod_control_plane.adapters.local.directory_store import DirectoryStore, blob_of
from pullprod_control_plane.adapters.local.upload_server import UploadServer
from pullprod_control_plane.ports import StoredObject, Upload
from tests.ports.local import plugs
from tests.ports.objects import announce

BODY = b"hello, upload"
OBJ = announce("shop/s/AAAAAAAA/index.html", BODY)
MB = 1 << 20


@pytest.fixture
def clock() -> plugs.SetClock:
    return plugs.set_clock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path, clock: plugs.SetClock) -> Iterator[DirectoryStore]:
    with plugs.served_store(root, clock) as served:
        yield served


@pytest.fixture
def upload(store: DirectoryStore) -> Upload:
    (upload,) = store.place([OBJ], {})
    return upload


def ask(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any], http.client.HTTPMessage]:
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    with closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)) as connection:
        connection.request(method, target, body=body, headers=headers)
        with connection.getresponse() as answer:
            return answer.status, json.loads(answer.read() or b"{}"), answer.headers


def refused(store: DirectoryStore, root: Path, url: str, body: Any = BODY, method: str = "PUT") -> tuple[int, str]:
    """Send what must not be taken; return status and code of the problem."""
    status, problem, headers = ask(method, url, body)
    assert headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["type"]) == (status, f"urn:pullprod:problem:{problem['code']}")
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert store.missing([OBJ]) == [OBJ]
    assert list((root / "incoming").iterdir()) == []
    return status, problem["code"]


def raw(url: str, length: int, body: bytes, *, cut_off: bool = False) -> bytes:
    """Send exactly these bytes, and then no more if it is to be cut off; return all that comes back."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=30) as connection:
        lines = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        lines += f"Content-Length: {length}\r\n\r\n"
        connection.sendall(lines.encode() + body)
        if cut_off:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_an_upload_url_says_what_may_be_sent_and_until_when(upload: Upload, clock: plugs.SetClock) -> None:
    parts = urlsplit(upload.url)
    query = dict(parse_qsl(parts.query))
    assert parts.path == f"/uploads/{blob_of(OBJ)}"
    assert (query["size"], int(query["expires"])) == (str(len(BODY)), int(clock.now().timestamp()) + 3_600)
    assert len(query["signature"]) == 64
    assert upload.headers == {"Content-Type": "application/octet-stream"}


def test_the_right_bytes_are_answered_with_an_empty_object(store: DirectoryStore, root: Path, upload: Upload) -> None:
    status, answer, headers = ask("PUT", upload.url, BODY)
    assert (status, answer, headers["content-type"]) == (200, {}, "application/json")
    assert store.read(OBJ.key) == BODY
    assert list((root / "incoming").iterdir()) == []


def test_other_bytes_of_the_same_length_are_refused(store: DirectoryStore, root: Path, upload: Upload) -> None:
    assert refused(store, root, upload.url, BODY.upper()) == (400, "digest-mismatch")


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"!", b""])
def test_another_length_is_refused(store: DirectoryStore, root: Path, upload: Upload, body: bytes) -> None:
    assert refused(store, root, upload.url, body) == (400, "digest-mismatch")


def test_a_body_without_length_is_refused(store: DirectoryStore, root: Path, upload: Upload) -> None:
    assert refused(store, root, upload.url, iter([BODY])) == (411, "invalid-request")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused(store: DirectoryStore, root: Path, upload: Upload, method: str) -> None:
    assert refused(store, root, upload.url, BODY, method) == (405, "invalid-request")
    assert ask(method, upload.url)[2]["allow"] == "PUT"


def test_another_path_is_not_found(store: DirectoryStore, root: Path, upload: Upload) -> None:
    assert refused(store, root, upload.url.replace("/uploads/", "/other/")) == (404, "not-found")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "14"),
        ("size", " 13"),
        ("size", ""),
        ("expires", "99999999999"),
        ("expires", "x"),
        ("signature", "0" * 64),
        ("signature", ""),
        ("signature", "é"),
    ],
)
def test_an_altered_address_is_refused(
    store: DirectoryStore, root: Path, upload: Upload, name: str, value: str
) -> None:
    address, _, query = upload.url.partition("?")
    altered = urlencode({**dict(parse_qsl(query)), name: value})
    assert refused(store, root, f"{address}?{altered}") == (403, "upload-refused")


@pytest.mark.parametrize("digest", ["0" * 64, OBJ.sha256.upper(), "..%2f..%2fetc%2fpasswd", "", f"{OBJ.sha256}%0a13"])
def test_an_address_of_another_content_is_refused(
    store: DirectoryStore, root: Path, upload: Upload, digest: str
) -> None:
    assert refused(store, root, upload.url.replace(OBJ.sha256, digest)) == (403, "upload-refused")


def test_an_address_without_parts_is_refused(store: DirectoryStore, root: Path, upload: Upload) -> None:
    assert refused(store, root, upload.url.partition("?")[0]) == (403, "upload-refused")


def test_an_address_of_another_store_is_refused(store: DirectoryStore, root: Path, upload: Upload) -> None:
    parts = urlsplit(upload.url)
    with closing(DirectoryStore(root.parent / "other", f"http://{parts.netloc}", plugs.set_clock())) as other:
        (foreign,) = other.place([OBJ], {})
    assert refused(store, root, foreign.url) == (403, "upload-refused")


def test_an_address_works_for_an_hour(store: DirectoryStore, root: Path, upload: Upload, clock: plugs.SetClock) -> None:
    clock.moment += timedelta(seconds=3_601)
    assert refused(store, root, upload.url) == (403, "upload-refused")
    clock.moment -= timedelta(seconds=2)
    assert ask("PUT", upload.url, BODY)[0] == 200


def test_an_address_outlives_a_restart(root: Path, clock: plugs.SetClock) -> None:
    with closing(DirectoryStore(root, "http://localhost", clock)) as store:
        (upload,) = store.place([OBJ], {})
    with plugs.served_store(root, clock) as store, plugs.serving(UploadServer(store)) as port:
        assert ask("PUT", upload.url.replace("localhost", f"127.0.0.1:{port}"), BODY)[0] == 200
        assert store.read(OBJ.key) == BODY


@pytest.mark.parametrize("sent", [0, 5, 12])
def test_a_truncated_upload_leaves_nothing(root: Path, clock: plugs.SetClock, sent: int) -> None:
    with plugs.served_store(root, clock) as store:
        (upload,) = store.place([OBJ], {})
        raw(upload.url, len(BODY), BODY[:sent], cut_off=True)
    with closing(DirectoryStore(root, "", clock)) as store:
        assert list((root / "incoming").iterdir()) == []
        assert store.missing([OBJ]) == [OBJ]


def test_a_large_upload_that_is_cut_off_leaves_nothing(root: Path, clock: plugs.SetClock) -> None:
    body = os.urandom(5 * MB)
    obj = announce("large", body)
    with plugs.served_store(root, clock) as store:
        (upload,) = store.place([obj], {})
        raw(upload.url, len(body), body[: 4 * MB], cut_off=True)
    assert list((root / "incoming").iterdir()) == []
    with closing(DirectoryStore(root, "", clock)) as store:
        assert store.missing([obj]) == [obj]


def test_bytes_beyond_the_length_are_no_part_of_the_object(store: DirectoryStore, upload: Upload) -> None:
    answer = raw(upload.url, len(BODY), BODY + b"and more")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert store.read(OBJ.key) == BODY


def test_the_same_content_may_arrive_many_times_at_once(store: DirectoryStore, root: Path) -> None:
    body = os.urandom(2 * MB)
    obj = announce("k", body)
    (upload,) = store.place([obj], {})
    with ThreadPoolExecutor(8) as threads:
        answers = [status for status, _, _ in threads.map(lambda _: ask("PUT", upload.url, body), range(16))]
    assert answers == [200] * 16
    assert store.damaged([obj]) == []
    assert list((root / "incoming").iterdir()) == []


def test_bytes_that_nothing_awaits_any_more_do_not_stay(store: DirectoryStore, root: Path, upload: Upload) -> None:
    store.delete("shop/")
    assert refused(store, root, upload.url) == (403, "upload-refused")
    assert not (root / "blobs" / OBJ.sha256[:2] / blob_of(OBJ)).exists()


def test_a_fault_of_the_server_is_a_problem_document(
    root: Path, upload: Upload, caplog: pytest.LogCaptureFixture
) -> None:
    incoming = root / "incoming"
    incoming.rmdir()
    status, problem, _ = ask("PUT", upload.url, BODY)
    incoming.mkdir()
    assert (status, problem["code"]) == (500, "internal")
    assert "incoming" not in json.dumps(problem)
    assert "An upload failed" in caplog.text
    assert ask("PUT", upload.url, BODY)[0] == 200


def test_a_large_file_takes_little_memory(store: DirectoryStore) -> None:
    piece, pieces = os.urandom(MB), 200
    digest = hashlib.sha256()
    for _ in range(pieces):
        digest.update(piece)
    obj = StoredObject("large", pieces * MB, digest.hexdigest(), "video/mp4", "no-store")
    (upload,) = store.place([obj], {})
    tracemalloc.start()
    try:
        parts = urlsplit(upload.url)
        with closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)) as connection:
            headers = {"Content-Length": str(obj.size)}
            connection.request("PUT", f"{parts.path}?{parts.query}", (piece for _ in range(pieces)), headers)
            with connection.getresponse() as answer:
                assert answer.status == 200
        assert tracemalloc.get_traced_memory()[1] < 16 * MB
    finally:
        tracemalloc.stop()
    assert store.missing([obj]) == []
    assert threading.active_count() < 50
