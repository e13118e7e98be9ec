"""Pruning: pointers of idle branches retire, versions past their retention go, and with them what only they had.

Each step closes a door before it looks who is inside: a version is marked retiring, then pointers are read
again; a segment is condemned, then versions are read again. So nothing that was pointed at or published
meanwhile can be deleted. A prune does a bounded part of the work at once; what is left, also by one that was killed,
is done by the reconciler.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ..domain import retention, segments
from ..domain.errors import Busy
from ..domain.json import Json
from ..domain.names import label
from ..domain.pointers import Pointer
from ..domain.retention import Idle
from ..domain.roles import RECONCILER
from ..domain.times import stamp
from ..domain.versions import State, Version
from ..ports import Delete, Item, Key, Lost, Ports, Put
from . import contents, keys, reading, records, retire
from .states import CONDEMNED, DELETED, DELETING

_VERSIONS = 100  # So much is done at once, within seconds.
_SEGMENTS = 200
_AT_ONCE = 50  # Of records that may have many functions.
_NAMES_KEPT = timedelta(days=1)  # No prune that is still at work began before.
_ATTEMPT_TAKES = timedelta(days=1)
_HOLDS_FILES = frozenset({State.UPLOADING, State.PREPARING, State.READY})


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go: pointers as they were, versions, stored objects, their bytes.

    And how many versions stay; whether more is to go.
    """

    pointers: list[Idle]
    versions: list[Version]
    objects: int
    bytes: int
    kept: int
    pending: bool = False


def plan(ports: Ports, app: str) -> Pruned:
    """Return what a prune would do now; nothing is changed."""
    versions, pointers = reading.versions(ports, app), reading.pointers(ports, app)
    idle = retention.idle(reading.find_app(ports, app), pointers, versions, ports.clock.now())
    leaving = {one.pointer.name for one in idle}
    doomed = _doomed(ports, app, versions, [pointer for pointer in pointers if pointer.name not in leaving])
    going = {version.id for version in doomed}
    # A version that stays although it is marked is one that was swapped to just before; a run spares it.
    staying = [_spared(version) for version in versions if version.id not in going]
    unshared = _unreferenced(_segments(ports, app), staying)
    return _summary(idle, doomed, unshared, sum(v.state in _HOLDS_FILES for v in staying))


def run(ports: Ports, app: str, by: str = RECONCILER) -> Pruned:
    """Retire what retention lets go, and delete what only that used, as much as can be done at once. Repeatable.

    On whose word pointers retire stands in their history.
    """
    reading.find_app(ports, app)
    key = keys.of_pending_prune(app)
    known = reading.one(ports.ledger, key)
    body = known.body if known else {"kind": "prune", "app": app, "at": reading.now(ports), "by": by}
    _commit_or_leave(ports, Put(key, body, known.revision if known else 0))
    return proceed(ports, app)


def proceed(ports: Ports, app: str) -> Pruned:
    """Do the next part of a prune that was asked for; the note about it goes with the last."""
    note = reading.one(ports.ledger, keys.of_pending_prune(app))
    versions = reading.versions(ports, app)
    # First, so that what these alone kept goes along.
    retired, more = retire.retire(ports, app, versions, _on_whose_word(note))
    doomed = _doomed(ports, app, versions, reading.pointers(ports, app))
    # Closed to swaps; whoever swapped to one a moment before is found by reading the pointers again.
    _set_states(ports, doomed[:_VERSIONS], State.RETIRING)
    # Also those that an earlier prune marked before it was killed: one of them may be shown by now.
    retiring = [version for version in reversed(reading.versions(ports, app)) if version.state is State.RETIRING]
    gone = _spare_the_shown(ports, app, retiring[:_VERSIONS])
    ports.edge.remove([label(version.id, app) for version in gone])
    deleted, left = _sweep(ports, app, gone)
    _finish(ports, app, gone)
    # Once more, for a publish that began before: it may have written its version's record since.
    ports.edge.remove([label(version.id, app) for version in gone])
    _forget_names(ports, app)
    _drop_leftovers(ports, app)
    pending = left or more or max(len(doomed), len(retiring)) > _VERSIONS
    if note and not pending:
        _commit_or_leave(ports, Delete(note.key, note.revision))
    kept = sum(version.state in _HOLDS_FILES for version in reading.versions(ports, app))
    return replace(_summary(retired, gone, deleted, kept), pending=pending)


def _on_whose_word(note: Item | None) -> str:
    return str(note.body.get("by", RECONCILER)) if note else RECONCILER


def _summary(pointers: list[Idle], versions: list[Version], removed: Iterable[Item], kept: int) -> Pruned:
    weights = [(int(str(item.body["files"])), int(str(item.body["bytes"]))) for item in removed]
    return Pruned(pointers, versions, sum(files for files, _ in weights), sum(size for _, size in weights), kept)


def _doomed(ports: Ports, app: str, versions: list[Version], pointers: list[Pointer]) -> list[Version]:
    return retention.expired(reading.find_app(ports, app), versions, pointers, ports.clock.now())


def _set_states(ports: Ports, versions: Sequence[Version], becomes: State) -> None:
    """Change the state of those versions that are still as they were read."""
    items = ports.ledger.read([keys.of_version(version.app, version.id) for version in versions])
    found = [(version, item, records.version(item.body)) for version, item in zip(versions, items, strict=True) if item]
    same = [
        Put(item.key, records.encode(replace(now, state=becomes)), item.revision)
        for version, item, now in found
        if (now.state, now.begun_at) == (version.state, version.begun_at) and now.state is not becomes
    ]
    _commit_each(ports, same)


def _spare_the_shown(ports: Ports, app: str, retiring: list[Version]) -> list[Version]:
    shown = retention.shown(reading.pointers(ports, app))
    _set_states(ports, [version for version in retiring if version.id in shown], State.READY)
    return [version for version in retiring if version.id not in shown]


def _spared(version: Version) -> Version:
    return replace(version, state=State.READY) if version.state is State.RETIRING else version


def _finish(ports: Ports, app: str, gone: Sequence[Version]) -> None:
    """Remove what is left of versions but their records, then say that they are retired."""
    ports.store.delete(*(keys.manifest_object(app, version.id, version.begun_at) for version in gone))
    notes = ports.ledger.read([keys.of_pending_version(app, version.id) for version in gone])
    _commit_each(ports, [Delete(note.key, note.revision) for note in notes if note])
    _set_states(ports, gone, State.RETIRED)


def _segments(ports: Ports, app: str, among: frozenset[str] | None = None) -> list[Item]:
    items = reading.everything(ports.ledger, keys.contents(app), keys.SEGMENT)
    if among is not None:
        items = (item for item in items if keys.digest_of(item.key) in among)
    return [item for item in items if item.body["state"] != DELETED]


def _unreferenced(items: Iterable[Item], versions: Iterable[Version], gone: Iterable[Version] = ()) -> list[Item]:
    """Return the segments that nothing uses. A version that is retiring uses its own unless it is among `gone`."""
    over = {version.id for version in gone}
    used = {digest for version in versions if _holds_files(version, over) for digest in version.digests}
    return [item for item in items if keys.digest_of(item.key) not in used]


def _holds_files(version: Version, over: Container[str]) -> bool:
    return version.state in _HOLDS_FILES or (version.state is State.RETIRING and version.id not in over)


def remove_functions(ports: Ports, version: Version) -> None:
    """Take away those functions of a revoked version that no other version shares."""
    if version.zips:
        _sweep(ports, version.app, among=frozenset(version.zips))


def _sweep(
    ports: Ports, app: str, gone: Sequence[Version] = (), among: frozenset[str] | None = None
) -> tuple[list[Item], bool]:
    """Delete the segments that nothing uses, of those in `among` if it is given; tell whether some are left over.

    `gone` are versions that nothing showed after they had been marked: whoever marked others may yet spare them.
    """
    unused = _unreferenced(_segments(ports, app, among), reading.versions(ports, app), gone)
    chosen = {item.key for item in unused[:_SEGMENTS]}
    condemned = [
        Put(item.key, {**item.body, "state": CONDEMNED, "before": item.body["state"]}, item.revision)
        for item in unused[:_SEGMENTS]
        if item.body["state"] not in {CONDEMNED, DELETING}
    ]
    _commit_each(ports, condemned)
    # Whoever condemned them, versions are read after that: who comes later restores what it needs, and we lose.
    marked = [item for item in _segments(ports, app, among) if item.body["state"] in {CONDEMNED, DELETING}]
    still_unused = {item.key for item in _unreferenced(marked, reading.versions(ports, app), gone)}
    needed = [item for item in marked if item.key not in still_unused]
    restored = [item for item in needed if item.body["state"] == CONDEMNED]  # What is in deletion stays so.
    _commit_each(ports, [Put(i.key, {**i.body, "state": i.body["before"]}, i.revision) for i in restored])
    deleted = _delete(ports, app, [item for item in marked if item.key in still_unused & chosen])
    return deleted, len(unused) > len(deleted)


def _delete(ports: Ports, app: str, doomed: Sequence[Item]) -> list[Item]:
    """Delete segments with their functions; return those that nobody took back, or deleted first."""
    begun = [item for item in doomed if item.body["state"] != DELETING]
    won = _commit_each(ports, [Put(item.key, {**item.body, "state": DELETING}, item.revision) for item in begun])
    ours = [item for item in doomed if item.body["state"] == DELETING or item.key in won]
    ours = [item for item in ours if _without_function(ports, app, item)]
    ports.store.delete(*(segments.prefix(app, keys.digest_of(item.key)) for item in ours))
    done = _commit_each(ports, [Put(i.key, _tombstone(ports, i), i.revision + (i.key in won)) for i in ours])
    return [item for item in ours if item.key in done]


def _tombstone(ports: Ports, item: Item) -> dict[str, Json]:
    left = {name: item.body[name] for name in ("function",) if name in item.body}
    return {"state": DELETED, "sha256": "", "at": reading.now(ports), **left}


def _without_function(ports: Ports, app: str, item: Item) -> bool:
    """Take away the function that a segment may be of; tell whether it is gone."""
    try:
        _remove_function(ports, app, item)
    except Busy:  # An alias still moves away from it. The next prune finishes.
        return False
    return True


def _remove_function(ports: Ports, app: str, item: Item) -> None:
    if "function" in item.body:
        ports.functions.remove(app, str(item.body["function"]), keys.digest_of(item.key))


def _commit_or_leave(ports: Ports, change: Put | Delete) -> bool:
    """Make one change unless somebody else was faster; then it is theirs, or the next prune's, to decide."""
    return bool(_commit_each(ports, [change]))


def _commit_each(ports: Ports, changes: Sequence[Put | Delete]) -> set[Key]:
    """Make changes that do not depend on one another, many at once; return the keys of those nobody was faster with."""
    done: set[Key] = set()
    for start in range(0, len(changes), _AT_ONCE):
        left = {change.key: change for change in changes[start : start + _AT_ONCE]}
        while left:
            try:
                ports.ledger.commit(list(left.values()))
            except Lost as lost:
                del left[lost.key]
            else:
                done |= left.keys()
                break
    return done


def _drop_leftovers(ports: Ports, app: str) -> None:
    """Remove manifests whose version a crash kept from being recorded; the oldest first, so that few are read.

    Writing to the note first keeps an attempt that may still be at work from recording a version without manifest.
    """
    oldest = stamp(ports.clock.now() - _ATTEMPT_TAKES)
    for note in ports.ledger.scan(keys.begun(app)):
        begun_at, _, version = note.key.sort.partition("#")
        if begun_at >= oldest:
            return
        if _commit_or_leave(ports, Put(note.key, note.body, note.revision)):
            contents.drop(ports, app, version, begun_at)
            _commit_or_leave(ports, Delete(note.key, note.revision + 1))


def _forget_names(ports: Ports, app: str) -> None:
    """Forget deleted segments. Nobody who began before they were deleted is at work any more, so what he left goes."""
    oldest = stamp(ports.clock.now() - _NAMES_KEPT)
    items = reading.everything(ports.ledger, keys.contents(app), keys.SEGMENT)
    forgotten = [item for item in items if item.body["state"] == DELETED and str(item.body["at"]) < oldest]
    for item in forgotten:
        _remove_function(ports, app, item)
    _commit_each(ports, [Delete(item.key, item.revision) for item in forgotten])
