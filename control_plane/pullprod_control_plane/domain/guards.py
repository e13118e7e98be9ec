"""Guards: the checks made before a swap. Each is a function of facts that were gathered before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from .apps import App
from .errors import GuardRefused, InvalidRequest, PullprodError
from .lineage import Difference
from .pointers import Pointer, require_free
from .swaps import SwapKind
from .versions import Version, require_ready


class Outcome(str, Enum):
    """What a guard says."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password.
    REFUSE = "refuse"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A guard's outcome and its reason; `overridable` tells whether `force` may name it."""

    guard: str
    outcome: Outcome
    detail: str
    overridable: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """Everything that guards look at. `unhealthy` is None when health was not asked for, else what is wrong."""

    app: App
    pointer: Pointer
    version: Version
    commits: Difference
    kind: SwapKind
    now: str
    unhealthy: str | None = None


def _ready(proposal: Proposal) -> Verdict:
    try:
        require_ready(proposal.version)
    except PullprodError as refused:
        return Verdict("ready", Outcome.REFUSE, refused.detail)
    return Verdict("ready", Outcome.PASS, f"{proposal.version.id} is complete.")


def _hold(proposal: Proposal) -> Verdict:
    try:
        require_free(proposal.pointer, proposal.now)
    except PullprodError as refused:
        return Verdict("hold", Outcome.REFUSE, refused.detail, overridable=True)
    return Verdict("hold", Outcome.PASS, f"Nobody holds {proposal.pointer.name}.")


def _lineage(proposal: Proposal) -> Verdict:
    if not heeds_lineage(proposal.app, proposal.pointer, proposal.version, proposal.kind):
        return Verdict("lineage", Outcome.OFF, "Commits that would be lost are listed, not guarded.")
    commits = proposal.commits
    if not commits.complete:
        return Verdict("lineage", Outcome.REFUSE, _UNRELATED, overridable=True)
    if commits.lost:
        return Verdict("lineage", Outcome.REFUSE, _lost(commits.lost), overridable=True)
    return Verdict("lineage", Outcome.PASS, "Everything that users have today stays.")


def heeds_lineage(app: App, pointer: Pointer, version: Version, kind: SwapKind) -> bool:
    """Tell whether it matters which commits are lost. A rollback is meant to lose some, if the pointer has shown it."""
    goes_back = kind is SwapKind.ROLLBACK and version.id in pointer.trail
    return app.lineage.get(pointer.name, "off") != "off" and not goes_back


_UNRELATED = (
    "Nothing recorded connects this version with what is live. Publish it from a clone with its history, "
    "rebase it on what is live, or say why with force 'lineage'."
)


def _lost(lost: Sequence[str]) -> str:
    listed = ", ".join(commit[:12] for commit in lost[:5]) + (", …" if len(lost) > 5 else "")  # noqa: PLR2004 - a taste.
    what = f"Users would lose {len(lost)} commit(s) that are live: {listed}."
    return f"{what} Rebase on what is live, or say why with force 'lineage'."


def _health(proposal: Proposal) -> Verdict:
    if not proposal.version.health:
        return Verdict("health", Outcome.OFF, "The version names no health paths.")
    if proposal.unhealthy:
        return Verdict("health", Outcome.REFUSE, proposal.unhealthy, overridable=True)
    return Verdict("health", Outcome.PASS, f"{len(proposal.version.health)} path(s) answer as they should.")


def _compatibility(_: Proposal) -> Verdict:
    return Verdict("compatibility", Outcome.OFF, "No data-schema window is configured.")


def _approval(_: Proposal) -> Verdict:
    return Verdict("approval", Outcome.OFF, "No approval is configured.")


GUARDS: tuple[Callable[[Proposal], Verdict], ...] = (_ready, _hold, _lineage, _health, _compatibility, _approval)
OVERRIDABLE = frozenset({"hold", "lineage", "health"})


def evaluate(proposal: Proposal) -> tuple[Verdict, ...]:
    """Return every guard's verdict on `proposal`, in the order in which guards are listed."""
    return tuple(guard(proposal) for guard in GUARDS)


def check_force(force: Sequence[str]) -> tuple[str, ...]:
    """Return the guards to override, each once, or raise InvalidRequest for one that cannot be."""
    if unknown := [name for name in force if name not in OVERRIDABLE]:
        raise InvalidRequest(
            f"{unknown[0][:80]!r} cannot be forced; {', '.join(sorted(OVERRIDABLE))} can.", where="force"
        )
    return tuple(sorted(set(force)))


def enforce(proposal: Proposal, force: Sequence[str]) -> tuple[str, ...]:
    """Return the guards that refused and were overridden; raise the first refusal that was not.

    Raises:
        VersionNotReady: the version cannot be shown.
        PointerHeld: somebody holds the pointer.
        GuardRefused: any other guard, with all verdicts as facts.
    """
    verdicts = evaluate(proposal)
    refused = [verdict for verdict in verdicts if verdict.outcome is Outcome.REFUSE]
    standing = [verdict for verdict in refused if not (verdict.overridable and verdict.guard in force)]
    if standing:
        _refuse(proposal, standing[0], verdicts)
    return tuple(verdict.guard for verdict in refused)


def _refuse(proposal: Proposal, verdict: Verdict, verdicts: Sequence[Verdict]) -> None:
    if verdict.guard == "ready":
        require_ready(proposal.version)
    if verdict.guard == "hold":
        require_free(proposal.pointer, proposal.now)
    listed = [{"name": v.guard, "outcome": v.outcome.value, "detail": v.detail} for v in verdicts]
    raise GuardRefused(verdict.detail, guard=verdict.guard, guards=listed, lost=list(proposal.commits.lost[:100]))
