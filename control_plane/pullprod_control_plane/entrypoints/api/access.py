"""Who calls, whether they may, and under which idempotency key."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

from ...application import exchange, receipts, tokens
from ...application.receipts import Receipt
from ...domain import roles
from ...domain.errors import InvalidRequest
from ...domain.roles import Call, Token

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import Router

    from ...bootstrap import ControlPlane

_MAX_KEY = 255
_BEARER = "bearer "


def control(router: Router) -> ControlPlane:
    """Return the control plane that this request is for."""
    return cast("ControlPlane", router.context["control"])


def require(router: Router, call: Call, app: str | None = None, pointer: str | None = None) -> Token:
    """Return the caller's token if it covers the call.

    Raises:
        Unauthenticated, Forbidden: it does not.
    """
    token = tokens.authenticate(control(router).ports, bearer(router))
    roles.require(token, call, app, pointer)
    if token.claims and app is not None:
        exchange.require_current(control(router).ports, token, app)
    return token


def bearer(router: Router) -> str:
    """Return what a caller sends as a bearer token, empty if nothing."""
    header = _header(router, "authorization") or ""
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else ""


def receipt(router: Router, token: Token) -> Receipt | None:
    """Return the receipt of a request that bears an Idempotency-Key, else None."""
    key = _header(router, "idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= _MAX_KEY or not key.isprintable():
        raise InvalidRequest(f"An Idempotency-Key has 1 to {_MAX_KEY} printable characters.", where="Idempotency-Key")
    event = router.current_event
    asked = [event.http_method, event.path, _header(router, "if-match") or "", event.body or ""]
    fingerprint = hashlib.sha256("\n".join(asked).encode("utf-8", "surrogatepass")).hexdigest()
    return Receipt(token.id, key, fingerprint)


def once(router: Router, token: Token) -> None:
    """Let the idempotency key of a call whose repetition is harmless serve for no other call."""
    receipts.keep(control(router).ports, receipt(router, token))


def expected_generation(router: Router) -> int | None:
    """Return the generation that If-Match names; None without it, or for `*`."""
    value = (_header(router, "if-match") or "*").strip()
    number = value.removeprefix("W/").strip('"')
    if number == "*":
        return None
    if not number.isascii() or not number.isdigit() or len(number) > 15:  # noqa: PLR2004 - longer is no generation.
        raise InvalidRequest('If-Match takes a pointer\'s ETag, its generation: "7".', where="If-Match")
    return int(number)


def _header(router: Router, name: str) -> str | None:
    headers = {key.lower(): value for key, value in router.current_event.headers.items()}
    return headers.get(name)
