"""Every adapter of a port joins its tests by one line in the list of that port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from pullprod_control_plane.ports import Edge, Ledger, Names, Store, Upload
from tests.ports.aws import dynamodb, kvs, lambda_functions, s3
from tests.ports.aws import names as aws_names
from tests.ports.local import plugs, process_functions
from tests.ports.running import Answering, Running

LEDGERS = [
    plugs.sqlite_ledger,
    dynamodb.dynamodb_ledger,
]
STORES = [
    plugs.directory_store,
    s3.seaweedfs_store,
    s3.ministack_store,
]
EDGES = [
    plugs.sqlite_edge,
    kvs.strict_cloudfront_edge,
    kvs.ministack_cloudfront_edge,
]


RUNNING = [
    process_functions.running,
    lambda_functions.strict,
    lambda_functions.on_ministack,
]
ANSWERING = [
    process_functions.running,
    lambda_functions.on_ministack,
]

MANAGED_NAMES = [
    aws_names.strict_route53_names,
    aws_names.ministack_route53_names,
]
NAMES = [
    plugs.unmanaged_names,
    *MANAGED_NAMES,
]


def _name(plug: Callable[..., object]) -> str:
    return plug.__name__


@pytest.fixture(params=LEDGERS, ids=_name)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    emulated = request.param is dynamodb.dynamodb_ledger
    url = (request.getfixturevalue("dynamodb_local"),) if emulated else ()
    with request.param(tmp_path, *url) as plugged:
        yield plugged


@pytest.fixture(params=STORES, ids=_name)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    service = s3.SERVICES.get(request.param)
    url = (request.getfixturevalue(service),) if service else ()
    with request.param(tmp_path, *url) as plugged:
        yield plugged


@pytest.fixture(params=EDGES, ids=_name)
def edge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Edge]:
    emulated = request.param is kvs.ministack_cloudfront_edge
    url = (request.getfixturevalue("ministack"),) if emulated else ()
    with request.param(tmp_path, *url) as plugged:
        yield plugged


def _place(plug: Callable[..., object]) -> str:
    return f"{plug.__module__.rpartition('.')[2]}.{plug.__name__}"


def _services(request: pytest.FixtureRequest) -> list[str]:
    return [request.getfixturevalue("ministack")] if request.param is lambda_functions.on_ministack else []


@pytest.fixture(params=RUNNING, ids=_place)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with request.param(tmp_path, *_services(request)) as plugged:
        yield plugged


@pytest.fixture(params=ANSWERING, ids=_place)
def answering(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Answering]:
    with request.param(tmp_path / "running", *_services(request)) as plugged:
        yield plugged


@pytest.fixture
def send() -> Callable[[Upload, bytes], int]:
    def put(upload: Upload, body: bytes) -> int:
        headers = {**upload.headers, "Content-Length": str(len(body))}
        return requests.put(upload.url, data=body, headers=headers, timeout=30).status_code

    return put


@pytest.fixture(params=NAMES, ids=_name)
def names(request: pytest.FixtureRequest) -> Names:
    plugged = request.param(request)
    return plugged.names if isinstance(plugged, aws_names.Managed) else plugged


@pytest.fixture(params=MANAGED_NAMES, ids=_name)
def managed(request: pytest.FixtureRequest) -> aws_names.Managed:
    """Names whose DNS is managed."""
    plugged: aws_names.Managed = request.param(request)
    return plugged
