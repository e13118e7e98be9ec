"""Who calls, whether they may, and under which idempotency key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from ...application import ahead, exchange, reading, receipts, swap, tokens
from ...application.ahead import Needs
from ...application.receipts import Receipt
from ...domain import roles
from ...domain.errors import InvalidRequest
from ...domain.roles import Call, Token
from . import permissions

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response
    from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver, BaseRouter

    from ...bootstrap import ControlPlane

_BEARER = "bearer "
# The calls that are done once under a key. Of the others, a repeat adds nothing that anybody would see.
KEYED = frozenset(
    {
        "PUT /v1/apps/{app}",
        "PUT /v1/apps/{app}/previews",
        "POST /v1/apps/{app}/prune",
        "POST /v1/apps/{app}/versions",
        "DELETE /v1/apps/{app}/versions/{ref}",
        "PUT /v1/apps/{app}/pointers/{name}",
        "POST /v1/apps/{app}/pointers/{name}/rollback",
        "PUT /v1/apps/{app}/pointers/{name}/hold",
        "DELETE /v1/apps/{app}/pointers/{name}/hold",
        "POST /v1/tokens",
        "POST /v1/tokens/{token_id}/rotate",
        "DELETE /v1/tokens/{token_id}",
    }
)
MAX_KEY = 255
_LOOKS_AGAIN = frozenset({"PUT /v1/apps/{app}"})  # At the app, whether it is still as it was read.
# The member of a swap's body that names a version.
_NAMES_VERSION = {"PUT /v1/apps/{app}/pointers/{name}": "version", "POST /v1/apps/{app}/pointers/{name}/rollback": "to"}


def control(router: BaseRouter) -> ControlPlane:
    """Return the control plane that this request is for."""
    return cast("ControlPlane", router.context["control"])


def foresee(app: ApiGatewayResolver, next_middleware: Callable[..., Any]) -> Response[Any]:
    """Read at once what a call is going to read first: the caller's token and the app, and what a swap needs.

    Nothing is read for who shows no token.
    """
    where = tokens.known_by(bearer(app))
    if where:
        needs = _needs(app, where.sort)
        read_ahead(app, replace(needs, keys=[where, *needs.keys]))
    answer: Response[Any] = next_middleware(app)
    return answer


def read_ahead(router: BaseRouter, needs: Needs) -> ControlPlane:
    """Read something for the rest of this request, until it changes anything; return the control plane that has."""
    before = control(router)
    router.context["control"] = replace(before, ports=ahead.read(before.ports, needs))
    return control(router)


def _needs(app: ApiGatewayResolver, principal: str) -> Needs:
    """Return what a call is going to read first, as far as it is known before anything of it was looked at."""
    values, route = app.request.path_parameters, _route(app)
    if route not in _NAMES_VERSION:
        return reading.needs(values["app"]) if "app" in values and route not in _LOOKS_AGAIN else Needs()
    needs = swap.needs(values["app"], values["name"], _named(app, _NAMES_VERSION[route]))
    with suppress(InvalidRequest):  # A bad idempotency key is refused once it is known who calls.
        known = _receipt(app, principal)
        needs = replace(needs, keys=[*needs.keys, *([known.where] if known else [])])
    return needs


def _named(app: ApiGatewayResolver, member: str) -> str | None:
    """Return what a body that was not looked at yet names under a member, None if that is no text."""
    try:
        value = json.loads(app.current_event.body or "")[member]
    except (ValueError, LookupError, TypeError):
        return None
    return value if isinstance(value, str) else None


def admit(app: ApiGatewayResolver, next_middleware: Callable[..., Any]) -> Response[Any]:
    """Let a call through if its route is public, or the caller's token covers what the route takes.

    Raises:
        Unauthenticated, Forbidden: neither.
        NotFoundError: the route is in no list.
    """
    route = _route(app)
    if route in permissions.PUBLIC:
        return cast("Response[Any]", next_middleware(app))
    if route not in permissions.NEEDED:
        raise NotFoundError
    token = app.context["token"] = tokens.authenticate(control(app).ports, bearer(app))
    try:
        values = app.request.path_parameters
        require(app, permissions.NEEDED[route], values.get("app"), values.get("name"))
        return cast("Response[Any]", next_middleware(app))
    finally:
        tokens.note_use(control(app).ports, token)


def _route(app: ApiGatewayResolver) -> str:
    return f"{app.request.method} {app.request.route}"


def require(router: BaseRouter, call: Call, app: str | None = None, pointer: str | None = None) -> None:
    """Raise Forbidden unless the caller may also make this call, or Unauthenticated if a run's policy has changed."""
    token = caller(router)
    roles.require(token, call, app, pointer)
    if token.claims and app is not None:
        exchange.require_current(control(router).ports, token, app)


def caller(router: BaseRouter) -> Token:
    """Return the token of whoever makes this call, which was let through."""
    return cast("Token", router.context["token"])


def bearer(router: BaseRouter) -> str:
    """Return what a caller sends as a bearer token, empty if nothing."""
    header = _header(router, "authorization") or ""
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else ""


def receipt(router: BaseRouter) -> Receipt | None:
    """Return the receipt of a caller's request that bears an Idempotency-Key, else None."""
    return _receipt(router, caller(router).id)


def _receipt(router: BaseRouter, principal: str) -> Receipt | None:
    key = _header(router, "idempotency-key")
    if key is None:
        return None
    if not 0 < len(key.encode("utf-8", "surrogatepass")) <= MAX_KEY or not key.isprintable():
        raise InvalidRequest(
            f"An Idempotency-Key has printable characters, and 1 to {MAX_KEY} bytes.", where="Idempotency-Key"
        )
    event = router.current_event
    asked = [event.http_method, event.path, _header(router, "if-match") or "", event.body or ""]
    fingerprint = hashlib.sha256("\n".join(asked).encode("utf-8", "surrogatepass")).hexdigest()
    return Receipt(principal, key, fingerprint)


def once(router: BaseRouter) -> None:
    """Let the idempotency key of a call whose repetition is harmless serve for no other call."""
    receipts.keep(control(router).ports, receipt(router))


def expected(router: BaseRouter) -> int | None:
    """Return the generation or revision that If-Match names; None without it, or for `*`."""
    value = (_header(router, "if-match") or "*").strip()
    number = value.removeprefix("W/").strip('"')
    if number == "*":
        return None
    if not number.isascii() or not number.isdigit() or len(number) > 15:  # noqa: PLR2004 - longer is none.
        raise InvalidRequest('If-Match takes an ETag as it was answered: "7".', where="If-Match")
    return int(number)


def _header(router: BaseRouter, name: str) -> str | None:
    headers = {key.lower(): value for key, value in router.current_event.headers.items()}
    return headers.get(name)
