"""The second origin of static requests: serves a version's 404 page, or the page of its single-page application.

CloudFront asks here when the bucket has no such file. Which file to serve, and with which status, stands in a header
that edge/viewer_request.js sets; viewers cannot say it, and only CloudFront may call the function's address.
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A Lambda answers with at most 6 MB, and base64 makes three bytes four.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BYTES = 4 * 1024 * 1024
_FALLBACK = re.compile(r"404 /([a-z0-9-]+/s/[\w-]{8}/404\.html)|200 /([a-z0-9-]+/s/[\w-]{8}/index\.html)", re.ASCII)
_ROUTE = re.compile(r"([0-9a-f]{12}-[0-9a-f]{8})\.[0-9]{1,15}(\.[0-9]{1,12}(\.[\w-]{43})?)?", re.ASCII)
_NOT_FOUND, _OK = 404, 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """A stored file."""

    body: bytes
    content_type: str


class NotFound:
    """A Lambda handler behind a function URL, called by CloudFront alone; reads `bucket` with a boto3 client of S3."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def __call__(self, event: Mapping[str, Any], _: object) -> dict[str, Any]:
        """Return the file that the request's header names, or a plain 404 if it names none that can be served."""
        sent = event["headers"]
        named = _FALLBACK.fullmatch(sent.get("x-pullprod-not-found", ""))
        page = self._page(named[1] or named[2]) if named else None
        status = _OK if named and page and named[2] else _NOT_FOUND
        found = page or Page(b"Nothing is here.\n", "text/plain; charset=utf-8")
        headers, cookies = _marks(sent)
        return {
            "statusCode": status,
            "headers": {**headers, "content-type": found.content_type, "cache-control": "no-store"},
            "cookies": cookies if status == _NOT_FOUND else [],
            "body": base64.b64encode(found.body).decode(),
            "isBase64Encoded": True,
        }

    def _page(self, key: str) -> Page | None:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            return None
        if found["ContentLength"] > MAX_BYTES:
            _log.warning("%s has more than the %d bytes that can be served in place of a file", key, MAX_BYTES)
            return None
        return Page(found["Body"].read(), found["ContentType"])


def _marks(sent: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return headers and cookies as edge/viewer_response.js sets them, since it is not run from status 400 on."""
    flags = sent.get("x-pullprod-flags", "")
    headers = {"x-content-type-options": "nosniff"}
    if "n" in flags:
        headers["x-robots-tag"] = "noindex"
    route = _ROUTE.fullmatch(sent.get("x-pullprod-route", ""))
    if route is None:
        return headers, []
    headers["x-pullprod-version"] = route[1]
    pin = route[0] if route[2] else f"{route[0]}.{int(time.time())}"
    pinned = [f"pullprod={pin}; Path=/; HttpOnly; SameSite=Lax"] if "d" in flags and "p" in flags else []
    return headers, pinned
