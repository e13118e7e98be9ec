"""Unchanged files of changed segments, copied inside S3: by the control plane, by the client, by next to nothing."""

from __future__ import annotations

import os
import subprocess
import tempfile
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
        least = median([_by_curl(client, etags, f"curl-{number}") for number in range(ROUNDS)])
        client.meta.events.register("before-send.s3.CopyObject", lambda **_: time.sleep(LATENCY_S))
        _row(client, etags, f"{LATENCY_S * 1e3:.0f} ms longer", LATENCY_S)
    print("\nThe client's include the signatures that the control plane has to make. With all signed beforehand, curl")
    print(f"takes {least:.2f} s, {CONTROL_PLANE_THREADS} at once: as long as SeaweedFS itself takes on this machine.\n")


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
    signed = _signed(client, etags, folder)
    pool = urllib3.PoolManager(maxsize=CLIENT_THREADS)

    def copy(number: int) -> None:
        time.sleep(latency)
        answer = pool.request("PUT", signed[number], headers=_headers(number, etags[number]))
        assert answer.status == 200, answer.data

    with ThreadPoolExecutor(CLIENT_THREADS) as threads:
        list(threads.map(copy, range(len(etags))))


def _by_curl(client: Any, etags: list[str], folder: str) -> float:
    """Return how long it takes, without the signing."""
    requests = "\nnext\n".join(
        "\n".join(
            [
                f'url = "{url}"',
                "request = PUT",
                "output = /dev/null",
                'write-out = "%{http_code}\\n"',
                *(f"header = {_quoted(f'{name}: {value}')}" for name, value in _headers(number, etags[number]).items()),
            ]
        )
        for number, url in enumerate(_signed(client, etags, folder))
    )
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(requests)
        file.flush()
        command = ["curl", "--silent", "--parallel", "--parallel-immediate"]
        command += ["--parallel-max", str(CONTROL_PLANE_THREADS), "--config", file.name]
        started = time.perf_counter()
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        took = time.perf_counter() - started
    assert told.split() == ["200"] * len(etags), told
    return took


def _signed(client: Any, etags: list[str], folder: str) -> list[str]:
    sign = client.generate_presigned_url
    return [sign("copy_object", _wanted(number, etag, folder)) for number, etag in enumerate(etags)]


def _headers(number: int, etag: str) -> dict[str, str]:
    return {**HEADERS, "x-amz-copy-source": f"bucket/from/{number}", "x-amz-copy-source-if-match": etag}


def _quoted(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'
