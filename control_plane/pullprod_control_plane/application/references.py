"""Resolving a reference to a version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from ..domain.errors import AmbiguousReference, InvalidRequest, NotFound
from ..domain.references import Kind, Reference, parse
from ..domain.versions import State, Version
from ..ports import Item, Ports
from . import keys, reading, records
from .ahead import Needs, Scan, scanned
from .reading import Kept

_LOOKED_AT = 200
_LIKELY_ENOUGH = 10  # Newest first, one of the first few is ready.
_INDEXES: Mapping[Kind, Callable[[str, str], str]] = {Kind.BRANCH: keys.branch, Kind.TAG: keys.tag}


def resolve(ports: Ports, app: str, text: str) -> Version:
    """Return the version that `text` names; of several, the newest that is ready, else the newest.

    Raises:
        InvalidRequest: the text is no reference.
        NotFound: nothing has that name.
        AmbiguousReference: a commit prefix fits several commits.
    """
    return kept(ports, app, text).record


def kept(ports: Ports, app: str, text: str) -> Kept[Version]:
    """Return the version that `text` names with its revision; as `resolve`."""
    newest: Kept[Version] | None = None
    for name in _names(ports, app, parse(text)):
        found = reading.kept_version(ports, app, name)
        if found and found.record.state is State.READY:
            return found
        newest = newest or found
    if newest is None:
        raise NotFound(f"Nothing in {app} is called {text[:80]!r}.", reference=text[:80])
    return newest


def needs(app: str, text: str) -> Needs:
    """Return what `likely` reads; nothing if the text is no reference."""
    try:
        reference = parse(text)
    except InvalidRequest:
        return Needs()
    if reference.kind is Kind.COMMIT:
        return Needs(scan=_of_commit(app, reference.name))
    if reference.kind in _INDEXES:
        return Needs(scan=Scan(_INDEXES[reference.kind](app, reference.name), newest_first=True, limit=_LIKELY_ENOUGH))
    return Needs([keys.of_pointer(app, reference.name)] if reference.kind is Kind.POINTER else [])


def likely(ports: Ports, app: str, text: str) -> list[str]:
    """Return the id of the version that `text` most likely names, none if it is known already that there is none."""
    return list(islice(_names(ports, app, parse(text)), 1))


def _names(ports: Ports, app: str, reference: Reference) -> Iterator[str]:
    """Yield the ids of the versions that are meant, the best first."""
    if reference.kind is Kind.COMMIT:
        yield from _by_commit(ports, app, reference.name)
    elif reference.kind in _INDEXES:
        yield from _listed(ports, _INDEXES[reference.kind](app, reference.name))
    elif reference.kind is Kind.VERSION:
        yield reference.name
    elif (pointer := reading.kept_pointer(ports, app, reference.name)) and pointer.record.version:
        yield pointer.record.version


def _listed(ports: Ports, partition: str) -> Iterator[str]:
    """Yield those that are behind a version of a newer commit after all others."""
    behind: list[str] = []
    for entry in reading.everything(ports.ledger, partition, newest_first=True, at_once=_LIKELY_ENOUGH):
        if is_behind(entry):
            behind.append(str(entry.body["id"]))
        else:
            yield str(entry.body["id"])
    yield from behind


def is_behind(entry: Item) -> bool:
    """Tell whether a version of a newer commit was begun before the one of an entry, and is ready."""
    return bool(entry.body.get("behind"))


def _by_commit(ports: Ports, app: str, prefix: str) -> list[str]:
    found = versions_of(ports, app, prefix)
    if len({version.commit for version in found}) > 1:
        ids = [version.id for version in found[:20]]
        raise AmbiguousReference(
            f"{prefix} fits several commits: give more digits, or one of {', '.join(ids[:5])}.",
            candidates=ids,
        )
    best_first = sorted(found, key=lambda version: (version.state is State.READY, version.begun_at), reverse=True)
    return [version.id for version in best_first]


def versions_of(ports: Ports, app: str, commit: str) -> list[Version]:
    """Return the versions, at most 200, whose commit starts with `commit`."""
    items = scanned(ports.ledger, _of_commit(app, commit))
    return [found for found in (records.version(item.body) for item in items) if found.commit.startswith(commit)]


def _of_commit(app: str, commit: str) -> Scan:
    return Scan(keys.contents(app), prefix=keys.VERSION + commit[: keys.COMMIT_IN_ID], limit=_LOOKED_AT)
