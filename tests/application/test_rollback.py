from __future__ import annotations

import pytest

from pullprod_control_plane.application import holds, revoke
from pullprod_control_plane.domain.errors import GuardRefused, NothingToRollBackTo, PointerHeld
from pullprod_control_plane.domain.swaps import SwapKind
from pullprod_control_plane.domain.versions import Version
from tests.support.world import ANN, APP, BOB, World, page


@pytest.fixture
def shown(world: World) -> list[Version]:
    """Three versions that production showed one after the other."""
    versions = world.line("a", "b", "c")
    for version in versions:
        world.point("production", version.id)
    return versions


def test_a_rollback_shows_the_version_before(world: World, shown: list[Version]) -> None:
    done = world.rollback("production", reason="broken")
    assert (done.swap.kind, done.swap.generation) == (SwapKind.ROLLBACK, 4)
    assert (done.swap.from_version, done.swap.to_version) == (shown[2].id, shown[1].id)
    assert world.shown("production") == shown[1].id


def test_a_second_rollback_goes_further_back(world: World, shown: list[Version]) -> None:
    world.rollback("production")
    world.rollback("production")
    assert world.shown("production") == shown[0].id
    with pytest.raises(NothingToRollBackTo):
        world.rollback("production")


def test_previous_is_what_was_shown_not_what_was_published_before(world: World) -> None:
    first, _, third = world.line("a", "b", "c")
    world.point("production", first.id)
    world.point("production", third.id)
    world.rollback("production")
    assert world.shown("production") == first.id


def test_a_rollback_may_name_its_version(world: World, shown: list[Version]) -> None:
    world.rollback("production", to=shown[0].id)
    assert world.shown("production") == shown[0].id


def test_a_rollback_passes_over_versions_that_are_gone(world: World, shown: list[Version]) -> None:
    revoke.revoke(world.ports, APP, shown[1].id, BOB, "leaks a secret")
    world.rollback("production")
    assert world.shown("production") == shown[0].id


def test_a_pointer_that_showed_one_version_has_nothing_to_go_back_to(world: World) -> None:
    world.point("production", world.line("a")[0].id)
    with pytest.raises(NothingToRollBackTo):
        world.rollback("production")


def test_a_pointer_that_does_not_follow_is_not_held_by_a_rollback(world: World, shown: list[Version]) -> None:
    world.rollback("production")
    assert world.pointer("production").hold is None
    assert shown


def test_the_next_push_does_not_undo_the_rollback_of_a_following_pointer(world: World) -> None:
    first, _ = world.line("a", "b")
    hold = world.rollback("main", by=BOB, reason="broken").pointer.hold
    assert hold is not None
    assert (hold.owner, hold.reason, hold.until) == (BOB, "rolled back: broken", None)
    world.publish(page("c"), "c", ancestors="ba")
    assert world.shown("main") == first.id


def test_a_hold_that_expired_does_not_let_the_next_push_undo_a_rollback(world: World) -> None:
    first, _ = world.line("a", "b")
    holds.hold(world.ports, APP, "main", ANN, "demo", "2026-06-01T13:00:00Z")
    world.clock.go_on(hours=2)
    world.rollback("main", reason="broken")
    world.publish(page("c"), "c", ancestors="ba")
    assert world.shown("main") == first.id


def test_a_held_pointer_is_not_rolled_back(world: World, shown: list[Version]) -> None:
    holds.hold(world.ports, APP, "production", BOB, "launch day", None)
    with pytest.raises(PointerHeld):
        world.rollback("production")
    assert world.shown("production") == shown[2].id


def test_after_a_rollback_a_newer_version_can_be_pointed_at(world: World, shown: list[Version]) -> None:
    world.rollback("production")
    fixed = world.publish(page("d"), "d", ancestors="cba")
    world.point("production", fixed.id)
    assert world.pointer("production").trail == (shown[1].id, shown[0].id)
    assert world.findings() == set()


def test_a_rollback_to_what_was_never_shown_meets_the_lineage_guard(world: World, shown: list[Version]) -> None:
    stray = world.publish(page("x"), "x", branch="stray")
    with pytest.raises(GuardRefused, match="Nothing recorded connects"):
        world.rollback("production", to=stray.id)
    assert world.shown("production") == shown[2].id
    done = world.rollback("production", to=stray.id, force=("lineage",))
    assert done.swap.forced == ("lineage",)
    assert world.rollback("production").swap.to_version == shown[2].id
