"""The versions that likely share files with one that is published: of its branch, in production, of the app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Relatives:
    """Yields them, at most three, as often as it is asked; what was read once is not read again."""

    _rest: Iterator[Relative]
    _known: list[Relative] = field(default_factory=list)

    def __iter__(self) -> Iterator[Relative]:
        """Yield the likeliest first."""
        at = 0
        while at < len(self._known) or self._grows():
            yield self._known[at]
            at += 1

    def _grows(self) -> bool:
        relative = next(self._rest, None)
        if relative is not None:
            self._known.append(relative)
        return relative is not None


def of(ports: Ports, app: str, branch: str | None) -> Relatives:
    """Return the relatives of what is published to a branch; nothing is read before it is asked for."""
    return Relatives(_found(ports, app, branch))


def _found(ports: Ports, app: str, branch: str | None) -> Iterator[Relative]:
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
