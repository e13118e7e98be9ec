"""A workflow run shows the token that GitHub gave it, once, and gets a short-lived one of ours for one app."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from ..domain import trust
from ..domain.errors import Forbidden, NotFound, Unauthenticated
from ..domain.roles import Token
from ..domain.times import stamp
from ..ports import Lost, Ports, Put, Verifier
from . import keys, reading, tokens

_LIVES = timedelta(minutes=15)
_MAX_NAME = 200


def exchange(ports: Ports, verifier: Verifier, app: str, proof: str) -> tuple[Token, str]:
    """Return the record of a new token for `app`, and the token itself, which is shown this once.

    It lasts 15 minutes and may do what the app's trust policy grants this run. The proof is used up in the same
    transaction that makes the token.

    Raises:
        Unauthenticated: the proof is not genuine, not meant for us, not valid now, or was used before.
        Forbidden: no rule of the policy admits the run, or there is no such app.
    """
    claims = verifier.verify(proof)
    granted = trust.grant(_rules(ports, app), claims)
    now, secret = ports.clock.now(), tokens.new_secret()
    token = Token(
        id=tokens.id_of(secret),
        name=_run(claims),
        role=granted.role,
        apps=(app,),
        pointers=granted.pointers,
        created_at=stamp(now),
        expires_at=stamp(now + _LIVES),
        claims=trust.evidence(claims),
    )
    used = Put(keys.of_proof(claims["iss"], claims["jti"]), {"at": stamp(now)}, 0)
    try:
        ports.ledger.commit([used, tokens.put(token)])
    except Lost:
        raise Unauthenticated(
            "This identity token was used before: ask GitHub for a new one for each exchange.", reason="replayed"
        ) from None
    return token, secret


def _rules(ports: Ports, app: str) -> tuple[trust.Rule, ...]:
    """Whoever has no token yet is not told which apps there are: an unknown one trusts nobody."""
    try:
        return reading.find_app(ports, app).trust
    except NotFound:
        return ()


def _run(claims: Mapping[str, str]) -> str:
    """Name a run for history: repository, run and who started it. None of it decides anything."""
    run = f"{claims.get('run_id', '?')}.{claims.get('run_attempt', '1')}"
    return f"{claims.get('repository', '?')} run {run} by {claims.get('actor', '?')}"[:_MAX_NAME]


def require_current(ports: Ports, token: Token, app: str) -> None:
    """Raise Unauthenticated unless the app's trust policy still grants a run's token just what it has."""
    with suppress(Forbidden):
        if trust.grant(_rules(ports, app), token.claims) == trust.Grant(token.role, token.pointers):
            return
    raise Unauthenticated("The app's trust policy has changed since: exchange a new identity token.", reason="policy")
