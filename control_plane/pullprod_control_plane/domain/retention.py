"""Retention: what prune must keep, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from .apps import Retention
from .pointers import Pointer
from .times import parse
from .versions import State, Version

_ABANDONED_AFTER = timedelta(days=1)
_MAY_GO = frozenset({State.READY, State.RETIRING, State.UPLOADING, State.PREPARING})


def shown(pointers: Iterable[Pointer]) -> set[str]:
    """Return the versions that a pointer shows, could roll back to, or that an open page may still ask for."""
    roots: set[str] = set()
    for pointer in pointers:
        roots.update(pointer.trail, (version for version, _ in pointer.recent))
        if pointer.version:
            roots.add(pointer.version)
    return roots


def expired(
    versions: Sequence[Version], pointers: Iterable[Pointer], policy: Retention, now: datetime
) -> list[Version]:
    """Return the versions that may be retired, oldest first. `versions` are newest first."""
    kept = shown(pointers) | _newest(versions, policy) | _young(versions, policy, now)
    return [version for version in reversed(versions) if version.id not in kept and version.state in _MAY_GO]


def _newest(versions: Sequence[Version], policy: Retention) -> set[str]:
    ready = [version for version in versions if version.state is State.READY]
    by_branch: dict[str | None, list[str]] = defaultdict(list)
    for version in ready:
        by_branch[version.branch].append(version.id)
    newest = {version.id for version in ready[: policy.keep_newest]}
    return newest.union(*(ids[: policy.keep_per_branch] for ids in by_branch.values()))


def _young(versions: Sequence[Version], policy: Retention, now: datetime) -> set[str]:
    """An upload that never finished is given a day, a version that was ready the configured number of days.

    What a prune has marked already is not young any more: it cannot be used until a prune is done with it.
    """
    unmarked = (version for version in versions if version.state is not State.RETIRING)
    return {version.id for version in unmarked if parse(version.begun_at, "begun_at") > now - _age(version, policy)}


def _age(version: Version, policy: Retention) -> timedelta:
    unfinished = version.state in {State.UPLOADING, State.PREPARING}
    return _ABANDONED_AFTER if unfinished else timedelta(days=policy.keep_days)
