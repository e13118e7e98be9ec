"""A control plane on AWS: DynamoDB Local, S3 of MiniStack, strict doubles of the key-value store, Lambda and names.

Every call that it makes passes through `faults`. What it has stored can be remembered, brought back, and looked at
without a call of its own.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from pullprod_control_plane.adapters.aws import dynamodb_ledger
from pullprod_control_plane.adapters.aws.cloudfront_domains import CloudFrontDomains
from pullprod_control_plane.adapters.aws.dynamodb_ledger import DynamoDBLedger
from pullprod_control_plane.adapters.aws.lambda_functions import LambdaFunctions
from pullprod_control_plane.adapters.aws.route53_names import Route53Names
from pullprod_control_plane.adapters.aws.s3_store import S3Store
from pullprod_control_plane.application.publish import Begun
from pullprod_control_plane.domain.names import Addresses
from pullprod_control_plane.ports import Item, Ports, StoredObject
from tests.ports.aws import dynamodb, lambda_functions, names, s3
from tests.support import aws
from tests.support.aws_world import SeenEdge
from tests.support.faults import Faults, Through
from tests.support.kvs import StrictStore, a_client
from tests.support.memory_ledger import MemoryLedger
from tests.support.programs import CountedWorker
from tests.support.strict_lambda import StrictLambda
from tests.support.strict_names import OURS, StrictNames
from tests.support.world import Files, RecordProbe, SetClock, World

ONCE: Any = {"retries": {"total_max_attempts": 1}}
_BATCH = 25


class _Zips(Mapping[str, bytes]):
    """Zips as Lambda finds them in the bucket."""

    def __init__(self, files: Any, bucket: str) -> None:
        self._files, self._bucket = files, bucket

    def __getitem__(self, key: str) -> bytes:
        body: bytes = self._files.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class Routes:
    """Edge that only tells what is shown."""

    def __init__(self, items: Mapping[str, str]) -> None:
        self.items = items

    def records(self, keys: list[str]) -> list[str | None]:
        return [self.items.get(key) for key in keys]

    def crowded(self) -> bool:
        return False


class Objects:
    """Store that only tells what is stored; what was read once is not read again, since no object changes."""

    def __init__(self, sizes: Mapping[str, int], read: Callable[[str], bytes | None]) -> None:
        self.sizes, self._read = sizes, read

    def read(self, key: str) -> bytes | None:
        return self._read(key) if key in self.sizes else None

    def missing(self, objects: Sequence[StoredObject]) -> list[StoredObject]:
        return [obj for obj in objects if self.sizes.get(obj.key) != obj.size]


@dataclass
class Remembered:
    """Everything that was stored at a moment."""

    moment: datetime
    rows: list[dict[str, Any]]
    routes: dict[str, str]
    objects: dict[str, dict[str, Any]]
    lambdas: dict[str, Any]
    names: StrictNames


@dataclass
class Stack:
    """The services. Clients that are plain make calls that no fault strikes."""

    table: str
    bucket: str
    items: Any
    plain_items: Any
    files: Any
    plain_files: Any
    key_values: Any
    routes: StrictStore = field(default_factory=StrictStore)
    faults: Faults = field(default_factory=Faults)
    clock: SetClock = field(default_factory=SetClock)
    names: StrictNames = field(default_factory=StrictNames)

    def __post_init__(self) -> None:
        self.lambdas = StrictLambda(_Zips(self.plain_files, self.bucket), self.clock)
        self._read = cache(S3Store(self.plain_files, self.bucket, aws.credentials).read)

    def world(self) -> AwsWorld:
        """Return the control plane of a process that has just begun."""
        # Any, since they stand where a world of this machine has its own.
        ledger: Any = DynamoDBLedger(self.items, self.table)
        store: Any = S3Store(self.files, self.bucket, aws.credentials)
        edge: Any = SeenEdge(self.key_values, self.routes)
        place = replace(lambda_functions.place(self.bucket), prefix="t")
        lambdas: Any = Through("lambda", self.lambdas, self.faults)
        functions: Any = LambdaFunctions(lambdas, place, self.clock, pause=lambda _: None)
        worker = CountedWorker()
        services = zip(("cloudfront", "acm", "route53"), self.names.clients(), strict=True)
        watched: list[Any] = [Through(name, client, self.faults) for name, client in services]
        cloudfront, acm, route53 = watched
        managed = Route53Names(CloudFrontDomains(OURS, cloudfront, acm), "Z1", route53)
        probe = RecordProbe(edge.get, S3Store(self.plain_files, self.bucket, aws.credentials).read)
        ports = Ports(ledger, store, edge, managed, functions, worker, probe, self.clock)
        addresses = Addresses("http", "localhost", 8080)
        return AwsWorld(ledger, store, edge, self.clock, ports, functions, worker, addresses, stack=self)

    def remember(self) -> Remembered:
        objects = {key: self._object(key) for key in self.objects()}
        return Remembered(
            self.clock.moment,
            self._rows(),
            dict(self.routes.items),
            objects,
            copy.deepcopy(self.lambdas.made),
            copy.deepcopy(self.names),
        )

    def bring_back(self, before: Remembered) -> None:
        """Let everything be stored that was, and nothing else."""
        self.clock.moment = before.moment
        self.routes.items = dict(before.routes)
        self.routes._version += 1
        self.lambdas.made = copy.deepcopy(before.lambdas)
        self.lambdas.waits.clear()
        self.names = copy.deepcopy(before.names)
        then, now = ({_where(row): row for row in rows} for rows in (before.rows, self._rows()))
        puts = [{"PutRequest": {"Item": row}} for where, row in then.items() if now.get(where) != row]
        deletes = [{"DeleteRequest": {"Key": _key(row)}} for where, row in now.items() if where not in then]
        changes = [*puts, *deletes]
        for start in range(0, len(changes), _BATCH):
            self.plain_items.batch_write_item(RequestItems={self.table: changes[start : start + _BATCH]})
        stored = self.objects().keys()
        if doomed := [{"Key": key} for key in stored - before.objects.keys()]:
            self.plain_files.delete_objects(Bucket=self.bucket, Delete={"Objects": doomed})
        for key in before.objects.keys() - stored:
            self.plain_files.put_object(Bucket=self.bucket, Key=key, **before.objects[key])

    def objects(self) -> dict[str, int]:
        """Return the sizes of all objects, by key."""
        listed = self.plain_files.list_objects_v2(Bucket=self.bucket)
        return {entry["Key"]: entry["Size"] for entry in listed.get("Contents", ())}

    def looked_at(self) -> Ports:
        """Return ports that see what is stored now, and change nothing."""
        ledger: Any = MemoryLedger(_item(row) for row in self._rows())
        edge: Any = Routes(dict(self.routes.items))
        place = replace(lambda_functions.place(self.bucket), prefix="t")
        lambdas: Any = self.lambdas
        functions = LambdaFunctions(lambdas, place, self.clock)
        store: Any = Objects(self.objects(), self._read)
        probe: Any = None
        return Ports(ledger, store, edge, names.plugged(self.names), functions, CountedWorker(), probe, self.clock)

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.plain_items.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return rows

    def _object(self, key: str) -> dict[str, Any]:
        found = self.plain_files.get_object(Bucket=self.bucket, Key=key)
        return {name: found[name] for name in ("ContentType", "CacheControl")} | {"Body": found["Body"].read()}


@dataclass
class AwsWorld(World):
    """What tests act upon."""

    stack: Stack = field(kw_only=True)

    def send(self, begun: Begun, files: Files) -> int:
        """Send what the plan asks for, as a client does: past the control plane."""
        bodies = {hashlib.sha256(body).hexdigest(): body for body in files.values()}
        for upload in begun.uploads.items:
            obj = upload.object
            facts = {"ContentType": obj.content_type, "CacheControl": obj.cache_control}
            self.stack.plain_files.put_object(Bucket=self.stack.bucket, Key=obj.key, Body=bodies[obj.sha256], **facts)
        return len(begun.uploads.items)


def _where(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["PK"]["S"], row["SK"]["S"]


def _key(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"PK": row["PK"], "SK": row["SK"]}


def _item(row: Mapping[str, Any]) -> Item:
    return dynamodb_ledger._item(row)


@contextmanager
def running(dynamodb_local: str, ministack: str) -> Iterator[Stack]:
    """Return the services with nothing stored in them."""
    stack = Stack(
        table=dynamodb.table(dynamodb_local),
        bucket=s3.bucket(ministack),
        items=aws.fresh("dynamodb", dynamodb_local, **ONCE),
        plain_items=dynamodb.client(dynamodb_local),
        files=aws.fresh("s3", ministack, signature_version="s3v4", max_pool_connections=32, **ONCE),
        plain_files=s3.client(ministack),
        key_values=a_client(),
    )
    with ExitStack() as watched:
        watched.enter_context(stack.faults.on(stack.items))
        watched.enter_context(stack.faults.on(stack.files))
        watched.enter_context(stack.faults.on(stack.key_values, stack.routes._answer))
        yield stack
    stack.plain_items.delete_table(TableName=stack.table)
