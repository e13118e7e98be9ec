"""Looks at a stack as viewers do, where there is no CloudFront: runs edge/*.js itself, and fetches what they choose."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pullprod_control_plane.adapters.local.edge_http import Reply, event_of, reply_of, response_event
from pullprod_control_plane.adapters.local.edge_runtime import EdgeRuntime, Event


@dataclass(frozen=True)
class Origins:
    """What stands behind the distribution: `client` makes a boto3 client of a service, `url` is where AWS is.

    `routes` is the ARN of the key-value store, `not_found` the host of the function of missing pages.
    """

    client: Callable[[str], Any]
    url: str
    routes: str
    bucket: str
    not_found: str


@dataclass(frozen=True)
class Page:
    """What a viewer gets."""

    status: int
    body: bytes


class Viewer:
    """A viewer of every host: records from the key-value store, files from S3, functions by signed calls."""

    def __init__(self, origins: Origins, credentials: Credentials, region: str) -> None:
        self._origins = origins
        self._credentials = credentials
        self._region = region
        self._records = origins.client("cloudfront-keyvaluestore")
        self._files = origins.client("s3")
        self._runtime = EdgeRuntime(self.record)

    def record(self, key: str) -> str | None:
        """Return the route record that stands under a key."""
        try:
            return str(self._records.get_key(KvsARN=self._origins.routes, Key=key)["Value"])
        except self._records.exceptions.ResourceNotFoundException:
            return None

    def get(self, host: str, path: str = "/", **headers: str) -> Page:
        """Return what a viewer of `host` gets."""
        reply = self._reply(event_of(_scope(host, path, headers)))
        assert isinstance(reply.body, bytes)
        return Page(reply.status, reply.body)

    def _reply(self, event: Event) -> Reply:
        request = self._runtime.request(event)
        if "statusCode" in request:
            return reply_of(request, request.get("body", {"data": ""})["data"].encode())
        origin = request["origin"].get("updateRequestOrigin")
        reply = self._called(origin["domainName"], request) if origin else self._file(request)
        # CloudFront leaves the response function out for errors.
        if reply.status >= HTTPStatus.BAD_REQUEST:
            return reply
        return reply_of(self._runtime.response(response_event(event, request, reply)), reply.body)

    def _file(self, request: Event) -> Reply:
        try:
            found = self._files.get_object(Bucket=self._origins.bucket, Key=unquote(request["uri"][1:]))
        except self._files.exceptions.NoSuchKey:
            return self._called(self._origins.not_found, request)
        headers = {"content-type": found["ContentType"], "cache-control": found["CacheControl"]}
        return Reply(HTTPStatus.OK, headers, found["Body"].read())

    def _called(self, host: str, request: Event) -> Reply:
        """Call a function's address as CloudFront does: signed, and without the viewer's own host."""
        headers = {name: entry["value"] for name, entry in request["headers"].items() if name != "host"}
        signed = AWSRequest(request["method"], f"https://{host}{request['uri']}", {**headers, "host": host})
        SigV4Auth(self._credentials, "lambda", self._region).add_auth(signed)
        target = self._origins.url + urlsplit(str(signed.url)).path
        call = urllib.request.Request(target, headers=dict(signed.headers.items()), method=request["method"])  # noqa: S310 - of the emulator.
        try:
            with urllib.request.urlopen(call, timeout=60) as answer:  # noqa: S310
                return _reply(answer.status, answer)
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, error)


def _scope(host: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    sent = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    target, _, query = path.partition("?")
    return {
        "type": "http",
        "method": "GET",
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }


def _reply(status: int, answer: Any) -> Reply:
    cookies = tuple(answer.headers.get_all("set-cookie", ()))
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "set-cookie"}
    return Reply(status, headers, answer.read(), cookies)
