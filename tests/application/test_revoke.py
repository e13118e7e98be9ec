from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pullprod_control_plane.application import keys, reading, reconcile, revoke
from pullprod_control_plane.domain.errors import GuardRefused, InvalidRequest, NotFound, VersionNotReady
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Answer
from tests.support.tapped import Killed, once, tap
from tests.support.world import APP, BOB, World, page


def withdraw(world: World, version: Version) -> Version:
    return revoke.revoke(world.ports, APP, version.id, BOB, "leaks a secret")


def test_a_revoked_version_s_address_is_gone_and_its_record_stays(world: World) -> None:
    version, _ = world.line("a", "b")
    revoked = withdraw(world, version)
    assert (revoked.state, revoked.revoked) == (State.REVOKED, f"{BOB}: leaks a secret")
    assert world.version(version.id) == revoked
    assert world.route(f"{version.id}--shop") == {"a": "shop", "v": version.id, "gone": 1}
    assert world.ports.probe.get(f"{version.id}--shop.localhost:8080", "/") == Answer(410)


def test_revoking_again_changes_nothing(world: World) -> None:
    version, _ = world.line("a", "b")
    assert withdraw(world, version) == withdraw(world, version)


def test_what_a_crash_left_of_a_withdrawal_is_done_by_the_next_round(world: World) -> None:
    version, _ = world.line("a", "b")
    world.reconcile()

    def die(name: str, _args: object) -> None:
        if name == "edge.show":
            raise Killed

    with pytest.raises(Killed):
        withdraw(replace(world, ports=tap(world.ports, before=die)), version)
    assert world.route(f"{version.id}--shop") != {"a": "shop", "v": version.id, "gone": 1}
    world.clock.go_on(minutes=1)
    report = reconcile.one_round(world.ports, world.addresses, drift_every=timedelta(hours=1))
    assert (report.finished, report.pending, report.repaired) == (1, 0, 0)
    assert world.route(f"{version.id}--shop") == {"a": "shop", "v": version.id, "gone": 1}


def test_a_version_that_is_shown_is_not_revoked(world: World) -> None:
    _, shown = world.line("a", "b")
    world.point("production", shown.id)
    with pytest.raises(GuardRefused, match="main, production shows") as refused:
        withdraw(world, shown)
    assert refused.value.facts["pointers"] == ["main", "production"]
    assert world.version(shown.id).state is State.READY


def test_a_revoked_version_cannot_be_pointed_at(world: World) -> None:
    version, _ = world.line("a", "b")
    withdraw(world, version)
    with pytest.raises(VersionNotReady, match="is revoked"):
        world.point("production", version.id, force=("hold", "lineage", "health"))


def test_a_revoked_version_cannot_be_published_again(world: World) -> None:
    version, _ = world.line("a", "b")
    withdraw(world, version)
    with pytest.raises(VersionNotReady, match="cannot come back"):
        world.begin(page("a"), "a")
    with pytest.raises(VersionNotReady):
        world.finalize(version.id)
    assert world.route(f"{version.id}--shop") == {"a": "shop", "v": version.id, "gone": 1}


def test_no_rollback_stops_at_a_revoked_version(world: World) -> None:
    first, second, third = world.line("a", "b", "c")
    for version in (first, second, third):
        world.point("production", version.id)
    withdraw(world, second)
    assert world.pointer("production").trail == (first.id,)
    assert world.pointer("main").trail == (first.id,)


def test_open_pages_of_a_revoked_version_are_not_kept_on_it(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", first.id)
    world.point("production", second.id)
    world.rollback("production")
    world.rollback("main")
    withdraw(world, second)
    for name in ("production", "main"):
        route = world.route(f"{name}--shop")
        assert route is not None
        assert "r" not in route
        assert world.pointer(name).recent == ()
        assert world.shown(name) == first.id


def test_the_ledger_and_the_edge_agree_after_a_revocation(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", first.id)
    world.point("production", second.id)
    withdraw(world, first)
    assert world.findings() == set()


def test_a_swap_that_slips_in_keeps_its_version(world: World) -> None:
    version = world.publish(page("a"), "a", branch=None)
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: world.point("production", version.id)),
    )
    with pytest.raises(GuardRefused, match="production shows"):
        withdraw(replace(world, ports=racing), version)
    assert world.version(version.id).state is State.READY
    assert world.shown("production") == version.id
    assert world.findings() == set()


def test_a_version_that_is_being_prepared_is_forgotten_by_the_reconciler(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    with pytest.raises(OSError, match="away"):
        replace(world, ports=tap(world.ports, before=_no_edge)).finalize(begun.version.id)
    assert world.version(begun.version.id).state is State.PREPARING
    withdraw(world, begun.version)
    world.reconcile()
    assert world.version(begun.version.id).state is State.REVOKED
    assert list(reading.everything(world.ledger, keys.PENDING)) == []


def _no_edge(name: str, _args: object) -> None:
    if name == "edge.show":
        raise OSError("the edge is away")


@pytest.mark.parametrize("reason", ["", " ", "x" * 1_001])
def test_a_revocation_without_a_reason_is_refused(world: World, reason: str) -> None:
    version, _ = world.line("a", "b")
    with pytest.raises(InvalidRequest, match="Say why"):
        revoke.revoke(world.ports, APP, version.id, BOB, reason)


def test_what_does_not_exist_cannot_be_revoked(world: World) -> None:
    with pytest.raises(NotFound):
        revoke.revoke(world.ports, APP, "0000000", BOB, "why")
    with pytest.raises(NotFound):
        revoke.revoke(world.ports, "blog", "0000000", BOB, "why")
