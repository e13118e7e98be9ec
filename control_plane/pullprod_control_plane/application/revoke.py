"""Withdrawing a version: its address answers 410, nothing can be pointed at it, its record stays."""

from __future__ import annotations

from dataclasses import replace

from ..domain import pointers
from ..domain.errors import Busy, GuardRefused
from ..domain.reasons import check_reason
from ..domain.versions import State, Version
from ..ports import Change, Delete, Lost, Ports, Put
from . import keys, notes, prune, reading, receipts, records, references, routing
from .reading import Kept
from .receipts import Receipt


def revoke(ports: Ports, app: str, reference: str, by: str, reason: str, receipt: Receipt | None = None) -> Version:
    """Withdraw a version for `reason`; repeatable.

    Once it is done, `branch:main` names another version. A repeat with the same receipt withdraws no further one.

    Raises:
        GuardRefused: a pointer shows it: point that somewhere else first.
        IdempotencyConflict: the receipt's key was used for another request.
    """
    check_reason(reason)
    reading.find_app(ports, app)
    name = _name(ports, app, reference, receipt)
    for _ in range(reading.ATTEMPTS):
        kept = reading.find_version(ports, app, name)
        try:
            return _revoke(ports, kept, f"{by}: {reason}", _kept_receipt(ports, receipt, name))
        except Lost:
            continue
    raise Busy(f"{name} changed too often at once. Try again.")


def _name(ports: Ports, app: str, reference: str, receipt: Receipt | None) -> str:
    done = receipts.recall(ports, receipt)
    return str(done["version"]) if done else references.resolve(ports, app, reference).id


def _kept_receipt(ports: Ports, receipt: Receipt | None, name: str) -> list[Change]:
    return [] if receipts.recall(ports, receipt) else receipts.changes(ports, receipt, version=name)


def _revoke(ports: Ports, kept: Kept[Version], why: str, receipt: list[Change]) -> Version:
    revoked = kept.record
    if revoked.state is State.REVOKED:
        ports.ledger.commit(receipt)
    else:
        closed = _close(ports, kept)
        revoked = replace(closed.record, state=State.REVOKED, revoked=why)
        note = {"kind": "revoked", "app": revoked.app, "version": revoked.id, "at": reading.now(ports)}
        noted = Put(keys.of_pending_withdrawal(revoked.app, revoked.id), note, 0)
        _put(ports, closed, revoked, noted, *_no_longer_pending(ports, revoked), *receipt)
    finish(ports, revoked)
    return revoked


def finish(ports: Ports, revoked: Version) -> None:
    """Do what follows from a withdrawal, and end the note about it; repeatable."""
    routing.show_version(ports, revoked.app, revoked.id)
    _drop_from_trails(ports, revoked)
    prune.remove_functions(ports, revoked)
    notes.remove(ports, keys.of_pending_withdrawal(revoked.app, revoked.id))


def _close(ports: Ports, kept: Kept[Version]) -> Kept[Version]:
    """Close a version to swaps, then look who shows it: so no swap can slip in between.

    It is `retiring` meanwhile. Killed here, it is for prune to open it again or to finish with it.
    """
    _refuse_if_shown(ports, kept.record)
    if kept.record.state is not State.READY:
        return kept
    closed = _put(ports, kept, replace(kept.record, state=State.RETIRING))
    try:
        _refuse_if_shown(ports, kept.record)
    except GuardRefused:
        _put(ports, closed, kept.record)
        raise
    return closed


def _put(ports: Ports, kept: Kept[Version], changed: Version, *more: Change) -> Kept[Version]:
    where = keys.of_version(changed.app, changed.id)
    ports.ledger.commit([Put(where, records.encode(changed), kept.revision), *more])
    return Kept(changed, kept.revision + 1)


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
            routing.show_pointer(ports, shorter)
            break
