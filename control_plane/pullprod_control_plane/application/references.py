"""Resolving a reference to a version."""

from __future__ import annotations

from ..domain.errors import AmbiguousReference, NotFound
from ..domain.references import Kind, Reference, parse
from ..domain.versions import State, Version
from ..ports import Ports
from . import keys, reading, records

_COMMIT_IN_ID = 12
_LOOKED_AT = 200
_LIKELY_ENOUGH = 10  # Newest first, one of the first few is ready.


def resolve(ports: Ports, app: str, text: str) -> Version:
    """Return the version that `text` names; of several, the newest that is ready, else the newest.

    Raises:
        InvalidRequest: the text is no reference.
        NotFound: nothing has that name.
        AmbiguousReference: a commit prefix fits several commits.
    """
    reference = parse(text)
    found = _candidates(ports, app, reference)
    if not found:
        raise NotFound(f"Nothing in {app} is called {text[:80]!r}.", reference=text[:80])
    ready = [version for version in found if version.state is State.READY]
    return max(ready or found, key=lambda version: version.begun_at)


def _candidates(ports: Ports, app: str, reference: Reference) -> list[Version]:
    if reference.kind is Kind.COMMIT:
        return _by_commit(ports, app, reference.name)
    if reference.kind is Kind.BRANCH:
        return listed(ports, app, keys.branch(app, reference.name))
    if reference.kind is Kind.TAG:
        return listed(ports, app, keys.tag(app, reference.name))
    name: str | None = reference.name
    if reference.kind is Kind.POINTER:
        pointer = reading.kept_pointer(ports, app, reference.name)
        name = pointer.record.version if pointer else None
    kept = reading.kept_version(ports, app, name) if name else None
    return [kept.record] if kept else []


def _by_commit(ports: Ports, app: str, prefix: str) -> list[Version]:
    found = versions_of(ports, app, prefix)
    if len({version.commit for version in found}) > 1:
        ids = [version.id for version in found[:20]]
        raise AmbiguousReference(
            f"{prefix} fits several commits: give more digits, or one of {', '.join(ids[:5])}.",
            candidates=ids,
        )
    return found


def versions_of(ports: Ports, app: str, commit: str) -> list[Version]:
    """Return the versions, at most 200, whose commit starts with `commit`."""
    start = keys.VERSION + commit[:_COMMIT_IN_ID]
    items = ports.ledger.scan(keys.contents(app), prefix=start, limit=_LOOKED_AT)
    return [found for found in (records.version(item.body) for item in items) if found.commit.startswith(commit)]


def listed(ports: Ports, app: str, partition: str) -> list[Version]:
    """Return the newest versions of an index partition, newest first, down to the first that is ready."""
    versions: list[Version] = []
    for entry in reading.everything(ports.ledger, partition, newest_first=True, at_once=_LIKELY_ENOUGH):
        kept = reading.kept_version(ports, app, str(entry.body["id"]))
        if kept:
            versions.append(kept.record)
            if kept.record.state is State.READY:
                break
    return versions
