"""What the edge should show by the ledger, where it shows something else, and setting that right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..domain import routes
from ..domain.pointers import Pointer, PointerState
from ..domain.routes import Route
from ..domain.versions import State, Version
from ..ports import Ports
from . import keys, reading, records, routing

_AT_ONCE = 500
_ROUTED = frozenset({State.READY, State.REVOKED})
Expected = tuple[str, Route]  # The app, and a route of its.


@dataclass(frozen=True, slots=True)
class Drift:
    """A route of an app that is not as the ledger says; `found` is the record that stands there, None for none."""

    app: str
    route: Route
    found: str | None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some versions' routes, and the position after the last of them; None when the next slice begins anew."""

    expected: list[Expected]
    position: list[str] | None


def of_pointers(ports: Ports, app: str) -> list[Expected]:
    """Return the routes of an app's pointers. What is being applied right now may stand there or not: no drift yet."""
    applied = [p for p in reading.pointers(ports, app) if p.version and p.state is PointerState.APPLIED]
    shown = _versions_shown(ports, app, applied)
    return [(app, route) for p in applied if p.version in shown for route in routes.for_pointer(p, shown[p.version])]


def of_lock(ports: Ports, app: str) -> list[Expected]:
    """Return the record of an app's lock; none if it was never locked."""
    lock = reading.lock(ports, app).record
    return [(app, routes.for_lock(lock))] if lock.generation else []


def _versions_shown(ports: Ports, app: str, pointers: Iterable[Pointer]) -> dict[str | None, Version]:
    names = sorted({pointer.version for pointer in pointers if pointer.version})
    items = ports.ledger.read([keys.of_version(app, name) for name in names])
    return {name: records.version(item.body) for name, item in zip(names, items, strict=True) if item}


def of_versions(ports: Ports, app: str) -> list[Expected]:
    """Return the routes of all versions of an app."""
    return [(app, routes.for_version(version)) for version in reading.versions(ports, app) if version.state in _ROUTED]


def next_versions(ports: Ports, position: Sequence[str] | None, at_once: int) -> Slice:
    """Return the routes of the next `at_once` versions after a position, app by app; from the first without one."""
    app, after = position or (None, None)
    if app is None:
        first = ports.ledger.scan(keys.APPS, limit=1)
        if not first:
            return Slice([], None)
        app = first[0].key.sort
    found = ports.ledger.scan(keys.contents(app), prefix=keys.VERSION, after=after, limit=at_once)
    versions = [records.version(item.body) for item in found]
    expected = [(app, routes.for_version(version)) for version in versions if version.state in _ROUTED]
    if len(found) == at_once:
        return Slice(expected, [app, found[-1].key.sort])
    following = ports.ledger.scan(keys.APPS, after=app, limit=1)
    return Slice(expected, [following[0].key.sort, keys.VERSION] if following else None)


def find(ports: Ports, expected: Sequence[Expected]) -> Iterator[Drift]:
    """Return those routes that the edge does not show."""
    for start in range(0, len(expected), _AT_ONCE):
        part = expected[start : start + _AT_ONCE]
        found = ports.edge.records([route.key for _, route in part])
        for (app, route), record in zip(part, found, strict=True):
            if record != route.record and not (record is None and _dispensable(ports, route)):
                yield Drift(app, route, record)


def _dispensable(ports: Ports, route: Route) -> bool:
    """A version's own record, unless it says that the version was withdrawn, makes room where there is too little."""
    return "/" not in route.owner and route.fence == 0 and ports.edge.crowded()


def repair(ports: Ports, drifted: Sequence[Drift]) -> None:
    """Write every route that drifted, then correct what was not true any more when it was written."""
    for start in range(0, len(drifted), _AT_ONCE):
        ports.edge.show([drift.route for drift in drifted[start : start + _AT_ONCE]])
    for drift in drifted:
        _correct(ports, drift)


def _correct(ports: Ports, drift: Drift) -> None:
    """Look again after writing: a version may have been pruned, a host moved, a pointer retired meanwhile."""
    if drift.route.locks:  # Its generation has seen to it.
        return
    key, (_, _, pointer) = drift.route.key, drift.route.owner.partition("/")
    if not pointer:
        kept = reading.kept_version(ports, drift.app, drift.route.owner)
        if kept and kept.record.state not in _ROUTED:
            routing.show_version(ports, drift.app, drift.route.owner)
        return
    owner = reading.kept_pointer(ports, drift.app, pointer)
    if owner is None:
        routing.take_down(ports, [key])
    elif "." in key:
        routing.give_back(ports, [key], owner.record)
    elif owner.record.retired:
        routing.show_pointer(ports, owner.record)
