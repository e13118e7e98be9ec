"""What the application needs of the world outside. All adapters of a port pass the same tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .domain import segments
from .domain.functions import Function
from .domain.hosts import Records
from .domain.json import Json
from .domain.routes import Route


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Where an item stands: a partition that is read as a whole, and an order within it."""

    partition: str
    sort: str


@dataclass(frozen=True, slots=True)
class Item:
    """What stands under a key; `revision` counts its writes from 1."""

    key: Key
    revision: int
    body: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Put:
    """Write `body` if the item is still at revision `expected`; 0 means that it must not exist."""

    key: Key
    body: Mapping[str, Json]
    expected: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item if it is still at revision `expected`."""

    key: Key
    expected: int


@dataclass(frozen=True, slots=True)
class Check:
    """Change nothing, but let nothing else happen either unless the item is still at revision `expected`."""

    key: Key
    expected: int


Change = Put | Delete | Check
MAX_CHANGES = 100


class Lost(Exception):
    """A commit whose expectation did not hold. Nothing was changed.

    `key` is the first that differed, `found` what stood there, None for nothing.
    """

    def __init__(self, key: Key, found: Item | None) -> None:
        super().__init__(f"{key.partition} {key.sort} has changed")
        self.key = key
        self.found = found


class Ledger(Protocol):
    """The durable truth. Reads see every commit that was answered before them."""

    def read(self, keys: Sequence[Key]) -> list[Item | None]:
        """Return the items under `keys`, in their order, None for those that do not exist."""
        ...

    def scan(
        self,
        partition: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 1_000,
    ) -> list[Item]:
        """Return at most `limit` items of a partition whose sort key has the prefix, in order, beyond `after`."""
        ...

    def commit(self, changes: Sequence[Change]) -> None:
        """Make all changes, at most 100 on different keys, or none; durable when it returns.

        Raises:
            Lost: an expectation did not hold.
            StorageFull: there is no room.
            Busy: others kept the ledger, or it gave no answer, for longer than is waited; then it may have been done.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it must stand in the store: key, bytes, SHA-256 in hex, and the headers that it is served with."""

    key: str
    size: int
    sha256: str
    content_type: str
    cache_control: str


@dataclass(frozen=True, slots=True)
class Upload:
    """Leave to send one object's bytes: an HTTP PUT to `url` with exactly these headers."""

    object: StoredObject
    url: str
    headers: Mapping[str, str]


class Store(Protocol):
    """Where bytes lie. Objects never change; other bytes than those announced are refused on the way in."""

    def write(self, obj: StoredObject, body: bytes) -> None:
        """Put a small object whole, replacing one of the same key; StorageFull if there is no room."""
        ...

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if it is not there."""
        ...

    def place(self, objects: Sequence[StoredObject], sources: Mapping[str, str]) -> list[Upload]:
        """Make objects that are missing present from bytes that the store has; return leave to send the others.

        `sources` maps a SHA-256 to the key of an object that has these bytes; if that is gone by now, they are asked
        for. Each content is asked for once: once it has come, it is a source for the others that have it.
        """
        ...

    def missing(self, objects: Sequence[StoredObject]) -> list[StoredObject]:
        """Return those objects that are not present with their size.

        No need to ask for more: the digest in a key fixes the bytes, and others are refused on the way in.
        """
        ...

    def damaged(self, objects: Iterable[StoredObject]) -> list[StoredObject]:
        """Read every byte of `objects` and return those that are absent or are not what their digest says."""
        ...

    def delete(self, *prefixes: str) -> None:
        """Remove every object whose key starts with one of `prefixes`; none left over, no other touched."""
        ...


class Edge(Protocol):
    """What viewers are shown."""

    def mark(self) -> str:
        """Return a mark of how the edge stands now: what is decided after it may be shown without another look."""
        ...

    def show(self, routes: Sequence[Route], since: str | None = None) -> None:
        """Write all records at once, except those whose owner already shows a higher fence under that key.

        `since` is a mark from before the routes were decided: no higher fence stood there then.
        """
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Take records away; keys that have none are no error."""
        ...

    def records(self, keys: Sequence[str]) -> list[str | None]:
        """Return the records under `keys`, in their order, None where there is none."""
        ...

    def crowded(self) -> bool:
        """Tell whether old versions' records may have been taken away to make room: one that is missing is no fault."""
        ...

    def make_room(self) -> int:
        """Take away records that can be spared if the edge is nearly full (`eviction`); return how many that were."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """A function's zip with what it runs with: published once, never changed, shared by all versions that have it.

    `digest` is that of the segment which holds the zip; it names the program among those of one app.
    """

    app: str
    digest: str
    function: Function

    @property
    def key(self) -> str:
        """Return the key under which the store has the zip."""
        return segments.object_key(self.app, self.digest, self.function.zip)


@dataclass(frozen=True, slots=True)
class Alias:
    """What a pointer calls a function, for callers that are not viewers (queues, schedules)."""

    app: str
    function: str
    pointer: str


class Functions(Protocol):
    """Where functions run. Every call may be repeated, also after it was interrupted at any step."""

    def publish(self, program: Program) -> str | None:
        """Make a program callable at an origin of its own; return the origin's host, None while that takes time.

        Raises:
            FunctionRefused: it can never run; the reason says what to change.
        """
        ...

    def remove(self, app: str, function: str, digest: str) -> None:
        """Take a program and its origin away; one that is not there is no error.

        Raises:
            Busy: an alias still shows it.
        """
        ...

    def point(self, alias: Alias, digest: str | None, generation: int) -> None:
        """Make an alias show a published program, None for none, unless it shows a higher generation already."""
        ...

    def pointed(self, alias: Alias) -> str | None:
        """Return the digest of the program that an alias shows, None if there is no such alias."""
        ...


class Worker(Protocol):
    """Finishes what takes longer than a caller should wait for an answer."""

    def wake(self) -> None:
        """Let it begin at once, and return at once; it begins by itself within a minute if this is lost."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered: HTTP status (0: nothing came back) and the version that it said it is."""

    status: int
    version: str | None = None


HERE = "here"


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a host name leads.

    `holder` answers for it: HERE is this edge, another text somebody else, None nobody; `spread` tells whether all of
    the edge knows. `records` are its DNS records and `wanted` those that lead here, both None where DNS is not
    managed; `advice` is then the record that its owner has to create, None if it needs none.
    """

    holder: str | None
    spread: bool
    records: Records | None = None
    wanted: Records | None = None
    advice: str | None = None


class RecordsDiffer(Exception):
    """A name's DNS records were not those that were to be replaced. Nothing was changed."""


class Names(Protocol):
    """Host names: who answers for them, and where DNS sends their viewers."""

    def check(self, hosts: Sequence[str]) -> None:
        """Change nothing, but raise unless the edge can come to answer for every one of `hosts`.

        Raises:
            HostRefused: the certificate does not cover it, or somebody answers for it from whom it cannot be taken.
        """
        ...

    def look(self, hosts: Sequence[str]) -> list[Lead]:
        """Return where each of `hosts` leads, in their order."""
        ...

    def give(self, host: str, holder: str | None) -> None:
        """Let `holder` answer for a name, in the place of whoever does; None lets nobody. Repeatable.

        Raises:
            HostRefused: as `check` does.
        """
        ...

    def replace(self, host: str, old: Records, new: Records) -> str:
        """Replace all DNS records of a name that lead its viewers, at once; return the id of the change.

        Raises:
            RecordsDiffer: they are not exactly `old`.
        """
        ...

    def in_sync(self, change: str) -> bool | None:
        """Tell whether all DNS servers answer by a change; None if it is not known any more: then make it anew."""
        ...


class Probe(Protocol):
    """Asks an address as a viewer would."""

    def get(self, host: str, path: str, share: str | None = None) -> Answer:
        """Return what `host` (with its port) answers for `path`; redirects are not followed.

        `share` opens a locked preview (`locks.token`).
        """
        ...


class Verifier(Protocol):
    """Tells whether a token that a workflow run shows is genuine."""

    def verify(self, token: str) -> Mapping[str, str]:
        """Return the claims of a token that its issuer made for us and that is valid now.

        Raises:
            Unauthenticated: it is not; the fact `reason` says why.
            Busy: the issuer's keys cannot be fetched.
        """
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the time in UTC, with its time zone."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All ports, as the composition root plugged them."""

    ledger: Ledger
    store: Store
    edge: Edge
    names: Names
    functions: Functions
    worker: Worker
    probe: Probe
    clock: Clock
