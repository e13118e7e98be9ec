"""The versions that likely share files with one that is published: of its branch, in production, of the app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..domain.errors import NotFound
from ..domain.manifests import File
from ..domain.names import PRODUCTION
from ..domain.versions import State, Version
from ..ports import Ports
from . import ahead, contents, keys, reading, records
from .ahead import Needs, Scan

_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class Relative:
    """A version that is ready, and its files."""

    version: Version
    files: tuple[File, ...]


def of(ports: Ports, app: str, branch: str | None) -> Iterator[Relative]:
    """Yield the relatives of what is published to a branch, at most three, the likeliest first."""
    for version in _versions(ports, app, branch):
        with suppress(NotFound):  # Pruned since.
            yield Relative(version, contents.files(ports, version))


def _versions(ports: Ports, app: str, branch: str | None) -> Iterator[Version]:
    timeline = Scan(keys.timeline(app), newest_first=True, limit=_LOOKED_AT)
    ports = ahead.read(ports, Needs([keys.of_pointer(app, PRODUCTION)], timeline))
    production = reading.kept_pointer(ports, app, PRODUCTION)
    candidates = [
        _newest(ports, keys.branch(app, branch)) if branch else [],
        [production.record.version] if production and production.record.version else [],
        _newest(ports, keys.timeline(app)),
    ]
    names = list(dict.fromkeys(name for group in candidates for name in group))
    items = ports.ledger.read([keys.of_version(app, name) for name in names])
    known = {found.id: found for found in (records.version(item.body) for item in items if item)}
    seen = set()
    for group in candidates:
        ready = next((known[n] for n in group if n in known and known[n].state is State.READY), None)
        if ready and ready.id not in seen:
            seen.add(ready.id)
            yield ready


def _newest(ports: Ports, partition: str) -> list[str]:
    entries = ports.ledger.scan(partition, newest_first=True, limit=_LOOKED_AT)
    return [str(entry.body["id"]) for entry in entries]
