"""Bytes that are not those announced, and upload addresses that were tampered with."""

from __future__ import annotations

import hashlib
import hmac
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from scripts.emulators import LOCALHOST
from tests.support.api import Api, Json, manifest
from tests.support.refusals import nothing_changes, refused
from tests.support.server import Server

PAGE = b"<h1>as announced</h1>"


@pytest.fixture
def begun(api: Api, app: str) -> Json:
    """Return a version that waits for one file."""
    return api.ok("POST", f"/v1/apps/{app}/versions", manifest(app, {"index.html": PAGE + app.encode()}))


@pytest.fixture
def awaited(begun: Json) -> Json:
    """Return the one upload that the version waits for."""
    (item,) = begun["uploads"]["items"]
    found: Json = item
    return found


@pytest.fixture
def body(app: str) -> bytes:
    return PAGE + app.encode()


@pytest.fixture(autouse=True)
def still_waiting(api: Api, app: str, begun: Json, body: bytes) -> Iterator[None]:
    """After each refusal nothing has changed, finalize tells what is missing, and the right bytes are still taken."""
    with nothing_changes(api, app):
        yield
    where = f"/v1/apps/{app}/versions/{begun['version']['id']}"
    problem = refused(api.call("POST", f"{where}/finalize", {}), 409, "upload-incomplete")
    assert (problem["missing"], problem["missing_files"]) == (["index.html"], 1)
    (item,) = api.ok("POST", f"{where}/uploads", {})["items"]
    assert api.upload(item, body).status_code == 200
    assert api.ok("POST", f"{where}/finalize", {})["version"]["state"] == "ready"


def altered(item: Json, **changed: str) -> Json:
    """Return an upload whose address has other values in its query; `sha256` stands in the path."""
    url = urlsplit(item["url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    path = url.path.replace(item["sha256"], changed.pop("sha256", item["sha256"]))
    return {**item, "url": url._replace(path=path, query=urlencode({**query, **changed})).geturl()}


def test_other_bytes_of_the_same_length_are_refused(api: Api, awaited: Json, body: bytes) -> None:
    problem = refused(api.upload(awaited, body[::-1]), 400, "digest-mismatch")
    assert problem["expected"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("change", [lambda body: body[:-1], lambda body: body + b"!", lambda _: b""])
def test_another_length_is_refused(api: Api, awaited: Json, body: bytes, change: Any) -> None:
    refused(api.upload(awaited, change(body)), 400, "digest-mismatch")


def test_a_body_without_a_length_is_refused(api: Api, awaited: Json, body: bytes) -> None:
    refused(api.upload(awaited, iter([body])), 411, "invalid-request")


@pytest.mark.parametrize("sent", [0, 1, 10])
def test_an_upload_that_breaks_off_leaves_nothing(server: Server, awaited: Json, body: bytes, sent: int) -> None:
    url = urlsplit(awaited["url"])
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((LOCALHOST, server.port), timeout=60) as connection:
        connection.sendall(head.encode() + body[:sent])
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(65_536)


@pytest.mark.parametrize(
    "changed",
    [
        {"size": "1"},
        {"size": "-1"},
        {"size": "x"},
        {"expires": "99999999999"},
        {"expires": "never"},
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "\u00e9"},
        {"sha256": "0" * 64},
        {"sha256": "../../ledger.sqlite3"},
        {"sha256": "..%2f..%2fledger.sqlite3"},
        {"sha256": ""},
    ],
    ids=str,
)
def test_an_altered_address_is_refused(api: Api, awaited: Json, body: bytes, changed: dict[str, str]) -> None:
    answer = api.upload(altered(awaited, **changed), body)
    if changed.get("sha256") == "../../ledger.sqlite3":  # The client resolves the dots: it is a call of the API, then.
        refused(answer, 415, "unsupported-media-type")
        return
    refused(answer, 403, "upload-refused")


def test_an_address_without_its_query_is_refused(api: Api, awaited: Json, body: bytes) -> None:
    bare = {**awaited, "url": awaited["url"].partition("?")[0]}
    refused(api.upload(bare, body), 403, "upload-refused")


def test_an_expired_address_is_refused(server: Server, api: Api, awaited: Json, body: bytes) -> None:
    with closing(sqlite3.connect(server.data / "store" / "objects.sqlite3")) as store:
        (secret,) = store.execute("SELECT value FROM meta WHERE name = 'upload-secret'").fetchone()
    expires = str(int(time.time()) - 1)
    message = f"{urlsplit(awaited['url']).path.removeprefix('/uploads/')}\n{len(body)}\n{expires}".encode()
    signature = hmac.new(bytes.fromhex(secret), message, hashlib.sha256).hexdigest()
    problem = refused(api.upload(altered(awaited, expires=expires, signature=signature), body), 403, "upload-refused")
    assert "expired" in problem["detail"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
def test_an_upload_is_a_put(api: Api, awaited: Json, body: bytes, method: str) -> None:
    answer = api.session.request(method, awaited["url"].replace("localhost", LOCALHOST), data=body, timeout=20)
    refused(answer, 405, "invalid-request")
    assert answer.headers["allow"] == "PUT"


def test_an_address_takes_no_other_content_even_if_that_is_awaited_too(api: Api, app: str, awaited: Json) -> None:
    other = b"<h1>awaited as well</h1>"
    elsewhere = api.app(f"{app}-b")
    more = api.ok("POST", f"/v1/apps/{elsewhere}/versions", manifest("other", {"index.html": other}))
    (second,) = more["uploads"]["items"]
    refused(api.upload({**second, "url": awaited["url"]}, other), 400, "digest-mismatch")
    refused(api.upload(altered(awaited, sha256=second["sha256"]), other), 403, "upload-refused")
