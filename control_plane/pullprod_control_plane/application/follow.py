"""Pointers that follow a branch, and the indexes by which a branch's versions are found."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ..domain.apps import App
from ..domain.errors import Busy
from ..domain.lineage import Order
from ..domain.names import pointer_candidates
from ..domain.pointers import Pointer
from ..domain.swaps import Move, Swap, SwapKind
from ..domain.versions import State, Version, require_ready
from ..ports import Change, Check, Delete, Key, Lost, Ports, Put
from . import keys, lineages, moves, reading, records
from .reading import Kept


def index(version: Version, branch: str | None) -> list[Change]:
    """Return the entries under which a new version is listed: by time, branch and tag."""
    partitions = [keys.timeline(version.app), *(keys.tag(version.app, tag) for tag in version.tags)]
    if branch is not None:
        partitions.append(keys.branch(version.app, branch))
    return [Put(_entry(partition, version), {"id": version.id}, 0) for partition in partitions]


def _entry(partition: str, version: Version) -> Key:
    return Key(partition, f"{version.begun_at}#{version.id}")


def release(ports: Ports, app: App, kept: Kept[Version], by: str) -> Version:
    """Make a prepared version ready and move its branch's pointers, in one transaction; then show it.

    Raises:
        Lost: somebody else finished it, or moved one of the pointers, first.
    """
    ready = replace(kept.record, state=State.READY, published_at=reading.now(ports))
    swaps, changes = _moves(ports, app, ready, ready.branch, by)
    where = keys.of_version(app.name, ready.id)
    pending = keys.of_pending_version(app.name, ready.id)
    ports.ledger.commit([Put(where, records.encode(ready), kept.revision), Delete(pending, 1), *changes])
    _show(ports, swaps)
    return ready


def adopt(ports: Ports, app: App, version: Version, branch: str | None, by: str) -> None:
    """Let another branch have a version that is ready already: list it there, and let its pointers follow.

    Raises:
        VersionNotReady: it is being retired or was revoked since.
    """
    if branch is None:
        return
    for _ in range(reading.ATTEMPTS):
        kept = reading.find_version(ports, app.name, version.id)
        require_ready(kept.record)
        entry = _entry(keys.branch(app.name, branch), version)
        listed = [] if reading.one(ports.ledger, entry) else [Put(entry, {"id": version.id}, 0)]
        swaps, moved = _moves(ports, app, version, branch, by)
        if not listed and not moved:
            return
        try:
            ports.ledger.commit([Check(keys.of_version(app.name, version.id), kept.revision), *listed, *moved])
        except Lost:
            continue
        _show(ports, swaps)
        return
    raise Busy(f"The pointers of {branch} moved too often. Publish again.")


def wait(ports: Ports, kept: Kept[Version], branch: str | None, by: str) -> None:
    """Note that another branch published a version that is not ready yet; `settle` lets it have the version.

    Raises:
        Lost: the version changed meanwhile.
    """
    version = kept.record
    if branch is None or branch == version.branch or version.state is State.READY:
        return
    note = keys.of_pending_branch(version.app, version.id, branch)
    if reading.one(ports.ledger, note) is None:
        body = {"kind": "branch", "app": version.app, "version": version.id, "branch": branch, "by": by}
        ports.ledger.commit([Check(keys.of_version(version.app, version.id), kept.revision), Put(note, body, 0)])


def settle(ports: Ports, app: App, version: Version) -> None:
    """Let the branches that waited for a version have it once it is ready, or forget them if it is gone. Repeatable."""
    if version.state in {State.UPLOADING, State.PREPARING}:
        return
    waiting = keys.of_pending_branch(app.name, version.id, "")
    for note in list(reading.everything(ports.ledger, waiting.partition, waiting.sort)):
        if version.state is State.READY:
            adopt(ports, app, version, str(note.body["branch"]), str(note.body["by"]))
        with suppress(Lost):
            ports.ledger.commit([Delete(note.key, note.revision)])


def pointer_of(ports: Ports, app: App, branch: str | None) -> Pointer | None:
    """Return the pointer that is a branch's own, or None if it has none yet."""
    own = _own(ports, app, branch) if branch else None
    return own.record if own and own.revision else None


def _show(ports: Ports, swaps: list[Swap]) -> None:
    for swap in swaps:
        moves.try_to_show(ports, swap.app, swap.pointer, swap.generation)


def _moves(ports: Ports, app: App, version: Version, branch: str | None, by: str) -> tuple[list[Swap], list[Change]]:
    swaps: list[Swap] = []
    changes: list[Change] = []
    for kept in _followers(ports, app, branch) if branch else []:
        if _should_move(ports, kept.record, version):
            reason = f"newer version of {branch}"
            move = Move(version.id, SwapKind.FOLLOW, by, reading.now(ports), reason)
            swap, decided = moves.prepare(kept, move)
            swaps.append(swap)
            changes += decided
    return swaps, changes


def _followers(ports: Ports, app: App, branch: str) -> list[Kept[Pointer]]:
    """Return the pointers that are configured to follow a branch, and the branch's own."""
    configured = [name for name, followed in app.follow.items() if followed == branch]
    own = _own(ports, app, branch)
    named = [_existing(ports, app, name, branch) for name in configured if name != own.record.name]
    return [own, *named]


def _existing(ports: Ports, app: App, name: str, branch: str) -> Kept[Pointer]:
    kept = reading.kept_pointer(ports, app.name, name)
    return kept or Kept(Pointer(app.name, name, follows=branch, hosts=app.hosts.get(name, ())), 0)


def _own(ports: Ports, app: App, branch: str) -> Kept[Pointer]:
    """A branch that is called like a pointer which does not follow it gets a suffixed one, and never moves that one."""
    plain, suffixed = pointer_candidates(branch)
    kept = _existing(ports, app, plain, branch)
    taken = plain in app.named_pointers() and app.follow.get(plain) != branch
    if not taken and kept.record.follows == branch:
        return kept
    return _existing(ports, app, suffixed, branch)


def _should_move(ports: Ports, pointer: Pointer, version: Version) -> bool:
    """A held pointer stays; an older push that finishes late never moves a pointer back."""
    if pointer.hold and pointer.hold.active(reading.now(ports)):
        return False
    shown = reading.kept_version(ports, pointer.app, pointer.version) if pointer.version else None
    return shown is None or (shown.record.id != version.id and _newer(ports, version, shown.record))


def _newer(ports: Ports, version: Version, shown: Version) -> bool:
    standing = lineages.ordered(ports, version, shown)
    if standing is Order.SAME:
        return version.begun_at > shown.begun_at
    if standing is Order.APART:
        return version.committed_at > shown.committed_at
    return standing is Order.NEWER
