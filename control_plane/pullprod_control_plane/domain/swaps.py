"""Swaps: one move of one pointer, recorded for ever, each chained to the one before by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import Enum

from .json import canonical
from .pointers import MAX_RECENT, MAX_TRAIL, Pointer, PointerState


class SwapKind(str, Enum):
    """Why a pointer moved: somebody pointed it, rolled it back, it followed its branch, the system moved it.

    Or it was retired, since its branch is idle: then it shows nothing.
    """

    POINT = "point"
    ROLLBACK = "rollback"
    FOLLOW = "follow"
    AUTOMATIC = "automatic"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Swap:
    """The record of a swap. `from_version` is None where nothing was shown before, `to_version` where nothing is since.

    `forced` names the guards overridden.
    """

    app: str
    pointer: str
    generation: int
    from_version: str | None
    to_version: str | None
    kind: SwapKind
    by: str
    at: str
    reason: str
    forced: tuple[str, ...]
    previous_hash: str
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """What a caller wants: show `to`, which has these functions, for this reason; None shows nothing any more."""

    to: str | None
    kind: SwapKind
    by: str
    at: str
    reason: str
    forced: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


def digest(swap: Swap) -> str:
    """Return the SHA-256 over everything the record says, the previous record's hash included."""
    facts = asdict(replace(swap, hash=""))
    facts["kind"] = swap.kind.value
    return hashlib.sha256(canonical(facts)).hexdigest()


def move(pointer: Pointer, wanted: Move) -> tuple[Pointer, Swap]:
    """Return the pointer one generation on, in state applying, and the record of the swap."""
    swap = Swap(
        app=pointer.app,
        pointer=pointer.name,
        generation=pointer.generation + 1,
        from_version=pointer.version,
        to_version=wanted.to,
        kind=wanted.kind,
        by=wanted.by,
        at=wanted.at,
        reason=wanted.reason,
        forced=wanted.forced,
        previous_hash=pointer.last_hash,
    )
    swap = replace(swap, hash=digest(swap))
    moved = replace(
        pointer,
        generation=swap.generation,
        version=wanted.to,
        state=PointerState.APPLYING,
        trail=_trail(pointer, wanted),
        recent=_recent(pointer, wanted.to),
        moved_at=wanted.at,
        moved_by=wanted.by,
        reason=wanted.reason,
        last_hash=swap.hash,
        functions=tuple(sorted({*pointer.functions, *wanted.functions})),
    )
    return moved, swap


def _trail(pointer: Pointer, wanted: Move) -> tuple[str, ...]:
    """A rollback walks the trail back instead of adding to it, so that two of them in a row do not go in a circle.

    What is retired remembers nothing: prune lets go what it had shown.
    """
    if wanted.to is None:
        return ()
    if wanted.kind is SwapKind.ROLLBACK and wanted.to in pointer.trail:
        return pointer.trail[pointer.trail.index(wanted.to) + 1 :]
    if pointer.version is None or pointer.version == wanted.to:
        return pointer.trail
    return (pointer.version, *(v for v in pointer.trail if v != pointer.version))[:MAX_TRAIL]


def _recent(pointer: Pointer, to: str | None) -> tuple[tuple[str, int], ...]:
    if pointer.version is None or to is None:
        return ()
    shown = [(pointer.version, pointer.generation), *pointer.recent]
    newest = {version: generation for version, generation in reversed(shown) if version != to}
    return tuple(sorted(newest.items(), key=lambda entry: -entry[1])[:MAX_RECENT])


def broken_links(swaps: Iterable[Swap]) -> list[int]:
    """Return the generations, oldest first, whose record does not follow from the one before it."""
    broken, previous_hash, expected = [], "", 1
    for swap in swaps:
        if swap.generation != expected or swap.previous_hash != previous_hash or swap.hash != digest(swap):
            broken.append(swap.generation)
        previous_hash, expected = swap.hash, swap.generation + 1
    return broken
