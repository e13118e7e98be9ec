"""A publish over a bad network finishes, or fails with one sentence; run again, it finishes what is left."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from pullprod import upload
from tests.action.conftest import PUBLISHER, url
from tests.support.api import client
from tests.support.client import commit, faulty, repository, says, write
from tests.support.network import Network, network
from tests.support.oidc import Issuer
from tests.support.runner import Done, Job
from tests.support.server import Server
from tests.support.workflows import built

FILES = 60
DROPPED = 40  # More than are sent at once, so that some have arrived by then.


@pytest.fixture
def shop(tmp_path: Path, identities: Issuer) -> Iterator[tuple[Job, Server]]:
    """Return a job that publishes sixty files, and the server that it alone uses."""
    server = Server(tmp_path / "data", options=("--issuer", identities.url)).start()
    try:
        with client(server.url, server.token) as admin:
            admin.app("shop", trust=[PUBLISHER])
        place = repository(tmp_path / "shop")
        commit(place, "one")
        write(place / "dist", {f"{number:02}.txt": f"file {number}" for number in range(FILES)})
        yield (
            Job(place, tmp_path / "temp", {"url": url(server), "app": "shop", "path": "dist"}, identities.environ),
            server,
        )
    finally:
        server.stop()


@dataclass
class Beyond:
    """A store that is asked through the network."""

    way: urllib3.HTTPConnectionPool
    origin: str

    def urlopen(self, method: str, target: str, **more: Any) -> urllib3.BaseHTTPResponse:
        return self.way.urlopen(method, self.origin + target, assert_same_host=False, **more)


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """Put a network between the client and the store; no pause takes any time."""
    monkeypatch.setattr("pullprod.api.time.sleep", lambda _: None)
    store = upload._store
    with network() as made:
        way = urlsplit(made.url)
        monkeypatch.setattr(upload, "_store", lambda parts: Beyond(store(way), f"{parts.scheme}://{parts.netloc}"))
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an upload that stalls be given up sooner than after a minute."""
    monkeypatch.setattr(upload, "_TIMEOUT", urllib3.Timeout(connect=10, read=1))


def ready(done: Done, server: Server) -> None:
    """Check that a run finished, and that every file is served."""
    assert (done.code, done.outputs["state"]) == (0, "ready"), done.log
    host = done.outputs["url"].split("/")[2]
    for number in (0, FILES - 1):
        assert server.get(host, f"/{number:02}.txt").body == f"file {number}".encode()


def failed(done: Done) -> None:
    """Check that a run failed with one sentence or two, and no more."""
    assert "\n" not in done.error
    assert done.error.endswith(".")
    assert "unforeseen" not in done.error


@pytest.mark.parametrize("fault", [500, 503, 429, "drops", "loses"])
def test_every_fifth_upload_fails_and_the_publish_finishes(
    shop: tuple[Job, Server], between: Network, fault: int | str
) -> None:
    job, server = shop
    between.fault = lambda number, attempt: "passes" if number % 5 or attempt > 3 else fault
    done = job.run()
    ready(done, server)
    assert done.outputs["uploaded-files"] == str(FILES)


def test_an_address_that_expires_in_the_middle_is_asked_for_afresh(
    shop: tuple[Job, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, server = shop
    send, pages = upload.Uploader.send, []

    def outlived(self: Any, items: Any) -> None:
        pages.append(len(items))
        late = [{**item, "url": item["url"].replace("signature=", "signature=0")} for item in items[20:]]
        send(self, [*items[:20], *late] if len(pages) == 1 else items)

    monkeypatch.setattr(upload.Uploader, "send", outlived)
    ready(job.run(), server)
    assert pages[0] == FILES
    assert 0 < pages[1] <= FILES


@pytest.mark.usefixtures("impatient")
def test_an_upload_that_stalls_is_tried_again(shop: tuple[Job, Server], between: Network) -> None:
    job, server = shop
    between.fault = lambda number, attempt: "passes" if number % 20 or attempt > 3 else "stalls"
    ready(job.run(), server)


@pytest.mark.usefixtures("impatient")
def test_a_store_that_stalls_for_good_is_one_sentence_and_a_run_again_sends_the_rest(
    shop: tuple[Job, Server], between: Network
) -> None:
    job, server = shop
    between.fault = lambda number, _: "passes" if number <= DROPPED else "stalls"
    done = job.run()
    failed(done)
    assert "Publish again to go on" in done.error
    between.fault = lambda *_: "passes"
    again = job.run()
    ready(again, server)
    assert 0 < int(again.outputs["uploaded-files"]) <= FILES - DROPPED


@pytest.mark.parametrize("call", ["/versions", "/finalize"])
def test_a_control_plane_that_restarts_before_a_call_is_called_again(
    shop: tuple[Job, Server], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    job, server = shop
    restarts = once(monkeypatch, "pullprod.api.Api._send", lambda args: args[2].endswith(call), server)
    ready(job.run(), server)
    assert restarts


def test_a_control_plane_that_restarts_while_files_are_sent_costs_a_run_at_most(
    shop: tuple[Job, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, server = shop
    sent = iter(range(1, 10_000))
    restarts = once(monkeypatch, "pullprod.upload.Uploader._put", lambda _: next(sent) == DROPPED, server)
    done = job.run()
    assert restarts
    if done.code:
        failed(done)
        done = job.run()
    ready(done, server)


def once(monkeypatch: pytest.MonkeyPatch, name: str, when: Any, server: Server) -> list[bool]:
    """Kill and restart the server before the first call of that name for which `when` is true."""
    module, kind, method = name.rsplit(".", 2)
    owner = getattr(sys.modules[module], kind)
    original = getattr(owner, method)
    done: list[bool] = []
    lock = threading.Lock()

    def calls(*arguments: Any) -> Any:
        with lock:
            due = not done and when(arguments)
            if due:
                done.append(True)
        if due:
            server.kill()
            server.start()
        return original(*arguments)

    monkeypatch.setattr(owner, method, calls)
    return done


def test_a_control_plane_that_is_gone_is_one_sentence_and_a_run_again_sends_the_rest(
    shop: tuple[Job, Server], between: Network
) -> None:
    job, server = shop

    def fault(number: int, _: int) -> int | str:
        if number == DROPPED:
            server.kill()
        return "passes" if number < DROPPED else "drops"

    between.fault = fault
    failed(job.run())
    server.start()
    between.fault = lambda *_: "passes"
    again = job.run()
    ready(again, server)
    assert int(again.outputs["uploaded-files"]) < FILES


def test_a_step_that_failed_does_not_wait_for_uploads_that_hang(tmp_path: Path) -> None:
    place = repository(tmp_path / "shop")
    commit(place, "one")
    (tmp_path / "pullprod.pyz").write_bytes(built())
    write(place / "dist", {"a": "1", "b": "2"})
    hanging = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "PUT":
            if hanging.is_set():
                says(400)(handler)
            else:
                hanging.set()
                threading.Event().wait(100)
            return
        announced = json.loads(store.seen[-1].body)
        items = [{**file, "url": f"{store.url}/put", "headers": {}} for file in announced["files"]]
        begun = {"version": {"id": "v", "state": "uploading"}, "missing_files": 2, "missing_bytes": 2}
        says(201, {**begun, "uploads": {"items": items, "next_cursor": None}})(handler)

    with faulty(answer) as store:
        job = Job(
            place, tmp_path / "temp", {"url": store.url, "app": "shop", "path": "dist"}, {"PULLPROD_TOKEN": "pp_x"}
        )
        ran = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", "-B", str(tmp_path / "pullprod.pyz")],
            env=job.environment({}),
            cwd=place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "the store answered 400" in job.done(ran.returncode, ran.stdout).error
