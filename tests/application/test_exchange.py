from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pullprod_control_plane.application import exchange, tokens
from pullprod_control_plane.domain.errors import Forbidden, NotFound, Unauthenticated
from pullprod_control_plane.domain.roles import Role, Token
from pullprod_control_plane.domain.trust import Grant, Rule
from tests.support.oidc import CLAIMS, Genuine
from tests.support.world import APP, World

RULE = Rule("acme/shop", "74", "65", Role.PUBLISHER)


def exchanged(world: World, app: str = APP, **claims: str) -> tuple[Token, str]:
    return exchange.exchange(world.ports, Genuine(**claims), app, "proof")


def test_a_trusted_run_gets_a_token_that_may_what_the_rule_says_for_a_quarter_of_an_hour(world: World) -> None:
    world.configure(trust=(RULE,))
    made, secret = exchanged(world)
    assert (made.role, made.apps, made.pointers) == (Role.PUBLISHER, (APP,), ())
    assert made.principal == "workflow:acme/shop run 9876543210.2 by octocat"
    world.clock.go_on(minutes=14, seconds=59)
    assert tokens.authenticate(world.ports, secret) == made
    world.clock.go_on(seconds=1)
    with pytest.raises(Unauthenticated):
        tokens.authenticate(world.ports, secret)


def test_an_identity_token_is_used_once(world: World) -> None:
    world.configure(trust=(RULE,))
    exchanged(world)
    for app in (APP, "other"):
        world.configure(app, trust=(RULE,))
        with pytest.raises(Unauthenticated) as refused:
            exchanged(world, app)
        assert refused.value.facts["reason"] == "replayed"
    assert exchanged(world, jti="another")


def test_the_token_of_a_run_is_in_no_list_and_not_an_admins_to_manage(world: World) -> None:
    world.configure(trust=(RULE,))
    made, secret = exchanged(world)
    assert secret.startswith("ppr_")
    assert tokens.listed(world.ports, 10, None).items == []
    for act in (tokens.revoke, lambda ports, token: tokens.rotate(ports, token, 1)):
        with pytest.raises(NotFound):
            act(world.ports, made.id)


def test_uses_of_a_runs_token_are_not_recorded(world: World) -> None:
    world.configure(trust=(RULE,))
    _, secret = exchanged(world)
    tokens.note_use(world.ports, tokens.authenticate(world.ports, secret))
    assert tokens.authenticate(world.ports, secret).last_used_at is None


def test_a_refused_identity_token_is_not_used_up(world: World) -> None:
    world.configure(trust=())
    with pytest.raises(Forbidden):
        exchanged(world)
    world.configure(trust=(RULE,))
    assert exchanged(world)


@pytest.mark.parametrize(
    "rules",
    [(), (replace(RULE, repository_id="75"),), (replace(RULE, repository_owner_id="66", refs=("refs/heads/main",)),)],
    ids=["nobody", "another repository", "another owner"],
)
def test_who_is_not_trusted_cannot_tell_which_apps_there_are_nor_whom_they_trust(
    world: World, rules: tuple[Rule, ...]
) -> None:
    world.configure(trust=rules)
    answers = []
    for app in (APP, "nothing"):
        with pytest.raises(Forbidden) as refused:
            exchanged(world, app)
        answers.append((refused.value.detail, refused.value.facts))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "rules",
    [(), (replace(RULE, repository_id="75"),), (replace(RULE, role=Role.RELEASER, pointers=("production",)),)],
    ids=["removed", "for another repository", "for more than was granted"],
)
def test_a_token_ends_with_the_policy_that_it_rests_on(world: World, rules: tuple[Rule, ...]) -> None:
    world.configure(trust=(RULE,))
    made, _ = exchanged(world)
    exchange.require_current(world.ports, made, APP)
    world.configure(trust=rules)
    with pytest.raises(Unauthenticated) as refused:
        exchange.require_current(world.ports, made, APP)
    assert refused.value.facts["reason"] == "policy"
    world.configure(trust=(RULE, replace(RULE, repository_id="75")))
    exchange.require_current(world.ports, made, APP)


def test_a_run_is_told_what_each_rule_makes_of_it(world: World) -> None:
    other = replace(RULE, repository_id="75")
    world.configure(trust=(other, RULE))
    explained = exchange.explain(world.ports, Genuine(), APP, "proof")
    assert [(rule, [m.claim for m in found]) for rule, found in explained.judged] == [
        (other, ["repository_id"]),
        (RULE, []),
    ]
    assert explained.granted == Grant(Role.PUBLISHER, ())
    assert (explained.refusal, explained.would_admit) == (None, None)


def test_a_refused_run_is_told_why_and_what_would_admit_it(world: World) -> None:
    world.configure(trust=(replace(RULE, refs=("refs/tags/*",)),))
    explained = exchange.explain_claims(world.ports, APP, CLAIMS)
    assert explained.granted is None
    assert explained.refusal
    assert explained.refusal.facts["claim"] == "ref"
    assert explained.would_admit
    world.configure(trust=(explained.would_admit,))
    assert exchanged(world)


def test_explaining_uses_no_proof_up(world: World) -> None:
    world.configure(trust=(RULE,))
    exchange.explain(world.ports, Genuine(), APP, "proof")
    assert exchanged(world)


def test_what_is_not_genuine_is_explained_by_the_verifiers_reason(world: World) -> None:
    class Strict:
        def verify(self, token: str) -> Mapping[str, str]:
            raise Unauthenticated(f"{token} has expired", reason="expired", claim="exp")

    world.configure(trust=(RULE,))
    explained = exchange.explain(world.ports, Strict(), APP, "proof")
    assert (explained.judged, explained.granted) == ((), None)
    assert explained.refusal
    assert explained.refusal.facts == {"reason": "expired", "claim": "exp"}


def test_nothing_is_explained_of_an_app_that_does_not_exist(world: World) -> None:
    with pytest.raises(NotFound):
        exchange.explain(world.ports, Genuine(), "nothing", "proof")
