"""Holding a pointer still, and letting it go."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ..domain import pointers, times
from ..domain.errors import Busy, InvalidRequest
from ..domain.json import Json
from ..domain.names import check_pointer
from ..domain.pointers import Hold, Pointer
from ..domain.reasons import check_reason
from ..domain.roles import RECONCILER
from ..ports import Change, Delete, Item, Lost, Ports, Put
from . import keys, reading, records
from .reading import Kept


def hold(
    ports: Ports, app: str, name: str, by: str, reason: str, until: str | None, *, anybodys: bool = False
) -> Pointer:
    """Hold a pointer for `reason`, until a time (ISO 8601) or until it is released; a new hold replaces the old.

    Raises:
        Forbidden: somebody else holds it, and `anybodys` does not say that the caller may replace such a hold.
    """
    check_reason(reason)
    now = reading.now(ports)
    end = times.stamp(times.parse(until, "until")) if until else None
    if end is not None and end <= now:
        raise InvalidRequest("The hold would have ended already: give a time to come.", where="until")
    check_pointer(name)
    reading.find_app(ports, app)
    for _ in range(reading.ATTEMPTS):
        kept = reading.kept_pointer(ports, app, name) or Kept(Pointer(app, name), 0)
        _check_owner(kept.record, by, now, anybodys=anybodys)
        held = replace(kept.record, hold=Hold(reason, by, now, end))
        try:
            ports.ledger.commit([_put(held, kept), *_listed(ports, held)])
        except Lost:
            continue
        return held
    raise Busy(f"{name} changed too often at once. Try again.")


def release(ports: Ports, app: str, name: str, by: str, *, anybodys: bool = False) -> Pointer:
    """Let a pointer go; one that nobody holds stays as it is.

    Raises:
        Forbidden: somebody else holds it, and `anybodys` does not say that the caller may release such a hold.
    """
    check_pointer(name)
    reading.find_app(ports, app)
    for _ in range(reading.ATTEMPTS):
        kept = reading.find_pointer(ports, app, name)
        if kept.record.hold is None:
            return kept.record
        _check_owner(kept.record, by, reading.now(ports), anybodys=anybodys)
        released = pointers.released(kept.record, by, reading.now(ports), automatic=False)
        try:
            ports.ledger.commit([_put(released, kept)])
        except Lost:
            continue
        return released
    raise Busy(f"{name} changed too often at once. Try again.")


def _check_owner(pointer: Pointer, by: str, now: str, *, anybodys: bool) -> None:
    if not anybodys:
        pointers.require_own_hold(pointer, by, now)


def end_due(ports: Ports, at_once: int) -> int:
    """End the holds whose time has come, at most `at_once` of them; return how many.

    A pointer that follows a branch may have missed something: a note says so in the same commit.
    """
    due = [item for item in ports.ledger.scan(keys.HOLD_ENDS, limit=at_once) if _until(item) <= reading.now(ports)]
    return sum(_end(ports, item) for item in due)


def _end(ports: Ports, listed: Item) -> bool:
    """End the hold that an entry lists; one that was released or replaced meanwhile only loses its entry."""
    now = reading.now(ports)
    kept = reading.kept_pointer(ports, str(listed.body["app"]), str(listed.body["pointer"]))
    changes: list[Change] = [Delete(listed.key, listed.revision)]
    ends = kept is not None and kept.record.hold is not None and kept.record.hold.until == _until(listed)
    if kept and ends:
        ended = pointers.released(kept.record, RECONCILER, now, automatic=True)
        changes += [_put(ended, kept), *_missed(ports, ended, now)]
    with suppress(Lost):  # Somebody else changed the pointer or ended the hold; the next round looks again.
        ports.ledger.commit(changes)
        return ends
    return False


def _missed(ports: Ports, pointer: Pointer, now: str) -> list[Change]:
    if pointer.follows is None:
        return []
    key = keys.of_pending_missed(pointer.app, pointer.name)
    known = reading.one(ports.ledger, key)
    note: dict[str, Json] = {"kind": "missed", "app": pointer.app, "pointer": pointer.name, "at": now}
    return [Put(key, note, known.revision if known else 0)]


def _listed(ports: Ports, pointer: Pointer) -> list[Change]:
    """Return the entry by which the end of a hold is found when its time comes."""
    if pointer.hold is None or pointer.hold.until is None:
        return []
    key = keys.of_hold_end(pointer.hold.until, pointer.app, pointer.name)
    known = reading.one(ports.ledger, key)
    body: dict[str, Json] = {"app": pointer.app, "pointer": pointer.name, "until": pointer.hold.until}
    return [Put(key, body, known.revision if known else 0)]


def _until(listed: Item) -> str:
    return str(listed.body["until"])


def _put(changed: Pointer, kept: Kept[Pointer]) -> Put:
    return Put(keys.of_pointer(changed.app, changed.name), records.encode(changed), kept.revision)
