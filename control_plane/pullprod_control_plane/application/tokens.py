"""API tokens: made, listed, revoked, recognised. Only their SHA-256 is kept."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from ..domain.errors import Busy, InvalidRequest, NotFound, Unauthenticated
from ..domain.names import check_app, check_pointer
from ..domain.roles import Role, Token
from ..domain.times import stamp
from ..ports import Key, Lost, Ports, Put
from . import keys, reading, receipts, records
from .reading import Page
from .receipts import Receipt

_PREFIX = "pp_"
_TOKEN = re.compile(r"pp_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,62}")
_MAX_DAYS = 366
_FIRST = Key("meta", "first-admin")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token as a caller asks for it; empty `apps` or `pointers` mean all. None days: it does not expire."""

    name: str
    role: Role
    apps: tuple[str, ...]
    pointers: tuple[str, ...]
    expires_in_days: int | None


def create(ports: Ports, wanted: Wanted, receipt: Receipt | None = None) -> tuple[Token, str | None]:
    """Return a new token's record and the token itself, which is shown this once.

    A repeat under the same idempotency key returns the same record, and None for the token.
    """
    _check(wanted)
    if body := receipts.recall(ports, receipt):
        return _find(ports, str(body["token"])), None
    token, secret = _new(ports, wanted)
    try:
        ports.ledger.commit([put(token), *receipts.changes(ports, receipt, token=token.id)])
    except Lost:
        return create(ports, wanted, receipt)
    return token, secret


def first_admin(ports: Ports) -> str | None:
    """Return an admin token if none was ever made, else None; of several callers at once, one gets it."""
    token, secret = _new(ports, Wanted("admin", Role.ADMIN, (), (), None))
    try:
        ports.ledger.commit([Put(_FIRST, {"id": token.id}, 0), put(token)])
    except Lost:
        return None
    return secret


def listed(ports: Ports, limit: int, cursor: str | None) -> Page[Token]:
    """Return a page of tokens' records."""
    items = ports.ledger.scan(keys.TOKENS, after=reading.position(cursor), limit=limit)
    more = reading.cursor(items[-1].key.sort) if len(items) == limit else None
    return Page([records.token(item.body) for item in items], more)


def revoke(ports: Ports, token_id: str) -> Token:
    """Make a token worthless from the next request on; repeatable."""
    for _ in range(reading.ATTEMPTS):
        item = reading.one(ports.ledger, keys.of_token(token_id))
        token = _find(ports, token_id)
        if token.revoked_at or item is None:
            return token
        revoked = replace(token, revoked_at=reading.now(ports))
        try:
            ports.ledger.commit([Put(item.key, records.encode(revoked), item.revision)])
        except Lost:
            continue
        return revoked
    raise Busy("The token changed too often at once. Try again.")


def authenticate(ports: Ports, secret: str | None) -> Token:
    """Return the record of the token that a caller showed.

    It is found by its SHA-256, so that nothing about it can be learned from how long the search takes.

    Raises:
        Unauthenticated: there is none, or it is unknown, expired or revoked; which of these is not told.
    """
    where = known_by(secret)
    item = reading.one(ports.ledger, where) if where else None
    token = records.token(item.body) if item else None
    if token is None or token.revoked_at or (token.expires_at and token.expires_at <= reading.now(ports)):
        raise Unauthenticated("Send a token that is known, not expired and not revoked: Authorization: Bearer pp_…")
    return token


def _find(ports: Ports, token_id: str) -> Token:
    item = reading.one(ports.ledger, keys.of_token(token_id))
    if item is None:
        raise NotFound(f"There is no token {token_id[:80]!r}.", token=token_id[:80])
    return records.token(item.body)


def _check(wanted: Wanted) -> None:
    if not _NAME.fullmatch(wanted.name):
        raise InvalidRequest("A token's name has 1 to 63 letters, digits, spaces or ._@-.", where="name")
    if wanted.expires_in_days is not None and not 1 <= wanted.expires_in_days <= _MAX_DAYS:
        raise InvalidRequest(f"A token expires in 1 to {_MAX_DAYS} days, or never (null).", where="expires_in_days")
    for app in wanted.apps:
        check_app(app)
    for pointer in wanted.pointers:
        check_pointer(pointer)


def _new(ports: Ports, wanted: Wanted) -> tuple[Token, str]:
    now, secret = ports.clock.now(), new_secret()
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
    return keys.of_token(id_of(secret)) if secret and _TOKEN.fullmatch(secret) else None


def id_of(secret: str) -> str:
    """Return a token's id: 128 bits of its SHA-256, so that one look tells who shows it, and none tells what it is."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def new_secret() -> str:
    """Return a new token: `pp_` and 256 random bits."""
    return _PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def put(token: Token) -> Put:
    """Return the change that makes a token known."""
    return Put(keys.of_token(token.id), records.encode(token), 0)
