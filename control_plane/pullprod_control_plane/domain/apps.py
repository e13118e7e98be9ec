"""Apps: what is released as a whole, and how it is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .errors import InvalidRequest
from .names import PRODUCTION, check_host, check_pointer
from .trust import Rule, check_rules

LINEAGE_SETTINGS = ("refuse", "off")
DriftSetting = Literal["repair", "report"]
_MAX_BRANCH = 255


@dataclass(frozen=True, slots=True)
class Retention:
    """What prune keeps beside everything that is shown: young versions, the newest, the newest of each branch.

    A branch to which nothing is published for `idle_branch_days` loses its pointer, and is none of these any more.
    """

    keep_days: int = 90
    keep_newest: int = 20
    keep_per_branch: int = 3
    idle_branch_days: int = 180


@dataclass(frozen=True, slots=True)
class App:
    """An app's configuration.

    `hosts` and `lineage` are by pointer; `follow` maps pointers to branches; `drift` tells what becomes of a target
    that does not show what the ledger says; `trust` lists the workflow runs that may act on the app.
    """

    name: str
    created_at: str
    updated_at: str
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    follow: Mapping[str, str] = field(default_factory=dict)
    main: str = "main"
    lineage: Mapping[str, str] = field(default_factory=lambda: {PRODUCTION: "refuse"})
    retention: Retention = field(default_factory=Retention)
    drift: DriftSetting = "repair"
    trust: tuple[Rule, ...] = ()

    def named_pointers(self) -> frozenset[str]:
        """Return the pointers that belong to the configuration, hence to no branch by its name alone."""
        return frozenset({PRODUCTION, *self.hosts, *self.follow, *self.lineage})


def check(app: App) -> None:
    """Raise InvalidRequest for the first thing in the configuration that cannot be meant."""
    for pointer in app.named_pointers():
        check_pointer(pointer)
    hosts = [check_host(host) for pointer in app.hosts for host in app.hosts[pointer]]
    if len(hosts) != len(set(hosts)):
        raise InvalidRequest("A host is listed twice; it can belong to one pointer only.", where="hosts")
    for branch in (app.main, *app.follow.values()):
        if not 0 < len(branch) <= _MAX_BRANCH:
            raise InvalidRequest(f"A branch name has 1 to {_MAX_BRANCH} characters.", where="follow")
    if bad := [setting for setting in app.lineage.values() if setting not in LINEAGE_SETTINGS]:
        raise InvalidRequest(f"The lineage guard is 'refuse' or 'off', not {bad[0][:80]!r}.", where="guards.lineage")
    kept = app.retention
    if min(kept.keep_days, kept.keep_newest, kept.keep_per_branch, kept.idle_branch_days) < 1:
        raise InvalidRequest("Retention keeps at least 1 of each kind, for at least 1 day.", where="retention")
    check_rules(app.trust)
