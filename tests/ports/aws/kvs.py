"""The edge of CloudFront, plugged."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pullprod_control_plane.adapters.aws.cloudfront_edge import CloudFrontEdge
from pullprod_control_plane.ports import Edge
from tests.support import aws
from tests.support.kvs import ARN, StrictStore, a_client


@contextmanager
def ministack_cloudfront_edge(_: Path, url: str) -> Iterator[Edge]:
    made = aws.client("cloudfront", url).create_key_value_store(Name=f"edge-{secrets.token_hex(8)}")
    yield CloudFrontEdge(aws.client("cloudfront-keyvaluestore", url), made["KeyValueStore"]["ARN"])


@contextmanager
def strict_cloudfront_edge(_: Path) -> Iterator[Edge]:
    with StrictStore().answering(a_client()) as client:
        yield CloudFrontEdge(client, ARN)
