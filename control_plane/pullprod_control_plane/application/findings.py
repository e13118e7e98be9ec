"""What an audit or a round of the reconciler finds to be otherwise than the ledger says."""

from __future__ import annotations

from dataclasses import dataclass

from .drift import Drift
from .programs import AliasState

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: a stable code, what it concerns, and what was found."""

    code: str
    subject: str
    detail: str


def of_route(drifted: Drift) -> Finding:
    """Return the finding that a route differs."""
    found = "nothing" if drifted.found is None else drifted.found[:_SHOWN]
    if drifted.route.locks:  # It may hold a secret.
        found = "nothing" if drifted.found is None else "another lock"
    return Finding("route-differs", drifted.route.key, f"The edge shows {found}.")


def of_alias(drifted: AliasState) -> Finding:
    """Return the finding that a pointer's alias of a function differs."""
    found, expected = drifted.found or "no program", drifted.expected or "none"
    subject = f"{drifted.alias.function}:{drifted.alias.pointer}"
    return Finding("alias-differs", subject, f"The alias shows {found}; {expected} is what its version has.")
