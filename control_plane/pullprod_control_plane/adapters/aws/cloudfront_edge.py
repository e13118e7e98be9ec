"""Route records in a CloudFront KeyValueStore."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ...domain import eviction
from ...domain.errors import Busy, PayloadTooLarge, StorageFull
from ...domain.routes import MAX_RECORD, Route, outranked
from . import faults
from .faults import code_of

if TYPE_CHECKING:
    from mypy_boto3_cloudfront_keyvaluestore import CloudFrontKeyValueStoreClient

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
MAX_KEY = 512
MAX_KEYS = 50  # In one UpdateKeys, and on one page of ListKeys.

_REMEMBERED = 5_000  # About as many records as a store has room for.
_READERS = 10  # As many as a boto3 client has connections.
# Each round has a winner: 32 writers at once need a second or two. The caller of an API waits for less than 30.
_ATTEMPTS = 30
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0

_passing = faults.passing("CloudFront's key-value store")
_Records = Mapping[str, "str | None"]  # By key; None for one that is not there, or is to go.


class _Conflict(Exception):
    """Somebody has written since."""


class _Full(Exception):
    """The store has no room."""


@dataclass(frozen=True, slots=True)
class _View:
    """What stood in the store at an ETag. A write that rests on it fails if anything was written since."""

    etag: str
    items: int
    used: int
    records: _Records = field(default_factory=dict)

    def of(self, keys: Sequence[str]) -> _Records:
        return {key: self.records[key] for key in keys}


class CloudFrontEdge:
    """Edge: each write is one UpdateKeys, all or nothing, on the ETag of the whole store, so no record goes back.

    The last view of the store is remembered, with the ETag that the last write returned: who is alone in writing, or
    has a mark from before it was decided what to show, needs one call. Edge locations follow some seconds later,
    each in its own time; nothing tells when.
    """

    def __init__(self, client: CloudFrontKeyValueStoreClient, store: str) -> None:
        """`store` is the ARN of the key-value store; `client` signs with SigV4A, for which boto3 needs awscrt."""
        self._client = client
        self._store = store
        self._view: _View | None = None
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="edge")

    @_passing
    def mark(self) -> str:
        """Return the ETag of the store."""
        return self._describe().etag

    @_passing
    def show(self, routes: Sequence[Route], since: str | None = None) -> None:
        """Write all records, those of a pointer at once, except where its owner already shows a higher fence.

        One call if nothing was written `since`, an ETag from before the routes were decided.

        Raises:
            PayloadTooLarge: a key or a record is longer than the store takes; nothing was written.
            StorageFull: there is no room, and nothing that could be spared.
            Busy: others wrote all the while.
        """
        for route in routes:
            _check(route)
        for batch in _batches(routes):
            if since is None or not self._written_since(since, batch):
                self._write([route.key for route in batch], _showing(batch))
            since = None

    @_passing
    def remove(self, keys: Sequence[str]) -> None:
        """Take records away, 50 at once; keys that have none are no error. Raises Busy as `show` does."""
        for start in range(0, len(keys), MAX_KEYS):
            self._write(keys[start : start + MAX_KEYS], _removing)

    @_passing
    def records(self, keys: Sequence[str]) -> list[str | None]:
        """Return the records under `keys`, in their order, None where there is none."""
        found = self._look(keys).records if keys else {}
        return [found[key] for key in keys]

    @_passing
    def crowded(self) -> bool:
        """Tell whether old versions' records may have been taken away to make room."""
        return eviction.crowded((self._view or self._look([])).used)

    @_passing
    def make_room(self) -> int:
        """Take away what can be spared if the store is nearly full; return how many records that were.

        Ends early when somebody writes meanwhile: that may have made one of them needed.
        """
        if not eviction.excess((self._view or self._look([])).used):
            return 0
        view = self._describe()
        doomed = eviction.dispensable(self._list(), eviction.excess(view.used))
        for start in range(0, len(doomed), MAX_KEYS):
            try:
                view = self._update(view, dict.fromkeys(doomed[start : start + MAX_KEYS]))
            except _Conflict:
                return start
        return len(doomed)

    def _written_since(self, etag: str, batch: Sequence[Route]) -> bool:
        """Write over whatever stood there at an ETag; False if the store has changed since, or has no room."""
        try:
            self._update(_View(etag, 0, 0), {route.key: route.record for route in batch})
        except (_Conflict, _Full):
            return False
        return True

    def _write(self, keys: Sequence[str], wanted: Callable[[_Records], _Records]) -> None:
        """Make the changes that are wanted in view of what stands under `keys`."""
        view = self._remembered(keys, wanted)
        for attempt in range(_ATTEMPTS):
            view = view or self._look(keys)
            changes = wanted(view.of(keys))
            try:
                if changes:
                    self._update(view, changes)
            except _Conflict:
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt)))  # noqa: S311
            except _Full:
                self._require_room()
            else:
                return
            view = None
        raise Busy(f"The edge's key-value store was written by others {_ATTEMPTS} times in a row. Try again.")

    def _remembered(self, keys: Sequence[str], wanted: Callable[[_Records], _Records]) -> _View | None:
        """Return the last view if a write on it will tell that it is out of date: if every key is to be written."""
        view = self._view
        if view is None or not view.records.keys() >= set(keys):
            return None
        return view if len(wanted(view.of(keys))) == len(set(keys)) else None

    def _look(self, keys: Sequence[str]) -> _View:
        """Return a view of now that has `keys`, reading only what has not been read at its ETag."""
        now = self._describe()
        before = self._view
        same = before is not None and before.etag == now.etag and len(before.records) <= _REMEMBERED
        known = dict(before.records) if before and same else {}
        known |= self._read([key for key in dict.fromkeys(keys) if key not in known], now.items)
        self._view = _View(now.etag, now.items, now.used, known)
        return self._view

    def _describe(self) -> _View:
        answer = self._client.describe_key_value_store(KvsARN=self._store)
        return _View(answer["ETag"], answer["ItemCount"], answer["TotalSizeInBytes"])

    def _read(self, keys: Sequence[str], items: int) -> _Records:
        """Read records one by one at the same time, or page by page where those are fewer calls for many."""
        if len(keys) > max(MAX_KEYS, items // MAX_KEYS + 1):
            listed = self._list()
            return {key: listed.get(key) for key in keys}
        return dict(zip(keys, self._readers.map(self._get, keys), strict=True))

    def _get(self, key: str) -> str | None:
        try:
            return self._client.get_key(KvsARN=self._store, Key=key)["Value"]
        except ClientError as fault:
            if code_of(fault) == "ResourceNotFoundException":
                return None
            raise

    def _list(self) -> dict[str, str]:
        listed: dict[str, str] = {}
        more: dict[str, Any] = {}
        while True:
            page = self._client.list_keys(KvsARN=self._store, MaxResults=MAX_KEYS, **more)
            listed |= {item["Key"]: item["Value"] for item in page.get("Items", [])}
            if not page.get("NextToken"):
                return listed
            more = {"NextToken": page["NextToken"]}

    def _update(self, view: _View, changes: _Records) -> _View:
        """Write on a view and return the next; raise _Conflict or _Full, and forget the view, if that fails."""
        self._view = None
        try:
            answer = self._client.update_keys(
                KvsARN=self._store,
                IfMatch=view.etag,
                Puts=[{"Key": key, "Value": record} for key, record in changes.items() if record is not None],
                Deletes=[{"Key": key} for key, record in changes.items() if record is None],
            )
        except ClientError as fault:
            if meaning := _meaning(fault):
                raise meaning from fault
            raise
        records = {**view.records, **changes}
        self._view = _View(answer["ETag"], answer["ItemCount"], answer["TotalSizeInBytes"], records)
        return self._view

    def _require_room(self) -> None:
        if not self.make_room():
            raise StorageFull(
                "The edge's key-value store is full. Prune apps that keep many versions, or reduce custom hosts."
            )


def _check(route: Route) -> None:
    if len(route.record.encode()) > MAX_RECORD or not 0 < len(route.key.encode()) <= MAX_KEY:
        raise PayloadTooLarge(
            f"The record of {route.key[:80]!r} does not fit the edge: {MAX_KEY} bytes of key, {MAX_RECORD} of record."
        )


def _batches(routes: Sequence[Route]) -> Iterator[list[Route]]:
    """Split routes into what can be written at once, and those of one owner only if they are too many."""
    batch: list[Route] = []
    for _, same in groupby(routes, key=lambda route: route.owner):
        group = list(same)
        if batch and len(batch) + len(group) > MAX_KEYS:
            yield batch
            batch = []
        batch += group
        while len(batch) > MAX_KEYS:
            yield batch[:MAX_KEYS]
            batch = batch[MAX_KEYS:]
    if batch:
        yield batch


def _showing(batch: Sequence[Route]) -> Callable[[_Records], _Records]:
    return lambda found: {route.key: route.record for route in batch if not outranked(route, found[route.key])}


def _removing(found: _Records) -> _Records:
    return {key: None for key, record in found.items() if record is not None}


def _meaning(fault: ClientError) -> Exception | None:
    """Return what a refused write means to us, None for nothing that we know.

    That an ETag which is out of date is answered by ConflictException is not documented in so many words.
    """
    said = fault.response["Error"].get("Message", "")
    outdated = code_of(fault) == "ValidationException" and re.search("if-?match|etag", said, re.IGNORECASE)
    if outdated or code_of(fault) == "ConflictException":
        return _Conflict(said)
    return _Full(said) if code_of(fault) == "ServiceQuotaExceededException" else None
