"""Pointers that follow a branch."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from ..domain import guards
from ..domain.apps import App
from ..domain.errors import Busy
from ..domain.guards import Outcome
from ..domain.json import Json
from ..domain.names import Addresses, pointer_candidates
from ..domain.pointers import Pointer
from ..domain.roles import RECONCILER, Caller
from ..domain.swaps import Move, SwapKind
from ..domain.times import stamp
from ..domain.versions import State, Version, require_ready
from ..ports import Change, Check, Delete, Item, Lost, Ports, Put
from . import ahead, branches, keys, lineages, moves, proposals, reading, records
from .ahead import Needs, Scan
from .moves import Decided, Prepared
from .reading import Kept

_log = logging.getLogger(__name__)

_OF_LATE = timedelta(hours=12)  # No branch is idle within a day.


@dataclass(frozen=True, slots=True)
class Stayed:
    """A pointer that does not follow: the guard that refuses, or `token` for the caller's limits, and why."""

    pointer: str
    guard: str
    detail: str


def release(ports: Ports, addresses: Addresses, app: App, kept: Kept[Version], caller: Caller) -> Version:
    """Make a prepared version ready and move its branch's pointers, in one transaction; then show it.

    Raises:
        Lost: somebody else finished it, or moved one of the pointers, first.
    """
    ready = replace(kept.record, state=State.READY, published_at=reading.now(ports))
    prepared = _moves(ports, addresses, app, ready, ready.branch, caller)
    changes = [change for move in prepared for change in move.changes]
    where = keys.of_version(app.name, ready.id)
    pending = keys.of_pending_version(app.name, ready.id)
    listed = branches.marked(ports, ready, ready.branch)
    ports.ledger.commit([Put(where, records.encode(ready), kept.revision), Delete(pending, 1), *listed, *changes])
    _show(ports, prepared, ready)
    return ready


def adopt(ports: Ports, addresses: Addresses, app: App, version: Version, branch: str | None, caller: Caller) -> None:
    """Let a branch have a version that is ready already: list it there, and let its pointers follow.

    If its own pointer does not, that is noted there: a branch that publishes is not idle.

    Raises:
        VersionNotReady: it is being retired or was revoked since.
    """
    if branch is None:
        return
    for _ in range(reading.ATTEMPTS):
        kept = reading.find_version(ports, app.name, version.id)
        require_ready(kept.record)
        listed = branches.adopt(ports, version, branch, caller)
        prepared = _moves(ports, addresses, app, version, branch, caller)
        moved = [change for move in prepared for change in move.changes]
        changes = [*listed, *moved, *_noticed(ports, app, branch, prepared)]
        if not changes:
            return
        try:
            ports.ledger.commit([Check(keys.of_version(app.name, version.id), kept.revision), *changes])
        except Lost:
            continue
        _show(ports, prepared, kept.record)
        return
    raise Busy(f"The pointers of {branch} moved too often. Publish again.")


def _noticed(ports: Ports, app: App, branch: str, moved: list[Prepared]) -> list[Change]:
    """Return what says that a branch published, unless its own pointer moves or was used of late."""
    own, now = _own(ports, app, branch), ports.clock.now()
    if own is None or own.record.version is None or own.record.name in {move.swap.pointer for move in moved}:
        return []
    if own.record.used_at > stamp(now - _OF_LATE):
        return []
    noticed = replace(own.record, republished_at=stamp(now))
    return [Put(keys.of_pointer(app.name, noticed.name), records.encode(noticed), own.revision)]


def wait(ports: Ports, kept: Kept[Version], branch: str | None, caller: Caller) -> None:
    """Note that another branch published a version that is not ready yet; `settle` lets it have the version.

    Raises:
        Lost: the version changed meanwhile.
    """
    version = kept.record
    if branch is None or branch == version.branch or version.state is State.READY:
        return
    note = keys.of_pending_branch(version.app, version.id, branch)
    if reading.one(ports.ledger, note) is None:
        body = {"kind": "branch", "app": version.app, "version": version.id, "branch": branch, **noted(ports, caller)}
        ports.ledger.commit([Check(keys.of_version(version.app, version.id), kept.revision), Put(note, body, 0)])


def noted(ports: Ports, caller: Caller) -> dict[str, Json]:
    """Return since when and for whom, as a note keeps it: whoever finishes the work moves no more than they might."""
    return {"at": reading.now(ports), "by": caller.principal, "pointers": list(caller.pointers)}


def caller_of(note: Item) -> Caller:
    """Return the caller that a pending note keeps."""
    return Caller(str(note.body["by"]), tuple(cast("list[str]", note.body["pointers"])))


def settle(ports: Ports, addresses: Addresses, app: App, version: Version) -> None:
    """Let the branches that waited for a version have it once it is ready, or forget them if it is gone. Repeatable."""
    if version.state in {State.UPLOADING, State.PREPARING}:
        return
    waiting = keys.of_pending_branch(app.name, version.id, "")
    for note in list(reading.everything(ports.ledger, waiting.partition, waiting.sort)):
        if version.state is State.READY:
            adopt(ports, addresses, app, version, str(note.body["branch"]), caller_of(note))
        with suppress(Lost):
            ports.ledger.commit([Delete(note.key, note.revision)])


def catch_up(ports: Ports, addresses: Addresses, app: App, name: str) -> None:
    """Move a pointer to its branch's newest ready version, if it missed that while it was held and no guard refuses."""
    for _ in range(reading.ATTEMPTS):
        kept = reading.find_pointer(ports, app.name, name)
        found = branches.newest_ready(ports, app.name, kept.record.follows or "")
        if found is None or not _was_missed(ports, kept.record, found[0].record):
            return
        version, caller = found[0], Caller(RECONCILER, found[1])
        if refused := _refusal(ports, addresses, app, kept.record, version.record, caller):
            _log.warning("%s of %s does not catch up: %s", name, app.name, refused.detail)
            return
        still_ready = Check(keys.of_version(app.name, version.record.id), version.revision)
        prepared = moves.prepare(kept, _missed(ports, kept.record, version.record))
        with suppress(Lost):
            ports.ledger.commit([*prepared.changes, still_ready])
            _show(ports, [prepared], version.record)
            return
    raise Busy(f"{name} moved too often. The next round tries again.")


def _was_missed(ports: Ports, pointer: Pointer, version: Version) -> bool:
    """Tell whether a version is news to a pointer; to one that is retired only what was begun since is."""
    if pointer.retired and version.begun_at <= (pointer.moved_at or ""):
        return False
    return _is_news(ports, pointer, version)


def _missed(ports: Ports, pointer: Pointer, version: Version) -> Move:
    hold = pointer.last_hold
    why = f", missed during the hold by {hold.owner} ({hold.reason})" if hold else ""
    at, reason = reading.now(ports), f"newer version of {pointer.follows}{why}"
    return Move(version.id, SwapKind.AUTOMATIC, RECONCILER, at, reason, functions=version.function_names)


def needs(app: str, branch: str | None) -> Needs:
    """Return what is read to tell how the pointers of an app stand to a version of a branch."""
    own = pointer_candidates(branch) if branch else ()
    pointers = [keys.of_pointer(app, name) for name in own]
    return Needs([keys.of_app(app), *pointers], Scan(keys.contents(app), keys.POINTER))


def pointer_of(ports: Ports, app: App, branch: str | None) -> Pointer | None:
    """Return the pointer that is a branch's own, or None if it has none yet."""
    own = _own(ports, app, branch) if branch else None
    return own.record if own and own.revision else None


def stayed(
    ports: Ports, addresses: Addresses, app: App, version: Version, branch: str | None, caller: Caller
) -> list[Stayed]:
    """Return the pointers that follow a branch and do not show this newer version of it, each with what refuses."""
    near, to_move = _to_move(ports, app, version, branch)
    found = (_refusal(near, addresses, app, kept.record, version, caller) for kept in to_move)
    return [refusal for refusal in found if refusal]


def _show(ports: Ports, decided: list[Prepared], version: Version) -> None:
    for move in decided:
        swap = move.swap
        moves.try_to_show(ports, swap.app, swap.pointer, swap.generation, Decided(move.pointer, version))


def _moves(
    ports: Ports, addresses: Addresses, app: App, version: Version, branch: str | None, caller: Caller
) -> list[Prepared]:
    prepared = []
    reason = f"newer version of {branch}"
    near, to_move = _to_move(ports, app, version, branch)
    for kept in to_move:
        if refused := _refusal(near, addresses, app, kept.record, version, caller):
            _log.warning("%s of %s does not follow to %s: %s", kept.record.name, app.name, version.id, refused.detail)
            continue
        at, names = reading.now(ports), version.function_names
        move = Move(version.id, SwapKind.FOLLOW, caller.principal, at, reason, functions=names)
        prepared.append(moves.prepare(kept, move))
    return prepared


def _to_move(ports: Ports, app: App, version: Version, branch: str | None) -> tuple[Ports, list[Kept[Pointer]]]:
    """Return the pointers to which a version is news, and ports that have read what their guards look at."""
    followers = _followers(ports, app, branch) if branch else []
    shown = [kept.record.version for kept in followers if kept.record.version not in {None, version.id}]
    of_shown = [key(app.name, name) for name in shown if name for key in (keys.of_version, keys.of_lineage)]
    near = ahead.read(ports, Needs([*of_shown, keys.of_lineage(app.name, version.id)])) if shown else ports
    return near, [kept for kept in followers if _is_news(near, kept.record, version)]


def _refusal(
    ports: Ports, addresses: Addresses, app: App, pointer: Pointer, version: Version, caller: Caller
) -> Stayed | None:
    """Return why a pointer must not follow, by the guards that a swap would meet; nobody can force them here."""
    if not caller.may_move(pointer.name):
        listed = ", ".join(caller.pointers)
        return Stayed(pointer.name, "token", f"The token of {caller.principal} may move {listed} only.")
    minded = guards.heeds_lineage(app, pointer, version, SwapKind.FOLLOW)
    proposal = proposals.propose(ports, addresses, app, pointer, version, SwapKind.FOLLOW, mended=minded)
    refused = next((v for v in guards.evaluate(proposal) if v.outcome is Outcome.REFUSE), None)
    return Stayed(pointer.name, refused.guard, refused.detail) if refused else None


def _followers(ports: Ports, app: App, branch: str) -> list[Kept[Pointer]]:
    """Return the pointers that are configured to follow a branch, and the branch's own.

    The configuration may have changed since it was read: what a pointer follows by now stands in its own record.
    """
    own = _own(ports, app, branch)
    configured = [_existing(ports, app, name, branch) for name, followed in app.follow.items() if followed == branch]
    others = [kept for kept in configured if own is None or kept.record.name != own.record.name]
    return ([own] if own else []) + [kept for kept in others if kept.record.follows == branch]


def _existing(ports: Ports, app: App, name: str, branch: str) -> Kept[Pointer]:
    kept = reading.kept_pointer(ports, app.name, name)
    return kept or Kept(Pointer(app.name, name, follows=branch, hosts=app.hosts.get(name, ())), 0)


def _own(ports: Ports, app: App, branch: str) -> Kept[Pointer] | None:
    """Return the pointer of a branch's own: of its name, or suffixed where that does not follow the branch.

    None if neither does. A name is chosen by whoever may push, and so may be one whose suffix fits a pointer.
    """
    for name in pointer_candidates(branch):
        kept = _existing(ports, app, name, branch)
        taken = name in app.named_pointers() and app.follow.get(name) != branch
        if not taken and kept.record.follows == branch:
            return kept
    return None


def _is_news(ports: Ports, pointer: Pointer, version: Version) -> bool:
    """An older push that finishes late never moves a pointer back."""
    if pointer.version == version.id:
        return False
    shown = proposals.live(ports, pointer)
    return shown is None or lineages.newer(ports, version, shown)
