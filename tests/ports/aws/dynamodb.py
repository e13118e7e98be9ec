"""The ledger on DynamoDB Local, a table a test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pullprod_control_plane.adapters.aws.dynamodb_ledger import DynamoDBLedger
from tests.support import aws

_TEMPLATE = Path(__file__).parents[3] / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads a template; what its functions would say is left out."""


_Loader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def client(url: str) -> Any:
    """Return a client for as many threads as race here."""
    return aws.client("dynamodb", url, max_pool_connections=40)


def table(url: str) -> str:
    """Create a table as the template describes it, and return its name."""
    ledger = yaml.load(_TEMPLATE.read_text(encoding="utf-8"), _Loader)["Resources"]["Ledger"]["Properties"]  # noqa: S506 - derives from SafeLoader.
    name = f"ledger-{uuid.uuid4()}"
    described = {key: ledger[key] for key in ("BillingMode", "KeySchema", "AttributeDefinitions")}
    client(url).create_table(TableName=name, **described)
    return name


@contextmanager
def dynamodb_ledger(_: Path, url: str) -> Iterator[DynamoDBLedger]:
    name = table(url)
    yield DynamoDBLedger(client(url), name)
    client(url).delete_table(TableName=name)
