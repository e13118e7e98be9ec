"""The API over `requests`, as the tests of the whole system call it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.support.domain import sha

Json = dict[str, Any]
_APPLIED_WITHIN_S = 30
_LOOK_AGAIN_S = 0.02
TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def file_entry(path: str, content: bytes) -> Json:
    """Return a file as a manifest lists it."""
    kind = TYPES.get(path.rpartition(".")[2], "application/octet-stream")
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "type": kind}


def manifest(commit: str, files: Mapping[str, bytes], /, **more: Any) -> Json:
    """Return a manifest as a client announces it."""
    listed = [file_entry(path, content) for path, content in files.items()]
    described = {"branch": "main", "message": commit, "author": "Ada", "committed_at": "2026-01-01T00:00:00Z"}
    return {"commit": sha(commit), **described, "files": listed, **more}


@dataclass
class Api:
    """A client with a token."""

    url: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def close(self) -> None:
        """Give back the connections."""
        self.session.close()

    def call(self, method: str, path: str, json: object = None, **more: Any) -> requests.Response:
        """Send one call."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.session.request(method, self.url + path, json=json, headers=headers, timeout=120, **more)

    def ok(self, method: str, path: str, json: object = None, **more: Any) -> Json:
        """Send one call that must succeed, and return its JSON."""
        answer = self.call(method, path, json, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    def app(self, name: str, **configuration: Any) -> str:
        """Create an app and return its name."""
        self.ok("PUT", f"/v1/apps/{name}", configuration)
        return name

    def publish(self, app: str, commit: str, files: Mapping[str, bytes], /, **more: Any) -> Json:
        """Publish a version, from announcing it to ready, and return it."""
        begun = self.ok("POST", f"/v1/apps/{app}/versions", manifest(commit, files, **more))
        self.send(app, begun, files)
        finished: Json = self.ok("POST", f"/v1/apps/{app}/versions/{begun['version']['id']}/finalize", {})["version"]
        return finished

    def send(self, app: str, begun: Json, files: Mapping[str, bytes]) -> int:
        """Upload everything that an announced version still needs; return how many contents that was."""
        contents = {hashlib.sha256(content).hexdigest(): content for content in files.values()}
        page, sent = begun["uploads"], 0
        while True:
            for item in page["items"]:
                answer = self.upload(item, contents[item["sha256"]])
                assert answer.status_code == 200, answer.text
                sent += 1
            if page["next_cursor"] is None:
                return sent
            wanted = {"cursor": page["next_cursor"]}
            page = self.ok("POST", f"/v1/apps/{app}/versions/{begun['version']['id']}/uploads", wanted)

    def upload(self, item: Json, content: Any) -> requests.Response:
        """Send one content to its address, which says `localhost`; every name under it is this machine."""
        url = item["url"].replace("localhost", "127.0.0.1", 1)
        return self.session.put(url, data=content, headers=item["headers"], timeout=120)

    def point(self, app: str, pointer: str, version: str, reason: str = "a test", **more: Any) -> requests.Response:
        """Swap a pointer."""
        return self.call("PUT", f"/v1/apps/{app}/pointers/{pointer}", {"version": version, "reason": reason}, **more)

    def items(self, path: str) -> list[Json]:
        """Return all entries of a list, page by page."""
        found: list[Json] = []
        cursor = ""
        while True:
            page = self.ok("GET", path, params={"limit": "1000", **({"cursor": cursor} if cursor else {})})
            found += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def state(self, app: str) -> Json:
        """Return all that is recorded of an app: its configuration, versions, pointers."""
        where = f"/v1/apps/{app}"
        return {
            "app": self.ok("GET", where),
            "versions": self.items(f"{where}/versions"),
            "pointers": self.items(f"{where}/pointers"),
        }

    def settled(self, app: str) -> Json:
        """Wait until every pointer shows what the ledger says, and return the audit's report."""
        wait_until(lambda: all(p["state"] == "applied" for p in self.items(f"/v1/apps/{app}/pointers")))
        return self.ok("GET", f"/v1/apps/{app}/audit")


def wait_until(true: Callable[[], bool]) -> None:
    """Ask again and again until it is so, for at most 30 seconds."""
    until = time.monotonic() + _APPLIED_WITHIN_S
    while not true():
        assert time.monotonic() < until, "it did not come to pass in time"
        time.sleep(_LOOK_AGAIN_S)


@contextmanager
def client(url: str, token: str) -> Iterator[Api]:
    """Return a client whose connections are closed at the end."""
    api = Api(url, token)
    try:
        yield api
    finally:
        api.close()
