"""The store on SeaweedFS and on MiniStack, a bucket a test, versioned as the template's is."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pullprod_control_plane.adapters.aws.s3_store import CLIENT, S3Store
from tests.support import aws


def client(url: str) -> Any:
    """Return a client as the adapter wants it; buckets of an address without a name are addressed by path."""
    return aws.client("s3", url, **{name: value for name, value in CLIENT.items() if name != "s3"})


def bucket(url: str) -> str:
    """Create a bucket and return its name."""
    name = f"files-{secrets.token_hex(8)}"
    client(url).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    client(url).put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@contextmanager
def seaweedfs_store(_: Path, url: str) -> Iterator[S3Store]:
    yield S3Store(client(url), bucket(url), aws.credentials)


@contextmanager
def ministack_store(_: Path, url: str) -> Iterator[S3Store]:
    yield S3Store(client(url), bucket(url), aws.credentials)


SERVICES = {seaweedfs_store: "seaweedfs", ministack_store: "ministack"}
