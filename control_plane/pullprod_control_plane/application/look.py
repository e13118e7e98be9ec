"""Lists: versions, pointers, history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..domain.errors import InvalidRequest
from ..domain.pointers import Pointer
from ..domain.swaps import Swap
from ..domain.versions import State, Version
from ..ports import Item, Ports
from . import keys, reading, records, references, routing
from .ahead import Scan
from .reading import Page

_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which versions to list; None does not restrict. `commit` is a prefix."""

    branch: str | None = None
    commit: str | None = None
    state: State | None = None


def versions(ports: Ports, app: str, wanted: Filter, limit: int, cursor: str | None) -> Page[Version]:
    """Return a page of versions, newest first.

    It may be short, or empty, with a cursor to go on from: one call looks at a bounded number of versions.
    """
    reading.find_app(ports, app)
    if wanted.commit is not None:
        return _of_commit(ports, app, wanted, limit)
    partition = keys.branch(app, wanted.branch) if wanted.branch is not None else keys.timeline(app)
    found: list[tuple[str, Version]] = []
    after = reading.position(cursor)
    for asked in _growing(limit):
        entries = ports.ledger.scan(partition, newest_first=True, after=after, limit=asked)
        listed = _read(ports, app, entries)
        found += [(entry.key.sort, version) for entry, version in listed if wanted.state in {None, version.state}]
        after = entries[-1].key.sort if len(entries) == asked else None
        if after is None or len(found) >= limit:
            break
    if len(found) > limit:
        after = found[limit - 1][0]
    return Page([version for _, version in found[:limit]], reading.cursor(after) if after else None)


def _growing(first: int) -> Iterator[int]:
    """Yield how many entries to look at next: few where few will do, and about a thousand in all."""
    looked = 0
    while looked < _LOOKED_AT:
        size = min(max(first, 3 * looked), _LOOKED_AT)
        yield size
        looked += size


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


def _read(ports: Ports, app: str, entries: list[Item]) -> list[tuple[Item, Version]]:
    items = ports.ledger.read([keys.of_version(app, str(entry.body["id"])) for entry in entries])
    versions = [(entry, records.version(item.body)) for entry, item in zip(entries, items, strict=True) if item]
    # A commit that was pruned and published again is listed where it was begun last.
    return [(entry, version) for entry, version in versions if entry.key.sort.startswith(version.begun_at)]


def pointers(ports: Ports, app: str, limit: int, cursor: str | None) -> Page[Pointer]:
    """Return a page of pointers, by name, without those that are retired, unless they are held or configured.

    It may be short, or empty, with a cursor to go on from.
    """
    named = reading.find_app(ports, app).named_pointers()
    scan = Scan(keys.contents(app), keys.POINTER, limit=limit)
    page = reading.page(ports.ledger, scan, records.pointer, cursor)
    return Page([p for p in page.items if not p.retired or p.hold or p.name in named], page.next_cursor)


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
