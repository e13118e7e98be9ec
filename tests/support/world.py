"""A control plane without servers: the real local adapters in a directory, and a clock that tests set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pullprod_control_plane.adapters.local.directory_store import DirectoryStore, blob_of
from pullprod_control_plane.adapters.local.sqlite_edge import SqliteEdge
from pullprod_control_plane.adapters.local.sqlite_ledger import SqliteLedger
from pullprod_control_plane.adapters.local.unmanaged_names import UnmanagedNames
from pullprod_control_plane.application import apps, audit, contents, keys, publish, reading, reconcile, swap
from pullprod_control_plane.application.publish import Begun
from pullprod_control_plane.application.receipts import Receipt
from pullprod_control_plane.application.swap import Done, Order
from pullprod_control_plane.domain import segments
from pullprod_control_plane.domain.apps import App, Retention
from pullprod_control_plane.domain.functions import Function
from pullprod_control_plane.domain.manifests import Commit, File, Manifest
from pullprod_control_plane.domain.names import Addresses
from pullprod_control_plane.domain.pointers import Pointer
from pullprod_control_plane.domain.roles import Caller
from pullprod_control_plane.domain.times import stamp
from pullprod_control_plane.domain.versions import Version
from pullprod_control_plane.ports import Answer, Item, Ports
from tests.support.domain import a_function, sha
from tests.support.programs import CountedWorker, ToldFunctions
from tests.support.tapped import Killed, counted, killed_at

APP = "shop"
ANN = "token:ann"
BOB = "token:bob"
Files = Mapping[str, bytes]


class SetClock:
    """Clock: the time that the test says it is."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)

    def now(self) -> datetime:
        return self.moment

    def go_on(self, **by: float) -> None:
        self.moment += timedelta(**by)


class RecordProbe:
    """Probe: answers as the edge would, from the routes and the store, without the routing rules of the edge."""

    def __init__(self, record: Callable[[str], str | None], read: Callable[[str], bytes | None]) -> None:
        """`record` returns the record under a key of the edge, `read` the bytes under one of the store."""
        self._record = record
        self._read = read

    def get(self, host: str, path: str, share: str | None = None) -> Answer:  # noqa: ARG002 - as Probe has it.
        record = self._record(host.split(":", maxsplit=1)[0].removesuffix(".localhost"))
        if record is None:
            return Answer(404)
        facts = json.loads(record)
        if facts.get("gone"):
            return Answer(410)
        name = path.lstrip("/") or "index.html"
        digest = segments.places(facts["s"], facts.get("d", ""))(name)
        there = self._read(segments.object_key(facts["a"], digest, name)) is not None
        return Answer(200 if there or path == "/.well-known/pullprod" else 404, facts["v"])


@dataclass
class World:
    """What tests act upon. `ports` may be replaced by ports that watch or interrupt."""

    ledger: SqliteLedger
    store: DirectoryStore
    edge: SqliteEdge
    clock: SetClock
    ports: Ports
    functions: ToldFunctions
    worker: CountedWorker
    addresses: Addresses = field(default_factory=lambda: Addresses("http", "localhost", 8080))

    def configure(self, name: str = APP, **wanted: Any) -> App:
        facts = {"hosts": {}, "follow": {}, "main": "main", "lineage": {"production": "refuse"}, **wanted}
        return apps.configure(self.ports, name, apps.Wanted(**{"retention": Retention(), **facts}))[0]

    def begin(self, files: Files, commit: str, **facts: Any) -> Begun:
        """Announce a version, a second after whatever was done before."""
        self.clock.go_on(seconds=1)
        app, by = facts.pop("app", APP), _caller(facts.pop("by", ANN))
        return publish.begin(self.ports, self.addresses, app, by, self.manifest(files, commit, **facts))

    def manifest(self, files: Files, commit: str, **facts: Any) -> Manifest:
        content = {name: facts.pop(name) for name in ("site", "health", "functions") if name in facts}
        facts["ancestors"] = tuple(sha(name) for name in facts.pop("ancestors", ()))
        given = {"branch": "main", "message": commit, "author": "Ann", "committed_at": stamp(self.clock.now()), **facts}
        listed = tuple(
            File(path, len(body), hashlib.sha256(body).hexdigest(), _type(path)) for path, body in files.items()
        )
        return Manifest(Commit(sha=sha(commit), **given), listed, **content)

    def send(self, begun: Begun, files: Files) -> int:
        """Send what the plan asks for, page by page; return how many contents that were."""
        bodies = {hashlib.sha256(body).hexdigest(): body for body in files.values()}
        page, sent = begun.uploads, 0
        while True:
            for upload in page.items:
                incoming = self.store.open_upload(blob_of(upload.object), upload.object.size)
                incoming.write(bodies[upload.object.sha256])
                incoming.commit()
                sent += 1
            if page.next_cursor is None:
                return sent
            page = publish.uploads(self.ports, begun.version.app, begun.version.id, page.next_cursor)

    def finalize(self, version: str, app: str = APP, by: Caller | str = ANN) -> Version:
        return publish.finalize(self.ports, self.addresses, app, version, _caller(by))

    def publish(self, files: Files, commit: str, **facts: Any) -> Version:
        app, by = facts.get("app", APP), facts.get("by", ANN)
        begun = self.begin(files, commit, **facts)
        self.send(begun, files)
        return self.finalize(begun.version.id, app, by)

    def line(self, *commits: str, branch: str = "main") -> list[Version]:
        """Publish versions of commits that descend from one another, oldest first, one page each."""
        return [
            self.publish(page(commit), commit, branch=branch, ancestors=commits[:at][::-1])
            for at, commit in enumerate(commits)
        ]

    def point(self, pointer: str, reference: str, **facts: Any) -> Done:
        self.clock.go_on(seconds=1)
        return swap.point(self.ports, self.addresses, self.order(pointer, **facts), reference)

    def rollback(self, pointer: str, to: str | None = None, **facts: Any) -> Done:
        self.clock.go_on(seconds=1)
        return swap.rollback(self.ports, self.addresses, self.order(pointer, **facts), to)

    def order(self, pointer: str, **facts: Any) -> Order:
        return Order(**{"app": APP, "pointer": pointer, "by": ANN, "reason": "launch", **facts})

    def reconcile(self) -> reconcile.Report:
        """Do one round of the reconciler, a minute after whatever was done before."""
        self.clock.go_on(minutes=1)
        return reconcile.one_round(self.ports, self.addresses)

    def pointer(self, name: str, app: str = APP) -> Pointer:
        return reading.find_pointer(self.ports, app, name).record

    def shown(self, name: str) -> str | None:
        """Return the version that the ledger and the edge agree a pointer shows, None if it does not exist."""
        kept = reading.kept_pointer(self.ports, APP, name)
        route = self.route(f"{name}--{APP}")
        assert (route["v"] if route else None) == (kept.record.version if kept else None)
        return kept.record.version if kept else None

    def pointers(self) -> dict[str, str | None]:
        return {pointer.name: pointer.version for pointer in reading.pointers(self.ports, APP)}

    def version(self, name: str) -> Version:
        return reading.find_version(self.ports, APP, name).record

    def route(self, key: str) -> dict[str, Any] | None:
        record = self.edge.get(key)
        return json.loads(record) if record else None

    def findings(self) -> set[str]:
        """Return the codes of what the audit finds."""
        return {finding.code for finding in audit.audit(self.ports, APP).findings}

    def content(self, version: Version) -> dict[str, bytes | None]:
        """Return every byte of a version, read the way the edge finds it: from its own route's record."""
        record = self.route(f"{version.id}--{version.app}")
        assert record is not None
        place = segments.places(record["s"], record.get("d", ""))
        paths = [file.path for file in contents.files(self.ports, version)]
        keys = [segments.object_key(version.app, place(path), path) for path in paths]
        return {path: self.store.read(key) for path, key in zip(paths, keys, strict=True)}

    def with_ports(self, **ports: Any) -> World:
        """Return the same world, acted upon through other ports."""
        return replace(self, ports=replace(self.ports, **ports))


def page(text: str) -> dict[str, bytes]:
    return {"index.html": f"<h1>{text}</h1>".encode(), "style.css": b"body{}"}


def program(body: bytes = b"zip", name: str = "api", **facts: Any) -> Function:
    """Return a function whose zip is `body`; send `{f"{name}.zip": body}` along with the files."""
    return a_function(name, sha256=hashlib.sha256(body).hexdigest(), size=len(body), **facts)


def receipt(key: str = "k1", fingerprint: str = "f1", principal: str = ANN) -> Receipt:
    return Receipt(principal, key, fingerprint)


@contextmanager
def opened(directory: Path, ledger: Any = None, edge: Any = None) -> Iterator[World]:
    """Open or create a world in a directory; what was in it is there again.

    Another ledger, or an edge that has `get`, is its maker's to close.
    """
    clock = SetClock()
    own_ledger, own_edge = SqliteLedger(directory / "ledger.sqlite3"), SqliteEdge(directory / "routes.sqlite3")
    ledger, edge = ledger or own_ledger, edge or own_edge
    store = DirectoryStore(directory / "store", "http://localhost:8080", clock)
    try:
        functions, worker = ToldFunctions(), CountedWorker()
        probe = RecordProbe(edge.get, store.read)
        ports = Ports(ledger, store, edge, UnmanagedNames(), functions, worker, probe, clock)
        yield World(ledger, store, edge, clock, ports, functions, worker)
    finally:
        for adapter in (own_ledger, store, own_edge):
            adapter.close()


def killed_after_each_call(
    directory: Path, prepare: Callable[[World], object], act: Callable[[World], object]
) -> Iterator[tuple[World, int]]:
    """Let the process end after each call, one by one, that an act upon a prepared world makes; yield what is left."""
    with opened(directory / "scene") as world:
        prepare(world)
        ports, calls = counted(world.ports)
        act(replace(world, ports=ports))
    for number in range(len(calls)):
        with opened(directory / str(number)) as copy:
            prepare(copy)
            with pytest.raises(Killed):
                act(replace(copy, ports=killed_at(copy.ports, number, after=True)))
            yield copy, number


def pending(world: World) -> list[Item]:
    """Return the notes of what is not finished."""
    return list(reading.everything(world.ledger, keys.PENDING))


def _caller(by: Caller | str) -> Caller:
    return Caller(by) if isinstance(by, str) else by


def _type(path: str) -> str:
    return {"html": "text/html; charset=utf-8", "css": "text/css"}.get(path.rpartition(".")[2], "text/plain")
