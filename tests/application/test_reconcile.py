"""A process that is killed at any step: what was decided is shown, what was verified becomes ready."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from pullprod_control_plane.application import keys, look, prune, reading, reconcile
from pullprod_control_plane.domain.pointers import PointerState
from pullprod_control_plane.domain.versions import State
from pullprod_control_plane.ports import Answer
from tests.support.tapped import Killed, counted, killed_at, tap
from tests.support.world import APP, World, opened, page


def kill_at_edge(name: str, _args: object) -> None:
    if name == "edge.show":
        raise Killed


def manifests(world: World) -> set[tuple[str, str]]:
    """Return the version, and the time when that was begun, of every manifest in the store."""
    keys_there = world.store._database.rows("SELECT key FROM objects WHERE key LIKE 'shop/m/%'")
    named = [str(key).split("/") for (key,) in keys_there]
    return {(version, time.removesuffix(".json")) for _, _, version, time in named}


def recover(world: World) -> None:
    """Do what a process does when it starts."""
    reconcile.decided(world.ports)
    world.reconcile()


def check_agreed(world: World) -> None:
    assert list(reading.everything(world.ledger, keys.PENDING)) == []
    assert all(p.state is PointerState.APPLIED for p in reading.pointers(world.ports, APP))
    assert world.findings() == set()


def test_a_swap_that_was_decided_before_a_crash_is_shown(world: World) -> None:
    [version] = world.line("a")
    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill_at_edge)).point("production", version.id)
    assert world.pointer("production").state is PointerState.APPLYING
    reconcile.decided(world.ports)
    assert world.shown("production") == version.id
    check_agreed(world)


def test_a_newer_swap_takes_the_place_of_an_unfinished_one(world: World) -> None:
    first, second = world.line("a", "b")
    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill_at_edge)).point("production", first.id)
    world.point("production", second.id)
    reconcile.decided(world.ports)
    assert world.shown("production") == second.id
    check_agreed(world)


def test_a_swap_that_was_killed_at_any_step_happened_wholly_or_not_at_all(tmp_path: Path) -> None:
    with opened(tmp_path / "scene") as world:
        world.configure(hosts={"production": ("www.example.com",)})
        first, second = world.line("a", "b")
        world.point("production", first.id)
        ports, calls = counted(world.ports)
        replace(world, ports=ports).point("demo", second.id)
    outcomes = set()
    for number in range(len(calls)):
        with opened(copytree(tmp_path / "scene", tmp_path / str(number))) as copy:
            copy.clock.go_on(hours=1)
            with pytest.raises(Killed):
                replace(copy, ports=killed_at(copy.ports, number, after=True)).point("production", second.id)
            recover(copy)
            shown = copy.shown("production")
            history = look.history(copy.ports, APP, "production", 10, None).items
            assert (shown == second.id) == (len(history) == 2), f"killed after call {number}"
            check_agreed(copy)
            outcomes.add(shown)
            copy.point("production", second.id)
            assert copy.shown("production") == second.id
    assert outcomes == {first.id, second.id}


def test_a_publish_that_was_killed_at_any_step_is_finished_by_its_repetition(tmp_path: Path) -> None:
    with opened(tmp_path / "scene") as world:
        world.configure(follow={"next": "main"})
        world.line("a")
        ports, calls = counted(world.ports)
        replace(world, ports=ports).publish(page("x"), "x", branch="other")
    for number in range(len(calls)):
        with opened(copytree(tmp_path / "scene", tmp_path / str(number))) as copy:
            copy.clock.go_on(hours=1)
            try:
                replace(copy, ports=killed_at(copy.ports, number, after=True)).publish(page("b"), "b", ancestors="a")
            except Killed:
                recover(copy)
                version = copy.publish(page("b"), "b", ancestors="a")
            else:
                version = copy.version(copy.pointer("main").version or "")
            assert version.state is State.READY
            assert copy.shown("main") == copy.shown("next") == version.id
            assert copy.pointer("main").generation == 2, f"killed after call {number}"
            listed = [v.id for v in look.versions(copy.ports, APP, look.Filter(), 10, None).items]
            assert listed.count(version.id) == 1
            check_agreed(copy)
            copy.clock.go_on(days=2)
            prune.run(copy.ports, APP)
            assert manifests(copy) == {(v.id, v.begun_at) for v in reading.versions(copy.ports, APP)}


def test_a_version_whose_bytes_were_verified_becomes_ready_after_a_crash(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill_at_edge)).finalize(begun.version.id)
    reconcile.decided(world.ports)
    assert world.version(begun.version.id).state is State.PREPARING
    world.reconcile()
    assert world.version(begun.version.id).state is State.READY
    assert world.shown("main") == begun.version.id
    check_agreed(world)


def test_a_branch_that_joined_a_version_gets_its_pointer_after_a_crash(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.begin(page("a"), "a", branch="release")
    world.send(begun, page("a"))

    def kill(name: str, args: tuple[object, ...]) -> None:
        if name == "ledger.commit" and "branch#release" in str(args):
            raise Killed

    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill)).finalize(begun.version.id)
    assert world.shown("main") == begun.version.id
    world.reconcile()
    assert world.shown("release") == begun.version.id
    check_agreed(world)


def test_drift_is_repaired_and_counted(world: World) -> None:
    world.configure(hosts={"production": ("www.example.com",)})
    first, second = world.line("a", "b")
    world.point("production", second.id)
    world.edge.remove(["www.example.com", f"{first.id}--{APP}"])
    with world.edge._database.transaction() as connection:
        connection.execute("UPDATE routes SET record = '{}' WHERE key = 'main--shop'")
    assert world.reconcile().repaired == 3
    assert world.reconcile().repaired == 0
    assert world.shown("main") == second.id
    check_agreed(world)


def test_every_app_is_repaired(world: World) -> None:
    world.configure("blog")
    version = world.publish(page("a"), "a", app="blog")
    world.edge.remove([f"{version.id}--blog", "main--blog"])
    assert world.reconcile().repaired == 2


def test_a_version_whose_address_does_not_answer_waits_for_the_next_round(world: World) -> None:
    begun = world.begin(page("a"), "a")
    world.send(begun, page("a"))
    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill_at_edge)).finalize(begun.version.id)
    report = world.with_ports(probe=_Deaf()).reconcile()
    assert (report.waiting, report.finished, report.failed) == (1, 0, [])
    assert world.version(begun.version.id).state is State.PREPARING
    recover(world)
    assert world.version(begun.version.id).state is State.READY


class _Deaf:
    def get(self, _host: str, _path: str, _share: str | None = None) -> Answer:
        return Answer(0)
