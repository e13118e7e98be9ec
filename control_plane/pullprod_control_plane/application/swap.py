"""Planning a swap, making it, and rolling it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..domain import guards, pointers
from ..domain.apps import App
from ..domain.errors import Busy, InvalidRequest
from ..domain.guards import Outcome, Proposal, Verdict
from ..domain.names import Addresses, check_app, check_pointer
from ..domain.pointers import Hold, Pointer
from ..domain.reasons import check_reason
from ..domain.swaps import Move, Swap, SwapKind
from ..domain.versions import State, Version
from ..ports import Change, Check, Lost, Ports
from . import ahead, diff, keys, moves, proposals, reading, receipts, records, references, routing
from .ahead import Needs
from .diff import Files
from .moves import Decided, Prepared
from .reading import Kept
from .receipts import Receipt


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks for. `expected` is the generation that the caller saw; None takes whatever is current."""

    app: str
    pointer: str
    by: str
    reason: str
    expected: int | None = None
    force: tuple[str, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A swap that was decided, and the pointer as it stands afterwards."""

    pointer: Pointer
    swap: Swap


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The version that is to be shown, and the swap that shows it."""

    version: Kept[Version]
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Plan:
    """What a swap would do. Nothing was changed to find out."""

    proposal: Proposal
    verdicts: tuple[Verdict, ...]
    files: Files

    @property
    def allowed(self) -> bool:
        """Tell whether no guard refuses."""
        return all(verdict.outcome is not Outcome.REFUSE for verdict in self.verdicts)


def plan(ports: Ports, addresses: Addresses, app: str, pointer: str, reference: str) -> Plan:
    """Return what pointing `pointer` at `reference` would do now."""
    configured = reading.find_app(ports, app)
    version = references.resolve(ports, app, reference)
    kept = _pointer(ports, configured, pointer)
    routing.ensure(ports, version)
    live = proposals.live(ports, kept.record)
    proposal = proposals.propose(ports, addresses, configured, kept.record, version, SwapKind.POINT, mended=True)
    return Plan(proposal, guards.evaluate(proposal), diff.files(ports, live, version))


def needs(app: str, pointer: str, reference: str | None) -> Needs:
    """Return what a swap is going to read first; nothing if the names cannot be any."""
    try:
        known = [keys.of_app(check_app(app)), keys.of_pointer(app, check_pointer(pointer))]
    except InvalidRequest:
        return Needs()
    meant = references.needs(app, reference) if reference is not None else Needs()
    return Needs([*known, *meant.keys], meant.scan)


def point(ports: Ports, addresses: Addresses, order: Order, reference: str) -> Done:
    """Point at what `reference` names.

    Raises:
        StalePointer: the pointer is not at the expected generation.
        PointerHeld, GuardRefused, VersionNotReady: a guard refused.
        IdempotencyConflict: the receipt's key was used for another request.
    """
    return _swap(ports, addresses, order, SwapKind.POINT, reference)


def rollback(ports: Ports, addresses: Addresses, order: Order, reference: str | None) -> Done:
    """Show the previously shown version again, or the one that `reference` names.

    A pointer that follows a branch is held afterwards, so that the next push does not undo the rollback.

    Raises:
        NothingToRollBackTo: the pointer has shown no other version that is still ready.
    """
    return _swap(ports, addresses, order, SwapKind.ROLLBACK, reference)


def _swap(ports: Ports, addresses: Addresses, order: Order, kind: SwapKind, reference: str | None) -> Done:
    _check(order)
    app = reading.find_app(ports, order.app)
    for _ in range(reading.ATTEMPTS):
        if done := _recorded(ports, order):
            return done
        kept = _pointer(ports, app, order.pointer)
        pointers.require_generation(kept.record, order.expected)
        chosen, since = ahead.together(
            lambda kept=kept: _choose(ports, addresses, order, app, kept, kind, reference),  # type: ignore[misc]
            ports.edge.mark,
        )
        swap = chosen.prepared.swap
        try:
            ports.ledger.commit([*_conditions(ports, order, chosen), *chosen.prepared.changes])
        except Lost as lost:
            _tell_who_won(lost, order)
            continue
        decided = Decided(chosen.prepared.pointer, chosen.version.record, since)
        return Done(moves.try_to_show(ports, order.app, order.pointer, swap.generation, decided), swap)
    raise Busy(f"{order.pointer} moved {reading.ATTEMPTS} times while this swap was tried. Try again.")


def _check(order: Order) -> None:
    check_pointer(order.pointer)
    guards.check_force(order.force)
    check_reason(order.reason)


def _recorded(ports: Ports, order: Order) -> Done | None:
    """Return what an earlier request with the same idempotency key did."""
    body = receipts.recall(ports, order.receipt)
    if body is None:
        return None
    item = reading.one(ports.ledger, keys.of_swap(order.app, order.pointer, int(str(body["generation"]))))
    if item is None:
        raise InvalidRequest("The Idempotency-Key was used for something else.", where="Idempotency-Key")
    swap = records.swap(item.body)
    return Done(moves.try_to_show(ports, order.app, order.pointer, swap.generation), swap)


def _choose(
    ports: Ports,
    addresses: Addresses,
    order: Order,
    app: App,
    kept: Kept[Pointer],
    kind: SwapKind,
    reference: str | None,
) -> _Chosen:
    """Return what is to be committed, or raise what refuses it."""
    near = ahead.read(ports, _near(ports, kept.record, reference))
    version = _version(near, kept.record, reference)
    minded = "lineage" not in order.force and guards.heeds_lineage(app, kept.record, version.record, kind)
    proposal = proposals.propose(near, addresses, app, kept.record, version.record, kind, mended=minded)
    forced = guards.enforce(proposal, order.force)
    names = version.record.function_names
    move = Move(version.record.id, kind, order.by, proposal.now, order.reason, forced, names)
    return _Chosen(version, moves.prepare(_held_after(kept, move), move))


def _near(ports: Ports, pointer: Pointer, reference: str | None) -> Needs:
    """Return what is to be read of the version that is likely meant, and of the one that is shown."""
    meant = references.likely(ports, pointer.app, reference) if reference is not None else pointer.trail[:1]
    names = [*meant, *([pointer.version] if pointer.version else [])]
    return Needs([key(pointer.app, name) for name in names for key in (keys.of_version, keys.of_lineage)])


def _conditions(ports: Ports, order: Order, chosen: _Chosen) -> Sequence[Change]:
    """The receipt must still be unused at the very moment of the swap, and the version still ready."""
    still_ready = Check(keys.of_version(order.app, chosen.version.record.id), chosen.version.revision)
    return [*receipts.changes(ports, order.receipt, generation=chosen.prepared.swap.generation), still_ready]


def _tell_who_won(lost: Lost, order: Order) -> None:
    """Raise StalePointer if it was lost to a pointer that is not where the caller saw it.

    The receipt comes first among the conditions: so this very request, sent twice, has not moved it either.
    """
    if lost.key == keys.of_pointer(order.app, order.pointer) and lost.found:
        pointers.require_generation(records.pointer(lost.found.body), order.expected)


def _pointer(ports: Ports, app: App, name: str) -> Kept[Pointer]:
    check_pointer(name)
    kept = reading.kept_pointer(ports, app.name, name)
    return kept or Kept(Pointer(app.name, name, follows=app.follow.get(name), hosts=app.hosts.get(name, ())), 0)


def _version(ports: Ports, pointer: Pointer, reference: str | None) -> Kept[Version]:
    if reference is None:
        return _previous(ports, pointer)
    return references.kept(ports, pointer.app, reference)


def _previous(ports: Ports, pointer: Pointer) -> Kept[Version]:
    """Walk the trail back to the first version that can still be shown."""
    for name in pointer.trail:
        kept = reading.kept_version(ports, pointer.app, name)
        if kept and kept.record.state is State.READY and name != pointer.version:
            return kept
    return reading.find_version(ports, pointer.app, pointers.require_previous(replace(pointer, trail=())))


def _held_after(kept: Kept[Pointer], move: Move) -> Kept[Pointer]:
    pointer = kept.record
    held = pointer.hold is not None and pointer.hold.active(move.at)
    if move.kind is not SwapKind.ROLLBACK or pointer.follows is None or held:
        return kept
    hold = Hold(f"rolled back: {move.reason}", move.by, move.at)
    return Kept(replace(pointer, hold=hold), kept.revision)
