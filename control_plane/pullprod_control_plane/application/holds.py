"""Holding a pointer still, and letting it go."""

from __future__ import annotations

from dataclasses import replace

from ..domain import times
from ..domain.errors import Busy, InvalidRequest
from ..domain.names import check_pointer
from ..domain.pointers import Hold, Pointer
from ..ports import Lost, Ports, Put
from . import keys, reading, records
from .reading import Kept

_MAX_REASON = 1_000


def hold(ports: Ports, app: str, name: str, by: str, reason: str, until: str | None) -> Pointer:
    """Hold a pointer for `reason`, until a time (ISO 8601) or until it is released; a new hold replaces the old."""
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise InvalidRequest(f"Say why, in 1 to {_MAX_REASON:,} characters.", where="reason")
    now = reading.now(ports)
    end = times.stamp(times.parse(until, "until")) if until else None
    if end is not None and end <= now:
        raise InvalidRequest("The hold would have ended already: give a time to come.", where="until")
    return _set(ports, app, name, Hold(reason, by, now, end))


def release(ports: Ports, app: str, name: str) -> Pointer:
    """Let a pointer go; one that nobody holds stays as it is."""
    return _set(ports, app, name, None)


def _set(ports: Ports, app: str, name: str, hold: Hold | None) -> Pointer:
    check_pointer(name)
    reading.find_app(ports, app)
    for _ in range(reading.ATTEMPTS):
        kept = _pointer(ports, app, name, hold)
        if kept.record.hold == hold:
            return kept.record
        changed = replace(kept.record, hold=hold)
        try:
            ports.ledger.commit([Put(keys.of_pointer(app, name), records.encode(changed), kept.revision)])
        except Lost:
            continue
        return changed
    raise Busy(f"{name} changed too often at once. Try again.")


def _pointer(ports: Ports, app: str, name: str, hold: Hold | None) -> Kept[Pointer]:
    """A name can be held before anything was pointed at it; there is nothing to release then."""
    if hold is None:
        return reading.find_pointer(ports, app, name)
    return reading.kept_pointer(ports, app, name) or Kept(Pointer(app, name), 0)
