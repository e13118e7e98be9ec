"""The indexes by which versions are found: by time, branch and tag.

A version is listed where it was begun. Builds may end in another order than their commits have, so an entry of a
branch says when it is behind: when a version of a newer commit was begun before it, and is ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ..domain.json import Json
from ..domain.roles import Caller
from ..domain.versions import State, Version
from ..ports import Change, Item, Key, Ports, Put
from . import keys, lineages, reading, records, references
from .reading import Kept

_LOOKED_AT = 50  # Of a branch's newest versions; one of these is ready, or the next push moves the pointer.
_COMPARED = 10  # Builds that overtake each other are close together; comparing lines of commits is not free.


def index(version: Version, branch: str | None, caller: Caller) -> list[Change]:
    """Return the entries under which a new version is listed."""
    partitions = [keys.timeline(version.app), *(keys.tag(version.app, tag) for tag in version.tags)]
    entries: list[Change] = [Put(_entry(partition, version), {"id": version.id}, 0) for partition in partitions]
    return entries if branch is None else [*entries, _listed(branch, version, caller, None, behind=False)]


def adopt(ports: Ports, version: Version, branch: str, caller: Caller) -> list[Change]:
    """Return what lists a ready version under another branch, too; nothing if it is listed for as many pointers."""
    known = reading.one(ports.ledger, _entry(keys.branch(version.app, branch), version))
    if known and (not known.body["pointers"] or caller.pointers):
        return []
    marks, behind = _compared(ports, version, branch)
    return [*marks, _listed(branch, version, caller, known, behind=behind)]


def marked(ports: Ports, version: Version, branch: str | None) -> list[Change]:
    """Return what says, now that a version becomes ready, which of its branch's versions are behind."""
    if branch is None:
        return []
    marks, behind = _compared(ports, version, branch)
    own = reading.one(ports.ledger, _entry(keys.branch(version.app, branch), version)) if behind else None
    return [*marks, _mark(own)] if own else marks


def newest_ready(ports: Ports, app: str, branch: str) -> tuple[Kept[Version], tuple[str, ...]] | None:
    """Return a branch's ready version of the newest commit, and the pointers that whoever published it may move."""
    entries = ports.ledger.scan(keys.branch(app, branch), newest_first=True, limit=_LOOKED_AT)
    found = _ready(ports, app, sorted(entries, key=references.is_behind))
    return next(((kept, tuple(cast("list[str]", entry.body["pointers"]))) for entry, kept in found), None)


def _compared(ports: Ports, version: Version, branch: str) -> tuple[list[Change], bool]:
    """Return the marks of those that were begun after a version and are behind it; and whether it is behind itself."""
    where = _entry(keys.branch(version.app, branch), version)
    entries = ports.ledger.scan(where.partition, newest_first=True, limit=_COMPARED)
    others = [entry for entry in entries if entry.key != where and not references.is_behind(entry)]
    marks: list[Change] = []
    for entry, other in _ready(ports, version.app, others):
        if entry.key.sort < where.sort:  # Of those before, the last that is not behind is the newest.
            return marks, not lineages.newer(ports, version, other.record)
        if lineages.newer(ports, version, other.record):
            marks.append(_mark(entry))
    return marks, False


def _ready(ports: Ports, app: str, entries: list[Item]) -> Iterator[tuple[Item, Kept[Version]]]:
    items = ports.ledger.read([keys.of_version(app, str(entry.body["id"])) for entry in entries])
    for entry, item in zip(entries, items, strict=True):
        kept = Kept(records.version(item.body), item.revision) if item else None
        if kept and kept.record.state is State.READY:
            yield entry, kept


def _listed(branch: str, version: Version, caller: Caller, known: Item | None, *, behind: bool) -> Put:
    """List a version under a branch, with the pointers that whoever published it there may move (none: all)."""
    body: dict[str, Json] = {"id": version.id, "pointers": list(caller.pointers), "behind": behind}
    return Put(_entry(keys.branch(version.app, branch), version), body, known.revision if known else 0)


def _mark(entry: Item) -> Put:
    return Put(entry.key, {**entry.body, "behind": True}, entry.revision)


def _entry(partition: str, version: Version) -> Key:
    return keys.of_entry(partition, version.begun_at, version.id)
