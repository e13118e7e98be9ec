"""Functions of versions: published with them, shown by pointers' aliases, removed when nothing needs them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pullprod_control_plane.application import audit, programs, prune, reconcile, revoke
from pullprod_control_plane.domain import routes
from pullprod_control_plane.domain.apps import Retention
from pullprod_control_plane.domain.errors import (
    FunctionRefused,
    GuardRefused,
    UploadIncomplete,
    VersionNotReady,
)
from pullprod_control_plane.domain.pointers import PointerState
from pullprod_control_plane.domain.versions import State, Version
from pullprod_control_plane.ports import Alias, Program
from tests.support.programs import ToldFunctions
from tests.support.tapped import Killed, counted, killed_at, once, tap
from tests.support.world import ANN, APP, World, page, program

PRODUCTION = Alias(APP, "api", "production")
SETTINGS: dict[str, Any] = {"lineage": {"production": "off"}, "retention": Retention(1, 1, 1)}


def version(world: World, commit: str, body: bytes = b"zip", **facts: Any) -> Version:
    """Publish a version of a page and the function `api`."""
    files, functions = page(commit), (program(body, **facts),)
    begun = world.begin(files, commit, functions=functions)
    world.send(begun, {**files, "api.zip": body})
    return world.finalize(begun.version.id)


def shown(world: World, alias: Alias = PRODUCTION) -> str | None:
    return world.functions.pointed(alias)


def test_a_version_with_functions_is_ready_once_they_have_origins(world: World) -> None:
    made = version(world, "a")
    assert made.state is State.READY
    assert list(made.origins) == ["api"]
    assert world.functions.origins == {(APP, "api", made.zips[0]): made.origins["api"]}


def test_a_version_may_have_functions_only(world: World) -> None:
    begun = world.begin({}, "a", functions=(program(b"zip"),))
    assert world.send(begun, {"api.zip": b"zip"}) == 1
    made = world.finalize(begun.version.id)
    assert (made.state, made.files, made.bytes) == (State.READY, 0, 3)


def test_a_zip_that_has_not_arrived_is_named(world: World) -> None:
    begun = world.begin(page("a"), "a", functions=(program(b"zip"),))
    world.send(begun, {**page("a"), "api.zip": b"zip"})
    world.store.delete(f"{APP}/s/{begun.version.zips[0]}/")
    with pytest.raises(UploadIncomplete) as refused:
        world.finalize(begun.version.id)
    assert refused.value.facts["missing"] == ["api.zip"]


def test_what_takes_time_is_finished_by_whoever_comes_next(world: World) -> None:
    world.functions.slow = 2
    made = version(world, "a")
    assert (made.state, made.origins, world.worker.woken) == (State.PREPARING, {}, 1)
    assert world.pointers() == {"production": None}
    assert reconcile.one_round(world.ports, world.addresses).waiting == 1
    report = reconcile.one_round(world.ports, world.addresses)
    assert (report.waiting, report.finished, report.failed) == (0, 1, [])
    assert world.finalize(made.id).state is State.READY
    assert world.pointers()["main"] == made.id


def test_a_function_that_can_never_run_is_refused_and_its_version_does_not_become_ready(world: World) -> None:
    with pytest.raises(FunctionRefused):
        version(world, "a", handler="broken")
    assert world.pointers() == {"production": None}


def test_versions_with_the_same_zip_and_configuration_share_the_program(world: World) -> None:
    one, two, other = version(world, "a"), version(world, "b"), version(world, "c", memory_mb=1_024)
    assert one.zips == two.zips != other.zips
    assert one.origins == two.origins != other.origins


def test_the_same_zip_is_not_sent_again(world: World) -> None:
    version(world, "a")
    begun = world.begin(page("a"), "b", functions=(program(b"zip", timeout_s=30),))
    assert world.send(begun, {}) == 0


def test_a_swap_moves_the_pointers_aliases(world: World) -> None:
    world.configure(**SETTINGS)
    one, two = version(world, "a", b"one"), version(world, "b", b"two")
    world.point("production", one.id)
    assert shown(world) == one.zips[0]
    world.point("production", two.id)
    assert shown(world) == two.zips[0]
    world.rollback("production")
    assert shown(world) == one.zips[0]
    assert shown(world, Alias(APP, "api", "main")) == two.zips[0]


def test_a_version_without_the_function_takes_the_alias_away(world: World) -> None:
    world.configure(**SETTINGS)
    world.point("production", version(world, "a").id)
    plain = world.publish(page("b"), "b")
    done = world.point("production", plain.id)
    assert (shown(world), done.pointer.functions) == (None, ())


def test_an_alias_that_cannot_move_leaves_the_swap_to_the_reconciler(world: World) -> None:
    made = version(world, "a")

    def fail(name: str, _: tuple[Any, ...]) -> None:
        if name == "functions.point":
            raise ConnectionError

    done = replace(world, ports=tap(world.ports, before=fail)).point("production", made.id)
    assert (done.pointer.state, world.shown("production")) == (PointerState.APPLYING, made.id)
    assert world.worker.woken == 1
    assert reconcile.one_round(world.ports, world.addresses).finished == 1
    assert shown(world) == made.zips[0]
    assert world.pointer("production").state is PointerState.APPLIED


def test_an_alias_that_an_overtaken_swap_left_goes_with_the_next_one(world: World) -> None:
    world.configure(**SETTINGS)
    world.publish(page("0"), "0")
    with_api, plain = version(world, "a"), world.publish(page("b"), "b")
    overtaken: list[str] = []

    def overtake(name: str, args: tuple[Any, ...]) -> None:
        if name == "functions.point" and args[0] == PRODUCTION and not overtaken:
            overtaken.append(name)
            world.point("production", plain.id)

    replace(world, ports=tap(world.ports, before=overtake)).point("production", with_api.id)
    assert overtaken
    assert world.shown("production") == plain.id
    assert shown(world) is None


def old(world: World, commit: str, body: bytes) -> Version:
    """Publish a version with the function `api` that the next prune retires, since a newer one follows it."""
    world.configure(**SETTINGS)
    made = loose(world, commit, body)
    world.publish(page(f"after {commit}"), f"after {commit}", branch=None)
    world.clock.go_on(days=30)
    return made


def loose(world: World, commit: str, body: bytes) -> Version:
    """Publish a version that no branch's pointer shows."""
    begun = world.begin({}, commit, functions=(program(body),), branch=None)
    world.send(begun, {"api.zip": body})
    return world.finalize(begun.version.id)


def test_a_prune_removes_the_programs_that_only_retired_versions_have(world: World) -> None:
    kept = version(world, "a", b"two")
    shared, alone = loose(world, "b", b"two"), old(world, "c", b"one")
    assert {gone.id for gone in prune.run(world.ports, APP).versions} == {shared.id, alone.id}
    assert set(world.functions.origins) == {(APP, "api", kept.zips[0])}
    assert world.store.read(f"{APP}/s/{kept.zips[0]}/api.zip") == b"two"
    assert world.store.read(f"{APP}/s/{alone.zips[0]}/api.zip") is None


def test_a_program_that_an_alias_still_shows_waits_for_the_next_prune(world: World) -> None:
    gone = old(world, "a", b"one")
    world.functions.point(Alias(APP, "api", "next"), gone.zips[0], 1)
    prune.run(world.ports, APP)
    assert world.functions.origins
    world.functions.point(Alias(APP, "api", "next"), None, 2)
    prune.run(world.ports, APP)
    assert not world.functions.origins


def test_a_program_that_was_removed_is_made_anew_beside_its_old_name(world: World) -> None:
    gone = old(world, "a", b"one")
    prune.run(world.ports, APP)
    again = version(world, "b", b"one")
    assert again.zips != gone.zips
    assert world.functions.origins == {(APP, "api", again.zips[0]): again.origins["api"]}


def test_revoking_removes_what_only_that_version_has(world: World) -> None:
    one, shared, other = version(world, "a", b"one"), version(world, "b", b"two"), version(world, "c", b"two")
    for name in [p for p in world.pointers() if p != "production"]:
        world.point(name, other.id)
    for made in (one, shared):
        revoke.revoke(world.ports, APP, made.id, ANN, "leaked")
    assert set(world.functions.origins) == {(APP, "api", other.zips[0])}
    assert world.store.read(f"{APP}/s/{one.zips[0]}/api.zip") is None
    assert world.store.read(f"{APP}/s/{other.zips[0]}/api.zip") == b"two"


def test_a_version_that_is_shown_keeps_its_functions(world: World) -> None:
    made = version(world, "a")
    with pytest.raises(GuardRefused):
        revoke.revoke(world.ports, APP, made.id, ANN, "leaked")
    assert world.functions.origins


def test_an_alias_that_somebody_else_moved_is_found_and_set_right(world: World) -> None:
    world.configure(**SETTINGS, drift="report")
    one, two = version(world, "a", b"one"), version(world, "b", b"two")
    generation = world.point("production", one.id).pointer.generation
    world.functions.aliases[PRODUCTION] = (two.zips[0], generation)
    assert {f.code for f in audit.audit(world.ports, APP).findings} == {"alias-differs"}
    assert [f.subject for _, f in reconcile.one_round(world.ports, world.addresses).drift] == ["api:production"]
    world.configure(**SETTINGS, drift="repair")
    assert reconcile.one_round(world.ports, world.addresses).repaired == 1
    assert shown(world) == one.zips[0]
    assert not audit.audit(world.ports, APP).findings


def test_a_publish_killed_at_any_call_ends_well_when_it_is_repeated(world: World) -> None:
    def begin(commit: str) -> str:
        begun = world.begin({}, commit, functions=(program(commit.encode()),), branch=None)
        world.send(begun, {"api.zip": commit.encode()})
        return begun.version.id

    watched, calls = counted(world.ports)
    replace(world, ports=watched).finalize(begin("x"))
    assert [name for name, _ in calls].count("functions.publish") == 1
    for number in range(2 * len(calls)):
        killed, after = begin(f"k{number}"), bool(number % 2)
        with pytest.raises(Killed):
            replace(world, ports=killed_at(world.ports, number // 2, after=after)).finalize(killed)
        done = world.finalize(killed)
        assert (done.state, list(done.origins)) == (State.READY, ["api"])
    assert not world.findings()


def test_programs_of_a_version_are_those_of_its_functions_in_their_order(world: World) -> None:
    functions = (program(b"1", "api"), program(b"2", "img", routes=("/img/*",)))
    begun = world.begin(page("a"), "a", functions=functions)
    world.send(begun, {**page("a"), "api.zip": b"1", "img.zip": b"2"})
    made = world.finalize(begun.version.id)
    assert sorted(made.origins) == ["api", "img"]
    assert [drift.alias.function for drift in programs.aliases(world.ports, APP)] == ["api", "img"]


def withdrawn_while_published(world: World, act: Any) -> Version:
    """Withdraw a version while its function is being published, and let `act` happen after that."""
    begun = world.begin({}, "a", functions=(program(b"one"),), branch=None)
    world.send(begun, {"api.zip": b"one"})
    withdraw = once(
        lambda name, _: name == "functions.publish",
        lambda: revoke.revoke(world.ports, APP, begun.version.id, ANN, "leaked"),
    )
    with pytest.raises((VersionNotReady, Killed)):
        replace(world, ports=tap(world.ports, before=withdraw, after=act)).finalize(begun.version.id)
    return world.version(begun.version.id)


def test_a_version_that_is_withdrawn_while_its_function_is_published_leaves_none_behind(world: World) -> None:
    made = withdrawn_while_published(world, lambda *_: None)
    assert made.state is State.REVOKED
    assert world.functions.origins == {}


def test_nor_does_one_whose_function_takes_time(world: World) -> None:
    class Unhurried(ToldFunctions):
        def publish(self, program: Program) -> str | None:
            super().publish(program)
            return None

    functions = Unhurried()
    withdrawn_while_published(world.with_ports(functions=functions), lambda *_: None)
    assert functions.origins == {}


def test_what_dies_before_it_could_clear_away_is_cleared_away_by_a_prune_a_day_later(world: World) -> None:
    def die(name: str, _args: object) -> None:
        if name == "functions.publish":
            raise Killed

    withdrawn_while_published(world, die)
    assert world.functions.origins
    prune.run(world.ports, APP)
    assert world.functions.origins
    world.clock.go_on(days=2)
    prune.run(world.ports, APP)
    assert world.functions.origins == {}
    prune.run(world.ports, APP)


def test_a_version_that_is_pruned_while_its_address_is_written_is_not_shown_for_ever(world: World) -> None:
    made = old(world, "a", b"one")
    # As a publish does that saw the version before it was marked.
    late = once(lambda name, _: name == "store.delete", lambda: world.edge.show([routes.for_version(made)]))
    prune.run(tap(world.ports, before=late), APP)
    assert world.version(made.id).state is State.RETIRED
    assert world.route(f"{made.id}--{APP}") is None
