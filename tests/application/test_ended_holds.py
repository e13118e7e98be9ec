"""Holds whose time has come: the reconciler ends them, and who follows catches up."""

from __future__ import annotations

from pathlib import Path

from pullprod_control_plane.application import holds, keys, look, reading
from pullprod_control_plane.domain.swaps import SwapKind
from pullprod_control_plane.domain.versions import State
from pullprod_control_plane.ports import Alias
from tests.support.world import ANN, APP, BOB, World, killed_after_each_call, page, pending, program

UNTIL = "2026-06-01T13:00:00Z"


def test_a_hold_whose_time_has_come_is_removed_and_the_pointer_tells_by_whom(world: World) -> None:
    holds.hold(world.ports, APP, "production", BOB, "launch day", UNTIL)
    assert world.reconcile().holds_ended == 0
    assert world.pointer("production").hold is not None
    for _ in range(60):
        world.reconcile()
    pointer = world.pointer("production")
    assert pointer.hold is None
    assert pointer.last_hold is not None
    assert (pointer.last_hold.owner, pointer.last_hold.reason) == (BOB, "launch day")
    assert (pointer.last_hold.ended_by, pointer.last_hold.automatic) == ("system:reconciler", True)
    assert "2026-06-01T13:00:00" <= pointer.last_hold.ended_at <= "2026-06-01T13:02:00"
    assert list(reading.everything(world.ledger, keys.HOLD_ENDS)) == []


def test_a_hold_that_was_released_or_replaced_is_not_ended_again(world: World) -> None:
    holds.hold(world.ports, APP, "production", BOB, "one", UNTIL)
    holds.hold(world.ports, APP, "production", BOB, "one again", UNTIL)
    holds.hold(world.ports, APP, "production", BOB, "two", None)
    holds.hold(world.ports, APP, "demo", BOB, "three", UNTIL)
    holds.release(world.ports, APP, "demo", ANN, anybodys=True)
    for _ in range(62):
        world.reconcile()
    hold, ended = world.pointer("production").hold, world.pointer("demo").last_hold
    assert hold is not None
    assert hold.reason == "two"
    assert ended is not None
    assert (ended.ended_by, ended.automatic) == (ANN, False)
    assert list(reading.everything(world.ledger, keys.HOLD_ENDS)) == []


def test_a_follower_catches_up_when_its_hold_ends(world: World) -> None:
    world.line("a")
    holds.hold(world.ports, APP, "main", BOB, "demo for the board", UNTIL)
    world.publish(page("b"), "b", ancestors="a")
    newest = world.publish(page("c"), "c", ancestors="ba")
    unready = world.begin(page("d"), "d", ancestors="cba")
    assert world.version(unready.version.id).state is State.UPLOADING
    for _ in range(61):
        world.reconcile()
    assert world.shown("main") == newest.id
    last = look.history(world.ports, APP, "main", 10, None).items[0]
    assert (last.kind, last.by, last.generation) == (SwapKind.AUTOMATIC, "system:reconciler", 2)
    assert "missed during the hold by token:bob (demo for the board)" in last.reason
    assert world.findings() == set()


def test_a_follower_catches_up_with_the_newest_commit_not_with_the_last_build(world: World) -> None:
    world.line("a")
    holds.hold(world.ports, APP, "main", BOB, "demo for the board", UNTIL)
    newest = world.publish(page("c"), "c", ancestors="ba")
    overtaken = world.publish(page("b"), "b", ancestors="a")
    for _ in range(61):
        world.reconcile()
    assert world.shown("main") == newest.id != overtaken.id


def test_a_follower_that_catches_up_has_the_functions_of_what_it_missed(world: World) -> None:
    world.line("a")
    holds.hold(world.ports, APP, "main", BOB, "demo for the board", UNTIL)
    files = page("b")
    begun = world.begin(files, "b", ancestors="a", functions=(program(b"zip"),))
    world.send(begun, {**files, "api.zip": b"zip"})
    missed = world.finalize(begun.version.id)
    for _ in range(61):
        world.reconcile()
    assert world.shown("main") == missed.id
    assert world.functions.pointed(Alias(APP, "api", "main")) == missed.zips[0]


def test_a_follower_that_missed_nothing_stays_where_it_is(world: World) -> None:
    _, second = world.line("a", "b")
    holds.hold(world.ports, APP, "main", BOB, "wait", UNTIL)
    for _ in range(61):
        world.reconcile()
    assert world.shown("main") == second.id
    assert world.pointer("main").generation == 2


def test_a_follower_whose_guard_refuses_does_not_catch_up(world: World) -> None:
    world.configure(follow={"production": "main"})
    [version] = world.line("a")
    holds.hold(world.ports, APP, "production", BOB, "wait", UNTIL)
    world.publish(page("z"), "z")  # Of no common history: users would lose what they have.
    for _ in range(61):
        world.reconcile()
    assert world.pointer("production").hold is None
    assert world.shown("production") == version.id
    assert pending(world) == []


def test_an_end_of_a_hold_that_is_killed_at_any_step_is_finished_by_the_next_round(tmp_path: Path) -> None:
    def held(world: World) -> None:
        world.configure()
        world.line("a")
        holds.hold(world.ports, APP, "main", BOB, "wait", UNTIL)
        world.publish(page("b"), "b", ancestors="a")
        world.clock.go_on(minutes=58)
        world.reconcile()

    for copy, number in killed_after_each_call(tmp_path, held, World.reconcile):
        for _ in range(3):
            copy.reconcile()
        pointer = copy.pointer("main")
        assert (pointer.hold, pointer.generation) == (None, 2), f"killed after call {number}"
        assert pending(copy) == []
        assert copy.findings() == set()


def test_a_clock_that_jumps_a_day_ahead_for_a_round_ends_no_hold(world: World) -> None:
    holds.hold(world.ports, APP, "production", BOB, "launch day", UNTIL)
    world.reconcile()
    world.clock.go_on(days=1)
    world.reconcile()
    world.clock.go_on(days=-1)
    world.reconcile()
    world.reconcile()
    assert world.pointer("production").hold is not None
