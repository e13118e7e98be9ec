"""Rounds of the reconciler: bounded, patient with what fails, and unimpressed by clocks that jump."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pullprod_control_plane.application import keys, look, notes, prune, reading, receipts, reconcile
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.pointers import PointerState
from pullprod_control_plane.domain.versions import State
from pullprod_control_plane.ports import Delete, Key, Put
from tests.support.tapped import Killed, counted, killed_at, tap
from tests.support.world import APP, World, killed_after_each_call, opened, page, pending, receipt

WWW = "www.example.com"
BROKEN = Key(keys.PENDING, "aaa#first in order")


def interrupt(world: World, pointer: str, version: str) -> None:
    """Decide a swap and die before it is shown."""

    def kill(name: str, _args: object) -> None:
        if name == "edge.show":
            raise Killed

    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill)).point(pointer, version)


def break_one_note(world: World) -> None:
    """Leave a note that nobody can finish."""
    world.ledger.commit([Put(BROKEN, {"kind": "unheard of", "app": APP, "at": reading.now(world.ports)}, 0)])


def test_an_idle_round_reports_nothing_and_reads_little(world: World) -> None:
    world.point("production", world.line("a")[0].id)
    world.reconcile()
    ports, calls = counted(world.ports)
    report = reconcile.one_round(ports, world.addresses, timedelta(hours=1))
    assert report == reconcile.Report()
    assert not [name for name, _ in calls if name.startswith(("edge.", "store.", "probe."))]
    assert len(calls) <= 12


def test_the_oldest_pending_note_is_the_lag(world: World) -> None:
    break_one_note(world)
    world.clock.go_on(minutes=9)
    report = world.reconcile()
    assert (report.pending, report.lag_s) == (1, 600.0)


def test_a_note_that_cannot_be_finished_stops_no_other(world: World) -> None:
    [version] = world.line("a")
    break_one_note(world)
    interrupt(world, "production", version.id)
    report = world.reconcile()
    assert report.failed == [BROKEN.sort]
    assert report.finished == 1
    assert world.shown("production") == version.id
    assert [note.key for note in pending(world)] == [BROKEN]


def test_a_note_that_fails_again_and_again_is_tried_less_and_less_but_never_lost(world: World) -> None:
    break_one_note(world)
    tried = [bool(world.reconcile().failed) for _ in range(300)]
    rests = [later - earlier for earlier, later in pairwise(at for at, yes in enumerate(tried) if yes)]
    assert tried[0]
    assert rests == sorted(rests)
    assert rests[:3] == [1, 1, 2]
    assert rests[-1] == 60
    assert [note.key for note in pending(world)] == [BROKEN]


def test_the_audit_tells_what_cannot_be_finished(world: World) -> None:
    break_one_note(world)
    world.reconcile()
    assert world.findings() == {"unfinished"}
    world.ledger.commit([_removed(world, BROKEN)])
    world.reconcile()
    assert world.findings() == set()
    assert list(reading.everything(world.ledger, keys.SETBACKS)) == []


def _removed(world: World, key: Key) -> Delete:
    item = reading.one(world.ledger, key)
    assert item
    return Delete(key, item.revision)


def test_a_round_that_dies_over_a_note_leaves_the_others_to_the_next(world: World) -> None:
    first, second = world.line("a", "b")
    interrupt(world, "demo", first.id)
    interrupt(world, "production", second.id)

    def kill(name: str, args: tuple[Any, ...]) -> None:
        if name == "edge.show" and "demo--shop" in str(args):
            raise Killed

    world.clock.go_on(minutes=1)
    with pytest.raises(Killed):
        reconcile.one_round(tap(world.ports, before=kill), world.addresses)
    world.clock.go_on(seconds=1)
    assert reconcile.one_round(tap(world.ports, before=kill), world.addresses).finished == 1
    assert world.shown("production") == second.id
    world.reconcile()
    assert world.shown("demo") == first.id


def test_a_later_note_under_the_same_key_does_not_inherit_the_rest(world: World) -> None:
    break_one_note(world)
    for _ in range(20):
        world.reconcile()
    world.ledger.commit([_removed(world, BROKEN)])
    break_one_note(world)
    assert world.reconcile().failed == [BROKEN.sort]


def test_a_round_tries_a_bounded_number_of_notes_and_the_next_the_others(world: World) -> None:
    for number in range(150):
        key = Key(keys.PENDING, f"n{number:03d}")
        world.ledger.commit([Put(key, {"kind": "unheard of", "app": APP, "at": reading.now(world.ports)}, 0)])
    rounds = [world.reconcile().failed, reconcile.one_round(world.ports, world.addresses).failed]
    assert [len(failed) for failed in rounds] == [100, 50]
    assert len(set(rounds[0] + rounds[1])) == 150


def test_versions_are_compared_a_slice_a_round_and_all_of_them_in_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_VERSIONS", 3)
    world.configure("blog")
    lost = {f"{v.id}--{APP}" for v in world.line(*"abcdefg")} | {
        world.publish(page("x"), "x", app="blog").id + "--blog"
    }
    world.edge.remove(list(lost))
    rounds = [world.reconcile().repaired for _ in range(5)]
    assert sum(rounds) == 8
    assert max(rounds) <= 3
    assert all(world.route(key) for key in lost)


def test_pointers_are_compared_in_every_round(world: World) -> None:
    [version] = world.line("a")
    world.point("production", version.id)
    for _ in range(3):
        world.edge.remove([f"production--{APP}"])
        assert world.reconcile().repaired == 1
        assert world.shown("production") == version.id


def test_the_edge_is_compared_as_often_as_it_is_wished(world: World) -> None:
    world.point("production", world.line("a")[0].id)
    world.reconcile()
    world.edge.remove([f"production--{APP}"])
    repaired = []
    for _ in range(61):
        world.clock.go_on(minutes=1)
        repaired.append(reconcile.one_round(world.ports, world.addresses, timedelta(hours=1)).repaired)
    assert repaired == [0] * 59 + [1, 0]


def test_drift_is_reported_and_left_alone_where_the_app_says_so(world: World) -> None:
    world.configure(drift="report")
    world.configure("blog")
    [version] = world.line("a")
    world.publish(page("x"), "x", app="blog")
    world.point("production", version.id)
    world.edge.remove([f"production--{APP}", "main--blog"])
    report = world.reconcile()
    assert report.repaired == 1
    assert [(app, finding.code, finding.subject) for app, finding in report.drift] == [
        (APP, "route-differs", f"production--{APP}")
    ]
    assert world.route(f"production--{APP}") is None
    assert world.findings() == {"route-differs"}


def test_old_receipts_go(world: World) -> None:
    receipts.keep(world.ports, receipt("old"))
    world.reconcile()
    world.clock.go_on(days=6, hours=23, minutes=50)
    receipts.keep(world.ports, receipt("new"))
    assert [world.reconcile().forgotten for _ in range(15)].count(1) == 1
    assert [item.key for item in reading.everything(world.ledger, keys.RECEIPTS)] == [receipt("new").where]


def test_a_clock_that_jumps_ahead_for_a_round_ends_nothing(world: World) -> None:
    receipts.keep(world.ports, receipt())
    break_one_note(world)
    world.reconcile()
    world.clock.go_on(days=8)
    world.reconcile()
    world.clock.go_on(days=-8)
    assert world.reconcile().forgotten == 0
    assert reading.one(world.ledger, receipt().where)
    assert [bool(world.reconcile().failed) for _ in range(4)].count(True) >= 1, "a rest that ends in a week is none"


def test_a_clock_that_is_set_back_an_hour_hinders_nothing(world: World) -> None:
    [version] = world.line("a")
    world.point("production", version.id)
    break_one_note(world)
    for _ in range(3):
        world.reconcile()
    world.clock.go_on(hours=-1)
    world.edge.remove([f"production--{APP}"])
    interrupt(world, "demo", version.id)
    report = reconcile.one_round(world.ports, world.addresses, timedelta(hours=1))
    assert (report.finished, report.repaired) == (1, 1)
    assert report.lag_s == 0
    assert world.shown("production") == world.shown("demo") == version.id


def test_a_round_that_is_killed_at_any_step_is_made_good_by_the_next(tmp_path: Path) -> None:
    for copy, number in killed_after_each_call(tmp_path, scene, World.reconcile):
        for _ in range(2):
            copy.reconcile()
        check(copy, f"killed after call {number}")


def scene(world: World) -> None:
    """Leave every kind of note, and drift."""
    world.configure(hosts={"production": (WWW,)}, follow={"next": "main"})
    first, second = world.line("a", "b")
    interrupt(world, "production", second.id)
    begun = world.begin(page("c"), "c", ancestors="ab")
    world.begin(page("c"), "c", branch="release", ancestors="ab")
    world.send(begun, page("c"))

    def kill(name: str, args: tuple[Any, ...]) -> None:
        if name == "edge.show" and "--" in str(args):
            raise Killed

    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill)).finalize(begun.version.id)
    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill)).configure(
            hosts={"production": ("example.com",)}, follow={"next": "main"}
        )
    world.edge.remove([f"{first.id}--{APP}", f"main--{APP}"])


def check(world: World, when: str = "") -> None:
    """Everything is finished and agrees."""
    newest = look.versions(world.ports, APP, look.Filter(), 1, None).items[0]
    assert pending(world) == [], when
    assert list(reading.everything(world.ledger, keys.SETBACKS)) == [], when
    assert newest.state is State.READY, when
    assert {p.name: p.state for p in reading.pointers(world.ports, APP)} == dict.fromkeys(
        ("main", "next", "production", "release"), PointerState.APPLIED
    ), when
    assert {world.shown(name) for name in ("main", "next", "release")} == {newest.id}, when
    assert world.findings() == set(), when


def test_two_rounds_at_once_do_no_harm_in_threads(tmp_path: Path) -> None:
    for attempt in range(3):
        with opened(tmp_path / str(attempt)) as world:
            scene(world)
            world.clock.go_on(minutes=1)
            with ThreadPoolExecutor(4) as threads:
                rounds = [threads.submit(reconcile.one_round, world.ports, world.addresses) for _ in range(4)]
                reports = [each.result() for each in rounds]
            assert [report.failed for report in reports] == [[]] * 4
            world.reconcile()
            check(world)
            assert [p.generation for p in reading.pointers(world.ports, APP)] == [3, 3, 1, 1]


def test_rounds_of_two_processes_at_once_do_no_harm(tmp_path: Path) -> None:
    with opened(tmp_path) as world:
        scene(world)
        moment = world.clock.moment + timedelta(minutes=1)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_round, args=(tmp_path, moment)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    with opened(tmp_path) as world:
        world.clock.moment = moment
        world.reconcile()
        check(world)
        assert [p.generation for p in reading.pointers(world.ports, APP)] == [3, 3, 1, 1]


def _round(directory: Path, moment: Any) -> None:
    with opened(directory) as world:
        world.clock.moment = moment
        assert reconcile.one_round(world.ports, world.addresses).failed == []


def test_one_of_two_gets_a_note(world: World) -> None:
    break_one_note(world)
    [note] = pending(world)
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: notes.begin(world.ports, note), range(8))) == 1


def test_a_prune_does_a_bounded_part_at_once_and_rounds_do_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "_VERSIONS", 3)
    monkeypatch.setattr(prune, "_SEGMENTS", 2)
    world.configure(retention=Retention(1, 1, 1))
    versions = [world.publish(page(name), name, branch=None) for name in "abcdefgh"]
    world.clock.go_on(days=30)
    expected = prune.plan(world.ports, APP)
    first = prune.run(world.ports, APP)
    assert (len(first.versions), first.pending) == (3, True)
    assert 0 < first.objects < expected.objects
    for _ in range(12):
        world.reconcile()
    assert [world.version(v.id).state for v in versions] == [State.RETIRED] * 7 + [State.READY]
    assert pending(world) == []
    last = prune.run(world.ports, APP)
    assert (last.versions, last.objects, last.pending) == ([], 0, False)
    assert world.content(versions[-1]) == page("h")
    assert world.findings() == set()


def test_a_prune_that_is_killed_at_any_step_is_finished_by_the_rounds_that_follow(tmp_path: Path) -> None:
    def old_and_new(world: World) -> str:
        world.configure(retention=Retention(1, 1, 1))
        old, _ = (world.publish(page(name), name, branch=None) for name in "ab")
        world.clock.go_on(days=30)
        return old.id

    with opened(tmp_path / "scene") as world:
        old_and_new(world)
        ports, calls = counted(world.ports)
        prune.run(ports, APP)
    changing = [n for n, (name, _) in enumerate(calls) if name in {"ledger.commit", "edge.remove", "store.delete"}]
    for number in changing:
        with opened(tmp_path / str(number)) as copy:
            old = old_and_new(copy)
            with pytest.raises(Killed):
                prune.run(killed_at(copy.ports, number, after=True), APP)
            copy.reconcile()
            assert copy.version(old).state is State.RETIRED, f"killed after call {number}"
            assert pending(copy) == []
            assert prune.plan(copy.ports, APP).objects == 0
            assert copy.findings() == set()
