"""Lists: versions, pointers, history."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.errors import InvalidRequest
from ..domain.pointers import Pointer
from ..domain.swaps import Swap
from ..domain.versions import State, Version
from ..ports import Item, Ports
from . import keys, reading, records, references, routing
from .ahead import Scan
from .reading import Page


@dataclass(frozen=True, slots=True)
class Filter:
    """Which versions to list; None does not restrict. `commit` is a prefix."""

    branch: str | None = None
    commit: str | None = None
    state: State | None = None


def versions(ports: Ports, app: str, wanted: Filter, limit: int, cursor: str | None) -> Page[Version]:
    """Return a page of versions, newest first."""
    reading.find_app(ports, app)
    if wanted.commit is not None:
        return _of_commit(ports, app, wanted, limit)
    partition = keys.branch(app, wanted.branch) if wanted.branch is not None else keys.timeline(app)
    found: list[Version] = []
    after = reading.position(cursor)
    while len(found) < limit:
        asked = limit - len(found)
        entries = ports.ledger.scan(partition, newest_first=True, after=after, limit=asked)
        found += [version for version in _read(ports, app, entries) if wanted.state in {None, version.state}]
        if len(entries) < asked:
            return Page(found, None)
        after = entries[-1].key.sort
    return Page(found, reading.cursor(after or ""))


def version(ports: Ports, app: str, reference: str) -> Version:
    """Return the version that a reference names. Its own address works afterwards, if the edge had no room for it."""
    reading.find_app(ports, app)
    found = references.resolve(ports, app, reference)
    routing.ensure(ports, found)
    return found


def _of_commit(ports: Ports, app: str, wanted: Filter, limit: int) -> Page[Version]:
    shortest = 4
    if not shortest <= len(wanted.commit or "") or set(wanted.commit or "") - set("0123456789abcdef"):
        raise InvalidRequest(f"A commit prefix has {shortest} hex digits or more.", where="commit")
    found = references.versions_of(ports, app, wanted.commit or "")
    chosen = [v for v in found if wanted.branch in {None, v.branch} and wanted.state in {None, v.state}]
    return Page(sorted(chosen, key=lambda version: version.begun_at, reverse=True)[:limit], None)


def _read(ports: Ports, app: str, entries: list[Item]) -> list[Version]:
    items = ports.ledger.read([keys.of_version(app, str(entry.body["id"])) for entry in entries])
    versions = [(entry, records.version(item.body)) for entry, item in zip(entries, items, strict=True) if item]
    # A commit that was pruned and published again is listed where it was begun last.
    return [version for entry, version in versions if entry.key.sort.startswith(version.begun_at)]


def pointers(ports: Ports, app: str, limit: int, cursor: str | None) -> Page[Pointer]:
    """Return a page of pointers, by name."""
    reading.find_app(ports, app)
    scan = Scan(keys.contents(app), keys.POINTER, limit=limit)
    return reading.page(ports.ledger, scan, records.pointer, cursor)


def history(ports: Ports, app: str, pointer: str, limit: int, cursor: str | None) -> Page[Swap]:
    """Return a page of a pointer's swaps, newest first."""
    reading.find_app(ports, app)
    reading.find_pointer(ports, app, pointer)
    scan = Scan(keys.history(app, pointer), newest_first=True, limit=limit)
    return reading.page(ports.ledger, scan, records.swap, cursor)


def shown_by(ports: Ports, app: str) -> dict[str, list[str]]:
    """Return, for each version that is shown, the pointers that show it."""
    shown: dict[str, list[str]] = {}
    for pointer in reading.pointers(ports, app):
        if pointer.version:
            shown.setdefault(pointer.version, []).append(pointer.name)
    return shown
