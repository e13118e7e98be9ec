from __future__ import annotations

from dataclasses import replace

import pytest

from pullprod_control_plane.application import holds
from pullprod_control_plane.domain.errors import Forbidden, InvalidRequest, NotFound, PointerHeld
from tests.support.tapped import once, tap
from tests.support.world import ANN, APP, BOB, World


def test_a_held_pointer_does_not_move_until_it_is_released(world: World) -> None:
    [version] = world.line("a")
    held = holds.hold(world.ports, APP, "production", BOB, "launch day", None)
    assert held.hold is not None
    assert (held.hold.owner, held.hold.reason, held.hold.until) == (BOB, "launch day", None)
    with pytest.raises(PointerHeld, match="launch day"):
        world.point("production", version.id)
    assert holds.release(world.ports, APP, "production", BOB).hold is None
    world.point("production", version.id)
    assert world.shown("production") == version.id


def test_a_hold_ends_by_itself(world: World) -> None:
    [version] = world.line("a")
    holds.hold(world.ports, APP, "production", BOB, "launch day", "2026-06-01T15:00:00+02:00")
    world.clock.go_on(minutes=59)
    with pytest.raises(PointerHeld, match="2026-06-01T13:00:00"):
        world.point("production", version.id)
    world.clock.go_on(minutes=1)
    assert world.point("production", version.id).swap.forced == ()


def test_an_overridden_hold_is_recorded_and_stands(world: World) -> None:
    [version] = world.line("a")
    holds.hold(world.ports, APP, "production", BOB, "launch day", None)
    assert world.point("production", version.id, force=("hold",)).swap.forced == ("hold",)
    assert world.pointer("production").hold is not None


def test_a_new_hold_replaces_the_old(world: World) -> None:
    holds.hold(world.ports, APP, "production", BOB, "one", None)
    again = holds.hold(world.ports, APP, "production", BOB, "two", "2026-06-02T00:00:00Z").hold
    assert again is not None
    assert (again.owner, again.reason) == (BOB, "two")


def test_nobody_but_its_owner_releases_or_replaces_a_hold_without_the_right_to_override(world: World) -> None:
    holds.hold(world.ports, APP, "production", BOB, "launch day", None)
    with pytest.raises(Forbidden, match="held by token:bob: launch day"):
        holds.release(world.ports, APP, "production", ANN)
    with pytest.raises(Forbidden, match="held by token:bob: launch day"):
        holds.hold(world.ports, APP, "production", ANN, "mine now", None)
    held = world.pointer("production").hold
    assert held is not None
    assert (held.owner, held.reason) == (BOB, "launch day")


def test_who_may_override_releases_and_replaces_any_hold_and_that_is_recorded(world: World) -> None:
    holds.hold(world.ports, APP, "production", BOB, "launch day", None)
    replaced = holds.hold(world.ports, APP, "production", ANN, "mine now", None, anybodys=True)
    assert replaced.hold is not None
    assert replaced.hold.owner == ANN
    released = holds.release(world.ports, APP, "production", BOB, anybodys=True)
    assert released.last_hold is not None
    assert (released.last_hold.owner, released.last_hold.ended_by) == (ANN, BOB)


def test_a_hold_whose_time_has_come_is_anybody_s(world: World) -> None:
    holds.hold(world.ports, APP, "production", BOB, "launch day", "2026-06-01T13:00:00Z")
    world.clock.go_on(hours=2)
    held = holds.hold(world.ports, APP, "production", ANN, "next launch", None)
    assert held.hold is not None
    assert held.hold.owner == ANN


def test_whoever_rolled_a_following_pointer_back_releases_its_hold(world: World) -> None:
    world.line("a", "b")
    world.rollback("main", by=BOB)
    with pytest.raises(Forbidden):
        holds.release(world.ports, APP, "main", ANN)
    assert holds.release(world.ports, APP, "main", BOB).hold is None


def test_a_name_can_be_held_before_anything_is_pointed_at(world: World) -> None:
    [version] = world.line("a")
    holds.hold(world.ports, APP, "demo", BOB, "wait", None)
    with pytest.raises(PointerHeld):
        world.point("demo", version.id)


def test_releasing_a_pointer_that_nobody_holds_changes_nothing(world: World) -> None:
    before = world.pointer("production")
    assert holds.release(world.ports, APP, "production", ANN) == before


def test_a_hold_and_a_swap_at_once_both_happen(world: World) -> None:
    [version] = world.line("a")
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: world.point("production", version.id)),
    )
    held = holds.hold(racing, APP, "production", BOB, "stop", None)
    assert (held.version, held.generation) == (version.id, 1)
    assert held.hold is not None


def test_a_hold_that_comes_while_a_swap_is_shown_does_not_lose_either(world: World) -> None:
    [version] = world.line("a")
    racing = tap(
        world.ports,
        after=once(
            lambda name, _: name == "edge.show", lambda: holds.hold(world.ports, APP, "production", BOB, "stop", None)
        ),
    )
    done = replace(world, ports=racing).point("production", version.id)
    assert done.pointer.hold is not None
    assert done.pointer.state.value == "applied"
    assert world.findings() == set()


@pytest.mark.parametrize(
    ("reason", "until", "message"),
    [
        (" ", None, "Say why"),
        ("x" * 1_001, None, "Say why"),
        ("why", "2026-06-01T11:59:59Z", "ended already"),
        ("why", "2026-06-01T12:00:00Z", "ended already"),
        ("why", "tomorrow", "is no time"),
    ],
)
def test_a_hold_that_cannot_be_meant_is_refused(world: World, reason: str, until: str | None, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        holds.hold(world.ports, APP, "production", BOB, reason, until)


@pytest.mark.parametrize(("app", "pointer"), [("blog", "production"), (APP, "nothing")])
def test_what_does_not_exist_cannot_be_released(world: World, app: str, pointer: str) -> None:
    with pytest.raises(NotFound):
        holds.release(world.ports, app, pointer, ANN)
