"""The control plane of AWS over what stands in for it here: DynamoDB Local, SeaweedFS and MiniStack."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from wire import Wire

from pullprod_control_plane import bootstrap
from pullprod_control_plane.application import tokens
from pullprod_control_plane.entrypoints.aws.http_api import HttpApi
from pullprod_control_plane.ports import Answer
from pullprod_control_plane.settings import AwsSettings
from scripts import emulators

REGION = "eu-west-1"


class Shows:
    """Probe: the address of a version shows it; what it takes to ask is no call of AWS."""

    def get(self, host: str, path: str, share: str | None = None) -> Answer:
        del path, share
        return Answer(200, host.partition("--")[0])


class SetClock:
    """Clock: it is `ahead` of the time."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.ahead


@dataclass
class Stack:
    """The API as Lambda calls it, with the token of an administrator; `spent` counts the seconds that calls took."""

    wire: Wire
    clock: SetClock
    api: HttpApi
    token: str
    spent: float = 0.0

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Make a call that has to succeed, and return its JSON."""
        path, _, query = path.partition("?")
        http = {"method": method, "path": path, "sourceIp": "192.0.2.1"}
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"authorization": f"Bearer {self.token}", "content-type": "application/json"},
            "requestContext": {"http": http, "stage": "$default"},
            "isBase64Encoded": False,
        }
        began = time.perf_counter()
        answer = self.api({**event, **({} if body is None else {"body": json.dumps(body)})}, None)
        self.spent += time.perf_counter() - began
        if answer["statusCode"] >= 300:
            raise RuntimeError(f"{method} {path}: {answer['statusCode']} {answer['body'][:500]}")
        found: dict[str, Any] = json.loads(answer["body"])
        return found


@contextmanager
def running() -> Iterator[Stack]:
    """Start everything, yield the stack, and end it."""
    with ExitStack() as ends:
        urls = {emulator.name: ends.enter_context(emulators.running(emulator)) for emulator in emulators.ALL.values()}
        os.environ.update(_environment(urls))
        wire, clock = Wire(), SetClock()
        control = bootstrap.aws(_settings())
        control = replace(control, ports=replace(control.ports, probe=Shows(), clock=clock))
        yield Stack(wire, clock, HttpApi(control), str(tokens.first_admin(control.ports)))


def _environment(urls: dict[str, str]) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": urls["ministack"],
        "AWS_ENDPOINT_URL_DYNAMODB": urls["dynamodb-local"],
        "AWS_ENDPOINT_URL_S3": urls["seaweedfs"],
        "AWS_ACCESS_KEY_ID": emulators.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": emulators.SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }


def _settings() -> AwsSettings:
    keys: Any = [("PK", "HASH"), ("SK", "RANGE")]
    boto3.client("dynamodb").create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
    )
    where: Any = {"LocationConstraint": REGION}
    boto3.client("s3").create_bucket(Bucket="files", CreateBucketConfiguration=where)
    routes = boto3.client("cloudfront").create_key_value_store(Name="routes")["KeyValueStore"]["ARN"]
    names = {
        "URL": "https://api.example.com",
        "TABLE": "ledger",
        "BUCKET": "files",
        "ROUTES": routes,
        "DISTRIBUTION": "arn:aws:cloudfront::123456789012:distribution/E1",
        "DISTRIBUTION_HOST": "d1.cloudfront.net",
        "FUNCTIONS": "bench",
        "FUNCTIONS_ROLE": "arn:aws:iam::123456789012:role/bench",
        "FUNCTIONS_LOG": "/bench",
        "PREVIEW_DOMAIN": "example.com",
    }
    return AwsSettings.read({f"PULLPROD_{name}": value for name, value in names.items()})
