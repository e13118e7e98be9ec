"""API tokens: make, list, revoke."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from ....application import exchange, tokens
from ....domain.roles import Role
from .. import access, answered, present, taken
from .answers import CREATES, READS, created, ok
from .parameters import TokenId

router = Router()  # type: ignore[no-untyped-call] # Powertools leaves it unannotated.


@router.post("/v1/token", tags=["tokens"], operation_id="exchangeToken", responses=CREATES, security=[{"identity": []}])
def exchange_token(body: Annotated[taken.ExchangeTaken, Body()]) -> Response[answered.NewToken]:
    """Exchange the identity token of a GitHub workflow run, sent as the bearer token, for one of ours for one app.

    It lasts 15 minutes, and may do what the app's trust policy grants this run.
    """
    control = access.control(router)
    made, secret = exchange.exchange(control.ports, control.verifier(), body.app, access.bearer(router))
    return created(present.new_token(made, secret))


@router.get("/v1/tokens", tags=["tokens"], operation_id="listTokens", responses=READS)
def list_tokens(
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100, cursor: Annotated[str | None, Query(max_length=2_000)] = None
) -> Response[answered.Tokens]:
    """List tokens; never the tokens themselves."""
    page = tokens.listed(access.control(router).ports, limit, cursor)
    return ok(answered.Tokens(items=[present.token(token) for token in page.items], next_cursor=page.next_cursor))


@router.post("/v1/tokens", tags=["tokens"], operation_id="createToken", responses=CREATES)
def create_token(body: Annotated[taken.TokenTaken, Body()]) -> Response[answered.NewToken]:
    """Make a token; it is shown in this answer and never again."""
    token = access.caller(router)
    wanted = tokens.Wanted(body.name, Role(body.role), tuple(body.apps), tuple(body.pointers), body.expires_in_days)
    made, secret = tokens.create(access.control(router).ports, wanted, access.receipt(router, token))
    return created(present.new_token(made, secret))


@router.delete("/v1/tokens/<token_id>", tags=["tokens"], operation_id="revokeToken", responses=READS)
def revoke_token(token_id: TokenId) -> Response[answered.Token]:
    """Make a token worthless from the next request on."""
    access.once(router, access.caller(router))
    return ok(present.token(tokens.revoke(access.control(router).ports, token_id)))
