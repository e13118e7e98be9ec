"""Gathering what guards look at, for a swap that somebody asks for and for one that follows a branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..domain import guards, routes
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
    force: Sequence[str] = (),
) -> Proposal:
    """Return everything that guards look at before `pointer` shows `version`.

    Commits are compared as exactly as can be where a guard minds them that is not in `force`.

    Raises:
        PayloadTooLarge: the edge could not keep the pointer's record.
    """
    if version.state is State.READY:
        routes.for_pointer(replace(pointer, generation=pointer.generation + 1), version)
    minded = "lineage" not in force and guards.heeds_lineage(app, pointer, version, kind)
    return Proposal(
        app=app,
        pointer=pointer,
        version=version,
        commits=lineages.compare(ports, live(ports, pointer), version, mended=minded),
        kind=kind,
        now=reading.now(ports),
        unhealthy=health.complaint(ports, addresses, version),
    )
