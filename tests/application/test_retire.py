"""The pointers of idle branches: which of them prune retires, what goes with them, and how they come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pullprod_control_plane.application import (
    drift,
    follow,
    holds,
    look,
    prune,
    reading,
    reconcile,
    retire,
    revoke,
    swap,
)
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import NotFound, NothingToRollBackTo
from pullprod_control_plane.domain.retention import Idle
from pullprod_control_plane.domain.roles import RECONCILER
from pullprod_control_plane.domain.swaps import Swap, SwapKind
from pullprod_control_plane.domain.times import stamp
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Alias
from tests.support.tapped import once, tap
from tests.support.world import ANN, APP, BOB, World, page, pending, program

POLICY = Retention(keep_days=1, keep_newest=1, keep_per_branch=1, idle_branch_days=100)
X = f"x--{APP}"


def idle(world: World, **facts: Any) -> list[Version]:
    """Publish two versions of the branch `x`, and one of main after the branch became idle."""
    world.configure(**{"retention": POLICY, **facts})
    versions = world.line("a", "b", branch="x")
    world.clock.go_on(days=101)
    world.publish(page("main"), "main")
    return versions


def publish_with_function(world: World, name: str, branch: str) -> None:
    files, functions = page(name), (program(b"zip"),)
    begun = world.begin(files, name, branch=branch, functions=functions)
    world.send(begun, {**files, "api.zip": b"zip"})
    world.finalize(begun.version.id)


def idle_with_function(world: World) -> None:
    """Publish a version of the branch `x` with a function, which is idle from then on."""
    world.configure(retention=POLICY)
    publish_with_function(world, "a", "x")
    world.clock.go_on(days=101)


def names(found: list[Idle]) -> list[str]:
    return [one.pointer.name for one in found]


def swaps(world: World, pointer: str = "x") -> list[Swap]:
    return look.history(world.ports, APP, pointer, 100, None).items


def listed(world: World) -> list[str]:
    return [pointer.name for pointer in look.pointers(world.ports, APP, 100, None).items]


def test_a_prune_retires_the_pointer_of_an_idle_branch_and_what_only_that_kept(world: World) -> None:
    versions = idle(world)
    shown = world.pointer("x")
    pruned = prune.run(world.ports, APP, BOB)
    assert pruned.pointers == [Idle(shown, shown.used_at)]
    assert {version.id for version in pruned.versions} == {version.id for version in versions}
    assert {world.version(version.id).state for version in versions} == {State.RETIRED}
    assert (pruned.kept, pruned.pending) == (1, False)
    assert world.route(X) is None
    assert world.shown("main") is not None
    assert pending(world) == []
    assert world.findings() == set()


def test_a_plan_tells_what_a_prune_then_does_and_changes_nothing(world: World) -> None:
    idle(world)
    before = world.pointers()
    planned = prune.plan(world.ports, APP)
    assert names(planned.pointers) == ["x"]
    assert (world.pointers(), world.route(X) is None, pending(world)) == (before, False, [])
    done = prune.run(world.ports, APP)
    assert done.pointers == planned.pointers
    assert [version.id for version in done.versions] == [version.id for version in planned.versions]
    assert (done.objects, done.bytes, done.kept) == (planned.objects, planned.bytes, planned.kept)


def test_its_history_tells_who_retired_it_when_and_why_and_is_still_a_chain(world: World) -> None:
    first, second = idle(world)
    prune.run(world.ports, APP, BOB)
    last, *earlier = swaps(world)
    assert (last.generation, last.from_version, last.to_version, last.kind) == (3, second.id, None, SwapKind.RETIRE)
    assert (last.by, last.at, last.reason) == (BOB, reading.now(world.ports), "idle for 101 days")
    assert [one.to_version for one in earlier] == [second.id, first.id]
    pointer = world.pointer("x")
    assert (pointer.retired, pointer.generation, pointer.trail, pointer.recent) == (True, 3, (), ())
    assert (pointer.moved_by, pointer.reason) == (last.by, last.reason)
    assert world.findings() == set()


def test_it_is_in_no_list_but_can_be_looked_at(world: World) -> None:
    idle(world)
    prune.run(world.ports, APP)
    assert listed(world) == ["main", "production"]
    assert reading.find_pointer(world.ports, APP, "x").record.version is None
    with pytest.raises(NotFound):
        look.version(world.ports, APP, "pointer:x")
    holds.hold(world.ports, APP, "x", BOB, "not again", None)
    assert listed(world) == ["main", "production", "x"]


def test_rounds_put_no_record_back_and_report_no_drift(world: World) -> None:
    idle(world, drift="report")
    prune.run(world.ports, APP)
    for _ in range(3):
        report = world.reconcile()
        assert (report.repaired, report.drift, report.failed, report.finished) == (0, [], [], 0)
    assert world.route(X) is None


def test_a_second_prune_finds_nothing_to_retire(world: World) -> None:
    idle(world)
    prune.run(world.ports, APP)
    world.clock.go_on(days=400)
    assert prune.plan(world.ports, APP).pointers == []
    assert prune.run(world.ports, APP).pointers == []
    assert world.pointer("x").generation == 3


def test_what_is_among_the_newest_or_young_stays_without_its_pointer(world: World) -> None:
    first, second = idle(world, retention=Retention(1, 2, 3, 100))
    assert names(prune.run(world.ports, APP).pointers) == ["x"]
    assert (world.version(first.id).state, world.version(second.id).state) == (State.RETIRED, State.READY)
    assert world.content(world.version(second.id)) == page("b")


def test_a_branch_that_publishes_keeps_its_pointer(world: World) -> None:
    idle(world)
    newer = world.publish(page("c"), "c", branch="x", ancestors="ba")
    assert prune.run(world.ports, APP).pointers == []
    assert world.shown("x") == newer.id


def test_a_branch_that_publishes_what_its_pointer_shows_already_keeps_it(world: World) -> None:
    _, shown = idle(world)
    assert world.publish(page("b"), "b", branch="x", ancestors="a").id == shown.id
    assert prune.run(world.ports, APP).pointers == []
    assert (world.shown("x"), world.pointer("x").generation) == (shown.id, 2)
    world.clock.go_on(days=101)
    assert names(prune.run(world.ports, APP).pointers) == ["x"]


def test_a_branch_that_publishes_the_same_again_and_again_is_written_down_once(world: World) -> None:
    idle(world)
    world.publish(page("b"), "b", branch="x", ancestors="a")
    before = reading.find_pointer(world.ports, APP, "x")
    world.publish(page("b"), "b", branch="x", ancestors="a")
    assert reading.find_pointer(world.ports, APP, "x") == before


def test_a_branch_whose_version_a_guard_keeps_from_its_pointer_is_not_idle(world: World) -> None:
    _, shown = idle(world)
    world.publish(page("c"), "c", branch="x", ancestors="ba", health=("/missing",))
    assert prune.run(world.ports, APP).pointers == []
    assert world.shown("x") == shown.id


@pytest.mark.parametrize("pointer", ["main", "next", "demo", "held"])
def test_other_pointers_are_never_retired(world: World, pointer: str) -> None:
    world.configure(retention=POLICY, follow={"next": "x"})
    (version,) = world.line("a", branch="x")
    world.line("b", branch="main")
    world.line("c", branch="held")
    world.point("demo", version.id)
    holds.hold(world.ports, APP, "held", BOB, "a demo", None)
    before = world.pointers()
    world.clock.go_on(days=400)
    assert names(prune.run(world.ports, APP).pointers) == ["x"]
    assert world.shown(pointer) == before[pointer]


def test_a_rollback_holds_a_branch_s_pointer_so_it_stays(world: World) -> None:
    first, _ = idle(world)
    world.rollback("x")
    world.clock.go_on(days=400)
    assert prune.run(world.ports, APP).pointers == []
    assert world.shown("x") == first.id
    holds.release(world.ports, APP, "x", ANN)
    assert prune.run(world.ports, APP).pointers == [], "somebody minded it just now"
    world.clock.go_on(days=101)
    assert names(prune.run(world.ports, APP).pointers) == ["x"]


def test_a_publish_brings_it_back_and_its_generations_go_on(world: World) -> None:
    first, second = idle(world)
    prune.run(world.ports, APP)
    newer = world.publish(page("c"), "c", branch="x", ancestors="ba")
    assert world.shown("x") == newer.id
    route = world.route(X)
    assert route is not None
    assert (route["g"], "r" in route) == (4, False)
    assert [(one.generation, one.kind, one.from_version) for one in swaps(world)] == [
        (4, SwapKind.FOLLOW, None),
        (3, SwapKind.RETIRE, second.id),
        (2, SwapKind.FOLLOW, first.id),
        (1, SwapKind.FOLLOW, None),
    ]
    assert world.pointer("x").trail == ()
    assert "x" in listed(world)
    assert world.findings() == set()


def test_the_same_version_published_again_brings_it_back(world: World) -> None:
    _, second = idle(world, retention=Retention(1, 20, 3, 100))
    prune.run(world.ports, APP)
    assert world.publish(page("b"), "b", branch="x", ancestors="a").id == second.id
    assert (world.shown("x"), world.pointer("x").generation) == (second.id, 4)


def test_a_swap_by_hand_brings_it_back_and_it_follows_on(world: World) -> None:
    idle(world)
    prune.run(world.ports, APP)
    done = world.point("x", "branch:main", expected=3)
    assert (done.swap.generation, done.pointer.follows) == (4, "x")
    newer = world.publish(page("c"), "c", branch="x", ancestors="ba")
    assert world.shown("x") == newer.id
    assert world.findings() == set()


def test_it_has_nothing_to_roll_back_to(world: World) -> None:
    idle(world)
    prune.run(world.ports, APP)
    with pytest.raises(NothingToRollBackTo):
        world.rollback("x")


def test_a_plan_of_a_swap_of_it_goes_from_nothing(world: World) -> None:
    idle(world)
    prune.run(world.ports, APP)
    planned = swap.plan(world.ports, world.addresses, APP, "x", "branch:main")
    assert planned.allowed
    assert planned.files.removed == []


def test_a_hold_that_ends_by_itself_brings_nothing_back(world: World) -> None:
    world.configure(retention=Retention(1, 20, 3, 100))
    world.line("a", branch="x")
    until = stamp(world.clock.now().replace(year=2027))
    holds.hold(world.ports, APP, "x", BOB, "a demo", until)
    world.clock.go_on(days=400)
    world.publish(page("main"), "main")
    assert names(prune.run(world.ports, APP).pointers) == ["x"], "its hold has ended, though nobody has seen to it yet"
    for _ in range(3):
        world.reconcile()
    assert world.pointer("x").last_hold is not None
    assert (world.shown("x"), world.pointer("x").generation) == (None, 2)


def test_what_is_published_while_it_is_held_brings_it_back_when_the_hold_ends(world: World) -> None:
    idle(world)
    prune.run(world.ports, APP)
    holds.hold(world.ports, APP, "x", BOB, "not yet", stamp(world.clock.now() + timedelta(minutes=2)))
    missed = world.publish(page("c"), "c", branch="x", ancestors="ba")
    assert world.shown("x") is None
    for _ in range(3):
        world.reconcile()
    assert (world.shown("x"), world.pointer("x").generation) == (missed.id, 4)


def test_a_bounded_number_retires_at_once_and_rounds_do_the_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retire, "_AT_ONCE", 2)
    world.configure(retention=POLICY)
    branches = ["v", "w", "x", "y", "z"]
    for branch in branches:
        world.line(branch, branch=branch)
    world.clock.go_on(days=101)
    world.publish(page("main"), "main")
    assert names(prune.plan(world.ports, APP).pointers) == branches
    first = prune.run(world.ports, APP, BOB)
    assert (names(first.pointers), len(first.versions), first.pending) == (["v", "w"], 2, True)
    assert world.shown("x") is not None
    for _ in range(3):
        world.reconcile()
    assert [world.shown(branch) for branch in branches] == [None] * 5
    assert {swaps(world, branch)[0].by for branch in branches} == {BOB}
    assert (pending(world), prune.plan(world.ports, APP).versions) == ([], [])
    assert world.findings() == set()


def test_a_prune_that_nobody_is_known_to_have_asked_for_retires_on_the_reconciler_s_word(world: World) -> None:
    idle(world)
    prune.proceed(world.ports, APP)
    assert swaps(world)[0].by == RECONCILER


def test_many_retire_with_no_more_writes_to_the_edge_than_one(world: World) -> None:
    world.configure(retention=POLICY)
    writes: list[int] = []
    for number in (1, 9):
        for name in range(number):
            world.line(f"{number} {name}", branch=f"x{name}")
        world.clock.go_on(days=101)
        world.publish(page(f"main {number}"), f"main {number}")
        made: list[str] = []
        retired = prune.run(tap(world.ports, before=lambda name, _, m=made: m.append(name)), APP).pointers
        assert len(retired) == number
        writes.append(made.count("edge.remove"))
    assert writes[0] == writes[1]


def test_its_aliases_go_and_the_functions_that_only_it_had(world: World) -> None:
    idle_with_function(world)
    world.publish(page("main"), "main")
    assert Alias(APP, "api", "x") in world.functions.aliases
    assert names(prune.run(world.ports, APP).pointers) == ["x"]
    assert (world.functions.aliases, world.functions.origins) == ({}, {})
    assert world.pointer("x").functions == ()
    assert world.reconcile().repaired == 0


@pytest.mark.parametrize("call", ["edge.show", "functions.point"])
def test_a_repair_that_is_slower_than_the_prune_gives_neither_record_nor_alias_back(world: World, call: str) -> None:
    idle_with_function(world)
    publish_with_function(world, "main", "main")
    world.edge.remove([X])
    del world.functions.aliases[Alias(APP, "api", "x")]
    pruned = once(lambda name, _: name == call, lambda: prune.run(world.ports, APP))
    reconcile.one_round(tap(world.ports, before=pruned), world.addresses)
    assert world.pointer("x").retired
    assert (world.shown("x"), list(world.functions.aliases)) == (None, [Alias(APP, "api", "main")])


def test_a_withdrawal_that_is_slower_than_the_prune_gives_no_record_back(world: World) -> None:
    first, _ = idle(world)
    pruned = once(lambda name, args: name == "edge.show" and args[0][0].key == X, lambda: prune.run(world.ports, APP))
    revoke.revoke(tap(world.ports, before=pruned), APP, first.id, BOB, "leaked")
    assert world.pointer("x").retired
    assert world.shown("x") is None


def test_a_pointer_that_is_configured_meanwhile_stays(world: World) -> None:
    _, second = idle(world)
    configured = once(
        lambda name, args: name == "ledger.commit" and len(args[0]) == 4,
        lambda: world.configure(retention=POLICY, follow={"x": "x"}),
    )
    assert prune.run(tap(world.ports, before=configured), APP).pointers == []
    assert world.shown("x") == second.id
    assert world.findings() == set()


def test_what_was_missed_before_is_not_caught_up_with(world: World) -> None:
    idle(world, retention=Retention(1, 20, 3, 100))
    prune.run(world.ports, APP)
    follow.catch_up(world.ports, world.addresses, reading.find_app(world.ports, APP), "x")
    assert world.shown("x") is None


def test_no_route_of_it_is_expected(world: World) -> None:
    idle(world)
    prune.run(world.ports, APP)
    assert X not in [route.key for _, route in drift.of_pointers(world.ports, APP)]
