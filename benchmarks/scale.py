"""A ledger of 10,000 versions beside one of 10: swap, first page of the list, a prefix resolved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from running import median, seconds

from pullprod_control_plane import bootstrap
from pullprod_control_plane.application import apps, branches, keys, look, records, references, swap
from pullprod_control_plane.application.swap import Order
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.roles import Caller
from pullprod_control_plane.domain.times import stamp
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Change, Put
from pullprod_control_plane.settings import LocalSettings

FEW, MANY = 10, 10_000
ROUNDS = 50
_AT_ONCE = 25


def report(place: Path) -> None:
    """Measure and print."""
    few, many = _measured(place / "few", FEW), _measured(place / "many", MANY)
    print(f"## A ledger of {MANY:,} versions beside one of {FEW}, medians of {ROUNDS}\n")
    print(f"| operation | {FEW} versions | {MANY:,} versions | ratio |\n|---|---|---|---|")
    for name in few:
        print(f"| {name} | {few[name] * 1e3:.2f} ms | {many[name] * 1e3:.2f} ms | {many[name] / few[name]:.2f} |")
    print()


def _measured(place: Path, count: int) -> dict[str, float]:
    system = bootstrap.local(LocalSettings(place, 1))
    ports, addresses = system.control.ports, system.control.addresses
    apps.configure(ports, "bench", apps.Wanted({}, {}, "main", {}, Retention()))
    versions = _fill(system.control, count)
    first, last = versions[0], versions[-1]

    def point() -> None:
        for version in (first, last):
            swap.point(ports, addresses, Order("bench", "production", "bench", "measured"), version.id)

    work: dict[str, Callable[[], object]] = {
        "two swaps": point,
        "the first page of versions": lambda: look.versions(ports, "bench", look.Filter(), FEW, None),
        "a prefix resolved": lambda: references.resolve(ports, "bench", first.commit[:7]),
    }
    figures = {name: median([seconds(do) for _ in range(ROUNDS)]) for name, do in work.items()}
    system.close()
    return figures


def _fill(control: bootstrap.ControlPlane, count: int) -> list[Version]:
    """Record versions as a publish does, without their files."""
    begun = datetime(2026, 1, 1, tzinfo=timezone.utc)
    versions = [_version(number, stamp(begun + timedelta(minutes=number))) for number in range(count)]
    for start in range(0, count, _AT_ONCE):
        changes: list[Change] = []
        for version in versions[start : start + _AT_ONCE]:
            changes.append(Put(keys.of_version("bench", version.id), records.encode(version), 0))
            changes.append(
                Put(keys.of_lineage("bench", version.commit), {"commit": version.commit, "ancestors": []}, 0)
            )
            changes += branches.index(version, "main", Caller("token:benchmark"))
        control.ports.ledger.commit(changes)
    return versions


def _version(number: int, begun_at: str) -> Version:
    commit = hashlib.sha1(str(number).encode()).hexdigest()  # noqa: S324 - as git names commits.
    return Version(
        id=f"{commit[:12]}-00000000",
        app="bench",
        commit=commit,
        branch="main",
        message="measured",
        author="Bench",
        committed_at=begun_at,
        begun_at=begun_at,
        published_by="bench",
        state=State.READY,
        files=1,
        bytes=1,
        segments="A" * 512,
        digest="0" * 64,
    )
