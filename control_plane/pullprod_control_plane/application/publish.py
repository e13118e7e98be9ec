"""Publishing: announce a manifest, send what is missing, finalize."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee

from ..domain import manifests, routes
from ..domain.errors import Busy, InvalidRequest
from ..domain.manifests import Manifest
from ..domain.names import Addresses
from ..domain.roles import Caller
from ..domain.versions import State, Version, require_ready
from ..ports import Change, Delete, Lost, Ports, Put, StoredObject, Upload
from . import (
    ahead,
    branches,
    contents,
    follow,
    health,
    keys,
    layouts,
    lineages,
    programs,
    reading,
    records,
    relatives,
    routing,
    transfer,
)
from .ahead import Needs
from .layouts import Layout
from .reading import Kept, Page
from .relatives import Relative
from .states import COMPLETE


@dataclass(frozen=True, slots=True)
class Begun:
    """An announced version. `missing` lists the objects whose bytes the store does not have, each content once."""

    version: Version
    created: bool
    uploads: Page[Upload]
    missing: list[StoredObject]


def begin(ports: Ports, addresses: Addresses, app: str, caller: Caller, manifest: Manifest) -> Begun:
    """Record a version and return leave to upload what is missing; the same manifest again continues.

    Raises:
        InvalidRequest, PayloadTooLarge: the manifest cannot be published.
        VersionNotReady: the version was revoked, or is being retired at this moment.
    """
    manifests.check(manifest)
    routes.check(app, manifest.site, manifest.functions)
    ports = ahead.read(ports, _needs(app, manifest.version_id()))
    configured = reading.find_app(ports, app)
    for _ in range(reading.ATTEMPTS):
        kept = reading.kept_version(ports, app, manifest.version_id())
        kin, again = tee(relatives.of(ports, app, manifest.commit.branch))
        try:
            version, new = _announced(ports, app, caller, manifest, kept, kin)
            if kept and new is None:
                follow.wait(ports, kept, manifest.commit.branch, caller)
        except Lost:
            continue
        if version.state is State.READY:
            follow.adopt(ports, addresses, configured, version, manifest.commit.branch, caller)
            return Begun(version, new is not None, Page([], None), [])
        plan = transfer.plan(ports, version, manifest.files, new or frozenset(), again)
        return Begun(version, new is not None, plan.page, plan.missing)
    raise Busy("Too many publishes of this app at once. Try again.")


def uploads(ports: Ports, app: str, version_id: str, cursor: str | None) -> Page[Upload]:
    """Return the next page of leave to upload; without a cursor, afresh for everything that is still missing."""
    version = reading.find_version(ports, app, version_id).record
    if version.state is not State.UPLOADING:
        return Page([], None)
    return transfer.page(ports, version, reading.position(cursor))


def finalize(ports: Ports, addresses: Addresses, app: str, version_id: str, caller: Caller) -> Version:
    """Make a version ready once all its bytes are there, and let the pointers that follow its branch move to it.

    It is returned as `preparing` if that takes longer than a caller should wait: then the worker finishes it.

    Raises:
        UploadIncomplete: bytes are missing.
        FunctionRefused: one of its functions can never run.
        VersionNotReady: the version was retired or revoked.
    """
    version = advance(ports, addresses, app, version_id, caller)
    if version.state is State.PREPARING:
        ports.worker.wake()
    return version


def advance(ports: Ports, addresses: Addresses, app: str, version_id: str, caller: Caller) -> Version:
    """Take a version as far as it goes without waiting. Repeatable, also after a crash at any step; as `finalize`."""
    configured = reading.find_app(ports, app)
    prepared: Kept[Version] | None = None
    for _ in range(reading.ATTEMPTS):
        kept = prepared or reading.find_version(ports, app, version_id)
        prepared = None
        try:
            if kept.record.state is State.UPLOADING:
                prepared = _prepare(ports, kept, caller)
            elif kept.record.state is State.PREPARING:
                served = _served(ports, addresses, kept)
                if served:
                    ready = follow.release(ports, addresses, configured, served, caller)
                    follow.settle(ports, addresses, configured, ready)
                    return ready
                if (reached := reading.find_version(ports, app, version_id).record).state is State.PREPARING:
                    return reached
            else:
                require_ready(kept.record)
                follow.settle(ports, addresses, configured, kept.record)
                return kept.record
        except Lost:
            continue
    raise Busy(f"Version {version_id} changed too often while it was finalized. Try again.")


def _needs(app: str, version: str) -> Needs:
    return Needs([keys.of_app(app), keys.of_version(app, version), keys.of_lineage(app, version)])


def _announced(
    ports: Ports, app: str, caller: Caller, manifest: Manifest, kept: Kept[Version] | None, kin: Iterator[Relative]
) -> tuple[Version, frozenset[str] | None]:
    """Return the version, recorded anew unless it was known already and not retired.

    If it was, the digests of those segments come with it that nothing can have been sent to before.
    """
    if kept is None:
        return _record(ports, app, caller, manifest, kin, revision=0)
    if kept.record.digest != manifest.digest() or kept.record.commit != manifest.commit.sha:
        raise InvalidRequest(f"The id {kept.record.id} already belongs to other content. Commit again to get another.")
    if kept.record.state is State.RETIRED:
        return _record(ports, app, caller, manifest, kin, revision=kept.revision)
    if kept.record.state in {State.RETIRING, State.REVOKED}:
        require_ready(kept.record)
    return kept.record, None


def _record(
    ports: Ports, app: str, caller: Caller, manifest: Manifest, kin: Iterator[Relative], revision: int
) -> tuple[Version, frozenset[str]]:
    layout = layouts.choose(ports, app, manifest, kin)
    version = _version(ports, app, caller.principal, manifest, layout)
    changes = [
        Put(keys.of_version(app, version.id), records.encode(version), revision),
        *lineages.recorded(ports, app, manifest.commit),
        *branches.index(version, manifest.commit.branch, caller),
        *layout.claims,
    ]
    _commit_with_manifest(ports, version, manifest, changes)
    return version, frozenset(keys.digest_of(claim.key) for claim in layout.claims if not claim.expected)


def _commit_with_manifest(ports: Ports, version: Version, manifest: Manifest, changes: Sequence[Change]) -> None:
    """Store the manifest, then record the version. By the note, prune finds what a crash between them leaves."""
    note = keys.of_begun(version.app, version.id, version.begun_at)
    ports.ledger.commit([Put(note, {}, 0)])
    contents.keep(ports, version, manifest)
    try:
        ports.ledger.commit([*changes, Delete(note, 1)])
    except Lost:
        contents.drop(ports, version.app, version.id, version.begun_at)
        ports.ledger.commit([Delete(note, 1)])
        raise


def _version(ports: Ports, app: str, by: str, manifest: Manifest, layout: Layout) -> Version:
    commit = manifest.commit
    return Version(
        id=manifest.version_id(),
        app=app,
        commit=commit.sha,
        branch=commit.branch,
        message=commit.message,
        author=commit.author,
        committed_at=commit.committed_at,
        begun_at=reading.now(ports),
        published_by=by,
        state=State.UPLOADING,
        files=len(manifest.files),
        bytes=sum(file.size for file in manifest.files) + sum(function.size for function in manifest.functions),
        segments=layout.segments,
        patch=layout.patch,
        digest=manifest.digest(),
        site=manifest.site,
        health=manifest.health,
        tags=commit.tags,
        dirty=commit.dirty,
        functions=manifest.functions,
        zips=layout.zips,
    )


def _prepare(ports: Ports, kept: Kept[Version], caller: Caller) -> Kept[Version]:
    """Verify that every byte is there, then say so: of the version, and of each segment that it completes."""
    version = kept.record
    items = reading.segments(ports, version)
    transfer.require(ports, version, items)
    completed = [
        Put(item.key, {**item.body, "state": COMPLETE}, item.revision)
        for item in items.values()
        if item.body["state"] != COMPLETE
    ]
    preparing = replace(version, state=State.PREPARING)
    note = {"kind": "version", "app": version.app, "version": version.id, **follow.noted(ports, caller)}
    ports.ledger.commit(
        [
            Put(keys.of_version(version.app, version.id), records.encode(preparing), kept.revision),
            Put(keys.of_pending_version(version.app, version.id), note, 0),
            *completed,
        ]
    )
    return Kept(preparing, kept.revision + 1)


def _served(ports: Ports, addresses: Addresses, kept: Kept[Version]) -> Kept[Version] | None:
    """Return the version once its functions are published and its own address answers with it, None before."""
    settled = programs.settle(ports, kept)
    if settled is None:
        return None
    routing.show_version(ports, settled.record.app, settled.record.id, settled)
    return settled if health.serves(ports, addresses, settled.record) else None
