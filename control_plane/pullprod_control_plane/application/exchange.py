"""A workflow run shows the token that GitHub gave it, once, and gets a short-lived one of ours for one app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from ..domain import trust
from ..domain.credentials import Prefix
from ..domain.errors import Forbidden, NotFound, PullprodError, Unauthenticated
from ..domain.roles import Token
from ..domain.times import stamp
from ..domain.trust import Grant, Mismatch, Rule
from ..ports import Lost, Ports, Put, Verifier
from . import keys, reading, records, tokens

_LIVES = timedelta(minutes=15)
_MAX_NAME = 200


def exchange(ports: Ports, verifier: Verifier, app: str, proof: str) -> tuple[Token, str]:
    """Return the record of a new token for `app`, and the token itself, which is shown this once.

    It lasts 15 minutes and may do what the app's trust policy grants this run. The proof is used up in the same
    transaction that makes the token.

    Raises:
        Unauthenticated: the proof is not genuine, not meant for us, not valid now, or was used before.
        Forbidden: no rule of the policy admits the run, or there is no such app; whose repository no rule names is
            not told which.
    """
    claims = verifier.verify(proof)
    granted = trust.grant(trust.of_repository(_rules(ports, app), claims), claims)
    now, secret = ports.clock.now(), tokens.new_secret(Prefix.RUN)
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
        ports.ledger.commit([used, Put(keys.of_run_token(token.id), records.encode(token), 0)])
    except Lost:
        raise Unauthenticated(
            "This identity token was used before: ask GitHub for a new one for each exchange.", reason="replayed"
        ) from None
    return token, secret


@dataclass(frozen=True, slots=True)
class Explained:
    """What an app makes of a workflow run: each of its rules, with the claims that keep it from admitting the run.

    `granted` is what the run may do, `refusal` the reason why it may do nothing. A proof that is not good has no
    claims, so no rule was asked.
    """

    judged: tuple[tuple[Rule, list[Mismatch]], ...]
    granted: Grant | None
    refusal: PullprodError | None
    would_admit: Rule | None


def explain(ports: Ports, verifier: Verifier, app: str, proof: str) -> Explained:
    """Return what would become of an identity token; it is not used up, and whether it was is not looked at.

    Raises:
        NotFound: there is no such app.
    """
    rules = reading.find_app(ports, app).trust
    try:
        return _explained(rules, verifier.verify(proof))
    except Unauthenticated as refused:
        return Explained((), None, refused, None)


def explain_claims(ports: Ports, app: str, claims: Mapping[str, str]) -> Explained:
    """Return what would become of a run whose identity token had these claims; raises NotFound as `explain` does."""
    return _explained(reading.find_app(ports, app).trust, claims)


def _explained(rules: Sequence[Rule], claims: Mapping[str, str]) -> Explained:
    judged = tuple((rule, trust.mismatches(rule, claims)) for rule in rules)
    try:
        return Explained(judged, trust.grant(rules, claims), None, None)
    except Forbidden as refused:
        return Explained(judged, None, refused, trust.admitting_rule(claims))


def _rules(ports: Ports, app: str) -> tuple[Rule, ...]:
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
        if trust.grant(_rules(ports, app), token.claims) == Grant(token.role, token.pointers):
            return
    raise Unauthenticated("The app's trust policy has changed since: exchange a new identity token.", reason="policy")


def require_branch(ports: Ports, token: Token, app: str, branch: str | None) -> None:
    """Raise Forbidden if a run's token is not good for publishing as this branch of the app."""
    if token.claims:
        configured = reading.find_app(ports, app)
        trust.check_branch(token.claims, branch, {configured.main, *configured.follow.values()})
