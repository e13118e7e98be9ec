"""Creating and configuring apps; the hosts and the followed branches of their pointers change with it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast

from ..domain import apps
from ..domain.apps import App, DriftSetting, Retention
from ..domain.errors import Busy, NameTaken, PayloadTooLarge, StaleApp
from ..domain.hosts import claimed
from ..domain.json import Json
from ..domain.names import PRODUCTION, check_app
from ..domain.pointers import Pointer
from ..domain.trust import Rule
from ..ports import Change, Item, Lost, Ports, Put
from . import keys, naming, reading, records, routing
from .ahead import Scan
from .reading import Kept, Page

MAX_HOSTS = 25
MAX_NAMED_POINTERS = 25


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configuration as a caller gives it; what is left out takes its default."""

    hosts: Mapping[str, tuple[str, ...]]
    follow: Mapping[str, str]
    main: str
    lineage: Mapping[str, str]
    retention: Retention
    drift: DriftSetting = "repair"
    trust: tuple[Rule, ...] = ()


def listed(ports: Ports, limit: int, cursor: str | None) -> Page[App]:
    """Return a page of apps, by name."""
    return reading.page(ports.ledger, Scan(keys.APPS, limit=limit), records.app, cursor)


def configure(ports: Ports, name: str, wanted: Wanted, expected: int | None = None) -> tuple[App, bool]:
    """Create the app, or give it this configuration; return it, and whether it is new.

    `expected` is the revision that the caller saw, 0 for none; None takes whatever is current.

    Raises:
        StaleApp: it is at another revision.
        InvalidRequest, PayloadTooLarge: the configuration cannot be meant.
        NameTaken: a host belongs to another app.
    """
    check_app(name)
    for _ in range(reading.ATTEMPTS):
        try:
            app, created = _commit(ports, name, wanted, expected)
        except Lost:
            continue
        settle(ports, name)
        return app, created
    raise Busy("The app was configured too often at once. Try again.")


def _commit(ports: Ports, name: str, wanted: Wanted, expected: int | None) -> tuple[App, bool]:
    item = reading.one(ports.ledger, keys.of_app(name))
    if expected not in {None, item.revision if item else 0}:
        raise StaleApp(f"The configuration of {name} has changed since you read it. Read it again, and decide anew.")
    before = records.app(item.body) if item else None
    app = _app(ports, name, before, wanted)
    apps.check(app)
    _check_size(app)
    changes: list[Change] = [Put(keys.of_app(name), records.encode(app), item.revision if item else 0)]
    changes += _claims(ports, app) + _pointers(ports, before, app)
    note = reading.one(ports.ledger, keys.of_pending_hosts(name))
    leaving = _leaving(before, app, note)
    body: dict[str, Json] = {"kind": "hosts", "app": name, "leaving": leaving, "at": reading.now(ports)}
    ports.ledger.commit([*changes, Put(keys.of_pending_hosts(name), body, note.revision if note else 0)])
    return app, item is None


def _app(ports: Ports, name: str, before: App | None, wanted: Wanted) -> App:
    now = reading.now(ports)
    return App(
        name=name,
        created_at=before.created_at if before else now,
        updated_at=now,
        hosts=dict(wanted.hosts),
        follow=dict(wanted.follow),
        main=wanted.main,
        lineage=dict(wanted.lineage),
        retention=wanted.retention,
        drift=wanted.drift,
        trust=wanted.trust,
    )


def _check_size(app: App) -> None:
    """All of it changes in one transaction, which has room for 100 changes."""
    if len(_hosts(app)) > MAX_HOSTS or len(app.named_pointers()) > MAX_NAMED_POINTERS:
        raise PayloadTooLarge(f"An app has at most {MAX_HOSTS} hosts and {MAX_NAMED_POINTERS} configured pointers.")


def _hosts(app: App) -> dict[str, str]:
    return {host: pointer for pointer, hosts in app.hosts.items() for host in hosts}


def _claims(ports: Ports, app: App) -> list[Change]:
    hosts = _hosts(app)
    items = ports.ledger.read([keys.of_host(host) for host in hosts])
    claims: list[Change] = []
    new: list[str] = []
    for (host, pointer), item in zip(hosts.items(), items, strict=True):
        if item and item.body["app"] != app.name:
            detail = f"{host} still belongs to another app. Remove it there first; letting it go can take minutes."
            raise NameTaken(detail, host=host)
        known = records.claim(item.body) if item else None
        claim = claimed(known, host, app.name, pointer)
        if claim != known:
            claims.append(Put(keys.of_host(host), records.encode(claim), item.revision if item else 0))
        if known is None:
            new.append(host)
    ports.names.check(new)
    return claims


def _pointers(ports: Ports, before: App | None, app: App) -> list[Change]:
    """Production exists from the start, so that its name is taken and it can be looked at."""
    names = sorted(app.named_pointers() | (before.named_pointers() if before else frozenset()) | {PRODUCTION})
    changes: list[Change] = []
    for name in names:
        kept = reading.kept_pointer(ports, app.name, name) or Kept(Pointer(app.name, name), 0)
        changed = replace(kept.record, hosts=app.hosts.get(name, ()), follows=app.follow.get(name))
        if changed != kept.record or kept.revision == 0:
            changes.append(Put(keys.of_pointer(app.name, name), records.encode(changed), kept.revision))
    return changes


def _leaving(before: App | None, app: App, note: Item | None) -> list[str]:
    """Hosts to take away: those of the old configuration, and those that an interrupted change left over."""
    left = set(_hosts(before)) if before else set()
    if note:
        left |= set(cast("list[str]", note.body["leaving"]))
    return sorted(left - set(_hosts(app)))


def settle(ports: Ports, name: str) -> None:
    """Make the edge show an app's hosts as they are configured, then see to their names. Repeatable."""
    moving: list[str] = []
    while note := reading.one(ports.ledger, keys.of_pending_hosts(name)):
        app = reading.find_app(ports, name)
        for pointer in sorted(app.named_pointers()):
            kept = reading.kept_pointer(ports, name, pointer)
            if kept:
                routing.show_pointer(ports, kept.record)
        with suppress(Lost):
            moving += naming.begin(ports, app, note)
    for host in dict.fromkeys(moving):
        naming.try_to_settle(ports, host)
