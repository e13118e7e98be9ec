"""Pointers: mutable names for versions, with a generation, a trail to walk back, and sometimes a hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from .errors import Forbidden, NothingToRollBackTo, PointerHeld, StalePointer
from .json import Json

# How many earlier versions a pointer remembers for rolling back, and how many the edge may still serve to open pages.
MAX_TRAIL = 20
MAX_RECENT = 5


class PointerState(str, Enum):
    """`applying` from the ledger's decision until every target shows it, then `applied`."""

    APPLYING = "applying"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True)
class Hold:
    """A pointer must not move: why, on whose word, since when, and until when (None: until released)."""

    reason: str
    owner: str
    since: str
    until: str | None = None

    def active(self, now: str) -> bool:
        """Tell whether the hold still stands at `now`; both are ISO 8601 in UTC."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class EndedHold:
    """A hold that is over: whose and why, when it ended and on whose word; `automatic` if its time had come."""

    reason: str
    owner: str
    since: str
    ended_at: str
    ended_by: str
    automatic: bool


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a name points, generation 0 meaning nowhere yet.

    `trail` lists the versions to roll back to, newest first; `recent` those shown lately, with their generations;
    `functions` those for which the pointer has, or may have, an alias; `republished_at` is when its branch published
    what was ready already and did not move it.
    """

    app: str
    name: str
    generation: int = 0
    version: str | None = None
    state: PointerState = PointerState.APPLIED
    trail: tuple[str, ...] = ()
    recent: tuple[tuple[str, int], ...] = ()
    follows: str | None = None
    hosts: tuple[str, ...] = ()
    hold: Hold | None = None
    last_hold: EndedHold | None = None
    moved_at: str | None = None
    moved_by: str | None = None
    reason: str | None = None
    last_hash: str = ""
    functions: tuple[str, ...] = ()
    republished_at: str | None = None

    @property
    def retired(self) -> bool:
        """Tell whether it showed something once and was taken back. Its next swap goes on from its generation."""
        return self.version is None and self.generation > 0

    @property
    def used_at(self) -> str:
        """Return when it was last moved, let go by a hold, or its branch published again; empty for never."""
        let_go_at = self.last_hold.ended_at if self.last_hold else None
        return max(self.moved_at or "", let_go_at or "", self.republished_at or "")

    @property
    def previous(self) -> str | None:
        """Return the version that a rollback would show, or None."""
        return next((version for version in self.trail if version != self.version), None)


def require_generation(pointer: Pointer, expected: int | None) -> None:
    """Raise StalePointer unless the pointer is at the generation that the caller saw (None: any will do)."""
    if expected is None or pointer.generation == expected:
        return
    raise StalePointer(
        f"{pointer.name} has moved: you saw generation {expected}, it is at {pointer.generation}. "
        f"{pointer.moved_by or 'Nobody'} pointed it at {pointer.version or 'nothing'} at {pointer.moved_at}: "
        f"{pointer.reason or 'no reason given'}. Look again, then decide.",
        expected=expected,
        actual=pointer.generation,
        moved_by=pointer.moved_by,
        moved_at=pointer.moved_at,
        version=pointer.version,
        reason=pointer.reason,
    )


def require_free(pointer: Pointer, now: str) -> None:
    """Raise PointerHeld while a hold stands."""
    hold = pointer.hold
    if hold is None or not hold.active(now):
        return
    until = f"until {hold.until}" if hold.until else "until it is released"
    raise PointerHeld(
        f"{pointer.name} is held by {hold.owner} {until}: {hold.reason}. "
        f"Ask them to release it, or override it as an admin with force 'hold'.",
        hold=_facts(hold),
    )


def require_own_hold(pointer: Pointer, by: str, now: str) -> None:
    """Raise Forbidden while a hold stands that somebody else than `by` owns."""
    hold = pointer.hold
    if hold is not None and hold.active(now) and hold.owner != by:
        raise Forbidden(
            f"{pointer.name} is held by {hold.owner}: {hold.reason}. They may release or replace that hold, and so "
            "may an admin.",
            hold=_facts(hold),
        )


def _facts(hold: Hold) -> dict[str, Json]:
    return {"reason": hold.reason, "owner": hold.owner, "since": hold.since, "until": hold.until}


def released(pointer: Pointer, by: str, now: str, *, automatic: bool) -> Pointer:
    """Return the pointer without its hold, remembering who ended that and when."""
    hold = pointer.hold
    if hold is None:
        return pointer
    ended = EndedHold(hold.reason, hold.owner, hold.since, now, by, automatic)
    return replace(pointer, hold=None, last_hold=ended)


def require_previous(pointer: Pointer) -> str:
    """Return the version to roll back to, or raise NothingToRollBackTo."""
    if pointer.previous is None:
        raise NothingToRollBackTo(
            f"{pointer.name} has shown no earlier version that is still ready. Point it at the version you want."
        )
    return pointer.previous


def without(pointer: Pointer, version: str) -> Pointer:
    """Return the pointer with `version` gone from its trail and from what open pages may still ask for."""
    return replace(
        pointer,
        trail=tuple(v for v in pointer.trail if v != version),
        recent=tuple(shown for shown in pointer.recent if shown[0] != version),
    )
