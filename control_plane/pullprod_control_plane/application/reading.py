"""Reading the ledger in the domain's words. Absent is None, or NotFound where a caller named the thing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..domain.apps import App
from ..domain.errors import InvalidRequest, NotFound
from ..domain.json import Json
from ..domain.locks import Lock
from ..domain.names import check_app
from ..domain.pointers import Pointer
from ..domain.times import stamp
from ..domain.versions import Version
from ..ports import Item, Key, Ledger, Ports
from . import keys, records
from .ahead import Needs, Scan, scanned

T = TypeVar("T")

# How often a compare-and-swap is tried again when others win; each round has a winner, so this many
# callers may want one pointer at the same moment.
ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list, and the cursor of the next part, None at the end."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A record with the revision at which it was read; 0 when it does not exist yet."""

    record: T
    revision: int


def now(ports: Ports) -> str:
    """Return the time as it is recorded."""
    return stamp(ports.clock.now())


def one(ledger: Ledger, key: Key) -> Item | None:
    """Return one item, or None."""
    return ledger.read([key])[0]


def everything(
    ledger: Ledger, partition: str, prefix: str = "", *, newest_first: bool = False, at_once: int = 1_000
) -> Iterator[Item]:
    """Return all items of a partition, `at_once` of them at a time."""
    after: str | None = None
    while True:
        page = ledger.scan(partition, prefix=prefix, newest_first=newest_first, after=after, limit=at_once)
        yield from page
        if len(page) < at_once:
            return
        after = page[-1].key.sort


def needs(app: str) -> Needs:
    """Return what is read of an app; nothing if its name cannot be any."""
    try:
        return Needs([keys.of_app(check_app(app))])
    except InvalidRequest:
        return Needs()


def find_app(ports: Ports, name: str) -> App:
    """Return an app, or raise NotFound."""
    return kept_app(ports, name).record


def kept_app(ports: Ports, name: str) -> Kept[App]:
    """Return an app with its revision, or raise NotFound."""
    item = one(ports.ledger, keys.of_app(name))
    if item is None:
        raise NotFound(f"There is no app {name[:80]!r}. Create it with `pullprod app create`.", app=name[:80])
    return Kept(records.app(item.body), item.revision)


def kept_version(ports: Ports, app: str, version: str) -> Kept[Version] | None:
    """Return a version with its revision, or None."""
    item = one(ports.ledger, keys.of_version(app, version))
    return Kept(records.version(item.body), item.revision) if item else None


def find_version(ports: Ports, app: str, version: str) -> Kept[Version]:
    """Return a version with its revision, or raise NotFound."""
    kept = kept_version(ports, app, version)
    if kept is None:
        raise NotFound(f"{app} has no version {version[:80]!r}.", version=version[:80])
    return kept


def kept_pointer(ports: Ports, app: str, name: str) -> Kept[Pointer] | None:
    """Return a pointer with its revision, or None."""
    item = one(ports.ledger, keys.of_pointer(app, name))
    return Kept(records.pointer(item.body), item.revision) if item else None


def find_pointer(ports: Ports, app: str, name: str) -> Kept[Pointer]:
    """Return a pointer with its revision, or raise NotFound."""
    kept = kept_pointer(ports, app, name)
    if kept is None:
        raise NotFound(f"{app} has no pointer {name[:80]!r}.", pointer=name[:80])
    return kept


def lock(ports: Ports, app: str) -> Kept[Lock]:
    """Return the lock of an app's previews with its revision; one that was never set is public."""
    item = one(ports.ledger, keys.of_lock(app))
    return Kept(records.lock(item.body), item.revision) if item else Kept(Lock(app), 0)


def pointers(ports: Ports, app: str) -> list[Pointer]:
    """Return all pointers of an app, by name, also those that are retired."""
    return [kept.record for kept in kept_pointers(ports, app)]


def kept_pointers(ports: Ports, app: str) -> list[Kept[Pointer]]:
    """Return all pointers of an app with their revisions, by name."""
    items = everything(ports.ledger, keys.contents(app), keys.POINTER)
    return [Kept(records.pointer(item.body), item.revision) for item in items]


def versions(ports: Ports, app: str) -> list[Version]:
    """Return all versions of an app, newest first."""
    items = everything(ports.ledger, keys.contents(app), keys.VERSION)
    return sorted((records.version(item.body) for item in items), key=lambda v: v.begun_at, reverse=True)


def segments(ports: Ports, version: Version) -> dict[str, Item]:
    """Return the ledger's items of the segments that a version is stored in, by digest; empty segments have none."""
    items = ports.ledger.read([keys.of_segment(version.app, digest) for digest in dict.fromkeys(version.digests)])
    return {keys.digest_of(item.key): item for item in items if item}


def page(ledger: Ledger, scan: Scan, read: Callable[[Mapping[str, Json]], T], start: str | None) -> Page[T]:
    """Return the page of the records in a partition that begins at a cursor, None for the first."""
    items = scanned(ledger, scan, position(start))
    more = cursor(items[-1].key.sort) if len(items) == scan.limit else None
    return Page([read(item.body) for item in items], more)


def cursor(sort: str) -> str:
    """Return an opaque cursor for what comes after a sort key."""
    return base64.urlsafe_b64encode(sort.encode()).decode()


def position(text: str | None) -> str | None:
    """Return the sort key that a cursor stands for, None for the beginning, or raise InvalidRequest."""
    if not text:
        return None
    try:
        return base64.b64decode(text.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest("The cursor is not one that a list returned.", where="cursor") from None
