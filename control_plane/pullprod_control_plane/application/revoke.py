"""Withdrawing a version: its address answers 410, nothing can be pointed at it, its record stays."""

from __future__ import annotations

from dataclasses import replace

from ..domain import pointers, routes
from ..domain.errors import Busy, GuardRefused, InvalidRequest
from ..domain.versions import State, Version
from ..ports import Change, Delete, Lost, Ports, Put
from . import keys, moves, reading, records, references
from .reading import Kept

_MAX_REASON = 1_000


def revoke(ports: Ports, app: str, reference: str, by: str, reason: str) -> Version:
    """Withdraw a version for `reason`; repeatable.

    Raises:
        GuardRefused: a pointer shows it: point that somewhere else first.
    """
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise InvalidRequest(f"Say why, in 1 to {_MAX_REASON:,} characters.", where="reason")
    reading.find_app(ports, app)
    name = references.resolve(ports, app, reference).id
    for _ in range(reading.ATTEMPTS):
        kept = reading.find_version(ports, app, name)
        try:
            return _revoke(ports, kept, f"{by}: {reason}")
        except Lost:
            continue
    raise Busy(f"{name} changed too often at once. Try again.")


def _revoke(ports: Ports, kept: Kept[Version], why: str) -> Version:
    """Close the version to swaps first, then look who shows it: so no swap can slip in between."""
    version = kept.record
    if version.state is not State.REVOKED:
        _refuse_if_shown(ports, version)
        revoked = replace(version, state=State.REVOKED, revoked=why)
        where = keys.of_version(version.app, version.id)
        ports.ledger.commit([Put(where, records.encode(revoked), kept.revision), *_no_longer_pending(ports, version)])
        kept = Kept(revoked, kept.revision + 1)
        try:
            _refuse_if_shown(ports, version)
        except GuardRefused:
            ports.ledger.commit([Put(where, records.encode(version), kept.revision)])
            raise
    _drop_from_trails(ports, kept.record)
    ports.edge.show([routes.for_version(kept.record)])
    return kept.record


def _no_longer_pending(ports: Ports, version: Version) -> list[Change]:
    note = reading.one(ports.ledger, keys.of_pending_version(version.app, version.id))
    return [Delete(note.key, note.revision)] if note else []


def _refuse_if_shown(ports: Ports, version: Version) -> None:
    showing = [p.name for p in reading.pointers(ports, version.app) if p.version == version.id]
    if showing:
        raise GuardRefused(
            f"{', '.join(showing)} shows {version.id}. Point it at another version first.", pointers=showing
        )


def _drop_from_trails(ports: Ports, version: Version) -> None:
    """No rollback may stop at a version that is gone, and no open page ask for more of it."""
    remembering = [p for p in reading.pointers(ports, version.app) if pointers.without(p, version.id) != p]
    for name in [pointer.name for pointer in remembering]:
        for _ in range(reading.ATTEMPTS):
            kept = reading.find_pointer(ports, version.app, name)
            shorter = pointers.without(kept.record, version.id)
            try:
                ports.ledger.commit([Put(keys.of_pointer(version.app, name), records.encode(shorter), kept.revision)])
            except Lost:
                continue
            moves.write_routes(ports, shorter)
            break
