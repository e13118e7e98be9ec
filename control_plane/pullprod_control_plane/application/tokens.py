"""Tokens: made, listed, rotated, revoked, recognised. Only half of their SHA-256 is kept, as their id."""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from ..domain import credentials
from ..domain.credentials import Prefix
from ..domain.errors import Busy, InvalidRequest, NotFound, PullprodError, Unauthenticated
from ..domain.names import check_app, check_pointer
from ..domain.roles import Role, Token
from ..domain.times import parse, stamp
from ..ports import Key, Lost, Ports, Put
from . import keys, reading, receipts, records
from .ahead import Scan
from .reading import Kept, Page
from .receipts import Receipt

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,62}")
MAX_DAYS = 366
MAX_GRACE_HOURS = 168
_USE_NOTED_EVERY = timedelta(hours=1)
_CHANGED_TOO_OFTEN = "The token changed too often at once. Try again."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token as a caller asks for it; empty `apps` or `pointers` mean all. None days: it does not expire."""

    name: str
    role: Role
    apps: tuple[str, ...]
    pointers: tuple[str, ...]
    expires_in_days: int | None


_ADMIN = Wanted("admin", Role.ADMIN, (), (), None)


def create(ports: Ports, wanted: Wanted, receipt: Receipt | None = None) -> tuple[Token, str | None]:
    """Return a new token's record and the token itself, which is shown this once.

    A repeat under the same idempotency key returns the same record, and None for the token.
    """
    _check(wanted)
    if body := receipts.recall(ports, receipt):
        return _find(ports, str(body["token"])).record, None
    token, secret = _new(ports, wanted)
    try:
        ports.ledger.commit([put(token), *receipts.changes(ports, receipt, token=token.id)])
    except Lost:
        return create(ports, wanted, receipt)
    return token, secret


def first_admin(ports: Ports) -> str | None:
    """Return an admin token if none was ever made, else None; of several callers at once, one gets it."""
    token, secret = _new(ports, _ADMIN)
    try:
        ports.ledger.commit([Put(keys.OF_FIRST_ADMIN, {"id": token.id}, 0), put(token)])
    except Lost:
        return None
    return secret


def another_admin(ports: Ports) -> str | None:
    """Return a new admin token, for an owner of the machine who has none any more."""
    return create(ports, _ADMIN)[1]


def listed(ports: Ports, limit: int, cursor: str | None) -> Page[Token]:
    """Return a page of tokens' records."""
    return reading.page(ports.ledger, Scan(keys.TOKENS, limit=limit), records.token, cursor)


def revoke(ports: Ports, token_id: str) -> Token:
    """Make a token worthless from the next request on; repeatable."""
    for _ in range(reading.ATTEMPTS):
        kept = _find(ports, token_id)
        if kept.record.revoked_at:
            return kept.record
        revoked = replace(kept.record, revoked_at=reading.now(ports))
        try:
            ports.ledger.commit([_changed(revoked, kept)])
        except Lost:
            continue
        return revoked
    raise Busy(_CHANGED_TOO_OFTEN)


def rotate(ports: Ports, token_id: str, grace_hours: int, receipt: Receipt | None = None) -> tuple[Token, str | None]:
    """Return the record of a token that takes the place of another, and the token itself, which is shown this once.

    It has the same name, role and limits, and lasts as long from now on as the other did. The other ends after
    `grace_hours`, 0 to 168, at once with 0. A repeat under the same idempotency key returns None for the token.

    Raises:
        InvalidRequest: the other has ended, or was replaced before.
    """
    if not 0 <= grace_hours <= MAX_GRACE_HOURS:
        raise InvalidRequest(f"The old token may go on for 0 to {MAX_GRACE_HOURS} hours.", where="grace_hours")
    for _ in range(reading.ATTEMPTS):
        if body := receipts.recall(ports, receipt):
            return _find(ports, str(body["token"])).record, None
        kept = _find(ports, token_id)
        new, secret = _successor(ports, kept.record)
        ends = min(filter(None, [kept.record.expires_at, stamp(ports.clock.now() + timedelta(hours=grace_hours))]))
        ending = _changed(replace(kept.record, expires_at=ends, replaced_by=new.id), kept)
        try:
            ports.ledger.commit([ending, put(new), *receipts.changes(ports, receipt, token=new.id)])
        except Lost:
            continue
        return new, secret
    raise Busy(_CHANGED_TOO_OFTEN)


def _successor(ports: Ports, old: Token) -> tuple[Token, str]:
    if _over(ports, old) or old.replaced_by:
        raise InvalidRequest(f"The token {old.name!r} has ended or was replaced: create a new one.", where="token_id")
    now = ports.clock.now()
    lived = parse(old.expires_at, "expires_at") - parse(old.created_at, "created_at") if old.expires_at else None
    secret = new_secret(Prefix.API)
    expires_at = stamp(now + lived) if lived else None
    return replace(old, id=id_of(secret), created_at=stamp(now), expires_at=expires_at, last_used_at=None), secret


def note_use(ports: Ports, token: Token) -> None:
    """Record that an API token was used, unless it is recorded that it was within the hour.

    To be called when the work is done: no use waits for this, and none fails by it.
    """
    fresh = stamp(ports.clock.now() - _USE_NOTED_EVERY)
    if token.claims or (token.last_used_at or "") > fresh:
        return
    with suppress(Lost, PullprodError):  # Whoever was faster noted a use, or revoked the token.
        kept = _find(ports, token.id)
        ports.ledger.commit([_changed(replace(kept.record, last_used_at=reading.now(ports)), kept)])


def authenticate(ports: Ports, secret: str | None) -> Token:
    """Return the record of the token that a caller showed.

    It is found by its SHA-256, so that nothing about it can be learned from how long the search takes.

    Raises:
        Unauthenticated: there is none, or it is unknown, expired or revoked; which of these is not told.
    """
    where = known_by(secret)
    item = reading.one(ports.ledger, where) if where else None
    token = records.token(item.body) if item else None
    if token is None or _over(ports, token):
        raise Unauthenticated("Send a token that is known, not expired and not revoked: Authorization: Bearer pp_…")
    return token


def _over(ports: Ports, token: Token) -> bool:
    return bool(token.revoked_at or (token.expires_at and token.expires_at <= reading.now(ports)))


def _find(ports: Ports, token_id: str) -> Kept[Token]:
    item = reading.one(ports.ledger, keys.of_token(token_id))
    if item is None:
        raise NotFound(f"There is no token {token_id[:80]!r}.", token=token_id[:80])
    return Kept(records.token(item.body), item.revision)


def _changed(token: Token, kept: Kept[Token]) -> Put:
    return Put(keys.of_token(token.id), records.encode(token), kept.revision)


def _check(wanted: Wanted) -> None:
    if not _NAME.fullmatch(wanted.name):
        raise InvalidRequest("A token's name has 1 to 63 letters, digits, spaces or ._@-.", where="name")
    if wanted.expires_in_days is not None and not 1 <= wanted.expires_in_days <= MAX_DAYS:
        raise InvalidRequest(f"A token expires in 1 to {MAX_DAYS} days, or never (null).", where="expires_in_days")
    for app in wanted.apps:
        check_app(app)
    for pointer in wanted.pointers:
        check_pointer(pointer)


def _new(ports: Ports, wanted: Wanted) -> tuple[Token, str]:
    now, secret = ports.clock.now(), new_secret(Prefix.API)
    days = wanted.expires_in_days
    token = Token(
        id=id_of(secret),
        name=wanted.name,
        role=wanted.role,
        apps=wanted.apps,
        pointers=wanted.pointers,
        created_at=stamp(now),
        expires_at=stamp(now + timedelta(days=days)) if days else None,
    )
    return token, secret


def known_by(secret: str | None) -> Key | None:
    """Return where the record of what a caller shows stands, if it is a token; None for what is none."""
    prefix = credentials.prefix_of(secret) if secret else None
    if secret is None or prefix is None:
        return None
    return (keys.of_run_token if prefix is Prefix.RUN else keys.of_token)(id_of(secret))


def id_of(secret: str) -> str:
    """Return a token's id: 128 bits of its SHA-256, so that one look tells who shows it, and none tells what it is."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def new_secret(prefix: Prefix) -> str:
    """Return a new token."""
    return credentials.written(prefix, secrets.token_bytes(credentials.RANDOM_BYTES))


def put(token: Token) -> Put:
    """Return the change that makes an API token known."""
    return Put(keys.of_token(token.id), records.encode(token), 0)
