from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import boto3
import botocore.auth
import pytest
import requests
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, ConnectTimeoutError

from pullprod.package import package
from pullprod.upload import Uploader
from pullprod_control_plane.adapters.aws import s3_store
from pullprod_control_plane.adapters.aws.s3_store import CLIENT, S3Store
from pullprod_control_plane.domain.errors import Busy
from pullprod_control_plane.ports import StoredObject, Upload
from tests.ports.aws import s3
from tests.ports.objects import announce
from tests.support import aws

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
    head: Any = store._client.head_object(Bucket=store._bucket, Key=key, ChecksumMode="ENABLED")
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


def test_the_client_sends_exactly_what_the_signature_covers(store: S3Store, tmp_path: Path) -> None:
    bodies = {"index.html": BODY, "empty.txt": b"", "large.bin": b"0123456789" * 300_000, "a b/+%.css": b"p{}"}
    for path, body in bodies.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(body)
    packaged = package(tmp_path)
    objects = [
        StoredObject(f"shop/s/AAAAAAAA/{f.path}", f.size, f.sha256, f.type, PAGE.cache_control) for f in packaged
    ]
    uploads = store.place(objects, {})
    items = [{"sha256": up.object.sha256, "url": up.url, "headers": dict(up.headers)} for up in uploads]
    for _ in range(2):
        uploader = Uploader(packaged)
        uploader.send(items)
        assert (uploader.files, uploader.bytes) == (4, sum(map(len, bodies.values())))
    assert store.damaged(objects) == []


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
    now = botocore.compat.get_current_datetime

    def earlier(remove_tzinfo: bool = True) -> Any:
        return now(remove_tzinfo) - timedelta(seconds=s3_store._UPLOAD_S + 60)

    with monkeypatch.context() as patched:
        patched.setattr(botocore.auth, "get_current_datetime", earlier)
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
    upload = leave(S3Store(client, "files", lambda: ReadOnlyCredentials("key", "secret", "session")))
    assert upload.url.startswith(f"https://files.s3.eu-west-1.amazonaws.com/{PAGE.key}?")
    signed = "cache-control;content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
    assert f"X-Amz-SignedHeaders={signed.replace(';', '%3B')}&" in upload.url
    assert "X-Amz-Expires=3600&" in upload.url
    assert "X-Amz-Security-Token=session&" in upload.url


def files(segment: str, number: int) -> list[StoredObject]:
    return [announce(key, key.encode()) for key in (f"shop/s/{segment}/{name}.html" for name in range(number))]


def filled(store: S3Store, objects: list[StoredObject]) -> None:
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda obj: store.write(obj, obj.key.encode()), objects))


@contextmanager
def counted(store: S3Store) -> Iterator[Counter[str]]:
    """Count the calls that reach the service, by operation."""
    calls: Counter[str] = Counter()
    with aws.intercepted(store._client, lambda operation, _: calls.update([operation])):
        yield calls


def test_nothing_is_asked_about_nothing(truthful: S3Store) -> None:
    with counted(truthful) as calls:
        assert (truthful.place([], {PAGE.sha256: PAGE.key}), truthful.missing([]), truthful.damaged([])) == ([], [], [])
    assert calls == {}


def test_leave_to_send_costs_no_call(truthful: S3Store) -> None:
    with counted(truthful) as calls:
        assert len(truthful.place(files("AAAAAAAA", 100), {})) == 100
    assert calls == {}


def test_sources_are_looked_up_by_segment_and_copied_at_once(truthful: S3Store) -> None:
    sources = files("AAAAAAAA", 20) + files("BBBBBBBB", 20)
    filled(truthful, sources)
    wanted = [replace(obj, key=obj.key.replace("/s/", "/s/another-")) for obj in sources]
    together = Barrier(20)

    def copying(operation: str, _: object) -> None:
        if operation == "CopyObject":
            together.wait(30)

    with counted(truthful) as calls, aws.intercepted(truthful._client, copying):
        assert truthful.place(wanted, {obj.sha256: obj.key for obj in sources}) == []
    assert calls == {"ListObjectsV2": 2, "CopyObject": 40}
    assert truthful.damaged(wanted) == []


@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_source_that_changes_before_it_is_copied_is_none(store: S3Store, fate: str) -> None:
    assert put(leave(store)).status_code == 200

    def before(operation: str, _: object) -> None:
        if operation == "CopyObject" and fate == "deleted":
            store.delete(PAGE.key)
        elif operation == "CopyObject":
            store.write(announce(PAGE.key, b"<h1>other</h1>"), b"<h1>other</h1>")

    with aws.intercepted(store._client, before):
        uploads = store.place([COPY], {PAGE.sha256: PAGE.key})
    assert [upload.object for upload in uploads] == [COPY]
    assert store.missing([COPY]) == [COPY]


def test_a_source_of_another_size_is_none(store: S3Store) -> None:
    store.write(announce(PAGE.key, b"other"), b"other")
    with counted(store) as calls:
        assert [upload.object for upload in store.place([COPY], {PAGE.sha256: PAGE.key})] == [COPY]
    assert calls == {"ListObjectsV2": 1}


def test_a_segment_is_listed_and_deleted_by_the_thousand(truthful: S3Store) -> None:
    objects = files("AAAAAAAA", 1_001) + files("BBBBBBBB", 3)
    filled(truthful, objects)
    with counted(truthful) as calls:
        assert truthful.missing(objects) == []
        assert calls == {"ListObjectsV2": 3}
        truthful.delete("shop/s/AAAAAAAA/")
        assert calls == {"ListObjectsV2": 5, "DeleteObjects": 2}
        assert truthful.missing(objects) == objects[:1_001]
        truthful.delete("shop/s/AAAAAAAA/")
        assert calls["DeleteObjects"] == 2, "for nothing there is nothing to delete"


def test_bytes_that_were_replaced_by_others_are_found_by_reading_them(store: S3Store) -> None:
    large = b"0123456789" * 300_000
    objects = [announce("a/s/AAAAAAAA/large", large), PAGE]
    store.write(objects[0], large)
    store.write(replace(PAGE, sha256=announce("", b"<h1>jello</h1>").sha256), b"<h1>jello</h1>")
    assert store.missing(objects) == []
    assert store.damaged(iter(objects)) == [PAGE]


CALLS: dict[str, Callable[[S3Store], object]] = {
    "write": lambda store: store.write(PAGE, BODY),
    "read": lambda store: store.read(PAGE.key),
    "missing": lambda store: store.missing([PAGE]),
    "damaged": lambda store: store.damaged([PAGE]),
    "delete": lambda store: store.delete(PAGE.key),
    "place": lambda store: store.place([COPY], {PAGE.sha256: PAGE.key}),
}


@pytest.fixture
def impatient(ministack: str) -> S3Store:
    """A store with a page, whose client tries everything once."""
    client = aws.fresh("s3", ministack, **{**CLIENT, "retries": {"total_max_attempts": 1}})
    made = S3Store(client, s3.bucket(ministack), aws.credentials)
    made.write(PAGE, BODY)
    return made


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [(503, "SlowDown"), (500, "InternalError"), (409, "OperationAborted"), None])
def test_what_s3_cannot_do_now_is_said_to_be_worth_another_try(
    impatient: S3Store, call: str, fault: tuple[int, str] | None
) -> None:
    def instead(*_: object) -> AWSResponse:
        if fault is None:
            raise ConnectTimeoutError(endpoint_url="http://localhost")
        return aws.refusal(*fault)

    with aws.intercepted(impatient._client, instead), pytest.raises(Busy, match="Try again"):
        CALLS[call](impatient)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [(403, "AccessDenied"), (404, "NoSuchBucket")])
def test_what_only_an_administrator_can_change_is_not(impatient: S3Store, call: str, fault: tuple[int, str]) -> None:
    instead = aws.intercepted(impatient._client, lambda *_: aws.refusal(*fault))
    with instead, pytest.raises(ClientError, match=fault[1]):
        CALLS[call](impatient)


def test_a_copy_that_fails_after_it_was_begun_is_not_taken_for_done(impatient: S3Store) -> None:
    """S3 may say so in the body of a 200: https://repost.aws/knowledge-center/s3-resolve-200-internalerror."""
    late = aws.intercepted(impatient._client, lambda *_: aws.refusal(200, "InternalError"), "CopyObject")
    with late, pytest.raises(Busy):
        impatient.place([COPY], {PAGE.sha256: PAGE.key})


def test_a_body_that_ends_too_early_is_neither_the_object_nor_damage(impatient: S3Store) -> None:
    for call in (impatient.damaged, lambda objects: impatient.read(objects[0].key)):
        short = aws.intercepted(impatient._client, lambda *_: aws.answer(200, BODY[:5], Content_Length="14"))
        with short, pytest.raises(Busy):
            call([PAGE])


def test_bytes_that_are_not_those_of_their_checksum_are_damaged(impatient: S3Store) -> None:
    rotten = aws.answer(200, b"<h1>jello</h1>", x_amz_checksum_sha256=base64_of(BODY))
    with aws.intercepted(impatient._client, lambda *_: rotten):
        assert impatient.damaged([PAGE]) == [PAGE]


def test_what_s3_did_not_delete_is_told(impatient: S3Store) -> None:
    said = f"<DeleteResult><Error><Key>{PAGE.key}</Key><Code>SlowDown</Code></Error></DeleteResult>".encode()
    left = aws.intercepted(impatient._client, lambda *_: aws.answer(200, said), "DeleteObjects")
    with left, pytest.raises(Busy, match=r"index\.html.*SlowDown"):
        impatient.delete(PAGE.key)
