"""Retiring the pointers of idle branches: the first step of a prune.

A pointer is retired by a swap to nothing, so a publish, a swap or a hold at the same moment comes first, and the
pointer stays, or comes after: then a publish or a swap brings it back, and its generation and history go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ..domain import retention
from ..domain.apps import App
from ..domain.pointers import Pointer, PointerState
from ..domain.retention import Idle
from ..domain.swaps import Move, SwapKind
from ..domain.times import parse
from ..domain.versions import Version
from ..ports import Check, Lost, Ports
from . import keys, moves, reading
from .moves import Prepared
from .reading import Kept

_AT_ONCE = 50  # So much is done within seconds.


def retire(ports: Ports, name: str, versions: Sequence[Version], by: str) -> tuple[list[Idle], bool]:
    """Retire the pointers of an app's idle branches; return them as they were, and whether more are to go.

    `versions` are all of the app's, newest first. Whoever dies before the end leaves notes of swaps.
    """
    app = reading.kept_app(ports, name)
    known = {kept.record.name: kept for kept in reading.kept_pointers(ports, name)}
    pointers = [kept.record for kept in known.values()]
    _finish(ports, pointers)
    found = retention.idle(app.record, pointers, versions, ports.clock.now())
    decided = [(one, _decide(ports, app, known[one.pointer.name], one, by)) for one in found[:_AT_ONCE]]
    moves.take_back(ports, [move for _, move in decided if move])
    return [one for one, move in decided if move], len(found) > _AT_ONCE


def _finish(ports: Ports, pointers: Sequence[Pointer]) -> None:
    """Finish what another prune has decided, before the files go of what the edge still shows."""
    for pointer in pointers:
        if pointer.retired and pointer.state is PointerState.APPLYING:
            moves.show(ports, pointer.app, pointer.name, pointer.generation)


def _decide(ports: Ports, app: Kept[App], kept: Kept[Pointer], idle: Idle, by: str) -> Prepared | None:
    """Return the swap to nothing, None if the pointer or the app's configuration changed meanwhile."""
    days = (ports.clock.now() - parse(idle.since, "since")) // timedelta(days=1)
    reason = f"idle for {days} days"
    prepared = moves.prepare(kept, Move(None, SwapKind.RETIRE, by, reading.now(ports), reason))
    try:
        ports.ledger.commit([*prepared.changes, Check(keys.of_app(app.record.name), app.revision)])
    except Lost:
        return None
    return prepared
