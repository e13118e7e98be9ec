from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.auth
import botocore.crt.auth
import pytest
import requests
from botocore.config import Config

from pullprod_control_plane.adapters.aws import s3_store
from pullprod_control_plane.adapters.aws.s3_store import CLIENT, S3Store
from pullprod_control_plane.ports import StoredObject, Upload
from tests.ports.aws import s3
from tests.ports.objects import announce

BODY = b"<h1>hello</h1>"
PAGE = replace(
    announce("shop/s/AAAAAAAA/index.html", BODY),
    content_type="text/html; charset=utf-8",
    cache_control="public, max-age=0, s-maxage=31536000, must-revalidate",
)
COPY = replace(PAGE, key="shop/s/BBBBBBBB/index.html")


@pytest.fixture(params=s3.SERVICES, ids=lambda plug: plug.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Store]:
    with request.param(tmp_path, request.getfixturevalue(s3.SERVICES[request.param])) as plugged:
        yield plugged


@pytest.fixture
def truthful(ministack: str, tmp_path: Path) -> Iterator[S3Store]:
    """What SeaweedFS does not do: it keeps keys as files, whose names end at 255 bytes."""
    with s3.ministack_store(tmp_path, ministack) as plugged:
        yield plugged


def leave(store: S3Store, obj: StoredObject = PAGE) -> Upload:
    (upload,) = store.place([obj], {})
    return upload


def put(upload: Upload, body: bytes = BODY, **headers: str) -> requests.Response:
    sent = {**upload.headers, "Content-Length": str(len(body)), **headers}
    return requests.put(upload.url, data=body, headers=sent, timeout=30)


def stored(store: S3Store, key: str = PAGE.key) -> dict[str, Any]:
    head: dict[str, Any] = store._client.head_object(Bucket=store._bucket, Key=key, ChecksumMode="ENABLED")
    return {name: head[name] for name in ("ContentType", "CacheControl", "ContentLength", "ChecksumSHA256", "Metadata")}


def base64_of(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


AS_ANNOUNCED = {
    "ContentType": PAGE.content_type,
    "CacheControl": PAGE.cache_control,
    "ContentLength": PAGE.size,
    "ChecksumSHA256": base64_of(BODY),
    "Metadata": {},
}


def test_what_is_sent_written_or_copied_has_the_headers_and_the_checksum_that_were_announced(store: S3Store) -> None:
    assert put(leave(store)).status_code == 200
    assert store.place([COPY], {PAGE.sha256: PAGE.key}) == []
    store.write(replace(PAGE, key="shop/m/1.json"), BODY)
    assert [stored(store, key) for key in (PAGE.key, COPY.key, "shop/m/1.json")] == [AS_ANNOUNCED] * 3


@pytest.mark.parametrize(
    ("refusal", "changed"),
    [
        (400, {"body": b"<h1>jello</h1>"}),
        (403, {"body": BODY[:-1]}),
        (403, {"body": BODY + b" "}),
        (403, {"Content-Type": "text/javascript"}),
        (403, {"Cache-Control": "public, max-age=31536000, immutable"}),
        (403, {"If-None-Match": '"another"'}),
        (403, {"body": b"<h1>jello</h1>", "x-amz-checksum-sha256": base64_of(b"<h1>jello</h1>")}),
    ],
    ids=["other bytes", "fewer", "more", "another type", "other caching", "another condition", "another digest"],
)
def test_what_differs_from_what_was_announced_is_refused_by_the_server(
    store: S3Store, refusal: int, changed: dict[str, Any]
) -> None:
    assert put(leave(store), **changed).status_code == refusal
    assert store.missing([PAGE]) == [PAGE]


@pytest.mark.parametrize("name", ["Content-Type", "Cache-Control", "If-None-Match", "x-amz-checksum-sha256"])
def test_no_header_may_be_left_out(store: S3Store, name: str) -> None:
    upload = leave(store)
    headers = {given: value for given, value in upload.headers.items() if given != name}
    assert requests.put(upload.url, data=BODY, headers=headers, timeout=30).status_code == 403
    assert store.missing([PAGE]) == [PAGE]


def test_an_address_is_for_its_own_key_and_for_sending_only(store: S3Store) -> None:
    upload = leave(store)
    foreign = upload.url.replace(PAGE.key, COPY.key)
    assert foreign != upload.url
    assert put(replace(upload, url=foreign)).status_code == 403
    assert requests.get(upload.url, timeout=30).status_code == 403
    assert requests.delete(upload.url, timeout=30).status_code == 403
    assert store.missing([PAGE, COPY]) == [PAGE, COPY]


def test_an_address_that_was_used_does_nothing_more(store: S3Store) -> None:
    upload = leave(store)
    assert [put(upload).status_code for _ in range(2)] == [200, 412]
    assert put(leave(store)).status_code == 412, "neither does another for the same key"
    assert stored(store) == AS_ANNOUNCED


def test_an_address_that_has_expired_is_refused(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = botocore.auth.get_current_datetime

    def earlier(remove_tzinfo: bool = True) -> Any:
        return now(remove_tzinfo) - timedelta(seconds=s3_store._UPLOAD_S + 60)

    with monkeypatch.context() as patched:
        patched.setattr(botocore.auth, "get_current_datetime", earlier)
        patched.setattr(botocore.crt.auth, "get_current_datetime", earlier)
        upload = leave(store)
    assert put(upload).status_code == 403
    assert store.missing([PAGE]) == [PAGE]
    assert put(leave(store)).status_code == 200


def test_of_writers_that_send_the_same_at_once_one_wins_and_the_others_are_told_that_it_is_there(
    store: S3Store,
) -> None:
    upload = leave(store)
    with ThreadPoolExecutor(32) as threads:
        answers = sorted(threads.map(lambda _: put(upload).status_code, range(32)))
    assert answers == [200] + [412] * 31
    assert store.read(PAGE.key) == BODY


def test_what_was_deleted_can_be_sent_again_but_is_no_source(store: S3Store) -> None:
    assert put(leave(store)).status_code == 200
    store.delete("shop/s/AAAAAAAA/")
    assert [upload.object for upload in store.place([COPY], {PAGE.sha256: PAGE.key})] == [COPY]
    assert store.damaged([PAGE]) == [PAGE]
    assert put(leave(store)).status_code == 200
    assert store.read(PAGE.key) == BODY


def test_a_name_may_be_as_long_as_s3_lets_it(truthful: S3Store) -> None:
    obj = replace(PAGE, key=PAGE.key.ljust(1_024, "x"))
    assert put(leave(truthful, obj)).status_code == 200
    assert truthful.missing([obj]) == []


def test_addresses_name_the_buckets_region() -> None:
    client = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(**CLIENT),
    )
    upload = leave(S3Store(client, "files"))
    assert upload.url.startswith(f"https://files.s3.eu-west-1.amazonaws.com/{PAGE.key}?")
    signed = "cache-control;content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
    assert f"X-Amz-SignedHeaders={signed.replace(';', '%3B')}&" in upload.url
    assert "X-Amz-Expires=3600&" in upload.url
