"""Unchanged files of changed segments, copied inside S3 by the control plane, or by the client as it is allowed to."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from running import median, seconds

from scripts import emulators

COPIES, SIZE, ROUNDS = 548, 20_000, 5
LATENCY_S = 0.02
CONTROL_PLANE_THREADS, CLIENT_THREADS = 32, 16  # As S3Store and the client's Uploader have them.
HEADERS = {"Content-Type": "text/html", "Cache-Control": "no-cache", "x-amz-metadata-directive": "REPLACE"}


def report() -> None:
    """Measure and print."""
    print(f"## {COPIES} copies inside SeaweedFS, bound to their sources' ETags, medians of {ROUNDS}\n")
    print(f"| each call | control plane, {CONTROL_PLANE_THREADS} at once | client, {CLIENT_THREADS} at once |")
    print("|---|---|---|")
    with emulators.running(emulators.SEAWEEDFS) as url:
        client = _client(url)
        client.create_bucket(Bucket="bucket")
        put = partial(client.put_object, Bucket="bucket", Body=os.urandom(SIZE))
        etags = [put(Key=f"from/{number}")["ETag"] for number in range(COPIES)]
        _row(client, etags, "as it is", 0.0)
        client.meta.events.register("before-send.s3.CopyObject", lambda **_: time.sleep(LATENCY_S))
        _row(client, etags, f"{LATENCY_S * 1e3:.0f} ms longer", LATENCY_S)
    print("\nThe client's include the signatures that the control plane has to make.\n")


def _row(client: Any, etags: list[str], what: str, latency: float) -> None:
    ours, theirs = [], []
    for number in range(ROUNDS):
        ours.append(seconds(lambda: _by_the_control_plane(client, etags, f"ours-{latency}-{number}")))  # noqa: B023
        theirs.append(seconds(lambda: _by_the_client(client, etags, f"theirs-{latency}-{number}", latency)))  # noqa: B023
    ratio = median(theirs) / median(ours)
    print(f"| {what} | {median(ours):.2f} s | {median(theirs):.2f} s, {ratio:.2f} of the other |")


def _client(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=emulators.ACCESS_KEY,
        aws_secret_access_key=emulators.SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=CONTROL_PLANE_THREADS),
    )


def _wanted(number: int, etag: str, folder: str) -> dict[str, Any]:
    source = {"Bucket": "bucket", "Key": f"from/{number}"}
    told = {"MetadataDirective": "REPLACE", "ContentType": "text/html", "CacheControl": "no-cache"}
    return {"Bucket": "bucket", "Key": f"{folder}/{number}", "CopySource": source, "CopySourceIfMatch": etag, **told}


def _by_the_control_plane(client: Any, etags: list[str], folder: str) -> None:
    with ThreadPoolExecutor(CONTROL_PLANE_THREADS) as threads:
        list(threads.map(lambda n: client.copy_object(**_wanted(n, etags[n], folder)), range(len(etags))))


def _by_the_client(client: Any, etags: list[str], folder: str, latency: float) -> None:
    signed = [client.generate_presigned_url("copy_object", _wanted(n, etag, folder)) for n, etag in enumerate(etags)]
    pool = urllib3.PoolManager(maxsize=CLIENT_THREADS)

    def copy(number: int) -> None:
        source = {"x-amz-copy-source": f"bucket/from/{number}", "x-amz-copy-source-if-match": etags[number]}
        time.sleep(latency)
        answer = pool.request("PUT", signed[number], headers={**HEADERS, **source})
        assert answer.status == 200, answer.data

    with ThreadPoolExecutor(CLIENT_THREADS) as threads:
        list(threads.map(copy, range(len(etags))))
