"""Who gets a token, and why: workflow runs by an app's trust policy, others by an admin."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from ....application import exchange, tokens
from ....domain.errors import InvalidRequest
from ....domain.roles import Role
from .. import access, answered, present, taken
from .answers import CREATES, READS, created, ok
from .parameters import AppName, Cursor, Limit, TokenId

router = Router()  # type: ignore[no-untyped-call] # Powertools leaves it unannotated.


@router.post("/v1/token", tags=["tokens"], operation_id="exchangeToken", responses=CREATES, security=[{"identity": []}])
def exchange_token(body: Annotated[taken.ExchangeTaken, Body()]) -> Response[answered.NewToken]:
    """Exchange the identity token of a GitHub workflow run, sent as the bearer token, for one of ours for one app.

    It lasts 15 minutes, and may do what the app's trust policy grants this run.
    """
    control = access.control(router)
    made, secret = exchange.exchange(control.ports, control.verifier(), body.app, access.bearer(router))
    return created(present.new_token(made, secret))


@router.post("/v1/apps/<app>/trust/explain", tags=["tokens"], operation_id="explainTrust", responses=READS)
def explain_trust(app: AppName, body: Annotated[taken.ExplainTaken, Body()]) -> Response[answered.Explained]:
    """Tell which rule of an app admits a workflow run, or which claims keep each of them from it; nothing is changed.

    Whether an identity token was used before is not looked at.
    """
    control = access.control(router)
    if (body.token is None) == (body.claims is None):
        raise InvalidRequest("Send either the token or its claims.", where="token")
    if body.token is not None:
        return ok(present.explained(exchange.explain(control.ports, control.verifier(), app, body.token)))
    claims = {"iss": control.issuer, **{name: str(value) for name, value in (body.claims or {}).items()}}
    return ok(present.explained(exchange.explain_claims(control.ports, app, claims)))


@router.get("/v1/tokens", tags=["tokens"], operation_id="listTokens", responses=READS)
def list_tokens(limit: Limit = 100, cursor: Cursor = None) -> Response[answered.Tokens]:
    """List tokens; never the tokens themselves."""
    page = tokens.listed(access.control(router).ports, limit, cursor)
    return ok(answered.Tokens(items=[present.token(token) for token in page.items], next_cursor=page.next_cursor))


@router.post("/v1/tokens", tags=["tokens"], operation_id="createToken", responses=CREATES)
def create_token(body: Annotated[taken.TokenTaken, Body()]) -> Response[answered.NewToken]:
    """Make a token; it is shown in this answer and never again."""
    wanted = tokens.Wanted(body.name, Role(body.role), tuple(body.apps), tuple(body.pointers), body.expires_in_days)
    made, secret = tokens.create(access.control(router).ports, wanted, access.receipt(router))
    return created(present.new_token(made, secret))


@router.post("/v1/tokens/<token_id>/rotate", tags=["tokens"], operation_id="rotateToken", responses=CREATES)
def rotate_token(token_id: TokenId, body: Annotated[taken.RotateTaken, Body()]) -> Response[answered.NewToken]:
    """Make a token in the place of another, for what that one is for; it is shown in this answer and never again."""
    receipt = access.receipt(router)
    made, secret = tokens.rotate(access.control(router).ports, token_id, body.grace_hours, receipt)
    return created(present.new_token(made, secret))


@router.delete("/v1/tokens/<token_id>", tags=["tokens"], operation_id="revokeToken", responses=READS)
def revoke_token(token_id: TokenId) -> Response[answered.Token]:
    """Make a token worthless from the next request on."""
    access.once(router)
    return ok(present.token(tokens.revoke(access.control(router).ports, token_id)))
