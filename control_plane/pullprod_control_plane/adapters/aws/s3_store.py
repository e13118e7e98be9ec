"""The store in one S3 bucket: an object's key is its key here, and its headers are those that S3 serves it with.

What is sent goes past the control plane, by a presigned PUT whose signature covers key, SHA-256, length and headers:
S3 itself refuses everything else, and a key that has its bytes. What is there is copied inside S3.

The bucket may keep old versions of objects. Then a deleted one is behind a delete marker: it is neither read, listed
nor copied, and its key counts as free, so it can be sent again; its bytes stay for as long as the bucket's lifecycle
says. An address outlives the version that it was made for by its lifetime at most: what is sent late to a segment that
was pruned meanwhile lies there unused.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from botocore.exceptions import ClientError, FlexibleChecksumError

from ...domain import segments
from ...domain.errors import Busy, DigestMismatch
from ...ports import StoredObject, Upload
from . import faults
from .faults import code_of

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
R = TypeVar("R")

_CONNECTIONS = 32
# What a client of it has to be made with. Other signatures do not cover headers, and the address of a bucket without
# its region answers with redirects at first.
CLIENT: Mapping[str, Any] = {
    "signature_version": "s3v4",
    "s3": {"addressing_style": "virtual"},
    "max_pool_connections": _CONNECTIONS,
}

_UPLOAD_S = 3_600
_MAX_DELETED = 1_000  # Keys of one DeleteObjects.
_READ_AT_ONCE = 1_000
_CHUNK = 1 << 20
_GONE = "NoSuchKey"
_CONFLICT = 409  # Somebody else changes the same key: ask again.


@dataclass(frozen=True, slots=True)
class _Listed:
    size: int
    etag: str


class S3Store:
    """Store. `client` is boto3's of S3, made with CLIENT; `bucket` is its own, and nobody else's to write to.

    Addresses are signed with `credentials`, which have to be those of the client.

    Calls that do not depend on one another are made at once, on as many connections as the client has. It is for the
    client to repeat what failed; what still fails then because of S3 is Busy, and may be tried again.
    """

    def __init__(self, client: S3Client, bucket: str, credentials: Callable[[], ReadOnlyCredentials]) -> None:
        self._client = client
        self._bucket = bucket
        self._credentials = credentials

    def write(self, obj: StoredObject, body: bytes) -> None:
        """Put a small object whole, replacing one of the same key.

        Raises:
            DigestMismatch: the bytes are not those that `obj` announces.
            Busy: S3 does not take it now.
        """
        if (len(body), hashlib.sha256(body).hexdigest()) != (obj.size, obj.sha256):
            raise DigestMismatch(f"There came other bytes than announced for {obj.key}.", expected=obj.sha256)
        with _passing():
            self._client.put_object(
                Bucket=self._bucket,
                Key=obj.key,
                Body=body,
                ContentType=obj.content_type,
                CacheControl=obj.cache_control,
                ChecksumSHA256=_checksum(obj),
            )

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if it is not there."""
        with _passing():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as fault:
                if code_of(fault) == _GONE:
                    return None
                raise

    def place(self, objects: Sequence[StoredObject], sources: Mapping[str, str]) -> list[Upload]:
        """Copy what has a source inside S3; return leave to send the rest, each content once, within an hour."""
        found = self._listed(sources[obj.sha256] for obj in objects if obj.sha256 in sources)

        def copied(obj: StoredObject) -> bool:
            source = sources.get(obj.sha256, "")
            return source in found and found[source].size == obj.size and self._copy(obj, source, found[source].etag)

        with _passing():
            done = self._at_once(copied, objects)
        absent = [obj for obj, is_there in zip(objects, done, strict=True) if not is_there]
        first = {(obj.sha256, obj.size): obj for obj in reversed(absent)}
        return self._uploads([obj for obj in absent if first[obj.sha256, obj.size] is obj])

    def missing(self, objects: Sequence[StoredObject]) -> list[StoredObject]:
        """Return those objects that are not listed with their size: at most a call a segment, or a thousand objects."""
        found = self._listed(obj.key for obj in objects)
        return [obj for obj in objects if obj.key not in found or found[obj.key].size != obj.size]

    def damaged(self, objects: Iterable[StoredObject]) -> list[StoredObject]:
        """Read every byte of `objects` and return those that are absent or are not what their digest says."""
        damaged: list[StoredObject] = []
        rest = iter(objects)
        with _passing():
            while part := list(islice(rest, _READ_AT_ONCE)):
                sound = self._at_once(self._is_sound, part)
                damaged += [obj for obj, is_sound in zip(part, sound, strict=True) if not is_sound]
        return damaged

    def delete(self, *prefixes: str) -> None:
        """Remove every object whose key starts with one of `prefixes`, a thousand with a call; repeating finishes.

        Raises:
            Busy: S3 left some.
        """
        with _passing():
            doomed = [key for listed in self._under(prefixes) for key in listed]
            self._at_once(self._remove, [doomed[at : at + _MAX_DELETED] for at in range(0, len(doomed), _MAX_DELETED)])

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="store")

    def _at_once(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Return what `work` makes of each item, in order; when one fails, those that wait are not begun."""
        return list(self._threads.map(work, items))

    def _listed(self, keys: Iterable[str]) -> dict[str, _Listed]:
        """Return what stands in the segments that `keys` are of, at least under `keys`."""
        prefixes = dict.fromkeys(segments.prefix_in(key) for key in keys)
        with _passing():
            found = self._under(prefixes)
        return {key: listed for of_prefix in found for key, listed in of_prefix.items()}

    def _under(self, prefixes: Iterable[str]) -> list[dict[str, _Listed]]:
        """Return what stands under each prefix, by key: a call a thousand objects."""
        # Made before the threads are: the first one is made of a search through boto3's descriptions of all services.
        pages = self._client.get_paginator("list_objects_v2")

        def listed(prefix: str) -> dict[str, _Listed]:
            found = pages.paginate(Bucket=self._bucket, Prefix=prefix)
            entries = (entry for page in found for entry in page.get("Contents", ()))
            return {entry["Key"]: _Listed(entry["Size"], entry["ETag"]) for entry in entries}

        return self._at_once(listed, prefixes)

    def _remove(self, keys: list[str]) -> None:
        doomed: Any = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        left = self._client.delete_objects(Bucket=self._bucket, Delete=doomed).get("Errors", ())
        if left:
            raise Busy(f"S3 did not delete {left[0].get('Key')!r}: {left[0].get('Code')}. Try again.")

    def _copy(self, obj: StoredObject, source: str, etag: str) -> bool:
        """Copy an object's bytes if its source is still what was listed; tell whether it is."""
        try:
            self._client.copy_object(
                Bucket=self._bucket,
                Key=obj.key,
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceIfMatch=etag,
                MetadataDirective="REPLACE",
                ContentType=obj.content_type,
                CacheControl=obj.cache_control,
                ChecksumAlgorithm="SHA256",
            )
        except ClientError as fault:
            if code_of(fault) in {_GONE, "PreconditionFailed"}:
                return False
            raise
        return True

    def _uploads(self, objects: Sequence[StoredObject]) -> list[Upload]:
        """Return leave to send objects' bytes; a signature covers exactly these headers, and the host."""
        # Not by the client's generate_presigned_url, which takes more than twice as long: a page has a thousand.
        from botocore.auth import S3SigV4QueryAuth  # noqa: PLC0415 - as long to import as boto3.
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        auth = S3SigV4QueryAuth(self._credentials(), "s3", self._client.meta.region_name, _UPLOAD_S)

        def signed(obj: StoredObject) -> Upload:
            headers = _headers(obj)
            request: Any = AWSRequest("PUT", self._address + quote(obj.key), headers)
            auth.add_auth(request)
            return Upload(obj, request.url, headers)

        return [signed(obj) for obj in objects]

    @cached_property
    def _address(self) -> str:
        """Return the bucket's address, as the client's configuration and AWS's rules have it."""
        any_key = self._client.generate_presigned_url("get_object", {"Bucket": self._bucket, "Key": "-"})
        return any_key.partition("-?")[0]

    def _is_sound(self, obj: StoredObject) -> bool:
        digest = hashlib.sha256()
        try:
            for chunk in self._client.get_object(Bucket=self._bucket, Key=obj.key)["Body"].iter_chunks(_CHUNK):
                digest.update(chunk)
        except FlexibleChecksumError:
            return False
        except ClientError as fault:
            if code_of(fault) == _GONE:
                return False
            raise
        return digest.hexdigest() == obj.sha256


def _headers(obj: StoredObject) -> dict[str, str]:
    """Return the headers with which an object is sent by whoever publishes."""
    return {
        "Content-Type": obj.content_type,
        "Content-Length": str(obj.size),
        "Cache-Control": obj.cache_control,
        "If-None-Match": "*",
        "x-amz-checksum-sha256": _checksum(obj),
    }


def _checksum(obj: StoredObject) -> str:
    return base64.b64encode(bytes.fromhex(obj.sha256)).decode()


def _passing() -> AbstractContextManager[None]:
    return faults.passing("S3", _CONFLICT)
