"""A control plane whose ledger is on DynamoDB Local and whose edge is a strict key-value store, each call watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pullprod_control_plane.adapters.aws.cloudfront_edge import CloudFrontEdge
from pullprod_control_plane.adapters.aws.dynamodb_ledger import DynamoDBLedger
from tests.ports.aws import dynamodb
from tests.support import aws
from tests.support.kvs import ARN, StrictStore, a_client
from tests.support.world import World, opened


class SeenEdge(CloudFrontEdge):
    """The edge of CloudFront, of which a test also sees what viewers are shown."""

    def __init__(self, client: Any, store: StrictStore) -> None:
        super().__init__(client, ARN)
        self.store = store

    def get(self, key: str) -> str | None:
        return self.store.items.get(key)


@contextmanager
def on_aws(directory: Path, dynamodb_local: str) -> Iterator[tuple[World, Any, StrictStore]]:
    """Return a world with one app, the client of its table, and the store of its routes."""
    table, store = dynamodb.table(dynamodb_local), StrictStore()
    client = aws.fresh("dynamodb", dynamodb_local, max_pool_connections=40)
    with (
        store.answering(a_client()) as key_values,
        opened(directory, DynamoDBLedger(client, table), SeenEdge(key_values, store)) as world,
    ):
        world.configure()
        yield world, client, store
    client.delete_table(TableName=table)
