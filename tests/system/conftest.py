"""One server for all tests of a worker that can share it; each uses an app of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.api import Api, client
from tests.support.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server") / "data") as started:
        yield started


@pytest.fixture(scope="session")
def api(server: Server) -> Iterator[Api]:
    with client(server.url, server.token) as caller:
        yield caller


@pytest.fixture
def app(request: pytest.FixtureRequest, api: Api) -> str:
    """Return a new app, named after the test."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    return api.app(f"{words[:20].strip('-')}-{len(api.items('/v1/apps'))}")
