"""Who may see an app's previews: the lock, and links that open one of them for a while."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from ..domain import locks, routes
from ..domain.errors import Busy, InvalidRequest, NothingToShare
from ..domain.json import Json
from ..domain.locks import Access, Lock
from ..domain.names import Addresses, label
from ..domain.references import Kind, parse
from ..domain.times import stamp
from ..ports import Delete, Lost, Ports, Put
from . import keys, reading, receipts, records, references, routing
from .receipts import Receipt

_PASS_S = 60
_SECRET_BYTES = 32
_PASSWORD_BYTES = 16


@dataclass(frozen=True, slots=True)
class Link:
    """An address that opens one preview until a time (ISO 8601)."""

    url: str
    expires_at: str


def lock_of(ports: Ports, app: str) -> Lock:
    """Return an app's lock, or raise NotFound if there is no such app."""
    reading.find_app(ports, app)
    return reading.lock(ports, app).record


def set_access(
    ports: Ports, app: str, access: Access, password: str | None, by: str, receipt: Receipt | None = None
) -> tuple[Lock, str | None]:
    """Say who may see an app's previews; return the lock, and the password, which is shown this once.

    Whatever was set before, links and the password from before it open nothing from now on. A password that is not
    given is made. A repeat under the same idempotency key changes nothing, and returns None for the password.

    Raises:
        InvalidRequest: the password cannot be one, or none is wanted.
    """
    reading.find_app(ports, app)
    wanted = _password(access, password)
    for _ in range(reading.ATTEMPTS):
        if receipts.recall(ports, receipt):
            return reading.lock(ports, app).record, None
        kept = reading.lock(ports, app)
        lock = _next(ports, kept.record, access, wanted, by)
        note = reading.one(ports.ledger, keys.of_pending_lock(app))
        body: dict[str, Json] = {"kind": "lock", "app": app, "at": reading.now(ports)}
        changes = [
            Put(keys.of_lock(app), records.encode(lock), kept.revision),
            Put(keys.of_pending_lock(app), body, note.revision if note else 0),
        ]
        try:
            ports.ledger.commit([*changes, *receipts.changes(ports, receipt)])
        except Lost:
            continue
        settle(ports, app)
        return lock, wanted
    raise Busy("The access to the previews was changed too often at once. Try again.")


def settle(ports: Ports, app: str) -> None:
    """Make the edge ask for what the ledger says; repeatable. Of two writers, the later lock stays."""
    while note := reading.one(ports.ledger, keys.of_pending_lock(app)):
        ports.edge.show([routes.for_lock(reading.lock(ports, app).record)])
        with suppress(Lost):
            ports.ledger.commit([Delete(note.key, note.revision)])


def share(ports: Ports, addresses: Addresses, app: str, reference: str, seconds: int) -> Link:
    """Return a link to what a reference names: to a pointer's own address (`pointer:x`), else to a version's.

    Nothing is recorded of it: it ends by its time, or with the app's lock.

    Raises:
        NothingToShare: everybody may see the app's previews, or there are none.
        InvalidRequest, NotFound, AmbiguousReference: as for any reference.
    """
    secret = lock_of(ports, app).secret
    if secret is None:
        raise NothingToShare(f"Everybody may see the previews of {app}. Lock them first: `pullprod previews link`.")
    name = _named(ports, app, reference)
    address = addresses.url(name, app)
    if address is None:
        raise NothingToShare("Without a preview domain nothing has a preview. Deploy the stack with one.")
    ends = ports.clock.now() + timedelta(seconds=seconds)
    opened = locks.token(secret, label(name, app), int(ends.timestamp()))
    return Link(f"{address}/?{locks.COOKIE}={opened}", stamp(ends))


def pass_for(ports: Ports, app: str, name: str) -> str | None:
    """Return what opens a version's own preview for the next minute, None where nothing is locked."""
    secret = reading.lock(ports, app).record.secret
    ends = int(ports.clock.now().timestamp()) + _PASS_S
    return locks.token(secret, label(name, app), ends) if secret else None


def _named(ports: Ports, app: str, reference: str) -> str:
    parsed = parse(reference)
    if parsed.kind is Kind.POINTER:
        return reading.find_pointer(ports, app, parsed.name).record.name
    version = references.resolve(ports, app, reference)
    routing.ensure(ports, version)
    return version.id


def _password(access: Access, given: str | None) -> str | None:
    if access is not Access.PASSWORD:
        if given is not None:
            raise InvalidRequest("A password goes with the access 'password' only.", where="password")
        return None
    return locks.check_password(given) if given is not None else secrets.token_urlsafe(_PASSWORD_BYTES)


def _next(ports: Ports, before: Lock, access: Access, password: str | None, by: str) -> Lock:
    secret = None if access is Access.PUBLIC else secrets.token_urlsafe(_SECRET_BYTES)
    return replace(
        before,
        access=access,
        generation=before.generation + 1,
        secret=secret,
        login=locks.login(secret, before.app, password) if secret and password else None,
        changed_at=reading.now(ports),
        changed_by=by,
    )
