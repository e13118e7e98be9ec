"""What viewers of the real server get, by the host that they ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.server import Answer, Server

Get = Callable[..., Answer]


@pytest.fixture
def get(server: Server) -> Get:
    return server.get


@pytest.fixture
def two(api: Api, app: str) -> tuple[str, str]:
    """Return two versions of an app whose production shows the second at a host of its own."""
    custom: Any = {"production": [f"www.{app}.example"], "next": [f"next.{app}.example"]}
    api.app(app, hosts=custom, guards={"lineage": {"production": "off"}})
    one, other = (api.publish(app, f"{app} {name}", {"index.html": name.encode()})["id"] for name in ("one", "two"))
    assert api.point(app, "production", other).status_code == 200
    return one, other


def test_a_custom_host_shows_its_pointer_and_only_that_may_be_indexed(get: Get, app: str, two: tuple[str, str]) -> None:
    for host, version, indexed in (
        (f"www.{app}.example", two[1], True),
        (f"WWW.{app}.Example:8787", two[1], True),
        (f"production--{app}.localhost", two[1], False),
        (f"{two[1]}--{app}.localhost", two[1], False),
        (f"{two[0]}--{app}.localhost", two[0], False),
        (f"main--{app}.localhost", two[0], False),
    ):
        answer = get(host, "/")
        assert (answer.status, answer.headers["x-pullprod-version"]) == (200, version), host
        assert answer.headers.get("x-robots-tag") == (None if indexed else "noindex"), host


@pytest.mark.parametrize(
    "host", ["nobody.example", "{app}.localhost", "nowhere--{app}.localhost", "next.{app}.example"]
)
def test_a_host_that_shows_nothing_is_not_found(get: Get, app: str, two: tuple[str, str], host: str) -> None:
    assert two
    answer = get(host.format(app=app), "/")
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


def test_a_host_that_moves_to_another_pointer_shows_that_at_once(
    api: Api, get: Get, app: str, two: tuple[str, str]
) -> None:
    assert api.point(app, "next", two[0]).status_code == 200
    api.app(app, hosts={"next": [f"www.{app}.example"]})
    assert get(f"www.{app}.example", "/").headers["x-pullprod-version"] == two[0]
    assert get(f"next.{app}.example", "/").status == 404
    api.app(app)
    assert get(f"www.{app}.example", "/").status == 404
    assert get(f"next--{app}.localhost", "/").headers["x-pullprod-version"] == two[0]


def test_a_revoked_version_is_gone_for_good(api: Api, get: Get, app: str) -> None:
    version = api.publish(app, f"{app} bad", {"index.html": b"bad"}, branch=None)["id"]
    assert get(f"{version}--{app}.localhost", "/").status == 200
    api.ok("DELETE", f"/v1/apps/{app}/versions/{version}", {"reason": "leaked"})
    for path in ("/", "/index.html", "/nothing.js"):
        assert get(f"{version}--{app}.localhost", path).status == 410
    again = api.point(app, "production", version)
    assert (again.status_code, again.json()["code"]) == (409, "version-not-ready")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "localhost:8787", "[::1]:8787", "LOCALHOST:1"])
def test_the_machines_own_names_are_the_api(get: Get, host: str) -> None:
    answer = get(host, "/v1/health")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("host", ["api.localhost", "127.0.0.2", "[::2]", "localhost.example", "localhost.", "::1", "x"])
def test_every_other_name_is_the_edge(get: Get, host: str) -> None:
    assert get(host, "/v1/health").status == 404
    assert get(host, "/uploads/x", method="PUT").status in {404, 405}


def test_a_swap_is_seen_by_the_next_request(api: Api, get: Get, app: str, two: tuple[str, str]) -> None:
    for version in (*two, *two):
        assert api.point(app, "production", version).status_code == 200
        assert get(f"www.{app}.example", "/").headers["x-pullprod-version"] == version
        assert get(f"production--{app}.localhost", "/").headers["x-pullprod-version"] == version
