"""Retention: what prune must keep, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .apps import App, Retention
from .pointers import Pointer, PointerState
from .times import parse, stamp
from .versions import State, Version

_ABANDONED_AFTER = timedelta(days=1)
_MAY_GO = frozenset({State.READY, State.RETIRING, State.UPLOADING, State.PREPARING})


@dataclass(frozen=True, slots=True)
class Idle:
    """A branch's pointer to which nothing has happened since then, and nothing was published."""

    pointer: Pointer
    since: str


def idle(app: App, pointers: Iterable[Pointer], versions: Sequence[Version], now: datetime) -> list[Idle]:
    """Return the pointers that prune retires. `versions` are newest first.

    They are branches' own: never one that was made by hand, that the configuration names, that is held or has hosts,
    nor that of the main branch.
    """
    published, limit = _last_published(versions), _idle_before(app, now)
    own = [pointer for pointer in pointers if _is_branchs_own(pointer, app, stamp(now))]
    found = [Idle(pointer, max(pointer.used_at, published.get(pointer.follows, ""))) for pointer in own]
    return [one for one in found if one.since < limit]


def _is_branchs_own(pointer: Pointer, app: App, now: str) -> bool:
    return (
        pointer.follows not in {None, app.main}
        and pointer.name not in app.named_pointers()
        and pointer.version is not None
        and pointer.state is PointerState.APPLIED
        and not pointer.hosts
        and not (pointer.hold and pointer.hold.active(now))
    )


def _last_published(versions: Sequence[Version]) -> dict[str | None, str]:
    return {version.branch: version.begun_at for version in reversed(versions)}


def _idle_before(app: App, now: datetime) -> str:
    return stamp(now - timedelta(days=app.retention.idle_branch_days))


def shown(pointers: Iterable[Pointer]) -> set[str]:
    """Return the versions that a pointer shows, could roll back to, or that an open page may still ask for."""
    roots: set[str] = set()
    for pointer in pointers:
        roots.update(pointer.trail, (version for version, _ in pointer.recent))
        if pointer.version:
            roots.add(pointer.version)
    return roots


def expired(app: App, versions: Sequence[Version], pointers: Sequence[Pointer], now: datetime) -> list[Version]:
    """Return the versions that may be retired, oldest first. `versions` are newest first.

    `pointers` are those that stay: an idle branch's newest versions are kept for as long as its pointer shows one.
    """
    policy, over = app.retention, _idle_branches(app, versions, pointers, now)
    kept = shown(pointers) | _newest(versions, policy, over) | _young(versions, policy, now)
    return [version for version in reversed(versions) if version.id not in kept and version.state in _MAY_GO]


def _idle_branches(
    app: App, versions: Sequence[Version], pointers: Iterable[Pointer], now: datetime
) -> set[str | None]:
    followed = {pointer.follows for pointer in pointers if pointer.version}
    busy = {None, app.main, *app.follow.values(), *followed}
    limit = _idle_before(app, now)
    return {branch for branch, at in _last_published(versions).items() if at < limit and branch not in busy}


def _newest(versions: Sequence[Version], policy: Retention, over: set[str | None]) -> set[str]:
    ready = [version for version in versions if version.state is State.READY]
    by_branch: dict[str | None, list[str]] = defaultdict(list)
    for version in ready:
        if version.branch not in over:
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
