from __future__ import annotations

from dataclasses import replace

import pytest

from pullprod_control_plane.application import look, revoke, swap
from pullprod_control_plane.domain.errors import (
    GuardRefused,
    IdempotencyConflict,
    InvalidRequest,
    StalePointer,
    VersionNotReady,
)
from pullprod_control_plane.domain.guards import Outcome
from pullprod_control_plane.domain.names import Addresses
from pullprod_control_plane.domain.pointers import PointerState
from pullprod_control_plane.domain.swaps import SwapKind
from pullprod_control_plane.domain.versions import State
from tests.support.domain import sha
from tests.support.tapped import Killed, counted, once, tap
from tests.support.world import APP, BOB, World, page, receipt


def history(world: World, pointer: str = "production") -> list[str | None]:
    return [done.to_version for done in look.history(world.ports, APP, pointer, 100, None).items]


def test_a_swap_is_recorded_and_shown_on_every_host(world: World) -> None:
    world.configure(hosts={"production": ("www.example.com",)})
    first, second = world.line("a", "b")
    world.point("production", first.id)
    done = world.point("production", second.id, reason="go", by=BOB)
    assert (done.swap.generation, done.swap.from_version, done.swap.to_version) == (2, first.id, second.id)
    assert (done.swap.kind, done.swap.by, done.swap.reason) == (SwapKind.POINT, BOB, "go")
    assert (done.pointer.state, done.pointer.version) == (PointerState.APPLIED, second.id)
    assert history(world) == [second.id, first.id]
    for host in ("production--shop", "www.example.com"):
        route = world.route(host)
        assert route is not None
        assert (route["v"], route["g"], route["r"]) == (second.id, 2, [[first.id, 1]])


def test_a_swap_against_an_older_generation_is_told_who_won(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", first.id, by=BOB, reason="mine", expected=0)
    with pytest.raises(StalePointer) as lost:
        world.point("production", second.id, expected=0)
    assert (lost.value.facts["moved_by"], lost.value.facts["reason"]) == (BOB, "mine")
    assert (lost.value.facts["version"], lost.value.facts["actual"]) == (first.id, 1)
    assert world.shown("production") == first.id


def test_a_swap_that_loses_at_the_last_moment_is_told_who_won(world: World) -> None:
    first, second = world.line("a", "b")
    racing = tap(
        world.ports,
        before=once(lambda name, _: name == "ledger.commit", lambda: world.point("production", first.id, by=BOB)),
    )
    with pytest.raises(StalePointer) as lost:
        replace(world, ports=racing).point("production", second.id, expected=0)
    assert lost.value.facts["moved_by"] == BOB
    assert history(world) == [first.id]


def test_who_loses_at_the_last_moment_need_not_look_who_won(world: World) -> None:
    first, second = world.line("a", "b")
    win = once(lambda name, _: name == "ledger.commit", lambda: world.point("production", first.id, by=BOB))
    watched, calls = counted(tap(world.ports, before=win))
    with pytest.raises(StalePointer, match="token:bob"):
        replace(world, ports=watched).point("production", second.id, expected=0)
    assert calls[-1][0] == "ledger.commit"


def test_without_an_expectation_both_of_two_racing_swaps_happen(world: World) -> None:
    first, second = world.line("a", "b")
    racing = tap(
        world.ports, before=once(lambda name, _: name == "ledger.commit", lambda: world.point("production", first.id))
    )
    done = replace(world, ports=racing).point("production", second.id)
    assert done.swap.generation == 2
    assert history(world) == [second.id, first.id]
    assert world.findings() == set()


def test_a_version_that_stops_being_ready_at_the_last_moment_is_not_shown(world: World) -> None:
    version = world.publish(page("a"), "a", branch=None)
    racing = tap(
        world.ports,
        before=once(
            lambda name, _: name == "ledger.commit",
            lambda: revoke.revoke(world.ports, APP, version.id, BOB, "leaks a secret"),
        ),
    )
    with pytest.raises(VersionNotReady):
        replace(world, ports=racing).point("production", version.id)
    assert world.shown("production") is None


def test_a_swap_whose_showing_fails_is_decided_all_the_same(world: World) -> None:
    version = world.publish(page("a"), "a")

    def fail(name: str, _args: object) -> None:
        if name == "edge.show":
            raise OSError("the edge is away")

    done = replace(world, ports=tap(world.ports, before=fail)).point("production", version.id)
    assert (done.pointer.version, done.pointer.state) == (version.id, PointerState.APPLYING)
    assert world.route("production--shop") is None


def test_a_repeated_request_happens_once(world: World) -> None:
    first, second = world.line("a", "b")
    done = world.point("production", first.id, receipt=receipt(), expected=0)
    assert world.point("production", first.id, receipt=receipt(), expected=0) == done
    world.point("production", second.id)
    again = world.point("production", first.id, receipt=receipt(), expected=0)
    assert again.swap == done.swap
    assert history(world) == [second.id, first.id]


def test_a_request_that_is_repeated_while_it_runs_happens_once(world: World) -> None:
    version = world.publish(page("a"), "a")
    racing = tap(
        world.ports,
        before=once(
            lambda name, _: name == "ledger.commit", lambda: world.point("production", version.id, receipt=receipt())
        ),
    )
    done = replace(world, ports=racing).point("production", version.id, receipt=receipt())
    assert done.swap.generation == 1
    assert history(world) == [version.id]


def test_a_request_that_was_killed_before_it_was_shown_is_finished_by_its_repetition(world: World) -> None:
    version = world.publish(page("a"), "a")

    def kill(name: str, _args: object) -> None:
        if name == "edge.show":
            raise Killed

    with pytest.raises(Killed):
        replace(world, ports=tap(world.ports, before=kill)).point("production", version.id, receipt=receipt())
    done = world.point("production", version.id, receipt=receipt())
    assert (done.swap.generation, done.pointer.state) == (1, PointerState.APPLIED)
    assert world.shown("production") == version.id


def test_one_key_for_two_requests_is_a_conflict(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", first.id, receipt=receipt())
    with pytest.raises(IdempotencyConflict):
        world.point("production", second.id, receipt=receipt(fingerprint="other"))
    assert world.shown("production") == first.id


def test_two_callers_may_use_the_same_key(world: World) -> None:
    first, second = world.line("a", "b")
    world.point("production", first.id, receipt=receipt())
    world.point("production", second.id, receipt=receipt(principal=BOB, fingerprint="other"))
    assert world.shown("production") == second.id


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1_001])
def test_a_swap_without_a_reason_is_refused(world: World, reason: str) -> None:
    version = world.publish(page("a"), "a")
    with pytest.raises(InvalidRequest, match="Say why"):
        world.point("production", version.id, reason=reason)


@pytest.mark.parametrize("pointer", ["Production", "a--b", "", "3f9c2a1b7d4e-9b1c22aa"])
def test_what_cannot_name_a_pointer_cannot_be_pointed(world: World, pointer: str) -> None:
    version = world.publish(page("a"), "a")
    with pytest.raises(InvalidRequest, match="cannot name a pointer"):
        world.point(pointer, version.id)


def test_production_does_not_lose_commits_unless_somebody_says_why(world: World) -> None:
    live = world.publish(page("b"), "b", ancestors="a")
    branch = world.publish(page("c"), "c", branch="feature", ancestors="a")
    world.point("production", live.id)
    with pytest.raises(GuardRefused) as refused:
        world.point("production", branch.id)
    assert refused.value.facts["lost"] == [sha("b")]
    assert world.shown("production") == live.id
    done = world.point("production", branch.id, force=("lineage",), reason="b is broken")
    assert (done.swap.forced, done.swap.reason) == (("lineage",), "b is broken")
    assert world.shown("production") == branch.id


def test_other_pointers_may_lose_commits(world: World) -> None:
    live = world.publish(page("b"), "b", ancestors="a")
    branch = world.publish(page("c"), "c", branch="feature", ancestors="a")
    world.point("demo", live.id)
    assert world.point("demo", branch.id).swap.forced == ()


def test_what_has_no_recorded_connection_with_production_is_refused(world: World) -> None:
    world.point("production", world.publish(page("a"), "a", ancestors="x").id)
    stranger = world.publish(page("b"), "b", branch="other", ancestors="y")
    with pytest.raises(GuardRefused, match="Nothing recorded connects"):
        world.point("production", stranger.id)


def test_a_shallow_publish_loses_nothing_when_the_versions_between_are_known(world: World) -> None:
    world.point("production", world.publish(page("a"), "a").id)
    world.publish(page("b"), "b", ancestors="a")
    world.publish(page("c"), "c", ancestors="b")
    newest = world.publish(page("d"), "d", ancestors="c")
    assert world.point("production", newest.id).swap.forced == ()


def test_a_version_whose_health_paths_answer_badly_is_refused(world: World) -> None:
    well = world.publish(page("a"), "a", health=("/", "/style.css"))
    ill = world.publish(page("b"), "b", ancestors="a", health=("/", "/api/health"))
    world.point("production", well.id)
    with pytest.raises(GuardRefused, match=r"/api/health of .* answers 404"):
        world.point("production", ill.id)
    assert world.point("production", ill.id, force=("health",)).swap.forced == ("health",)


def test_without_previews_a_version_is_ready_unasked_and_one_with_health_paths_has_to_be_forced(world: World) -> None:
    nowhere = replace(world, addresses=Addresses("https", None))
    version = nowhere.publish(page("a"), "a", health=("/",))
    assert version.state is State.READY
    with pytest.raises(GuardRefused, match="without a preview domain"):
        nowhere.point("production", version.id)
    assert nowhere.point("production", version.id, force=("health",)).swap.forced == ("health",)


def test_an_upload_that_is_not_finished_cannot_be_shown_whatever_is_forced(world: World) -> None:
    begun = world.begin(page("a"), "a")
    with pytest.raises(VersionNotReady, match="is uploading"):
        world.point("production", begun.version.id, force=("hold", "lineage", "health"))
    assert world.shown("production") is None


def test_a_plan_tells_what_a_swap_would_do_and_changes_nothing(world: World) -> None:
    live = world.publish({"a.txt": b"1", "b.txt": b"1"}, "b", ancestors="a")
    other = world.publish({"b.txt": b"2", "c.txt": b"1"}, "c", branch="feature", ancestors="a")
    world.point("production", live.id)
    before = world.pointer("production")
    plan = swap.plan(world.ports, world.addresses, APP, "production", "branch:feature")
    assert not plan.allowed
    assert {v.guard for v in plan.verdicts if v.outcome is Outcome.REFUSE} == {"lineage"}
    assert (plan.proposal.commits.gained, plan.proposal.commits.lost) == ((sha("c"),), (sha("b"),))
    assert (plan.files.added, plan.files.changed, plan.files.removed) == (["c.txt"], ["b.txt"], ["a.txt"])
    assert plan.proposal.version == other
    assert world.pointer("production") == before


def test_a_plan_of_what_may_happen_is_allowed(world: World) -> None:
    world.line("a")
    assert swap.plan(world.ports, world.addresses, APP, "new", "branch:main").allowed
    assert "new" not in world.pointers()
