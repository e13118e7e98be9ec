"""Clients of what stands in for AWS: no setting of whoever runs the tests has a part in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from scripts.emulators import ACCESS_KEY, SECRET_KEY, without_account

__all__ = ["REGION", "UNSIGNED", "answer", "client", "credentials", "fresh", "intercepted", "refusal"]

REGION = "eu-west-1"
_CONFIG = Config(connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"})


def fresh(service: str, url: str, **config: Any) -> Any:
    """Return a boto3 client of `service` at `url`; `config` is put on top of ours."""
    session: Any = boto3.session.Session()
    made = session.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=_CONFIG.merge(Config(**config)),
    )
    made.meta.events.register("before-call.cloudfront-keyvaluestore", without_account)
    return made


def credentials() -> ReadOnlyCredentials:
    """Return what these clients sign with."""
    return ReadOnlyCredentials(ACCESS_KEY, SECRET_KEY, None)


@cache
def client(service: str, url: str, **config: Any) -> Any:
    """Return a client as `fresh` makes it, shared by all who ask alike."""
    return fresh(service, url, **config)


@contextmanager
def intercepted(
    client: Any, look: Callable[[str, AWSPreparedRequest], AWSResponse | None], operations: str = "*"
) -> Iterator[None]:
    """Call `look` with an operation's name and the request before each is sent; what it returns is the answer."""
    event = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operations}".removesuffix(".*")

    def before_send(event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        return look(event_name.rpartition(".")[2], request)

    client.meta.events.register(event, before_send)
    try:
        yield
    finally:
        client.meta.events.unregister(event, before_send)


def answer(status: int, body: bytes, **headers: str) -> AWSResponse:
    """Return what a service answers; `_` stands for `-` in the headers' names."""
    named: Any = HeadersDict({name.replace("_", "-"): value for name, value in headers.items()})
    return AWSResponse("http://localhost", status, named, _Raw(body))


def refusal(status: int, code: str) -> AWSResponse:
    """Return how S3 refuses."""
    return answer(status, f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode())


class _Raw(BytesIO):
    """A body as urllib3 has it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()
