"""A strict double of the CloudFront KeyValueStore data plane: every documented limit is enforced, and nothing is kind.

It answers a real boto3 client from within, after the client has checked, serialised and signed the request.
"""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

ARN = "arn:aws:cloudfront::123456789012:key-value-store/a1b2c3d4-5678-90ab-cdef-000000000001"
LIMIT = 5 * 1024**2
_MAX_CHANGES = 50
_MAX_CHANGES_BYTES = 3 * 1024**2
_MAX_KEY = 512
_MAX_VALUE = 1_024
_MAX_PAGE = 50
_STATUS = {
    "ConflictException": 409,
    "ValidationException": 400,
    "ServiceQuotaExceededException": 402,
    "ResourceNotFoundException": 404,
    "InternalServerException": 500,
}


_EVENT = "before-send.cloudfront-keyvaluestore"


def a_client() -> Any:
    """Return a boto3 client that reaches nothing by itself, and does not try twice."""
    return boto3.client(
        "cloudfront-keyvaluestore",
        region_name="eu-west-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        endpoint_url="http://127.0.0.1:1",
        config=Config(retries={"total_max_attempts": 1}),
    )


class Refused(Exception):
    """An answer of the service that is an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StrictStore:
    """The store. `calls` lists the operations in their order; `before` is called ahead of each, and may refuse it."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.stale = "ConflictException"  # What a write on an old ETag is refused with.
        self._version = 1
        self._lock = threading.Lock()

    @property
    def etag(self) -> str:
        return f"KV{self._version:012d}"

    @property
    def used(self) -> int:
        return sum(len(key.encode()) + len(value.encode()) for key, value in self.items.items())

    def counts(self) -> Counter[str]:
        return Counter(self.calls)

    @contextmanager
    def answering(self, client: Any) -> Iterator[Any]:
        """Answer a boto3 client until the block ends."""
        client.meta.events.register(_EVENT, self._answer)
        try:
            yield client
        finally:
            client.meta.events.unregister(_EVENT, self._answer)

    def write(self, etag: str | None, puts: list[dict[str, str]], deletes: list[dict[str, str]]) -> dict[str, Any]:
        """Make all changes or none."""
        self._check(etag, puts, deletes)
        after = {key: value for key, value in self.items.items() if key not in {change["Key"] for change in deletes}}
        after |= {change["Key"]: change["Value"] for change in puts}
        if sum(len(key.encode()) + len(value.encode()) for key, value in after.items()) > LIMIT:
            raise Refused("ServiceQuotaExceededException", "The key value store exceeds its maximum size")
        self.items = after
        self._version += 1
        return self._described()

    def _check(self, etag: str | None, puts: list[dict[str, str]], deletes: list[dict[str, str]]) -> None:
        changed = [change["Key"] for change in (*puts, *deletes)]
        sizes = [len(json.dumps(change).encode()) for change in (*puts, *deletes)]
        if etag is None:
            raise Refused("ValidationException", "If-Match is missing")
        if not 0 < len(changed) <= _MAX_CHANGES or sum(sizes) > _MAX_CHANGES_BYTES:
            raise Refused("ValidationException", "1 to 50 keys and at most 3 MB can be updated at once")
        if len(set(changed)) < len(changed):
            raise Refused("ValidationException", "A key is listed twice")
        if any(len(key.encode()) > _MAX_KEY for key in changed):
            raise Refused("ValidationException", "A key is longer than 512 bytes")
        if any(len(change["Value"].encode()) > _MAX_VALUE for change in puts):
            raise Refused("ValidationException", "A value is longer than 1 KB")
        if etag != self.etag:
            raise Refused(self.stale, "The If-Match version is not the current ETag")
        if missing := [change["Key"] for change in deletes if change["Key"] not in self.items]:
            raise Refused("ResourceNotFoundException", f"There is no key {missing[0]}")

    def _described(self) -> dict[str, Any]:
        return {"ETag": self.etag, "ItemCount": len(self.items), "TotalSizeInBytes": self.used}

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        operation, body = self._operation(request)
        signed = str(request.headers.get("Authorization"))
        assert "AWS4-ECDSA-P256-SHA256" in signed, "only SigV4A is accepted"
        status = 200
        headers: Any = {}
        try:
            self.before(operation)
            with self._lock:
                self.calls.append(operation)
                answer = getattr(self, f"_{operation}")(request, body)
            headers["ETag"] = answer.get("ETag", "")
        except Refused as refused:
            status, headers["x-amzn-errortype"] = _STATUS[refused.code], refused.code
            answer = {"Message": str(refused)}
        return AWSResponse(request.url, status, headers, _Raw(json.dumps(answer).encode()))

    @staticmethod
    def _operation(request: AWSPreparedRequest) -> tuple[str, dict[str, Any]]:
        parts = urlsplit(request.url).path.split("/")
        assert unquote(parts[2]) == ARN
        sent: Any = request.body
        body = json.loads(sent) if sent else {}
        if len(parts) == 3:
            return "describe", body
        if len(parts) == 4:
            return ("update" if request.method == "POST" else "list"), body
        return "get", {"Key": unquote(parts[4])}

    def _describe(self, _request: AWSPreparedRequest, _body: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._described(), "KvsARN": ARN, "Created": 0, "Status": "READY"}

    def _get(self, _request: AWSPreparedRequest, body: Mapping[str, Any]) -> dict[str, Any]:
        if body["Key"] not in self.items:
            raise Refused("ResourceNotFoundException", "There is no such key")
        return {"Key": body["Key"], "Value": self.items[body["Key"]], **self._described()}

    def _list(self, request: AWSPreparedRequest, _body: Mapping[str, Any]) -> dict[str, Any]:
        query = parse_qs(urlsplit(request.url).query)
        size = int(query.get("MaxResults", ["10"])[0])
        if not 1 <= size <= _MAX_PAGE:
            raise Refused("ValidationException", "MaxResults is 1 to 50")
        after = query.get("NextToken", [""])[0]
        page = sorted(key for key in self.items if key > after)
        more = {"NextToken": page[size - 1]} if len(page) > size else {}
        return {"Items": [{"Key": key, "Value": self.items[key]} for key in page[:size]], **more}

    def _update(self, request: AWSPreparedRequest, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.write(_text(request.headers.get("If-Match")), body.get("Puts", []), body.get("Deletes", []))


class _Raw(io.BytesIO):
    """A body as urllib3 hands it on."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value
