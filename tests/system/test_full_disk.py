"""A disk that is full: a real one, small, that is filled by publishing."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.support.api import Api, client, manifest
from tests.support.refusals import refused
from tests.support.server import Server

SIZE = 6 * 1024**2
PAGE = {"index.html": b"<h1>here to stay</h1>"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small file system of its own; where that is not allowed, only CI insists on it."""
    where = tmp_path / "disk"
    where.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(where)]
    try:
        mounted = subprocess.run(options, capture_output=True, text=True, check=False)
        why = mounted.stderr.strip()
        failed = mounted.returncode != 0
    except FileNotFoundError as fault:
        why, failed = str(fault), True
    if failed:
        message = f"a small file system cannot be mounted here: {why}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


@pytest.fixture
def server(disk: Path, tmp_path: Path) -> Iterator[Server]:
    running = Server(disk / "data", log=tmp_path / "log").start()
    try:
        yield running
        assert "a call failed" not in running.log.read_text(), running.log.read_text()
    finally:
        running.stop()


@pytest.fixture
def api(server: Server) -> Iterator[Api]:
    with client(server.url, server.token) as caller:
        yield caller


@pytest.fixture
def first(api: Api) -> str:
    """Return a version that production shows."""
    api.app("shop", guards={"lineage": {"production": "off"}})
    version: str = api.publish("shop", "first", PAGE)["id"]
    assert api.point("shop", "production", version).status_code == 200
    return version


def fill(disk: Path, leave: int) -> Path:
    """Fill the disk but for so many bytes."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    ballast.write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - leave))
    return ballast


def test_what_was_published_stays_and_the_publish_goes_through_once_there_is_room(
    disk: Path, api: Api, first: str
) -> None:
    film = {"film.bin": secrets.token_bytes(2 * 1024**2), **PAGE}
    begun = api.ok("POST", "/v1/apps/shop/versions", manifest("second", film))
    before = api.state("shop")
    ballast = fill(disk, 1024**2)
    (upload,) = begun["uploads"]["items"]
    refused(api.upload(upload, film["film.bin"]), 507, "storage-full")
    refused(api.call("POST", f"/v1/apps/shop/versions/{begun['version']['id']}/finalize", {}), 409, "upload-incomplete")
    assert api.state("shop") == before
    assert _shown(api, "production") == _shown(api, first) == PAGE["index.html"]
    ballast.unlink()
    second = api.publish("shop", "second", film)
    assert (second["id"], second["state"]) == (begun["version"]["id"], "ready")
    assert api.settled("shop")["ok"]


def test_when_not_a_byte_is_left_publishing_says_so_and_the_server_lives(
    disk: Path, api: Api, server: Server, first: str
) -> None:
    before = api.items("/v1/apps/shop/pointers")
    ballast = fill(disk, 0)
    pages = {"index.html": b"<h1>more</h1>", **{f"{n}.html": secrets.token_bytes(3_000) for n in range(100)}}
    taken = _until_full(lambda n: api.call("POST", "/v1/apps/shop/versions", manifest(f"full {n}", pages, branch=None)))
    assert api.ok("GET", "/v1/health")["status"] == "ok"
    assert _shown(api, "production") == _shown(api, first) == PAGE["index.html"]
    assert api.items("/v1/apps/shop/pointers") == before
    assert len(api.items("/v1/apps/shop/versions")) == taken + 1
    ballast.unlink()
    assert api.publish("shop", f"full {taken}", pages, branch=None)["state"] == "ready"
    assert api.settled("shop")["ok"]
    server.kill()
    server.start()
    assert api.settled("shop")["ok"]


def test_when_not_a_byte_is_left_a_swap_is_made_whole_or_not_at_all(disk: Path, api: Api, first: str) -> None:
    second = api.publish("shop", "second", {"index.html": b"<h1>second</h1>"})["id"]
    ballast = fill(disk, 0)
    both = (first, second)
    taken = _until_full(lambda n: api.point("shop", "production", both[n % 2], reason="r" * 1_000))
    assert api.ok("GET", "/v1/apps/shop/pointers/production")["generation"] == taken + 1
    history = api.items("/v1/apps/shop/pointers/production/history")
    assert len(history) == taken + 1
    assert _shown(api, "production") in {PAGE["index.html"], b"<h1>second</h1>"}
    ballast.unlink()
    assert api.point("shop", "production", second).status_code == 200
    assert _shown(api, "production") == b"<h1>second</h1>"
    assert api.settled("shop")["ok"]


def _until_full(write: Callable[[int], requests.Response]) -> int:
    """Write until the room that the databases had kept is used up; return how often that was answered with 2xx."""
    for number in range(2_000):
        answer = write(number)
        if not answer.ok:
            refused(answer, 507, "storage-full")
            return number
    raise AssertionError("the disk never was full")


def _shown(api: Api, name: str) -> bytes:
    answer = api.session.get(f"{api.url}/", headers={"Host": f"{name}--shop.localhost"}, timeout=20)
    assert answer.status_code == 200
    return answer.content
