from __future__ import annotations

import pytest

from pullprod_control_plane.application import exchange, keys, reading, receipts, sweep, tokens
from pullprod_control_plane.domain.errors import Unauthenticated
from pullprod_control_plane.domain.roles import Role
from pullprod_control_plane.domain.trust import Rule
from pullprod_control_plane.ports import Put
from tests.support.oidc import Genuine
from tests.support.tapped import counted, once, tap
from tests.support.world import APP, World, receipt

RULE = Rule("acme/shop", "74", "65", Role.PUBLISHER)


def left(world: World, partition: str) -> int:
    return len(list(reading.everything(world.ledger, partition)))


def note_proofs(world: World, count: int) -> None:
    world.ledger.commit([a_proof(world, f"{number:04d}") for number in range(count)])


def a_proof(world: World, jti: str) -> Put:
    return Put(keys.of_proof("issuer", jti), {"at": reading.now(world.ports)}, 0)


def test_a_runs_token_goes_when_it_has_ended_and_its_proof_a_day_later(world: World) -> None:
    world.configure(trust=(RULE,))
    exchange.exchange(world.ports, Genuine(), APP, "proof")
    world.clock.go_on(minutes=15)
    assert sweep.sweep(world.ports, {}) == 0
    world.clock.go_on(seconds=1)
    assert sweep.sweep(world.ports, {}) == 1
    assert (left(world, keys.RUN_TOKENS), left(world, keys.PROOFS)) == (0, 1)
    world.clock.go_on(days=1)
    assert sweep.sweep(world.ports, {}) == 1
    assert left(world, keys.PROOFS) == 0


def test_a_used_identity_token_stays_known_for_as_long_as_a_verifier_may_take_it(world: World) -> None:
    world.configure(trust=(RULE,))
    exchange.exchange(world.ports, Genuine(), APP, "proof")
    world.clock.go_on(hours=2)
    sweep.sweep(world.ports, {})
    with pytest.raises(Unauthenticated):
        exchange.exchange(world.ports, Genuine(), APP, "proof")


def test_receipts_are_kept_for_a_week(world: World) -> None:
    receipts.keep(world.ports, receipt("old"))
    world.clock.go_on(days=6)
    receipts.keep(world.ports, receipt("new"))
    world.clock.go_on(days=2)
    assert sweep.sweep(world.ports, {}) == 1
    [item] = reading.everything(world.ledger, keys.RECEIPTS)
    assert item.key.sort.endswith("#new")


def test_api_tokens_stay_for_the_record(world: World) -> None:
    token, _ = tokens.create(world.ports, tokens.Wanted("ci", Role.VIEWER, (), (), 1))
    tokens.revoke(world.ports, token.id)
    world.clock.go_on(days=400)
    sweep.sweep(world.ports, {})
    assert [listed.id for listed in tokens.listed(world.ports, 10, None).items] == [token.id]


def test_a_call_looks_at_so_many_and_the_next_goes_on_from_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_AT_ONCE", 3)
    note_proofs(world, 7)
    world.clock.go_on(hours=25)
    young = a_proof(world, "0001x")
    world.ledger.commit([young])
    positions: dict[str, str] = {}
    assert [sweep.sweep(world.ports, positions) for _ in range(4)] == [2, 3, 2, 0]
    assert [item.key for item in reading.everything(world.ledger, keys.PROOFS)] == [young.key]


def test_many_go_in_few_commits(world: World) -> None:
    note_proofs(world, 100)
    world.ledger.commit([a_proof(world, "last")])
    world.clock.go_on(hours=25)
    ports, calls = counted(world.ports)
    assert sweep.sweep(ports, {}) == 101
    assert len([name for name, _ in calls if name == "ledger.commit"]) == 2


def test_what_another_reconciler_removes_meanwhile_is_left_to_it(world: World) -> None:
    receipts.keep(world.ports, receipt())
    world.clock.go_on(days=8)
    racing = tap(
        world.ports, before=once(lambda name, _: name == "ledger.commit", lambda: sweep.sweep(world.ports, {}))
    )
    assert sweep.sweep(racing, {}) == 0
    assert left(world, keys.RECEIPTS) == 0
