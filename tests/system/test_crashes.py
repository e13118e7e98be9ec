"""The server is killed before and after every call of a port that an operation makes, started again, and looked at.

A first run without a stop counts the calls, so no step is left to luck.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.api import Api, Json, client, file_entry, manifest, wait_until
from tests.support.crashing_server import CrashingServer, Stop
from tests.support.domain import sha
from tests.support.zips import says

APP = "/v1/apps/shop"
PRODUCTION = f"{APP}/pointers/production"
SETTINGS = {
    "retention": {"keep_days": 1, "keep_newest": 1, "keep_per_branch": 1},
    "guards": {"lineage": {"production": "off"}},
    "follow": {"next": "main"},
}
LATER_DAYS = 400
ROUTES = "SELECT key, record FROM routes ORDER BY key"
FUNCTIONS = "functions/functions.sqlite3"
OBJECTS = "SELECT key, sha256, size FROM objects"


def site(name: str) -> dict[str, bytes]:
    return {
        "index.html": b"<h1>%s</h1>" % name.encode(),
        f"{name}.html": b"only in %s" % name.encode(),
        "same.css": b"p{}",
        "404.html": b"no",
    }


def announcement(name: str, **more: Any) -> Json:
    """Return the manifest of a version with a site and a function."""
    packed = file_entry("api.zip", says(name))
    facts = {"name": "api", "handler": "app.handler", "runtime": "python3.13", "routes": ["/api/*"]}
    function = {**facts, "sha256": packed["sha256"], "size": packed["size"]}
    return manifest(name, site(name), functions=[function], **more)


def contents(name: str) -> dict[str, bytes]:
    """Return the bytes that such a version is made of."""
    return {**site(name), "api.zip": says(name)}


def publish_whole(api: Api, name: str, **more: Any) -> None:
    begun = api.ok("POST", f"{APP}/versions", announcement(name, **more))
    api.send("shop", begun, contents(name))
    assert api.ok("POST", f"{APP}/versions/{begun['version']['id']}/finalize", {})["version"]["state"] == "ready"


@dataclass
class Seen:
    """What the server answered with 2xx before it died."""

    announced: str = ""
    uploaded: list[str] = field(default_factory=list)
    done: Json | None = None


def publish(api: Api, seen: Seen) -> None:
    bodies = {hashlib.sha256(content).hexdigest(): content for content in contents("new").values()}
    begun = api.ok("POST", f"{APP}/versions", announcement("new", ancestors=[sha("two"), sha("one")]))
    seen.announced = begun["version"]["id"]
    for item in begun["uploads"]["items"]:
        answer = api.upload(item, bodies[item["sha256"]])
        assert answer.status_code == 200, answer.text
        seen.uploaded.append(item["sha256"])
    seen.done = api.ok("POST", f"{APP}/versions/{seen.announced}/finalize", {})


def swap(api: Api, seen: Seen) -> None:
    body = {"version": "branch:feature", "reason": "launch"}
    seen.done = api.ok("PUT", PRODUCTION, body, headers={"If-Match": '"2"', "Idempotency-Key": "launch"})


def rollback(api: Api, seen: Seen) -> None:
    body = {"reason": "broken"}
    seen.done = api.ok("POST", f"{PRODUCTION}/rollback", body, headers={"Idempotency-Key": "undo"})


def prune(api: Api, seen: Seen) -> None:
    seen.done = api.ok("POST", f"{APP}/prune", {"dry_run": False})


def revoke(api: Api, seen: Seen) -> None:
    seen.done = api.ok("DELETE", f"{APP}/versions/{sha('loose')}", {"reason": "leaked"})


def hosts(api: Api, seen: Seen) -> None:
    moved = {"next": ["www.example.com"], "production": ["shop.example.com"]}
    seen.done = api.ok("PUT", APP, {**SETTINGS, "hosts": moved})


Operation = Callable[[Api, Seen], None]
OPERATIONS: list[Operation] = [publish, swap, rollback, prune, revoke, hosts]


def expect_publish(api: Api, seen: Seen) -> None:
    if seen.announced:
        api.ok("GET", f"{APP}/versions/{seen.announced}")
        wanted = api.ok("POST", f"{APP}/versions/{seen.announced}/uploads", {})["items"]
        assert not {item["sha256"] for item in wanted} & set(seen.uploaded)
    if seen.done:
        assert api.ok("GET", f"{APP}/versions/{seen.announced}")["state"] == "ready"
        assert api.ok("GET", f"{APP}/pointers/main")["version"] == seen.announced


def expect_move(api: Api, seen: Seen) -> None:
    if seen.done:
        history = api.items(f"{PRODUCTION}/history")
        assert history[0] == seen.done["swap"]
        assert len(history) == 3
        assert api.ok("GET", PRODUCTION)["version"] == seen.done["swap"]["to"]


def expect_prune(api: Api, seen: Seen) -> None:
    for gone in seen.done["versions"] if seen.done else []:
        assert api.ok("GET", f"{APP}/versions/{gone['id']}")["state"] == "retired"


def expect_revoke(api: Api, seen: Seen) -> None:
    if seen.done:
        assert api.ok("GET", f"{APP}/versions/{seen.done['id']}")["state"] == "revoked"


def expect_hosts(api: Api, seen: Seen) -> None:
    if seen.done:
        assert api.ok("GET", APP)["hosts"] == seen.done["hosts"]
        assert api.ok("GET", f"{APP}/pointers/next")["hosts"] == ["www.example.com"]


EXPECTED: Mapping[Operation, Operation] = {
    publish: expect_publish,
    swap: expect_move,
    rollback: expect_move,
    prune: expect_prune,
    revoke: expect_revoke,
    hosts: expect_hosts,
}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return data with something of everything, to be copied for each crash, and its admin token."""
    running = CrashingServer(tmp_path_factory.mktemp("warm") / "data")
    running.start()
    with client(running.url, running.token) as api:
        api.app("shop", hosts={"production": ["www.example.com"]}, **SETTINGS)
        for name, ancestors in (("one", []), ("two", [sha("one")])):
            publish_whole(api, name, ancestors=ancestors)
            assert api.point("shop", "production", "branch:main").status_code == 200
        publish_whole(api, "feature", branch="feature")
        for name in ("loose", "looser", "loosest"):
            publish_whole(api, name, branch=None)
        api.ok("POST", f"{APP}/versions", announcement("unfinished"))
        assert api.settled("shop")["ok"]
    running.end()
    return running.data, running.token


@dataclass(frozen=True)
class Stored:
    """What lies on disk: routes, objects and bytes, programs, what is pending, the keys of all else in the ledger.

    Without the manifests of attempts that died before they recorded a version: prune takes those away by their notes.
    """

    routes: list[Any]
    objects: list[Any]
    blobs: list[str]
    programs: list[Any]
    pending: list[Any]
    items: list[str]


def stored(data: Path) -> Stored:
    blobs = sorted(path.name for path in (data / "store" / "blobs").glob("*/*"))
    items = [
        f"{partition} {sort if partition != 'app#shop#timeline' else sort.partition('#')[2]}"
        for partition, sort in rows(data / "ledger.sqlite3", "SELECT partition, sort FROM items")
        if "#branch#" not in partition and partition != "app#shop#begun"
    ]
    notes = rows(data / "ledger.sqlite3", "SELECT sort FROM items WHERE partition = 'app#shop#begun'")
    left = {f"shop/m/{version}/{begun_at}.json" for begun_at, _, version in (note.partition("#") for (note,) in notes)}
    objects = [row for row in rows(data / "store" / "objects.sqlite3", OBJECTS) if row[0] not in left]
    return Stored(
        [(key, _undated(record)) for key, record in rows(data / "routes.sqlite3", ROUTES)],
        sorted((_timeless(key), *more) for key, *more in objects),
        blobs,
        [*rows(data / FUNCTIONS, "SELECT host FROM programs"), *rows(data / FUNCTIONS, "SELECT * FROM aliases")],
        rows(data / "ledger.sqlite3", "SELECT sort FROM items WHERE partition = 'pending'"),
        sorted(items),
    )


def _timeless(key: str) -> str:
    """Leave out when a manifest was begun: a publish that is repeated begins later."""
    version, marked, _ = key.rpartition("/") if "/m/" in key else (key, "", "")
    return version + marked


def _undated(record: str) -> Json:
    """Leave out the minute in which the version was begun, as above."""
    facts: Json = json.loads(record)
    facts.pop("t", None)
    return facts


def rows(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


@dataclass
class Scene:
    """Where one operation is tried again and again from the same data."""

    warm: Path
    running: CrashingServer

    @contextmanager
    def copied(self) -> Iterator[CrashingServer]:
        """Return a server that has not started, over a fresh copy of the data."""
        shutil.copytree(self.warm, self.running.data)
        try:
            yield self.running
        finally:
            self.running.kill()
            shutil.rmtree(self.running.data)

    @contextmanager
    def started(self, stop: Stop | None = None) -> Iterator[Api]:
        self.running.start(stop)
        with client(self.running.url, self.running.token) as api:
            yield api


def undisturbed(scene: Scene, operation: Operation) -> tuple[list[str], Stored]:
    """Return the port calls of the operation when nothing happens to it, and what is stored afterwards."""
    with scene.copied() as running, scene.started() as api:
        operation(api, Seen())
        calls = list(running.calls)
        assert api.settled("shop")["ok"]
        return calls, stored(running.data)


def crash(scene: Scene, operation: Operation, stop: Stop, whole: Stored) -> None:
    seen = Seen()
    with scene.copied() as running:
        with scene.started(stop) as api, pytest.raises(requests.ConnectionError):
            operation(api, seen)
        assert running.died()
        running.kill()
        with scene.started() as api:
            wait_until(lambda: not stored(running.data).pending)
            EXPECTED[operation](api, seen)
            report = api.settled("shop")
            assert report["ok"], report
            repeated = Seen()
            operation(api, repeated)
            EXPECTED[operation](api, repeated)
            assert api.settled("shop")["ok"]
            assert stored(running.data) == whole
            serves_every_file(api)
            answers_from_production(api)


def answers_from_production(api: Api) -> None:
    """The function of the version that production shows is the one that is called there."""
    shown = api.ok("GET", f"{APP}/versions/pointer:production")["message"]
    host = {"Host": "production--shop.localhost"}
    assert api.session.get(f"{api.url}/api/x", headers=host, timeout=60).text == shown


def serves_every_file(api: Api) -> None:
    for version in api.items(f"{APP}/versions"):
        host = {"Host": f"{version['id']}--shop.localhost"}
        if version["state"] == "ready":
            for file in api.ok("GET", f"{APP}/versions/{version['id']}/manifest")["files"]:
                path = file["path"].removesuffix("index.html")
                body = api.session.get(f"{api.url}/{path}", headers=host, timeout=20).content
                assert hashlib.sha256(body).hexdigest() == file["sha256"], (version["id"], file["path"])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.__name__ for operation in OPERATIONS])
def test_wherever_it_dies_nothing_answered_is_lost_and_repeating_finishes_it(
    warm: tuple[Path, str],
    tmp_path: Path,
    operation: Operation,
    after: bool,
    record_property: Callable[[str, object], None],
) -> None:
    data, token = warm
    days = LATER_DAYS if operation is prune else 0
    scene = Scene(data, CrashingServer(tmp_path / "data", days, token=token))
    calls, whole = undisturbed(scene, operation)
    assert any(name == "ledger.commit" for name in calls)
    for number, name in enumerate(calls, start=1):
        try:
            crash(scene, operation, Stop(number, after), whole)
        except BaseException as fault:
            fault.add_note(f"killed {'after' if after else 'before'} call {number} of {len(calls)}, {name}")
            raise
    record_property(f"{operation.__name__}: kills {'after' if after else 'before'} a call", len(calls))
