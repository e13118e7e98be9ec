"""What the edge should show by the ledger, and where it shows something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..domain import routes
from ..domain.pointers import PointerState
from ..domain.routes import Route
from ..domain.versions import State
from ..ports import Ports
from . import reading, routing

_AT_ONCE = 500
_ROUTED = frozenset({State.READY, State.REVOKED})


@dataclass(frozen=True, slots=True)
class Drift:
    """A route that is not as the ledger says; `found` is the record that stands there, None for none."""

    expected: Route
    found: str | None


def expected(ports: Ports, app: str) -> list[Route]:
    """Return the routes of an app's pointers and versions, as the ledger says they should be."""
    pointers = reading.pointers(ports, app)  # First, so that every version that they show is among those read next.
    versions = {version.id: version for version in reading.versions(ports, app)}
    listed = [routes.for_version(version) for version in versions.values() if version.state in _ROUTED]
    for pointer in pointers:
        # What is being applied right now may stand there or not: it is no drift yet.
        if pointer.version and pointer.state is PointerState.APPLIED:
            listed += routes.for_pointer(pointer, versions[pointer.version])
    return listed


def find(ports: Ports, listed: list[Route]) -> Iterator[Drift]:
    """Return those routes that the edge does not show."""
    for start in range(0, len(listed), _AT_ONCE):
        part = listed[start : start + _AT_ONCE]
        found = ports.edge.records([route.key for route in part])
        for route, record in zip(part, found, strict=True):
            if record != route.record:
                yield Drift(route, record)


def repair(ports: Ports, app: str) -> int:
    """Write every route that drifted; return how many did."""
    drifted = [drift.expected for drift in find(ports, expected(ports, app))]
    for start in range(0, len(drifted), _AT_ONCE):
        ports.edge.show(drifted[start : start + _AT_ONCE])
    _correct(ports, app, drifted)
    return len(drifted)


def _correct(ports: Ports, app: str, written: list[Route]) -> None:
    """Correct what was not true any more when it was written: of versions pruned and hosts moved meanwhile."""
    states = {version.id: version.state for version in reading.versions(ports, app)} if written else {}
    for route in written:
        if route.owner in states and states[route.owner] not in _ROUTED:
            routing.show_version(ports, app, route.owner)
    for name in sorted({route.owner.partition("/")[2] for route in written} - {""}):
        hosts = [route.key for route in written if route.owner == f"{app}/{name}" and "." in route.key]
        routing.give_back(ports, hosts, reading.find_pointer(ports, app, name).record)
