"""Moving a pointer: the ledger's transaction, and then what viewers see."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..domain import swaps
from ..domain.names import label
from ..domain.pointers import Pointer, PointerState
from ..domain.swaps import Move, Swap
from ..domain.versions import Version
from ..ports import Change, Delete, Lost, Ports, Put
from . import keys, notes, programs, reading, records, routing
from .reading import Kept

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A swap, the pointer as it stands once it is decided, and the changes that decide it, for one transaction."""

    swap: Swap
    pointer: Kept[Pointer]
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided this moment, the version that is to be shown, and a mark of the edge from before, if any."""

    pointer: Kept[Pointer]
    version: Version
    since: str | None = None


def prepare(kept: Kept[Pointer], wanted: Move) -> Prepared:
    """Return a swap that is to be decided.

    The note under `pending` lets the reconciler finish what a crash interrupts between deciding and showing.
    """
    pointer, swap = swaps.move(kept.record, wanted)
    changes: list[Change] = [
        Put(keys.of_pointer(pointer.app, pointer.name), records.encode(pointer), kept.revision),
        Put(keys.of_swap(pointer.app, pointer.name, swap.generation), records.encode(swap), 0),
        Put(keys.of_pending_swap(pointer.app, pointer.name, swap.generation), _note(swap), 0),
    ]
    return Prepared(swap, Kept(pointer, kept.revision + 1), changes)


def _note(swap: Swap) -> dict[str, str | int]:
    return {"kind": "swap", "app": swap.app, "pointer": swap.pointer, "generation": swap.generation, "at": swap.at}


def show(ports: Ports, app: str, name: str, generation: int, decided: Decided | None = None) -> Pointer:
    """Make the edge show a generation that the ledger decided, unless a newer one has taken its place.

    What was `decided` this moment is shown without reading it again. Returns the pointer as it stands then: applied, or
    at the newer generation.
    """
    pointed: tuple[str, ...] = ()
    for _ in range(reading.ATTEMPTS):
        kept = decided.pointer if decided else reading.find_pointer(ports, app, name)
        if kept.record.generation != generation or kept.record.state is PointerState.APPLIED:
            if pointed:
                programs.point(ports, kept.record, pointed)
            if kept.record.generation != generation and _retired(ports, app, name, generation):
                _restore(ports, kept.record)
            notes.remove(ports, keys.of_pending_swap(app, name, generation))
            return kept.record
        if decided:
            routing.show_decided(ports, kept.record, decided.version, decided.since)
        else:
            routing.show_pointer(ports, kept.record)
        decided, pointed = None, kept.record.functions
        if applied := _applied(ports, Kept(programs.point(ports, kept.record), kept.revision)):
            return applied
    return reading.find_pointer(ports, app, name).record


def take_back(ports: Ports, retired: Sequence[Prepared]) -> None:
    """Take away what the edge shows of pointers that were retired this moment, all at once, and their aliases."""
    if retired:
        ports.edge.remove([label(move.swap.pointer, move.swap.app) for move in retired])
    for move in retired:
        kept, swap = move.pointer, move.swap
        if not _applied(ports, Kept(programs.point(ports, kept.record), kept.revision)):
            show(ports, swap.app, swap.pointer, swap.generation)


def _retired(ports: Ports, app: str, name: str, generation: int) -> bool:
    """Tell whether a generation was a retirement."""
    swap = reading.one(ports.ledger, keys.of_swap(app, name, generation))
    return swap is not None and swap.body["to_version"] is None


def _restore(ports: Ports, pointer: Pointer) -> None:
    """Write what a slow retirement may have taken away from the swap that brought the pointer back."""
    routing.show_pointer(ports, pointer)
    programs.point(ports, pointer)


def try_to_show(ports: Ports, app: str, name: str, generation: int, decided: Decided | None = None) -> Pointer:
    """Show a generation now if the edge takes it; the reconciler does it later if the edge does not.

    The swap is decided already: whatever goes wrong here must not look to the caller as if it were lost.
    """
    try:
        return show(ports, app, name, generation, decided)
    except Exception:  # noqa: BLE001 - see above; the reconciler meets the same error and reports it again.
        _log.exception("%s of %s is decided at generation %d, but not shown yet", name, app, generation)
        ports.worker.wake()
        return (decided.pointer if decided else reading.find_pointer(ports, app, name)).record


def _applied(ports: Ports, kept: Kept[Pointer]) -> Pointer | None:
    """Record that a generation is shown; None if the pointer changed meanwhile, by a hold or a newer swap."""
    applied = replace(kept.record, state=PointerState.APPLIED)
    pending = keys.of_pending_swap(applied.app, applied.name, applied.generation)
    where = keys.of_pointer(applied.app, applied.name)
    try:
        ports.ledger.commit([Put(where, records.encode(applied), kept.revision), Delete(pending, 1)])
    except Lost:
        return None
    return applied
