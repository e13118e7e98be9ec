"""An idle branch's pointer, half a year later: what callers, a terminal, a workflow and viewers see of its end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.api import Api, Json, client
from tests.support.client import Shell, repository
from tests.support.crashing_server import CrashingServer
from tests.support.domain import sha
from tests.support.runner import Job

APP = "/v1/apps/shop"
SETTINGS = {"retention": {"keep_days": 1, "keep_newest": 1, "keep_per_branch": 1}}
LATER_DAYS = 181
HOST = {"Host": "feature--shop.localhost"}


def site(name: str) -> dict[str, bytes]:
    return {"index.html": b"<h1>%s</h1>" % name.encode(), "app.js": b"say('%s')" % name.encode()}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> CrashingServer:
    """Return a server that has ended, with a version of a branch to which nothing is published any more."""
    server = CrashingServer(tmp_path_factory.mktemp("past") / "data")
    server.start()
    with client(server.url, server.token) as api:
        api.app("shop", **SETTINGS)
        api.publish("shop", "one", site("one"), branch="feature")
    server.end()
    return server


@dataclass
class Later:
    """A server half a year later, the pin of somebody who had opened the branch's page, and an admin."""

    server: CrashingServer
    api: Api
    pin: str

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        answer = self.api.session.get(f"{self.api.url}{path}", headers={**HOST, **headers}, timeout=20)
        return answer.status_code, answer.text

    def prune(self, *, dry_run: bool) -> Json:
        return self.api.ok("POST", f"{APP}/prune", {"dry_run": dry_run})


@pytest.fixture
def later(past: CrashingServer, tmp_path: Path) -> Iterator[Later]:
    shutil.copytree(past.data, tmp_path / "data")
    server = CrashingServer(tmp_path / "data", LATER_DAYS, token=past.token)
    server.start()
    try:
        with client(server.url, server.token) as api:
            page = api.session.get(f"{api.url}/", headers={**HOST, "Sec-Fetch-Dest": "document"}, timeout=20)
            api.publish("shop", "main", site("main"))
            yield Later(server, api, f"pullprod={page.cookies['pullprod']}")
    finally:
        server.kill()


def test_callers_are_told_what_retires_and_find_it_in_its_history(later: Later) -> None:
    api = later.api
    [feature] = [pointer for pointer in api.items(f"{APP}/pointers") if pointer["name"] == "feature"]
    told = later.prune(dry_run=True)
    expected = {"name": "feature", "branch": "feature", "version": feature["version"]}
    assert told["pointers"] == [{**expected, "idle_since": feature["moved_at"]}]
    done = later.prune(dry_run=False)
    assert done == {**told, "dry_run": False}
    assert [version["id"] for version in done["versions"]] == [feature["version"]]
    assert [pointer["name"] for pointer in api.items(f"{APP}/pointers")] == ["main", "production"]
    retired = api.call("GET", f"{APP}/pointers/feature")
    assert retired.headers["ETag"] == '"2"'
    assert (retired.json()["version"], retired.json()["reason"]) == (None, "idle for 181 days")
    last, first = api.items(f"{APP}/pointers/feature/history")
    assert (last["kind"], last["from"], last["to"], last["previous_hash"]) == (
        "retire",
        feature["version"],
        None,
        first["hash"],
    )
    assert last["by"].startswith("token:")
    assert api.settled("shop")["ok"]
    undone = api.call("POST", f"{APP}/pointers/feature/rollback", {"reason": "undo"})
    assert undone.json()["code"] == "no-previous"


def test_a_viewer_finds_nothing_until_it_is_back_and_an_old_pin_leads_nowhere_then(later: Later) -> None:
    assert later.get("/app.js", Cookie=later.pin) == (200, "say('one')")
    later.prune(dry_run=False)
    assert later.get("/")[0] == later.get("/app.js", Cookie=later.pin)[0] == 404
    later.api.publish("shop", "two", site("two"), branch="feature", ancestors=[sha("one")])
    assert later.api.ok("GET", f"{APP}/pointers/feature")["generation"] == 3
    assert later.get("/app.js", Cookie=later.pin) == (200, "say('two')")


def test_a_terminal_and_a_workflow_tell_which_pointers_go(later: Later, tmp_path: Path) -> None:
    environ = {"PULLPROD_URL": later.server.url, "PULLPROD_TOKEN": later.server.token, "PULLPROD_APP": "shop"}
    shell = Shell(repository(tmp_path / "home" / "shop"), environ)
    since = later.api.ok("GET", f"{APP}/pointers/feature")["moved_at"][:10]
    pointer, _, total = shell.run("prune").stdout.splitlines()
    assert pointer == f"feature  pointer of feature, idle since {since}"
    assert total.startswith("1 pointer(s), 1 version(s), ")
    job = Job(shell.directory, tmp_path / "temp", {"url": later.server.url, "app": "shop"}, environ)
    done = job.run(command="prune")
    assert "1 pointer(s) of idle branches, 1 version(s) and " in done.summary
    assert done.outputs["changed"] == "true"
    history = shell.run("history", "feature").stdout.splitlines()
    assert " retire  -" in history[0]
