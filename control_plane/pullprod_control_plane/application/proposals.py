"""Gathering what guards look at, for a swap that somebody asks for and for one that follows a branch."""

from __future__ import annotations

from dataclasses import replace

from ..domain import routes
from ..domain.apps import App
from ..domain.guards import Proposal
from ..domain.names import Addresses
from ..domain.pointers import Pointer
from ..domain.swaps import SwapKind
from ..domain.versions import State, Version
from ..ports import Ports
from . import health, lineages, reading


def live(ports: Ports, pointer: Pointer) -> Version | None:
    """Return the version that a pointer shows, or None."""
    kept = reading.kept_version(ports, pointer.app, pointer.version) if pointer.version else None
    return kept.record if kept else None


def propose(
    ports: Ports,
    addresses: Addresses,
    app: App,
    pointer: Pointer,
    version: Version,
    kind: SwapKind,
    *,
    mended: bool,
) -> Proposal:
    """Return everything that guards look at before `pointer` shows `version`.

    Whether their lines of commits are `mended` is as `lineages.compare` says.

    Raises:
        PayloadTooLarge: the edge could not keep the pointer's record.
    """
    if version.state is State.READY:
        routes.for_pointer(replace(pointer, generation=pointer.generation + 1), version)
    return Proposal(
        app=app,
        pointer=pointer,
        version=version,
        commits=lineages.compare(ports, live(ports, pointer), version, mended=mended),
        kind=kind,
        now=reading.now(ports),
        unhealthy=health.complaint(ports, addresses, version),
    )
