"""Reading ahead: what a request is going to need one by one is read at once, so that it waits for few answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from ..ports import Change, Item, Key, Ledger, Ports

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scan:
    """The first part of a partition, as `Ledger.scan` returns it."""

    partition: str
    prefix: str = ""
    newest_first: bool = False
    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request is going to read of the ledger, as far as it is known from the request alone."""

    keys: Sequence[Key] = ()
    scan: Scan | None = None


class _Ahead:
    """A ledger that answers what was read ahead from memory, until something is committed through it, or refused."""

    def __init__(self, ledger: Ledger, items: Mapping[Key, Item | None], scans: Mapping[Scan, list[Item]]) -> None:
        self._ledger = ledger
        self._items = dict(items)
        self._scans = dict(scans)

    def read(self, keys: Sequence[Key]) -> list[Item | None]:
        others = [key for key in keys if key not in self._items]
        found = dict(zip(others, self._ledger.read(others), strict=True)) if others else {}
        return [self._items[key] if key in self._items else found[key] for key in keys]

    def scan(
        self,
        partition: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 1_000,
    ) -> list[Item]:
        known = self._scans.get(Scan(partition, prefix, newest_first, limit)) if after is None else None
        if known is not None:
            return known
        return self._ledger.scan(partition, prefix=prefix, newest_first=newest_first, after=after, limit=limit)

    def commit(self, changes: Sequence[Change]) -> None:
        self._items.clear()
        self._scans.clear()
        self._ledger.commit(changes)


def read(ports: Ports, needs: Needs) -> Ports:
    """Return ports whose ledger has read what is needed, as of now: it is right until the first commit.

    What is decided upon it has to be committed under the condition that it still stands.
    """
    keys, scan, ledger = list(dict.fromkeys(needs.keys)), needs.scan, ports.ledger
    if scan is None:
        return replace(ports, ledger=_Ahead(ledger, dict(zip(keys, ledger.read(keys), strict=True)), {}))
    items, listed = together(lambda: ledger.read(keys), lambda: scanned(ledger, scan))
    return replace(ports, ledger=_Ahead(ledger, dict(zip(keys, items, strict=True)), {scan: listed}))


def scanned(ledger: Ledger, scan: Scan, after: str | None = None) -> list[Item]:
    """Return what a scan finds beyond a sort key."""
    return ledger.scan(
        scan.partition, prefix=scan.prefix, newest_first=scan.newest_first, after=after, limit=scan.limit
    )


def together(first: Callable[[], S], second: Callable[[], T]) -> tuple[S, T]:
    """Make two calls at the same time, and return what both return; if both fail, the first one's error is raised."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as beside:
        waiting = beside.submit(second)
        return first(), waiting.result()
