"""The work of everyday calls does not grow with the number of versions: counted, not timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pullprod_control_plane import bootstrap
from pullprod_control_plane.application import apps, branches, keys, look, records, references, swap
from pullprod_control_plane.application.swap import Order
from pullprod_control_plane.domain import segments
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.manifests import MAX_ANCESTORS
from pullprod_control_plane.domain.names import Addresses
from pullprod_control_plane.domain.roles import Caller
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.entrypoints.api import present
from pullprod_control_plane.ports import MAX_CHANGES, Change, Item, Key, Ports, Put
from pullprod_control_plane.settings import LocalSettings
from tests.support.domain import sha

FEW, MANY = 10, 10_000
STEPS_AT_ONCE = 10
SEGMENTS = segments.join([segment.digest for segment in segments.split(())])


@dataclass
class Work:
    """What an operation made the ledger do; `steps` are instructions of SQLite's virtual machine, in tens."""

    calls: int = 0
    items: int = 0
    steps: int = 0


@dataclass
class Counted:
    """A ledger that counts."""

    ledger: Any
    work: Work = field(default_factory=Work)

    def read(self, wanted: Sequence[Key]) -> list[Item | None]:
        found: list[Item | None] = self._count(lambda: self.ledger.read(wanted), len(wanted))
        return found

    def scan(self, partition: str, **more: Any) -> list[Item]:
        found: list[Item] = self._count(lambda: self.ledger.scan(partition, **more), 0)
        self.work.items += len(found)
        return found

    def commit(self, changes: Sequence[Change]) -> None:
        self._count(lambda: self.ledger.commit(changes), len(changes))

    def _count(self, call: Callable[[], Any], items: int) -> Any:
        self.work.calls += 1
        self.work.items += items
        return call()


@dataclass
class World:
    """A control plane with so many versions of one app, of which production shows the oldest."""

    control: bootstrap.ControlPlane
    ledger: Counted
    versions: int

    def work_of(self, operation: Callable[[World], object]) -> Work:
        """Return what an operation costs once it was done before, so that nothing is opened for the first time."""
        operation(self)
        self.ledger.work = work = Work()
        connection = self.ledger.ledger._database._connection()

        def step() -> None:
            work.steps += 1

        connection.set_progress_handler(step, STEPS_AT_ONCE)
        operation(self)
        connection.set_progress_handler(None, 0)
        return work


def version(number: int) -> Version:
    commit = sha(f"version {number}")
    return Version(
        id=f"{commit[:12]}-{commit[-8:]}",
        app="shop",
        commit=commit,
        branch="main",
        message=f"version {number}",
        author="Ada",
        committed_at="2026-01-01T00:00:00Z",
        begun_at=f"2026-01-01T00:00:00.{number:06d}Z",
        published_by="token:test",
        state=State.READY,
        files=0,
        bytes=0,
        segments=SEGMENTS,
        digest=sha(commit) + "0" * 24,
        published_at="2026-01-01T00:00:01Z",
    )


def puts(number: int, versions: int) -> list[Change]:
    """Return what publishing a version writes, and `finalize` leaves.

    Only the newest have the 1,000 ancestors that a client records: no call here asks for those of the others.
    """
    published = version(number)
    line = range(number - 1, number - 1 - MAX_ANCESTORS, -1) if number >= versions - 3 else ()
    ancestors = [sha(f"version {earlier}") for earlier in line]
    return [
        Put(keys.of_version("shop", published.id), records.encode(published), 0),
        Put(keys.of_lineage("shop", published.commit), {"commit": published.commit, "ancestors": ancestors}, 0),
        *branches.index(published, "main", Caller("token:ada")),
    ]


def fill(ports: Ports, versions: int) -> None:
    waiting: list[Change] = []
    for number in range(versions):
        waiting += puts(number, versions)
        if len(waiting) + 10 > MAX_CHANGES or number == versions - 1:
            ports.ledger.commit(waiting)
            waiting = []


@contextmanager
def world(data: Path, versions: int) -> Iterator[World]:
    system = bootstrap.local(LocalSettings(data, 1))
    try:
        ledger = Counted(system.control.ports.ledger)
        ports = replace(system.control.ports, ledger=ledger)
        apps.configure(ports, "shop", apps.Wanted({}, {}, "main", {"production": "off"}, Retention()))
        fill(ports, versions)
        control = replace(system.control, ports=ports, addresses=Addresses("http", "localhost"))
        yield World(control, ledger, versions)
    finally:
        system.close()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    directory = tmp_path_factory.mktemp("scale")
    with world(directory / "few", FEW) as few, world(directory / "many", MANY) as many:
        yield few, many


def swap_to_newest(where: World) -> None:
    control = where.control
    for number in (where.versions - 2, where.versions - 1):
        order = Order("shop", "production", "token:test", "a test")
        done = swap.point(control.ports, control.addresses, order, version(number).id)
        assert done.pointer.version == version(number).id


def roll_back(where: World) -> None:
    swap_to_newest(where)
    control = where.control
    done = swap.rollback(control.ports, control.addresses, Order("shop", "production", "token:test", "a test"), None)
    assert done.pointer.version == version(where.versions - 2).id


def list_first_page(where: World) -> None:
    page = look.versions(where.control.ports, "shop", look.Filter(), FEW, None)
    listed = present.versions(where.control, "shop", page)
    newest = range(where.versions - 1, where.versions - 1 - FEW, -1)
    assert [found.id for found in listed.items] == [version(number).id for number in newest]


def resolve_prefix(where: World) -> None:
    wanted = version(where.versions // 2)
    assert references.resolve(where.control.ports, "shop", wanted.commit[:10]).id == wanted.id


def resolve_branch(where: World) -> None:
    assert references.resolve(where.control.ports, "shop", "branch:main").id == version(where.versions - 1).id


@pytest.mark.parametrize(
    "operation", [swap_to_newest, roll_back, list_first_page, resolve_prefix, resolve_branch], ids=lambda o: o.__name__
)
def test_10_000_versions_cost_what_10_cost(worlds: tuple[World, World], operation: Callable[[World], object]) -> None:
    few, many = (where.work_of(operation) for where in worlds)
    assert (many.calls, many.items) == (few.calls, few.items)
    assert 0 < many.steps <= 2 * few.steps + 1
    assert few.calls < 100
